//! What a scenario found out about a server.

use serde::{Deserialize, Serialize};

use crate::measure::latency::Latencies;

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
    /// Percentile and latency in microseconds.
    pub percentiles: Vec<(f64, u64)>,
}

/// What was seen at one moment.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds since the scenario began.
    pub at_s: f64,
    /// Replies and updates per second since the moment before.
    pub messages_per_s: f64,
    /// Mean of the latencies recorded since the moment before, in milliseconds.
    pub latency_ms: f64,
    /// Processors that the server used.
    pub cpu: f64,
    /// Resident memory of the server in bytes.
    pub resident: u64,
}

/// A run of one scenario on one server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub scenario: String,
    pub server: String,
    pub clients: usize,
    pub seconds: f64,
    pub figures: Vec<Figure>,
    pub distributions: Vec<Distribution>,
    pub timeline: Vec<Moment>,
    /// Clients whose folded state was compared with the database at the end.
    pub compared: usize,
}

/// Percentiles that are kept.
const PERCENTILES: [f64; 12] = [
    1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0,
];

impl Outcome {
    /// Adds a figure of which less is better.
    pub fn lower(&mut self, name: &str, unit: &str, value: f64) {
        self.figure(name, unit, value, Better::Lower);
    }

    /// Adds a figure of which more is better.
    pub fn higher(&mut self, name: &str, unit: &str, value: f64) {
        self.figure(name, unit, value, Better::Higher);
    }

    fn figure(&mut self, name: &str, unit: &str, value: f64, better: Better) {
        self.figures.push(Figure {
            name: name.to_owned(),
            unit: unit.to_owned(),
            value,
            better,
        });
    }

    /// Adds all series, with figures for the percentiles that people look at.
    pub fn latencies(&mut self, latencies: &Latencies) {
        for (name, histogram) in latencies.series() {
            for (label, percentile) in [("p50", 50.0), ("p99", 99.0), ("max", 100.0)] {
                let ms = histogram.value_at_percentile(percentile) as f64 / 1e3;
                self.lower(&format!("{name} {label}"), "ms", ms);
            }
            self.distributions.push(Distribution {
                name: (*name).to_owned(),
                count: histogram.len(),
                max_us: histogram.max(),
                mean_us: histogram.mean(),
                percentiles: PERCENTILES
                    .iter()
                    .map(|&at| (at, histogram.value_at_percentile(at)))
                    .collect(),
            });
        }
    }
}
