//! Lines over two axes.

use maud::{Markup, html};
use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement};
use plotters::style::{BLACK, Color};

use crate::plot::axis::{Axis, Fitted};
use crate::plot::{Area, Painted, Side, drawing, letters, pixels, stroke, width_of};

/// How much a line is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Strong,
    /// The same thing once more, or its tail.
    Faint,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// For the legend; lines of the same name are there once.
    pub name: String,
    pub side: Side,
    pub weight: Weight,
    /// Points from left to right; the line has a gap where there is no value.
    pub points: Vec<(f64, Option<f64>)>,
}

/// Where something begins.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub side: Side,
    pub at: f64,
}

/// A plot.
#[derive(Clone, Debug)]
pub struct Chart {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
    /// Vertical lines.
    pub marks: Vec<Mark>,
}

/// Height of the drawing in pixels.
const HEIGHT: u32 = 290;

impl Chart {
    /// The plot as part of a page.
    pub fn html(&self) -> Markup {
        let told = format!("{}: {} by {}", self.title, self.y.label, self.x.label);
        html! {
            figure.plot {
                figcaption { (self.title) }
                (drawing(HEIGHT, &told, |area| self.paint(area)))
                @if self.lines.len() > 1 { (self.legend()) }
            }
        }
    }

    fn legend(&self) -> Markup {
        let mut named: Vec<&Line> = Vec::new();
        for line in &self.lines {
            if named.iter().all(|known| known.name != line.name) {
                named.push(line);
            }
        }
        html! {
            ul.legend {
                @for line in named {
                    li.(match line.side { Side::A => "a", Side::B => "b" }).faint[line.weight == Weight::Faint] { (line.name) }
                }
            }
        }
    }

    fn values(&self) -> impl Iterator<Item = (f64, f64)> + Clone {
        self.lines
            .iter()
            .flat_map(|line| &line.points)
            .filter_map(|(x, y)| Some((*x, (*y)?)))
    }

    fn paint(&self, area: &Area<'_>) -> Painted {
        let marks = self.marks.iter().map(|mark| mark.at);
        let x = self.x.fit(self.values().map(|(x, _)| x).chain(marks));
        let y = self.y.fit(self.values().map(|(_, y)| y));
        let widest = |axis: &Fitted| axis.ticks.iter().map(|(_, label)| width_of(label)).max();
        let mut chart = ChartBuilder::on(area)
            .margin_top(pixels(10))
            .margin_right((widest(&x).unwrap_or(0) / 2 + pixels(4)).saturating_sub(x.inset()))
            .x_label_area_size(pixels(44))
            .y_label_area_size(widest(&y).unwrap_or(0) + pixels(32))
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .x_desc(self.x.label.as_str())
            .y_desc(self.y.label.as_str())
            .label_style(letters(area))
            .axis_desc_style(letters(area))
            .axis_style(stroke(BLACK, 0.6, 10))
            .bold_line_style(stroke(BLACK, 0.15, 10))
            .light_line_style(BLACK.mix(0.0))
            .set_all_tick_mark_size(pixels(4))
            .draw()?;
        for mark in &self.marks {
            let at = self.x.place(mark.at);
            chart.draw_series([PathElement::new(
                [(at, y.range.start), (at, y.range.end)],
                stroke(mark.side.placeholder(), 0.45, 12),
            )])?;
        }
        // What is to be looked at lies above the rest.
        for weight in [Weight::Faint, Weight::Strong] {
            for line in self.lines.iter().filter(|line| line.weight == weight) {
                let (opacity, tenths) = match weight {
                    Weight::Strong => (1.0, 20),
                    Weight::Faint => (0.6, 12),
                };
                let style = stroke(line.side.placeholder(), opacity, tenths);
                for part in line.points.split(|(_, value)| value.is_none()) {
                    let place = |(at, value): &(f64, Option<f64>)| {
                        let value = self.y.place(value.unwrap_or_default());
                        (self.x.place(*at), value.max(y.range.start))
                    };
                    let path: Vec<(f64, f64)> = part.iter().map(place).collect();
                    match path[..] {
                        [] => {}
                        // A line of one point would not be seen.
                        [point] => {
                            let dot = Circle::new(point, pixels(tenths) * 2 / 10, style.filled());
                            chart.draw_series([dot])?;
                        }
                        _ => {
                            chart.draw_series([PathElement::new(path, style)])?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
