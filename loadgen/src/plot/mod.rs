//! Plots for pages that need nothing else: SVG inside HTML, no script, no font, no network.
//!
//! Goes in: titles, axes, values in base units (seconds, bytes, percent). Comes out: a `<figure>` of title, drawing and
//! legend. Titles and legends are HTML, so that they wrap on narrow screens; colours are variables of [`STYLE`], so
//! that they follow the reader's choice of light or dark. The drawing itself is plotters' work.

mod axis;
mod chart;
mod ratios;

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::style::{BLACK, Color, IntoFont, IntoTextStyle, RGBColor, ShapeStyle, TextStyle};
use plotters_svg::SVGBackend;

pub use axis::{Axis, Scale, Unit};
pub use chart::{Chart, Line, Mark, Weight};
pub use ratios::Ratios;

/// What a page with plots must have in its `<style>`.
pub const STYLE: &str = include_str!("plot.css");

/// Which of two a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    A,
    B,
}

impl Side {
    /// The side of a server by its number.
    pub fn of(number: usize) -> Side {
        if number == 0 { Side::A } else { Side::B }
    }

    /// The variable of [`STYLE`] that holds its colour.
    fn variable(self) -> &'static str {
        match self {
            Side::A => "var(--plot-a)",
            Side::B => "var(--plot-b)",
        }
    }

    /// What stands for that variable while plotters draws.
    fn placeholder(self) -> RGBColor {
        match self {
            Side::A => RGBColor(0, 0, 1),
            Side::B => RGBColor(0, 0, 2),
        }
    }
}

/// Width of a drawing on a wide page, in pixels.
const WIDTH: u32 = 560;
/// Size of letters there; on a narrow page the drawing shrinks, to two thirds on a telephone.
const LETTERS: u32 = 14;
/// Steps of a pixel: plotters knows whole numbers only.
const FINENESS: u32 = 4;

/// So many pixels of the page as steps.
fn pixels(pixels: u32) -> u32 {
    pixels * FINENESS
}

/// The style of all texts. Plotters makes letters smaller by 1.24.
fn letters(area: &Area<'_>) -> TextStyle<'static> {
    ("sans-serif", f64::from(pixels(LETTERS)) * 1.24)
        .into_font()
        .color(&BLACK)
        .into_text_style(area)
}

/// Width of a text in steps, about: letters of a sans-serif font are little more than half as wide as high.
fn width_of(text: &str) -> u32 {
    pixels(LETTERS) * text.chars().count() as u32 * 3 / 5
}

/// A stroke of that width in pixels, in tenths.
fn stroke(colour: RGBColor, opacity: f64, tenths: u32) -> ShapeStyle {
    colour.mix(opacity).stroke_width(pixels(tenths) / 10)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Painted = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// A drawing of that height in pixels, which says what it is to those who cannot see it.
fn drawing(height: u32, told: &str, paint: impl FnOnce(&Area<'_>) -> Painted) -> Markup {
    let size = (pixels(WIDTH), pixels(height));
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        paint(&area)
            .and_then(|()| area.present())
            .expect("memory takes everything");
    }
    // Sizes belong to the style, and the name space is HTML's own.
    let body = text.split_once('>').map_or("", |(_, body)| body);
    let mut body = body.replace(r##""#000000""##, r#""currentColor""#);
    for side in [Side::A, Side::B] {
        let RGBColor(red, green, blue) = side.placeholder();
        let placeholder = format!("\"#{red:02X}{green:02X}{blue:02X}\"");
        body = body.replace(&placeholder, &format!("\"{}\"", side.variable()));
    }
    html! {
        (PreEscaped(format!("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"", size.0, size.1)))
        (told)
        (PreEscaped("\">"))
        (PreEscaped(body))
    }
}

#[cfg(test)]
mod tests;
