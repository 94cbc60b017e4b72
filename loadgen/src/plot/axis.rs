//! Axes: where values are placed, and which of them are labelled.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::plot::{WIDTH, pixels};

/// How values are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// By their logarithms; values that have none are placed at the lower end.
    Log,
    /// Percentiles by the logarithm of what is left above them: as much room from 90 to 99 as from 99 to 99.9.
    Nines,
    /// Whole numbers from 0, each with a name of its own, of which some are shown.
    Names,
}

/// What values are, which says how labels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Numbers of something: `20 k`.
    Count,
    /// `20 ms`.
    Seconds,
    /// `20 MB`.
    Bytes,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What is along it, with the unit if labels do not have it.
    pub label: String,
    pub scale: Scale,
    pub unit: Unit,
    /// Of [`Scale::Names`].
    pub names: Vec<String>,
}

/// An axis that fits its values.
#[derive(Clone)]
pub(super) struct Fitted {
    /// In places, not in values.
    pub(super) range: Range<f64>,
    /// Places and their labels.
    pub(super) ticks: Vec<(f64, String)>,
}

/// Ticks of a linear axis, and of a logarithmic one that labels decades, at most; five to ten are read easily.
const TICKS_MAX: usize = 6;

impl Axis {
    /// An axis without names.
    pub fn new(label: &str, scale: Scale, unit: Unit) -> Axis {
        Axis {
            label: label.to_owned(),
            scale,
            unit,
            names: Vec::new(),
        }
    }

    /// An axis of named positions: 0 is that of the first name.
    pub fn names(label: &str, names: Vec<String>) -> Axis {
        Axis {
            names,
            ..Axis::new(label, Scale::Names, Unit::Count)
        }
    }

    /// Where a value is placed.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear | Scale::Names => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
            Scale::Nines => -(1.0 - value / 100.0).max(f64::MIN_POSITIVE).log10(),
        }
    }

    /// Range and ticks for some values.
    pub(super) fn fit(&self, values: impl Iterator<Item = f64> + Clone) -> Fitted {
        let most = values.clone().fold(0.0, f64::max);
        let least = values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        match self.scale {
            Scale::Linear => self.fit_linear(most),
            Scale::Log if least.is_finite() => self.fit_log(least, most),
            Scale::Log => self.fit_log(1.0, 1.0),
            Scale::Nines => fit_nines(self.place(most)),
            Scale::Names => self.fit_names(),
        }
    }

    fn fit_linear(&self, most: f64) -> Fitted {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_up(most / (TICKS_MAX - 1) as f64, self.unit);
        let steps = (most / step).ceil().max(1.0);
        Fitted {
            range: 0.0..steps * step,
            ticks: (0..=steps as usize)
                .map(|tick| (tick as f64 * step, self.unit.show(tick as f64 * step)))
                .collect(),
        }
    }

    fn fit_log(&self, least: f64, most: f64) -> Fitted {
        let steps = [1.0, 2.0, 5.0];
        let (low, high) = (least.log10().floor() as i32, most.log10().ceil() as i32 + 1);
        let candidates: Vec<f64> = (low..=high)
            .flat_map(|decade| steps.map(|step| step * 10f64.powi(decade)))
            .collect();
        // A value at the very end of the range would hide in the frame.
        let first = candidates.iter().rposition(|at| *at <= least * 0.99).unwrap_or(0);
        let last = candidates
            .iter()
            .position(|at| *at >= most * 1.01)
            .unwrap_or(candidates.len() - 1);
        let inside = &candidates[first..=last];
        let decades: Vec<f64> = inside
            .iter()
            .copied()
            .filter(|at| (at.log10() - at.log10().round()).abs() < 1e-6)
            .collect();
        let labelled = if inside.len() <= TICKS_MAX {
            inside.to_vec()
        } else {
            decades
        };
        let every = labelled.len().div_ceil(TICKS_MAX + 2);
        Fitted {
            range: inside[0].log10()..inside[inside.len() - 1].log10(),
            ticks: labelled
                .iter()
                .step_by(every)
                .map(|at| (at.log10(), self.unit.show(*at)))
                .collect(),
        }
    }

    fn fit_names(&self) -> Fitted {
        let widest = self
            .names
            .iter()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(1);
        // Forty-five letters fit beside each other.
        let shown_max = (45 / (widest + 2)).max(1);
        let every = self.names.len().div_ceil(shown_max).max(1);
        let last = self.names.len().saturating_sub(1) as f64;
        // Room on both sides, so that one name alone stands in the middle.
        Fitted {
            range: -0.5..last + 0.5,
            ticks: self
                .names
                .iter()
                .enumerate()
                .step_by(every)
                .map(|(at, name)| (at as f64, name.clone()))
                .collect(),
        }
    }
}

impl Fitted {
    /// Room between the last tick and the end of the axis, about, in steps.
    pub(super) fn inset(&self) -> u32 {
        let last = self.ticks.last().map_or(self.range.end, |(at, _)| *at);
        let share = (self.range.end - last) / (self.range.end - self.range.start);
        // Labels of the other axis take some of the width.
        (share * f64::from(pixels(WIDTH * 3 / 4))) as u32
    }
}

impl Ranged for Fitted {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (place - self.range.start) / (self.range.end - self.range.start);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _hint: H) -> Vec<f64> {
        self.ticks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Fitted {
    fn format_ext(&self, place: &f64) -> String {
        let tick = self.ticks.iter().find(|(at, _)| at == place);
        tick.map_or_else(String::new, |(_, label)| label.clone())
    }
}

/// Ticks at 0, 90, 99, 99.9 percent, and so on.
fn fit_nines(most: f64) -> Fitted {
    let end = most.max(1.0);
    let ticks = (0..=end.floor() as usize)
        .map(|nines| {
            let label = match nines {
                0 => "0 %".to_owned(),
                1 => "90 %".to_owned(),
                2 => "99 %".to_owned(),
                more => format!("99.{} %", "9".repeat(more - 2)),
            };
            (nines as f64, label)
        })
        .collect();
    Fitted {
        range: 0.0..end * 1.01,
        ticks,
    }
}

/// The next of 1, 2, 5, 10, 20 and so on; counts of things have no parts below a hundredth.
fn round_up(value: f64, unit: Unit) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|step| step * decade >= value * (1.0 - 1e-9))
        .unwrap_or(10.0)
        * decade;
    match unit {
        Unit::Count => step.max(0.01),
        Unit::Bytes => step.max(1.0),
        Unit::Seconds => step,
    }
}

impl Unit {
    /// A value with as many digits as it has, and its unit.
    pub(super) fn show(self, value: f64) -> String {
        let units: &[(f64, &str)] = match self {
            Unit::Count => &[(1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, "")],
            Unit::Bytes => &[(1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B")],
            Unit::Seconds => &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs")],
        };
        if value == 0.0 {
            return "0".to_owned();
        }
        let fits = |(size, _): &&(f64, &str)| value >= size * (1.0 - 1e-9);
        let (size, name) = units.iter().find(fits).unwrap_or(&units[units.len() - 1]);
        // Three digits behind the point, as far as they are not zeros.
        let digits = format!("{:.3}", value / size);
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        format!("{digits}{name}")
    }
}
