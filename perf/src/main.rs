//! `ovsdb-perf`: measures the server against the packaged one, and its hot paths against what they cost before.
//!
//! Counts of instructions and allocations decide whether a change makes a path dearer: they hardly depend on the
//! machine and its mood. Against the packaged server both are measured in the same run on the same machine. Wall clocks
//! and processors differ from day to day; only the ratio of two servers that were measured in turns says anything. So
//! every measurement alternates between the two and is reported as medians with their ratio.

mod build;
mod counts;
mod history;
mod ratios;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use ratios::Size;

/// Measures the server against the packaged one.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count instructions and allocations of the hot paths and make them the baseline.
    Record(counts::Options),
    /// Count them and compare with the baseline; fails if a path has become dearer.
    Compare(counts::Options),
    /// What continuous integration runs, within six minutes: the counts, and scenarios at a tenth of their size.
    Quick(ratios::Options),
    /// The scenarios of a release at their full size; takes a quarter of an hour.
    Full(ratios::Options),
    /// Time commits on a million rows and on ten thousand; fails if the former take 1.3 times as long.
    Scale(counts::scale::Options),
    /// Count what is checked out, append it to the history, and plot that.
    History(history::Options),
}

fn main() -> ExitCode {
    let start = Instant::now();
    let result = match Arguments::parse().command {
        Command::Record(options) => counts::record(&options),
        Command::Compare(options) => counts::compare(&options),
        Command::Quick(options) => quick(&options),
        Command::Full(options) if options.is_part() => ratios::run(Size::Full, &options),
        Command::Full(options) => all([
            counts::scale::compare(1_000_000),
            ratios::run(Size::Full, &options),
        ]),
        Command::Scale(options) => counts::scale::run(&options),
        Command::History(options) => history::run(&options),
    };
    println!("{:28} {:.0} s", "all of it", start.elapsed().as_secs_f64());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                eprintln!("ovsdb-perf: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Runs everything, whatever the first parts say; or only the rows that are asked for.
fn quick(options: &ratios::Options) -> Result<(), String> {
    if options.is_part() {
        return ratios::run(Size::Quick, options);
    }
    all([
        counts::compare(&counts::Options::default()),
        counts::scale::compare(100_000),
        ratios::run(Size::Quick, options),
    ])
}

/// All errors as one.
fn all<const N: usize>(results: [Result<(), String>; N]) -> Result<(), String> {
    let errors: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("\n"))
    }
}
