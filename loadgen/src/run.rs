//! A whole run: scenarios, servers in turns, and what is told of them.

use std::path::Path;
use std::sync::Arc;

use crate::cli::{Command, CommandLine, Options};
use crate::compare;
use crate::error::Result;
use crate::interrupt;
use crate::ledger::Ledger;
use crate::measure::about::About;
use crate::measure::outcome::Outcome;
use crate::measure::results::{Promised, Results};
use crate::measure::section::Section;
use crate::measure::{progress, table};
use crate::output;
use crate::report::Sheet;
use crate::scenario::{self, Scenario};

/// Does what the command line says.
pub fn run(line: &CommandLine) -> Result<()> {
    match &line.command {
        None if line.options.list => list(),
        None if line.options.man => output::print(CommandLine::manual()?.trim_end()),
        None if let Some(shell) = line.options.completion => {
            output::print(CommandLine::completion(shell).trim_end())
        }
        None => load(&line.options),
        Some(Command::Compare { a, b, report }) => compare(a, b, report.as_deref()),
        Some(Command::Page { results, page }) => {
            let page = Promised::new("page", page)?;
            page.write(&Sheet::new(&Results::read(results)?).html())
        }
    }
}

/// Prints the scenarios; those that run by default are marked.
fn list() -> Result<()> {
    for scenario in scenario::SCENARIOS {
        let mark = match scenario::DEFAULT.contains(&scenario.name) {
            true => "●",
            false => " ",
        };
        output::print(&format!("{mark} {:<16} {}", scenario.name, scenario.summary))?;
    }
    output::print("● runs without --scenario")
}

/// Runs the chosen scenarios and prints their tables. What was through before a failure or a signal is not lost by it.
fn load(options: &Options) -> Result<()> {
    let scenarios = match (&options.workload, &options.scenario[..]) {
        (Some(_), _) => vec![scenario::WORKLOAD],
        (None, []) => by_default(options)?,
        (None, names) => by_names(names.iter().map(String::as_str))?,
    };
    let unused = options.check(&scenarios)?;
    let ledger = Arc::new(Ledger::new(options)?);
    let its_ledger = ledger.clone();
    interrupt::watch(move |signal| interrupted(&its_ledger, signal))?;
    let notes = options.notes();
    let mut printed = notes
        .iter()
        .try_for_each(|note| output::print(&format!("{note}\n")));
    let measured = measure_each(
        options,
        &scenarios,
        |scenario, server| ledger.begin(scenario, server),
        |runs| {
            if printed.is_ok()
                && let Some(section) = Section::new(&runs)
            {
                printed = output::print(&table::section(&section));
            }
            ledger.add(runs);
            match &printed {
                Err(failure) if !options.promises_files() => Err(failure.clone()),
                _ => Ok(()),
            }
        },
    );
    let written = ledger.write();
    measured?;
    written?;
    tell_left_out(options);
    unused.iter().for_each(|unused| output::tell(unused));
    printed
}

/// Those that run by default.
fn by_default(options: &Options) -> Result<Vec<Scenario>> {
    let mut scenarios = by_names(scenario::DEFAULT.iter().copied())?;
    if options.server.is_some() {
        scenarios.retain(|scenario| !scenario.controls);
    }
    Ok(scenarios)
}

/// Tells which of the default scenarios were not run, since a server that was not started here cannot be controlled.
fn tell_left_out(options: &Options) {
    let is_default = options.scenario.is_empty() && options.workload.is_none();
    let Some(remote) = options.server.as_ref().filter(|_| is_default) else {
        return;
    };
    let defaults = by_names(scenario::DEFAULT.iter().copied()).unwrap_or_default();
    for scenario in defaults.iter().filter(|scenario| scenario.controls) {
        output::tell(&format!(
            "{} is left out: it controls the server, which it cannot with {remote}",
            scenario.name
        ));
    }
}

fn by_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Scenario>> {
    names.map(scenario::by_name).collect()
}

/// Writes what was through, and says what was not.
fn interrupted(ledger: &Ledger, signal: &str) {
    progress::clear_line();
    let at_work = ledger.at_work();
    let then = match ledger.write() {
        Ok(through) => format!("scenarios that were through: {through}"),
        Err(failure) => failure.to_string(),
    };
    output::tell(&format!("{at_work}ended by {signal}; {then}"));
}

/// Runs scenarios and gives their outcomes.
pub fn measure(options: &Options, scenarios: &[Scenario]) -> Result<Results> {
    let mut results = Results {
        about: About::now(),
        notes: options.notes(),
        scenarios: Vec::new(),
    };
    let through = |runs| {
        results.scenarios.push(runs);
        Ok(())
    };
    measure_each(options, scenarios, |_, _| {}, through)?;
    Ok(results)
}

/// Runs scenarios; says when each `begins` on a server, and gives the outcomes by server when it is `through`.
fn measure_each(
    options: &Options,
    scenarios: &[Scenario],
    begins: impl Fn(&str, &str),
    mut through: impl FnMut(Vec<Vec<Outcome>>) -> Result<()>,
) -> Result<()> {
    let (targets, settings) = (options.targets()?, options.settings()?);
    for scenario in scenarios {
        let name = settings.name(*scenario);
        let mut runs = vec![Vec::new(); targets.len()];
        for round in 0..options.rounds() {
            let mut turns: Vec<_> = targets.iter().zip(&mut runs).collect();
            // What comes first in a round may have it easier, or harder.
            if round % 2 == 1 {
                turns.reverse();
            }
            for (target, runs) in turns {
                begins(name, &target.label());
                runs.push(scenario::run(*scenario, target, &settings)?);
            }
        }
        through(runs)?;
    }
    Ok(())
}

/// Prints the tables of two runs side by side, and writes their page.
fn compare(a: &Path, b: &Path, report: Option<&Path>) -> Result<()> {
    let (left, right) = (Results::read(a)?, Results::read(b)?);
    let sheet = compare::sheet((a, &left), (b, &right))?;
    let report = report.map(|path| Promised::new("--report", path)).transpose()?;
    let written = report.map_or(Ok(()), |report| report.write(&sheet.html()));
    for (name, about) in &sheet.origins {
        output::print(&format!("{name}, {}", about.started))?;
    }
    output::print("ratios above 1: A is better\n")?;
    for section in &sheet.sections {
        let lettered = Section {
            labels: vec!["A".to_owned(), "B".to_owned()],
            ..section.clone()
        };
        output::print(&table::section(&lettered))?;
    }
    for note in &sheet.notes {
        output::print(note)?;
    }
    written
}
