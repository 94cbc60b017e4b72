//! What a commit costs must not depend on what is stored: the same commits on few rows and on many.
//!
//! Timed by the processor, not counted: what grows with the rows are the misses of caches, which instructions do not
//! show, and filling a million rows under callgrind takes a quarter of an hour.

use crate::build;
use crate::counts::measure;

/// The paths of a commit and their runs in a round, some ten milliseconds: a row changed, the version that is published
/// after it, and rows added to the very table that is large.
const PATHS: [(&str, u32); 3] = [
    ("transact/execute-report", 5000),
    ("commit/publish-report", 5000),
    ("transact/execute-port-add", 500),
];
/// Rows of the small site.
const FEW: usize = 10_000;
/// A commit on the many may take so many times what it takes on the few.
const TIMES_MAX: f64 = 1.3;
/// Rounds, in turns on the small and on the large site. Of each the shortest counts: what else runs only adds.
const ROUNDS: usize = 3;

/// How many rows are many.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    compare(options.rows)
}

/// Compares commits on `many` rows with those on ten thousand.
pub(crate) fn compare(many: usize) -> Result<(), String> {
    build::paths()?;
    let mut slow = Vec::new();
    for (path, runs) in PATHS {
        let (mut on_few, mut on_many) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            on_few = on_few.min(measure::nanoseconds(path, runs, FEW)?);
            on_many = on_many.min(measure::nanoseconds(path, runs, many)?);
        }
        let times = on_many / on_few;
        println!(
            "{path:28} {on_few:9.0} ns on {FEW} rows {on_many:9.0} ns on {many} rows  {times:.2} ×, at most {TIMES_MAX}"
        );
        if times > TIMES_MAX {
            slow.push(format!(
                "{path}: {on_many:.0} ns on {many} rows are {times:.2} times the {on_few:.0} ns on {FEW}, more than {TIMES_MAX}"
            ));
        }
    }
    if slow.is_empty() {
        Ok(())
    } else {
        Err(slow.join("\n"))
    }
}
