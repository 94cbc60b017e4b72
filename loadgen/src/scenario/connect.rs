//! `connect`: after a network or a switch has failed, or the server's machine was replaced, every controller of the
//! site comes back within the same second (the library's backoff has no jitter). Each connects, asks for the schema of
//! `_Server` and monitors it, and only then is connected; the data that a controller asks for next is what `sync` is
//! about. A server that accepts slowly is the reason why sites need minutes to recover. `connect-echo` is the part of it
//! that is the network's: each connects and is there when an echo is answered.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Fleet, Port};
use crate::scenario::{Manner, Trial};

/// Records how long each client took from the moment when all were meant to start.
struct Storm;

impl Behaviour for Storm {
    fn ready(&mut self, port: &mut Port, _client: usize, since: Instant) {
        port.record(0, since.elapsed());
    }
}

const SERIES: &[&str] = &["connected after"];

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    let clients = trial.settings.clients;
    let fleet = trial.fleet(clients, Arc::new(|_| None), SERIES, |_| Storm)?;
    connect(trial, &fleet)
}

pub(super) fn run_echo(trial: &mut Trial<'_>) -> Result<()> {
    let fleet = trial.fleet_of(
        Manner::ECHOING,
        trial.settings.clients,
        Arc::new(|_| None),
        SERIES,
        |_| Storm,
    )?;
    connect(trial, &fleet)
}

fn connect(trial: &mut Trial<'_>, fleet: &Fleet<Storm>) -> Result<()> {
    let cpu = trial.cpu();
    let took = trial.connect(fleet)?.as_secs_f64();
    let clients = fleet.len() as f64;
    trial.outcome.lower("all connected", "s", took);
    trial.outcome.higher("connections", "1/s", clients / took);
    trial.cpu_since(cpu, "server CPU a connection", "µs", 1e6, clients);
    trial.outcome.lower(
        "attempts that failed",
        "",
        Board::get(&fleet.board().retries) as f64,
    );
    trial.outcome.latencies(&fleet.latencies()?);
    trial.own_memory(fleet);
    Ok(())
}
