//! `sync`: after a long outage, an upgrade or a conversion nobody's last transaction is known any more, and all
//! controllers ask for everything at once. The size of the database is chosen so that all clients together get about
//! two gigabytes. One client of each thread comes first and its contents are parsed; those of the others, which must
//! be the same bytes, are compared by hash as they come. In `sync-large` it is the size of the database that is given:
//! from a hundred clients on it has 200,000 logical flows, 122 MB for each of them.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port};
use crate::measure::progress::Counter;
use crate::scenario::{Trial, open};
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

/// What all clients together get at most, in bytes. Few clients get less, so that a trial with few is a short one.
const BYTES_TOTAL: usize = 2 << 30;
const BYTES_PER_CLIENT: usize = 200 << 10;
/// Bytes of a node with its flows and pods in contents, about.
const NODE_BYTES: usize = 40_000;

struct Comer;

impl Behaviour for Comer {
    fn ready(&mut self, port: &mut Port, _client: usize, since: Instant) {
        port.record(0, since.elapsed());
    }
}

/// Flows of `sync-large`, for each client and client: 200,000 for a hundred of them.
const LARGE_FLOWS: usize = 20;
const LARGE_FLOWS_MAX: usize = 200_000;

pub(super) fn run_large(trial: &mut Trial<'_>) -> Result<()> {
    let clients = trial.settings.clients;
    let flows = LARGE_FLOWS.saturating_mul(clients * clients).min(LARGE_FLOWS_MAX);
    synchronise(trial, open::size(flows))
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    let clients = trial.settings.clients;
    let nodes = ((BYTES_TOTAL / clients).min(BYTES_PER_CLIENT * clients) / NODE_BYTES).max(1);
    let size = Size {
        nodes,
        flows_per_node: 100,
        pods_per_node: 10,
    };
    synchronise(trial, size)
}

/// Fills the site and has all clients ask for all of it.
fn synchronise(trial: &mut Trial<'_>, size: Size) -> Result<()> {
    trial.require(site::NEEDED)?;
    let clients = trial.settings.clients;
    Site::fill(&mut trial.control, &trial.columns, size)?;
    let requests = monitor::everything(&trial.columns);
    let theirs = requests.clone();
    let fleet = trial.fleet(
        clients,
        Arc::new(move |_| Some(theirs.clone())),
        &["synchronised after"],
        |_| Comer,
    )?;
    let start = Instant::now();
    let first = fleet.connect_first() as u64;
    trial.wait(&fleet, "the first dump", |board| {
        Board::get(&board.ready) >= first
    })?;
    trial
        .outcome
        .lower("first client alone", "s", start.elapsed().as_secs_f64());
    fleet.latencies()?;

    trial
        .progress
        .phase("synchronising", fleet.board(), Counter::Ready, clients as u64);
    let (before, cpu) = (Board::get(&fleet.board().bytes), trial.cpu());
    let took = trial.connect(&fleet)?.as_secs_f64();
    let bytes = (Board::get(&fleet.board().bytes) - before) as f64;
    trial.outcome.lower("all clients at once", "s", took);
    trial.outcome.higher("contents sent", "MB/s", bytes / 1e6 / took);
    trial.cpu_since(cpu, "server CPU", "s", 1.0, 1.0);
    trial.outcome.latencies(&fleet.latencies()?);
    trial.verify(&fleet, &requests)
}
