//! Runs of one scenario, side by side: what tables and pages show together.

use crate::measure::outcome::{Distribution, Figure, Outcome};
use crate::measure::ratio::{Pairing, Ratio};

/// The runs of one server, or of two that are compared.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    pub title: String,
    /// For each server its outcomes, in the order of the runs; never none.
    pub runs: Vec<&'a [Outcome]>,
    /// What the servers are called.
    pub labels: Vec<String>,
    pub pairing: Pairing,
}

impl<'a> Section<'a> {
    /// A scenario of one run, by server; `None` if there are no outcomes.
    pub fn new(runs: &'a [Vec<Outcome>]) -> Option<Section<'a>> {
        let firsts: Vec<&Outcome> = runs.iter().filter_map(|runs| runs.first()).collect();
        Some(Section {
            title: title(firsts.first()?),
            labels: firsts.iter().map(|outcome| outcome.server.clone()).collect(),
            runs: runs
                .iter()
                .map(Vec::as_slice)
                .filter(|runs| !runs.is_empty())
                .collect(),
            pairing: Pairing::InTurns,
        })
    }

    /// The first outcome of the first server.
    pub fn first(&self) -> &'a Outcome {
        &self.runs[0][0]
    }

    /// All figures that any server has, in the order of the first.
    pub fn figures(&self) -> Vec<&'a Figure> {
        self.union(|outcome| &outcome.figures, |figure| &figure.name)
    }

    /// All distributions that any server has, likewise.
    pub fn distributions(&self) -> Vec<&'a Distribution> {
        self.union(
            |outcome| &outcome.distributions,
            |distribution| &distribution.name,
        )
    }

    fn union<T>(&self, of: fn(&Outcome) -> &Vec<T>, name: fn(&T) -> &String) -> Vec<&'a T> {
        let mut all: Vec<&'a T> = Vec::new();
        for outcome in self.runs.iter().filter_map(|runs| runs.first()) {
            for found in of(outcome) {
                if all.iter().all(|known| name(known) != name(found)) {
                    all.push(found);
                }
            }
        }
        all
    }

    /// The values of a figure for each server, in the order of the runs.
    pub fn values(&self, figure: &Figure) -> Vec<Vec<f64>> {
        let named = |outcome: &Outcome| {
            let mut figures = outcome.figures.iter();
            figures
                .find(|found| found.name == figure.name)
                .map(|found| found.value)
        };
        self.runs
            .iter()
            .map(|runs| runs.iter().filter_map(named).collect())
            .collect()
    }

    /// The latencies of a series that each server's runs have recorded; `None` if there is no such series.
    pub fn counts(&self, series: &str) -> Option<Vec<u64>> {
        let is_meant = |distribution: &&Distribution| distribution.name == series;
        let known = self.distributions();
        known.iter().find(|distribution| is_meant(distribution))?;
        let of = |outcome: &Outcome| {
            outcome
                .distributions
                .iter()
                .filter(is_meant)
                .map(|found| found.count)
                .sum::<u64>()
        };
        Some(self.runs.iter().map(|runs| runs.iter().map(of).sum()).collect())
    }

    /// How many times better the first of two servers is; `None` where that means nothing.
    pub fn ratio(&self, figure: &Figure) -> Option<Ratio> {
        match &self.values(figure)[..] {
            [a, b] => Ratio::of(a, b, figure.better, self.pairing),
            _ => None,
        }
    }
}

/// `fanout (1000 clients)`.
pub fn title(outcome: &Outcome) -> String {
    format!("{} ({} clients)", outcome.scenario, outcome.clients)
}
