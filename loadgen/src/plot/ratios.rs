//! How many times better A is than B, in several respects.

use maud::{Markup, html};
use plotters::element::{Circle, PathElement, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color};

use crate::measure::ratio::Ratio;
use crate::plot::{Area, Painted, Side, WIDTH, drawing, letters, pixels, stroke};

/// A plot of ratios on one logarithmic axis, equal in the middle.
#[derive(Clone, Debug)]
pub struct Ratios {
    pub title: String,
    pub a: String,
    pub b: String,
    /// Names of the respects, and the ratios.
    pub ratios: Vec<(String, Ratio)>,
}

/// Height of one respect, of its bar from the top, and of the axis below all, in pixels.
const ROW: u32 = 36;
const BAR: u32 = 28;
const AXIS: u32 = 28;
/// Room on both sides, so that the labels at the ends of the axis fit.
const SIDES: u32 = 20;

impl Ratios {
    /// The plot as part of a page.
    pub fn html(&self) -> Markup {
        let height = ROW * self.ratios.len() as u32 + AXIS;
        html! {
            figure.plot {
                figcaption { (self.title) }
                (drawing(height, &self.title, |area| self.paint(area)))
                ul.legend {
                    li.a { "to the right: " (self.a) " is better" }
                    li.b { "to the left: " (self.b) " is better" }
                }
            }
        }
    }

    /// The ends of the axis are this and its inverse.
    fn end(&self) -> f64 {
        let distances = self
            .ratios
            .iter()
            .flat_map(|(_, ratio)| [ratio.least, ratio.most, ratio.middle]);
        let furthest = distances.map(|ratio| ratio.max(1.0 / ratio)).fold(1.0, f64::max);
        let ends = (0..)
            .flat_map(|decade| [2.0, 5.0, 10.0].map(|step| step * 10f64.powi(decade)))
            .take(60);
        ends.into_iter().find(|end| *end >= furthest).unwrap_or(furthest)
    }

    fn paint(&self, area: &Area<'_>) -> Painted {
        let end = self.end();
        let x = |ratio: f64| {
            let share = (ratio.log10() / end.log10() + 1.0) / 2.0;
            (f64::from(pixels(SIDES)) + share * f64::from(pixels(WIDTH - 2 * SIDES))).round() as i32
        };
        let bottom = pixels(ROW * self.ratios.len() as u32) as i32;
        let text = letters(area);
        for ratio in [1.0 / end, 1.0, end] {
            area.draw(&PathElement::new(
                [(x(ratio), 0), (x(ratio), bottom)],
                stroke(BLACK, 0.3, 10),
            ))?;
            let label = if ratio < 1.0 {
                format!("1/{end}")
            } else {
                format!("{ratio}×")
            };
            let style = text.pos(Pos::new(HPos::Center, VPos::Top));
            area.draw(&Text::new(label, (x(ratio), bottom + pixels(6) as i32), style))?;
        }
        for (row, (name, ratio)) in self.ratios.iter().enumerate() {
            let top = pixels(ROW * row as u32) as i32;
            let side = if ratio.middle >= 1.0 { Side::A } else { Side::B };
            let colour = side.placeholder();
            let middle = top + pixels(BAR) as i32;
            area.draw(&PathElement::new(
                [(x(1.0), middle), (x(ratio.middle), middle)],
                stroke(colour, 0.5, 60),
            ))?;
            area.draw(&PathElement::new(
                [(x(ratio.least), middle), (x(ratio.most), middle)],
                stroke(colour, 1.0, 20),
            ))?;
            let dot = Circle::new((x(ratio.middle), middle), pixels(5), colour.filled());
            area.draw(&dot)?;
            let style = text.pos(Pos::new(HPos::Left, VPos::Top));
            area.draw(&Text::new(
                name.as_str(),
                (pixels(4) as i32, top + pixels(3) as i32),
                style,
            ))?;
            let style = text.pos(Pos::new(HPos::Right, VPos::Top));
            area.draw(&Text::new(
                ratio.to_string(),
                (pixels(WIDTH - 4) as i32, top + pixels(3) as i32),
                style,
            ))?;
        }
        Ok(())
    }
}
