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
    /// Microseconds for a bare send to one of as many sockets, there and then; none for what does not depend on how
    /// fast the machine is.
    sends_us: Option<f64>,
}

impl Stored {
    /// The figure as this machine would have it, where a bare send takes `sends_s` seconds.
    pub(super) fn scaled(&self, better: Better, sends_s: f64) -> f64 {
        let slower = self.sends_us.map_or(1.0, |sends_us| sends_s * 1e6 / sends_us);
        match better {
            Better::Lower => self.value * slower,
            Better::Higher => self.value / slower,
        }
    }

    pub(super) fn origin(&self) -> String {
        let scaled = if self.sends_us.is_some() { ", scaled" } else { "" };
        format!("C {} of {}{scaled}", self.version, self.date)
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
        (stored.value, stored.sends_us) = (10.0, Some(5.0));
        assert_eq!(stored.scaled(Better::Lower, 10e-6), 20.0);
        assert_eq!(stored.scaled(Better::Higher, 10e-6), 5.0);
        stored.sends_us = None;
        assert_eq!(stored.scaled(Better::Lower, 10e-6), 10.0);
    }
}
