//! A whole run: scenarios, servers in turns, and what is told of them.

use std::path::{Path, PathBuf};

use crate::cli::{Command, CommandLine, Options, raise_descriptors};
use crate::compare;
use crate::error::Result;
use crate::measure::about::About;
use crate::measure::outcome::Outcome;
use crate::measure::results::{Promised, Results};
use crate::measure::section::Section;
use crate::measure::table;
use crate::report::Sheet;
use crate::scenario::{self, Scenario};

/// Does what the command line says.
pub fn run(line: &CommandLine) -> Result<()> {
    match &line.command {
        None if line.options.list => {
            list();
            Ok(())
        }
        None => load(&line.options),
        Some(Command::Compare { a, b, report }) => compare(a, b, report.as_deref()),
        Some(Command::Page { results, page }) => {
            let page = Promised::new("page", page)?;
            page.write(&Sheet::new(&Results::read(results)?).html())
        }
    }
}

fn list() {
    for scenario in scenario::SCENARIOS {
        println!("{:<16} {}", scenario.name, scenario.summary);
    }
}

/// Runs the chosen scenarios and prints their tables.
fn load(options: &Options) -> Result<()> {
    let names: Vec<&str> = match &options.scenario[..] {
        [] => scenario::DEFAULT.to_vec(),
        names => names.iter().map(String::as_str).collect(),
    };
    let scenarios = match &options.workload {
        Some(_) => vec![scenario::WORKLOAD],
        None => names
            .into_iter()
            .map(scenario::by_name)
            .collect::<Result<Vec<Scenario>>>()?,
    };
    let promise = |option, path: &Option<PathBuf>| {
        let path = path.as_deref();
        path.map(|path| Promised::new(option, path)).transpose()
    };
    let (json, report) = (
        promise("--json", &options.json)?,
        promise("--report", &options.report)?,
    );
    let mut results = Results {
        about: About::now(),
        scenarios: Vec::new(),
    };
    let measured = measure_into(&mut results, options, &scenarios, |runs| {
        if let Some(section) = Section::new(runs) {
            println!("{}", table::section(&section));
        }
    });
    // What was found out before a failure is not lost by it.
    if results.scenarios.is_empty() {
        return measured;
    }
    if let Some(json) = json {
        json.write(&results.to_json())?;
    }
    if let Some(report) = report {
        report.write(&Sheet::new(&results).html())?;
    }
    measured
}

/// Runs scenarios and shows the outcomes of each, by server, when it is through.
pub fn measure(
    options: &Options,
    scenarios: &[Scenario],
    show: impl FnMut(&[Vec<Outcome>]),
) -> Result<Results> {
    let mut results = Results {
        about: About::now(),
        scenarios: Vec::new(),
    };
    measure_into(&mut results, options, scenarios, show).map(|()| results)
}

/// The same; what was through before a failure is in `results`.
fn measure_into(
    results: &mut Results,
    options: &Options,
    scenarios: &[Scenario],
    mut show: impl FnMut(&[Vec<Outcome>]),
) -> Result<()> {
    let (targets, settings) = (options.targets()?, options.settings()?);
    raise_descriptors(options.clients)?;
    for scenario in scenarios {
        let mut runs = vec![Vec::new(); targets.len()];
        for _ in 0..options.rounds() {
            for (target, runs) in targets.iter().zip(&mut runs) {
                runs.push(scenario::run(*scenario, target, &settings)?);
            }
        }
        show(&runs);
        results.scenarios.push(runs);
    }
    Ok(())
}

/// Prints the tables of two runs side by side, and writes their page.
fn compare(a: &Path, b: &Path, report: Option<&Path>) -> Result<()> {
    let (left, right) = (Results::read(a)?, Results::read(b)?);
    let sheet = compare::sheet((a, &left), (b, &right))?;
    let report = report.map(|path| Promised::new("--report", path)).transpose()?;
    for (name, about) in &sheet.origins {
        println!("{name}, {}", about.started);
    }
    println!("ratios above 1: A is better\n");
    for section in &sheet.sections {
        let lettered = Section {
            labels: vec!["A".to_owned(), "B".to_owned()],
            ..section.clone()
        };
        println!("{}", table::section(&lettered));
    }
    for note in &sheet.notes {
        println!("{note}");
    }
    report.map_or(Ok(()), |report| report.write(&sheet.html()))
}
