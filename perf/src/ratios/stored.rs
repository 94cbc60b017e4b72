//! Figures of the packaged server that take minutes, and where they are from (`baselines/packaged.toml`).

use std::fs;

use loadgen::measure::outcome::Better;
use serde::Deserialize;

const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baselines/packaged.toml");

/// One figure that was measured before.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    /// The row's name.
    row: String,
    clients: u32,
    metric: String,
    /// In the unit of the scenario's figure.
    value: f64,
    /// Which server.
    version: String,
    date: String,
    #[expect(dead_code, reason = "for readers of the file")]
    machine: String,
    /// Microseconds for a bare send to one of as many sockets, there and then, by which times on the clock are scaled.
    sends_us: Option<f64>,
    /// Microseconds of a processor for a bare echo, there and then, by which times of a processor are scaled. What does
    /// not depend on how fast the machine is has neither.
    echo_us: Option<f64>,
}

impl Stored {
    /// The figure as this machine would have it, where a bare send takes `sends_s` seconds of time and a bare echo
    /// `echo_s` of a processor.
    pub(super) fn scaled(&self, better: Better, sends_s: f64, echo_s: f64) -> f64 {
        let slower = match (self.sends_us, self.echo_us) {
            (Some(sends_us), _) => sends_s * 1e6 / sends_us,
            (None, Some(echo_us)) => echo_s * 1e6 / echo_us,
            (None, None) => 1.0,
        };
        match better {
            Better::Lower => self.value * slower,
            Better::Higher => self.value / slower,
        }
    }

    pub(super) fn origin(&self) -> String {
        let is_scaled = self.sends_us.is_some() || self.echo_us.is_some();
        let scaled = if is_scaled { ", scaled" } else { "" };
        format!("{} of {}{scaled}", self.version, self.date)
    }
}

/// Finds what is known of a metric.
pub(super) fn find(row: &str, clients: u32, metric: &str) -> Result<Option<Stored>, String> {
    let is_meant =
        |stored: &Stored| stored.row == row && stored.clients == clients && stored.metric == metric;
    Ok(all()?.into_iter().find(is_meant))
}

fn all() -> Result<Vec<Stored>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        figure: Vec<Stored>,
    }
    let text = fs::read_to_string(FIGURES).map_err(|error| format!("{FIGURES}: {error}"))?;
    let file: File = toml::from_str(&text).map_err(|error| format!("{FIGURES}: {error}"))?;
    Ok(file.figure)
}

#[cfg(test)]
mod tests {
    use super::{Better, all};

    #[test]
    fn a_slower_machine_makes_times_longer_and_rates_lower() {
        let mut stored = all().expect("the file is good").remove(0);
        for (sends_us, echo_us, lower, higher) in [
            (Some(5.0), None, 20.0, 5.0),
            (None, Some(2.0), 30.0, 10.0 / 3.0),
            (None, None, 10.0, 10.0),
        ] {
            (stored.value, stored.sends_us, stored.echo_us) = (10.0, sends_us, echo_us);
            let scaled = |better| stored.scaled(better, 10e-6, 6e-6);
            assert!((scaled(Better::Lower) - lower).abs() < 1e-9);
            assert!((scaled(Better::Higher) - higher).abs() < 1e-9);
        }
    }
}
