//! `connect`: after a network or a switch has failed, or the server's machine was replaced, every controller of the
//! site comes back within the same second (the library's backoff has no jitter). Each connects, asks for the schema of
//! `_Server` and monitors it, and only then is connected; the data that a controller asks for next is what `sync` is
//! about. A server that accepts slowly is the reason why sites need minutes to recover.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port};
use crate::scenario::Trial;

/// Records how long each client took from the moment when all were meant to start.
struct Storm;

impl Behaviour for Storm {
    fn ready(&mut self, port: &mut Port, _client: usize, since: Instant) {
        port.record(0, since.elapsed());
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    let fleet = trial.fleet(
        trial.settings.clients,
        Arc::new(|_| None),
        &["connected after"],
        |_| Storm,
    )?;
    let cpu = trial.cpu();
    let took = trial.connect(&fleet)?.as_secs_f64();
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
    trial.own_memory(&fleet);
    Ok(())
}
