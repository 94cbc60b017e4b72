//! What a scenario found out about a server.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::measure::latency::Latencies;
use crate::measure::table::median;
use crate::measure::timeline::Moment;

/// Which of two values of a figure is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Lower,
    Higher,
}

/// One figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub unit: String,
    pub value: f64,
    pub better: Better,
}

/// The latencies of a series.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Distribution {
    pub name: String,
    pub count: u64,
    pub max_us: u64,
    pub mean_us: f64,
    /// Percentiles and latencies in microseconds, from the first percentile to the maximum.
    pub percentiles: Vec<(f64, u64)>,
}

/// A part of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    pub name: String,
    /// Seconds from the beginning of the scenario.
    pub from_s: f64,
}

/// A run of one scenario on one server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub scenario: String,
    /// What the scenario is about, in a line.
    pub summary: String,
    pub server: String,
    /// What the server's program says of its version; `None` if its process is not known.
    pub version: Option<String>,
    pub clients: usize,
    pub seconds: f64,
    pub figures: Vec<Figure>,
    pub distributions: Vec<Distribution>,
    pub phases: Vec<Phase>,
    pub timeline: Vec<Moment>,
    /// Clients whose folded state was compared with the database at the end.
    pub compared: usize,
}

impl Outcome {
    /// Adds a figure of which less is better.
    pub fn lower(&mut self, name: &str, unit: &str, value: f64) {
        self.figure(name, unit, value, Better::Lower);
    }

    /// Adds a figure of which more is better.
    pub fn higher(&mut self, name: &str, unit: &str, value: f64) {
        self.figure(name, unit, value, Better::Higher);
    }

    /// Adds a figure that says how many times one figure is another; nothing, if either is not there.
    pub fn times(&mut self, name: &str, figure: &str, of: &str) {
        let value = |name: &str| {
            let mut found = self.figures.iter().filter(|figure| figure.name == name);
            found.next().map(|figure| figure.value)
        };
        if let (Some(figure), Some(of)) = (value(figure), value(of).filter(|of| *of > 0.0)) {
            self.lower(name, "×", figure / of);
        }
    }

    fn figure(&mut self, name: &str, unit: &str, value: f64, better: Better) {
        assert!(value.is_finite(), "{name} is {value}, which no file could hold");
        self.figures.push(Figure {
            name: name.to_owned(),
            unit: unit.to_owned(),
            value,
            better,
        });
    }

    /// Adds a figure that is the median of what each round took, and their distribution. `per_second` are the units of
    /// the figure in a second.
    pub fn rounds(&mut self, name: &str, unit: &str, per_second: f64, took: &[Duration]) {
        let mut latencies = Latencies::default();
        for took in took {
            latencies.record("", u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
        let seconds: Vec<f64> = took.iter().map(Duration::as_secs_f64).collect();
        self.lower(name, unit, median(&seconds).unwrap_or(0.0) * per_second);
        let series = latencies.series().iter();
        self.distributions
            .extend(series.map(|(_, histogram)| Distribution::of(name, histogram)));
    }

    /// Adds all series, with figures for the percentiles that people look at.
    pub fn latencies(&mut self, latencies: &Latencies) {
        self.latencies_of("", latencies);
    }

    /// The same, with names that begin with that of a part of the scenario.
    pub fn latencies_of(&mut self, part: &str, latencies: &Latencies) {
        for (series, histogram) in latencies.series() {
            let name = format!("{part}{series}");
            for (label, percentile) in [("p50", 50.0), ("p99", 99.0), ("max", 100.0)] {
                let ms = histogram.value_at_percentile(percentile) as f64 / 1e3;
                self.lower(&format!("{name} {label}"), "ms", ms);
            }
            self.distributions.push(Distribution::of(&name, histogram));
        }
    }
}

/// Percentiles that people ask for.
const ASKED_FOR: [f64; 12] = [
    1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0,
];
/// Points of the curve from one percentile like 90, 99, 99.9 to the next.
const POINTS_PER_NINE: i32 = 10;
/// Nines of the last point but the maximum; a run of 10^10 latencies has not been seen.
const NINES_MAX: i32 = 10;

impl Distribution {
    /// The curve of a histogram, with more points where fewer latencies are left above.
    fn of(name: &str, histogram: &Histogram<u64>) -> Distribution {
        let curve = (1..POINTS_PER_NINE * NINES_MAX)
            .map(|point| 10f64.powf(f64::from(point) / f64::from(POINTS_PER_NINE)))
            .take_while(|one_of| *one_of < histogram.len() as f64)
            .map(|one_of| 100.0 * (1.0 - 1.0 / one_of));
        // Distances below are no percentiles of their own, but the errors of the arithmetic.
        let mut at: Vec<f64> = curve
            .filter(|at| ASKED_FOR.iter().all(|asked| (asked - at).abs() > 1e-9))
            .chain(ASKED_FOR)
            .collect();
        at.sort_unstable_by(f64::total_cmp);
        Distribution {
            name: name.to_owned(),
            count: histogram.len(),
            max_us: histogram.max(),
            mean_us: histogram.mean(),
            percentiles: at
                .into_iter()
                .map(|at| (at, histogram.value_at_percentile(at)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ASKED_FOR, Outcome};
    use crate::measure::latency::Latencies;

    #[test]
    fn a_curve_has_the_usual_percentiles_and_rises_to_the_maximum() {
        for (count, points) in [(1, 12), (100, 30), (100_000, 57)] {
            let mut latencies = Latencies::default();
            for us in 1..=count {
                latencies.record("reply", us);
            }
            let mut outcome = Outcome::default();
            outcome.latencies(&latencies);
            let curve = &outcome.distributions[0].percentiles;
            assert_eq!(curve.len(), points, "{curve:?}");
            assert!(
                ASKED_FOR
                    .iter()
                    .all(|asked| curve.iter().any(|(at, _)| at == asked))
            );
            assert!(
                curve
                    .windows(2)
                    .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
            );
            assert_eq!(curve.last(), Some(&(100.0, outcome.distributions[0].max_us)));
        }
    }
}
