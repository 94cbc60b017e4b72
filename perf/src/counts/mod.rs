//! Instructions and allocations of the hot paths, recorded and compared.
//!
//! ```text
//!  PATHS ─► ovsdb-perf-paths under callgrind ─► instructions ─┐
//!        └► ovsdb-perf-paths ─► allocations ─────────────────┴─► Counts ─► baseline, or judged by it
//! ```

mod baseline;
mod measure;
pub(crate) mod scale;

use std::path::PathBuf;

use ovsdb_bench::{PATHS, Path};

use crate::build;

pub(crate) use baseline::{Baseline, Counts};

/// More instructions than this share of the baseline fail (percent).
const INSTRUCTIONS_MORE_MAX_PERCENT: u64 = 3;
/// The committed baseline.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baselines/paths.json");

/// What is counted, and where the baseline is.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only paths whose names contain one of these.
    parts: Vec<String>,
    /// Another baseline than the committed one.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Make the measured program so much slower: shows that the gate sees it.
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    plant: u32,
    /// The measured program is built already.
    #[arg(long)]
    built: bool,
}

impl Options {
    fn build(&self) -> Result<(), String> {
        if self.built { Ok(()) } else { build::paths() }
    }

    fn chosen(&self) -> Result<Vec<Path>, String> {
        let is_meant =
            |path: &&Path| self.parts.is_empty() || self.parts.iter().any(|part| path.name.contains(part));
        let paths: Vec<Path> = PATHS.iter().filter(is_meant).copied().collect();
        if paths.is_empty() {
            return Err(format!("no path has a name with {}", self.parts.join(" or ")));
        }
        Ok(paths)
    }

    fn baseline(&self) -> PathBuf {
        self.baseline.clone().unwrap_or_else(|| PathBuf::from(BASELINE))
    }
}

/// The committed baseline.
pub(crate) fn committed() -> Result<Baseline, String> {
    Baseline::read(&PathBuf::from(BASELINE))
}

/// Counts the chosen paths and puts them into the baseline.
pub(crate) fn record(options: &Options) -> Result<(), String> {
    let file = options.baseline();
    let mut baseline = if file.exists() {
        Baseline::read(&file)?
    } else {
        Baseline::default()
    };
    options.build()?;
    for (path, counts) in measure::all(&options.chosen()?, options.plant)? {
        println!("{:28} {}", path.name, counts);
        baseline.paths.insert(path.name.to_owned(), counts);
    }
    baseline
        .paths
        .retain(|name, _| PATHS.iter().any(|path| path.name == name));
    baseline.tools = measure::tools();
    baseline.write(&file)
}

/// Counts the chosen paths and compares them with the baseline.
pub(crate) fn compare(options: &Options) -> Result<(), String> {
    let baseline = Baseline::read(&options.baseline())?;
    let tools = measure::tools();
    if tools != baseline.tools {
        println!(
            "recorded with {}, compared with {tools}: counts may differ for that",
            baseline.tools
        );
    }
    options.build()?;
    let mut failures = Vec::new();
    for (path, counts) in measure::all(&options.chosen()?, options.plant)? {
        let verdict = match baseline.paths.get(path.name) {
            Some(before) => judge(before, &counts),
            None => Err("not in the baseline".to_owned()),
        };
        let (Ok(text) | Err(text)) = &verdict;
        println!("{:28} {counts}  {text}", path.name);
        if verdict.is_err() {
            failures.push(path.name);
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(format!(
        "dearer than the baseline: {}. If that is meant, `record` and commit perf/baselines with the reason.",
        failures.join(", ")
    ))
}

/// Says how `after` compares with `before`; an error if it is worse than allowed.
fn judge(before: &Counts, after: &Counts) -> Result<String, String> {
    if before.runs != after.runs {
        return Err(format!("recorded with {} runs, not {}", before.runs, after.runs));
    }
    let percent = (after.instructions as f64 / before.instructions as f64 - 1.0) * 100.0;
    let text = format!("{percent:+.2} %");
    let is_more = |count: u64, than: u64| 100 * count > (100 + INSTRUCTIONS_MORE_MAX_PERCENT) * than;
    if is_more(after.instructions, before.instructions) {
        return Err(format!("{text} INSTRUCTIONS"));
    }
    if after.allocations > before.allocations {
        return Err(format!(
            "{text}, {} ALLOCATIONS MORE",
            after.allocations - before.allocations
        ));
    }
    if is_more(before.instructions, after.instructions) || after.allocations < before.allocations {
        let fewer = before.allocations.saturating_sub(after.allocations);
        return Ok(format!("{text}, {fewer} allocations fewer: worth recording"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Counts, judge};

    const BEFORE: Counts = Counts {
        runs: 10,
        instructions: 100_000,
        allocations: 50,
        bytes: 1000,
    };

    #[test]
    fn three_percent_of_instructions_and_not_one_allocation_pass() {
        for (instructions, allocations, runs, passes) in [
            (100_000, 50, 10, true),
            (103_000, 50, 10, true),
            (103_001, 50, 10, false),
            (105_000, 50, 10, false),
            (50_000, 50, 10, true),
            (100_000, 51, 10, false),
            (100_000, 40, 10, true),
            (100_000, 50, 20, false),
        ] {
            let after = Counts {
                runs,
                instructions,
                allocations,
                ..BEFORE
            };
            assert_eq!(judge(&BEFORE, &after).is_ok(), passes, "{after:?}");
        }
    }
}
