//! A whole run: scenarios, servers in turns, and what is told of them.

use serde::{Deserialize, Serialize};

use crate::cli::{Options, raise_descriptors};
use crate::error::{Failure, Result};
use crate::measure::outcome::Outcome;
use crate::measure::table;
use crate::scenario::{self, Scenario};

/// Everything that was found out, as `--json` writes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// By scenario, then by server, then by round.
    pub scenarios: Vec<Vec<Vec<Outcome>>>,
}

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
    let scenarios = names
        .into_iter()
        .map(scenario::by_name)
        .collect::<Result<Vec<Scenario>>>()?;
    let results = measure(options, &scenarios, |runs| println!("{}", table::scenario(runs)))?;
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&results).expect("results are plain data");
        std::fs::write(path, text)
            .map_err(|error| Failure::Usage(format!("--json {}: {error}", path.display())))?;
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
    let mut results = Results::default();
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
