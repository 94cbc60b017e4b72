//! What a run has found out so far, and the files that it goes to in the end, whatever ends it.

use std::sync::{Mutex, MutexGuard};

use crate::cli::Options;
use crate::error::Result;
use crate::measure::about::About;
use crate::measure::outcome::Outcome;
use crate::measure::results::{Promised, Results};
use crate::report::Sheet;

/// Shared by the thread that runs scenarios and the one that waits for signals.
#[derive(Debug)]
pub struct Ledger(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    results: Results,
    /// The scenario and the server that are at work.
    at_work: Option<(String, String)>,
    json: Option<Promised>,
    report: Option<Promised>,
}

impl Ledger {
    /// An empty one. Fails if a file that the user has named cannot be written.
    pub fn new(options: &Options) -> Result<Ledger> {
        let (json, report) = (options.json.as_deref(), options.report.as_deref());
        Ok(Ledger(Mutex::new(Pages {
            results: Results {
                about: About::now(),
                notes: options.notes(),
                scenarios: Vec::new(),
            },
            at_work: None,
            json: json.map(|path| Promised::new("--json", path)).transpose()?,
            report: report.map(|path| Promised::new("--report", path)).transpose()?,
        })))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().expect("no thread panics with the lock")
    }

    /// A scenario begins on a server.
    pub fn begin(&self, scenario: &str, server: &str) {
        self.pages().at_work = Some((scenario.to_owned(), server.to_owned()));
    }

    /// What is at work, for a message.
    pub fn at_work(&self) -> String {
        let pages = self.pages();
        pages
            .at_work
            .as_ref()
            .map_or_else(String::new, |(scenario, server)| {
                format!("{scenario} on {server}: ")
            })
    }

    /// A scenario is through, on all servers in all rounds.
    pub fn add(&self, runs: Vec<Vec<Outcome>>) {
        self.pages().results.scenarios.push(runs);
    }

    /// Writes the files, once, if any scenario was through, and gives how many were.
    pub fn write(&self) -> Result<usize> {
        let mut pages = self.pages();
        let (json, report) = (pages.json.take(), pages.report.take());
        let through = pages.results.scenarios.len();
        if through == 0 {
            return Ok(0);
        }
        if let Some(json) = json {
            json.write(&pages.results.to_json())?;
        }
        if let Some(report) = report {
            report.write(&Sheet::new(&pages.results).html())?;
        }
        Ok(through)
    }
}
