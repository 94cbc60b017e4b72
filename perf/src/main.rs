//! `ovsdb-perf`: measures the server against the packaged one, and its hot paths against what they cost before.
//!
//! Counts of instructions and allocations decide whether a change makes a path dearer: they hardly depend on the
//! machine and its mood. Against the packaged server both are measured in the same run on the same machine. Wall clocks and processors differ from day to day; only the ratio of two servers that were measured in turns says
//! anything. So every measurement alternates between the two and is reported as medians with their ratio.

mod counts;
mod history;
mod numbers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures the server against the packaged one.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Cost of a small transaction, durable transactions per second, fan-out to many clients.
    FirstNumbers(numbers::Options),
    /// Count instructions and allocations of the hot paths and make them the baseline.
    Record(counts::Options),
    /// Count them and compare with the baseline; fails if a path has become dearer.
    Compare(counts::Options),
    /// What continuous integration runs: everything that decides, within six minutes.
    Quick,
    /// Append the baseline to the history and plot it.
    History(history::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::FirstNumbers(options) => {
            numbers::run(&options);
            Ok(())
        }
        Command::Record(options) => counts::record(&options),
        Command::Compare(options) => counts::compare(&options),
        Command::Quick => counts::compare(&counts::Options::default()),
        Command::History(options) => history::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ovsdb-perf: {error}");
            ExitCode::FAILURE
        }
    }
}
