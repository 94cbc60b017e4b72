//! A whole run: scenarios, servers in turns, and what is told of them.

use std::path::PathBuf;

use crate::cli::{Options, raise_descriptors};
use crate::error::Result;
use crate::measure::about::About;
use crate::measure::outcome::Outcome;
use crate::measure::results::{Promised, Results};
use crate::measure::table;
use crate::scenario::{self, Scenario};

/// Does what the command line says and prints the tables.
pub fn run(options: &Options) -> Result<()> {
    if options.list {
        for scenario in scenario::SCENARIOS {
            println!("{:<16} {}", scenario.name, scenario.summary);
        }
        return Ok(());
    }
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
        path.as_deref()
            .map(|path| Promised::new(option, path))
            .transpose()
    };
    let json = promise("--json", &options.json)?;
    let results = measure(options, &scenarios, |runs| println!("{}", table::scenario(runs)))?;
    if let Some(json) = json {
        json.write(&results.to_json())?;
    }
    Ok(())
}

/// Runs scenarios and shows the outcomes of each, by server, when it is through.
pub fn measure(
    options: &Options,
    scenarios: &[Scenario],
    mut show: impl FnMut(&[Vec<Outcome>]),
) -> Result<Results> {
    let (targets, settings) = (options.targets()?, options.settings()?);
    raise_descriptors(options.clients)?;
    let mut results = Results {
        about: About::now(),
        scenarios: Vec::new(),
    };
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
    Ok(results)
}
