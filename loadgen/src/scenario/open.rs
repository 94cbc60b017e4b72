//! `open`: the server of a large site is started, after an upgrade or a failure, and nobody is served before it has
//! read its file: twenty logical flows for each client asked for, at most 200,000 (106 MB). The first client that asks is
//! told everything (122 MB), while a thousand echoes a second are sent beside it; it must be what was told before.

use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::scenario::Trial;
use crate::scenario::parts::echoes::Echoes;
use crate::server::Control;
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

const FLOWS_PER_CLIENT: usize = 20;
const FLOWS_MAX: usize = 200_000;
/// Flows of a node, so that 200,000 make a site of a thousand nodes with twenty pods each.
const NODE_FLOWS: usize = 200;
const NODE_PODS: usize = 20;
const ECHOES_PER_S: f64 = 1000.0;

/// A site of so many flows at most, with its ports and chassis.
pub(super) fn size(clients: usize) -> Size {
    let flows = (clients * FLOWS_PER_CLIENT).min(FLOWS_MAX);
    Size {
        nodes: flows.div_ceil(NODE_FLOWS),
        flows_per_node: NODE_FLOWS,
        pods_per_node: NODE_PODS,
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    trial.server.require_control()?;
    Site::fill(&mut trial.control, &trial.columns, size(trial.settings.clients))?;
    let requests = monitor::everything(&trial.columns);
    let before = trial.contents(&requests)?;
    let bytes = trial.server.database_bytes()?;

    trial.server.stop()?;
    let start = Instant::now();
    trial.server.start_again()?;
    trial.progress.restarted(trial.server.process());
    trial.control = Control::connect(trial.server.address(), trial.settings.patience)?;
    let database = trial.database().to_owned();
    site::global(&mut trial.control, &database)?;
    let took = start.elapsed().as_secs_f64();
    trial.outcome.lower("open until the first answer", "s", took);
    trial.outcome.higher("file", "MB/s", bytes as f64 / 1e6 / took);
    trial.outcome.lower("size of the file", "MB", bytes as f64 / 1e6);
    // It is a new process.
    trial.cpu_since(Some(Duration::ZERO), "server CPU", "s", 1.0, 1.0);
    trial.resident("server memory with the file open");

    let echoes = Echoes::begin(trial, "echo beside the dump", ECHOES_PER_S)?;
    let (cpu, start) = (trial.cpu(), Instant::now());
    let dump = trial.told(&requests)?;
    let took = start.elapsed().as_secs_f64();
    let echoes = echoes.end()?;
    trial.outcome.lower("first dump", "s", took);
    trial
        .outcome
        .higher("first dump", "MB/s", dump.len() as f64 / 1e6 / took);
    trial.cpu_since(cpu, "server CPU of the dump", "s", 1.0, 1.0);
    trial.outcome.latencies(&echoes);
    let after = trial.fold(&dump)?;
    if before.digest() != after.digest() {
        return Err(Failure::Wrong(format!(
            "{} rows after the start that are not the {} rows before it",
            after.len(),
            before.len()
        )));
    }
    Ok(())
}
