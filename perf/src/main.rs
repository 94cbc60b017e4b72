//! `ovsdb-perf`: measures the server against the packaged one, both in the same run on the same machine.
//!
//! Wall clocks and processors differ from day to day; only the ratio of two servers that were measured in turns says
//! anything. So every measurement alternates between the two and is reported as medians with their ratio.

mod numbers;

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
}

fn main() {
    match Arguments::parse().command {
        Command::FirstNumbers(options) => numbers::run(&options),
    }
}
