//! Instructions and allocations of the hot paths, recorded and compared.
//!
//! ```text
//!  PATHS ─► ovsdb-perf-paths under callgrind ─► instructions ─┐
//!        └► ovsdb-perf-paths ─► allocations ─────────────────┴─► Counts ─► baseline, or judged by it
//! ```

mod baseline;
mod measure;
pub(crate) mod scale;

use std::cmp::Ordering;
use std::path::PathBuf;

use ovsdb_bench::{PATHS, Path};

use crate::build;

pub(crate) use baseline::{Baseline, Counts};

/// By how much instructions may differ from the baseline (percent).
const INSTRUCTIONS_MAX_PERCENT: u64 = 3;
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
    /// Make the measured program slower than the baseline by so much: shows that the gate sees it.
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    plant: u64,
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

/// What all paths cost now.
pub(crate) fn present() -> Result<Baseline, String> {
    build::paths()?;
    let mut present = Baseline {
        tools: measure::tools(),
        ..Baseline::default()
    };
    for (path, counts) in measure::all(PATHS, &|_| 0)? {
        present.paths.insert(path.name.to_owned(), counts);
    }
    Ok(present)
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
    for (path, counts) in measure::all(&options.chosen()?, &|_| 0)? {
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
    let plant = |path: &Path| {
        let before = baseline.paths.get(path.name);
        before.map_or(0, |before| before.instructions * options.plant / 100)
    };
    for (path, counts) in measure::all(&options.chosen()?, &plant)? {
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
        "not what the baseline says: {}. If that is meant, `record` and commit perf/baselines with the reason.",
        failures.join(", ")
    ))
}

/// Says how `after` compares with `before`; an error if it is worse than allowed, or so much better that the gain could
/// be lost again unseen.
fn judge(before: &Counts, after: &Counts) -> Result<String, String> {
    if before.runs != after.runs {
        return Err(format!("recorded with {} runs, not {}", before.runs, after.runs));
    }
    let percent = (after.instructions as f64 / before.instructions as f64 - 1.0) * 100.0;
    let text = format!("{percent:+.2} %");
    let is_more = |count: u64, than: u64| 100 * count > (100 + INSTRUCTIONS_MAX_PERCENT) * than;
    if is_more(after.instructions, before.instructions) {
        return Err(format!("{text} INSTRUCTIONS"));
    }
    match after.allocations.cmp(&before.allocations) {
        Ordering::Greater => Err(format!(
            "{text}, {} ALLOCATIONS MORE",
            after.allocations - before.allocations
        )),
        Ordering::Less => Err(format!(
            "{text}, {} allocations fewer: CHEAPER, to be recorded",
            before.allocations - after.allocations
        )),
        Ordering::Equal if is_more(before.instructions, after.instructions) => {
            Err(format!("{text}: CHEAPER, to be recorded"))
        }
        Ordering::Equal => Ok(text),
    }
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
    fn three_percent_of_instructions_and_not_one_allocation_pass_either_way() {
        for (instructions, allocations, runs, passes) in [
            (100_000, 50, 10, true),
            (103_000, 50, 10, true),
            (103_001, 50, 10, false),
            (105_000, 50, 10, false),
            (98_000, 50, 10, true),
            (97_000, 50, 10, false),
            (100_000, 51, 10, false),
            (100_000, 49, 10, false),
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
