//! The first numbers of a server: what a small transaction costs, how many durable ones it takes, and how fast many
//! clients hear of a change.
//!
//! ```text
//!   for each round:  packaged: start, load, stop    ours: start, load, stop     small transactions
//!   both at once:    packaged: updates in turns ... ours: updates in turns      fan-out (connecting is slow)
//! ```
//!
//! The client is one epoll loop per thread over raw bytes; it finds the ends of messages and parses nothing, so that
//! the server is the one that is busy.

mod connection;
mod cpu;
mod fanout;
mod report;
mod small;

use std::time::Duration;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, Server, ServerOptions, schema};

use crate::build;
use crate::numbers::report::Report;
use crate::numbers::small::Durability;

/// What is measured, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Times that each measurement is repeated for each server.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement of small transactions, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Connections of the small transactions, each with one in flight.
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Threads of the client of the small transactions.
    #[arg(long, default_value_t = 2)]
    client_threads: usize,
    /// Clients of the fan-out.
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Updates of the fan-out in each round.
    #[arg(long, default_value_t = 20)]
    updates: usize,
    /// Arguments for our server besides its database and remotes.
    #[arg(long, allow_hyphen_values = true, value_delimiter = ' ')]
    server_arguments: Vec<String>,
    /// Measures the packaged server against itself, to see how much a ratio is worth on this machine.
    #[arg(long)]
    null: bool,
}

/// The two that are compared, in the order of the columns.
const SIDES: [&str; 2] = ["packaged", "ours"];

impl Options {
    fn peer(&self, side: usize) -> Peer {
        if side == 1 && !self.null {
            Peer::Ours
        } else {
            Peer::Packaged
        }
    }

    /// Starts a server on an empty database of its own.
    fn start(&self, side: usize, scratch: &Scratch, extra: Option<&str>) -> Server {
        let name = SIDES[side];
        let schema = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(Peer::Packaged, scratch, &format!("{name}.db"), &schema);
        let mut options = ServerOptions::new(self.peer(side), name).database(&file).tcp();
        if self.peer(side) == Peer::Ours {
            for argument in self.server_arguments.iter().map(String::as_str).chain(extra) {
                options = options.argument(argument);
            }
        }
        options.start(scratch)
    }
}

/// Measures everything and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    if !options.null {
        build::server()?;
    }
    let mut report = Report::default();
    let length = Duration::from_secs_f64(options.seconds);
    for round in 0..options.rounds {
        eprintln!("small transactions, round {} of {}", round + 1, options.rounds);
        for durability in [Durability::Relaxed, Durability::Durable] {
            for side in in_turns(round) {
                let scratch = Scratch::new();
                let server = options.start(side, &scratch, durability.argument());
                let sample = small::measure(
                    &server,
                    options.connections,
                    options.client_threads,
                    durability,
                    length,
                );
                let kind = durability.name();
                report.add(&format!("{kind}: transactions/s"), side, sample.per_second);
                report.add(
                    &format!("{kind}: server CPU per transaction (µs)"),
                    side,
                    sample.cpu_us,
                );
                report.add(&format!("{kind}: latency p50 (µs)"), side, sample.p50_us);
                report.add(&format!("{kind}: latency p99 (µs)"), side, sample.p99_us);
                server.stop();
            }
        }
    }

    let scratches = [Scratch::new(), Scratch::new()];
    let servers = [0, 1].map(|side| options.start(side, &scratches[side], None));
    eprintln!("fan-out: connecting {} clients to each", options.clients);
    let mut crowd = fanout::Crowd::connect(&servers, options.clients);
    for round in 0..options.rounds {
        eprintln!("fan-out, round {} of {}", round + 1, options.rounds);
        for side in in_turns(round) {
            let sample = crowd.measure(side, options.updates);
            let clients = options.clients;
            report.add(
                &format!("fan-out to {clients}: last client has it (ms)"),
                side,
                sample.last_ms,
            );
            report.add(
                &format!("fan-out to {clients}: server CPU per update (ms)"),
                side,
                sample.cpu_ms,
            );
        }
    }
    drop(crowd);
    drop(servers);
    report.print();
    Ok(())
}

/// The sides in an order that alternates, so that none is always the first.
fn in_turns(round: usize) -> [usize; 2] {
    if round.is_multiple_of(2) { [0, 1] } else { [1, 0] }
}
