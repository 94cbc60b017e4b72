//! `open`: the server of a large site is started, after an upgrade or a failure, and nobody is served before it has
//! read its file: twenty logical flows for each client asked for, which are 200,000 (106 MB) for 10,000, at most a
//! million. The first client that asks is told everything (122 MB), while a thousand echoes a second are sent beside it;
//! it must be what was told before. What the server's memory has grown by is also told for a row.

use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::measure::process::Process;
use crate::scenario::Trial;
use crate::scenario::parts::echoes::Echoes;
use crate::server::Control;
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

const FLOWS_PER_CLIENT: usize = 20;
const FLOWS_MAX: usize = 1_000_000;
/// Flows of a node, so that 200,000 make a site of a thousand nodes with twenty pods each.
const NODE_FLOWS: usize = 200;
const NODE_PODS: usize = 20;
const ECHOES_PER_S: f64 = 1000.0;

/// A site of so many flows at most, with its ports and chassis.
pub(super) fn size(flows: usize) -> Size {
    Size {
        nodes: flows.div_ceil(NODE_FLOWS),
        flows_per_node: NODE_FLOWS,
        pods_per_node: NODE_PODS,
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    trial.server.require_control()?;
    let empty = resident(trial);
    let flows = (trial.settings.clients * FLOWS_PER_CLIENT).min(FLOWS_MAX);
    Site::fill(&mut trial.control, &trial.columns, size(flows))?;
    let requests = monitor::everything(&trial.columns);
    let before = trial.contents(&requests)?;
    // Only these are kept: the rows of a million flows are a gigabyte here.
    let (rows, digest) = (before.len(), before.digest());
    drop(before);
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
    if let (Some(empty), Some(filled)) = (empty, resident(trial)) {
        let bytes = filled.saturating_sub(empty) as f64 / rows as f64;
        trial.outcome.lower("memory a row", "B", bytes);
    }

    let echoes = Echoes::begin(trial, "echo beside the dump", ECHOES_PER_S)?;
    let (cpu, start) = (trial.cpu(), Instant::now());
    let dump = trial.told(&requests)?;
    let took = start.elapsed().as_secs_f64();
    let echoes = echoes.end()?;
    trial.outcome.lower("first dump", "s", took);
    trial
        .outcome
        .higher("rate of the first dump", "MB/s", dump.len() as f64 / 1e6 / took);
    trial.cpu_since(cpu, "server CPU of the dump", "s", 1.0, 1.0);
    let mb = dump.len() as f64 / 1e6;
    trial.cpu_since(cpu, "server CPU a MB of the dump", "ms", 1e3, mb);
    trial.outcome.latencies(&echoes);
    let after = trial.fold(&dump)?;
    if digest != after.digest() {
        return Err(Failure::Wrong(format!(
            "{} rows after the start that are not the {} rows before it",
            after.len(),
            rows
        )));
    }
    Ok(())
}

/// The server's memory.
fn resident(trial: &Trial<'_>) -> Option<u64> {
    trial.server.process().and_then(Process::resident)
}
