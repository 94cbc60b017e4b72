//! `slow`: in a large site some controllers are always busy, swapped out or behind a bad link and do not read what the
//! server sends. The others must not notice, and the server must not keep everything for them in memory: it may merge
//! what they miss. A tenth of the clients stops reading while one row changes many times; then they go on, and must
//! end with what is in the database. A server may close a connection that does not answer its probes, and the client
//! comes back.

use std::time::Instant;

use crate::error::Result;
use crate::fleet::Board;
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::scenario::parts::global::Global;

/// Every which client stops reading.
const SLOW_EVERY: usize = 10;
const ROUNDS: u64 = 100;
/// Text that each change carries, so that sockets fill; less where all of it together would be more than two gigabytes.
const PADDING_BYTES_MAX: usize = 32 << 10;
const BYTES_TOTAL: usize = 2 << 30;

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    let clients = trial.settings.clients;
    let padding_bytes = (BYTES_TOTAL / (clients * ROUNDS as usize)).clamp(1, PADDING_BYTES_MAX);
    let global = Global::prepare(trial, ROUNDS, padding_bytes)?;
    let fleet = trial.returning_fleet(
        clients,
        global.monitor(),
        &["update heard by readers", "commit"],
        |_| global.listener(),
    )?;
    trial.connect(&fleet)?;
    // The writer is client 0; it reads.
    let is_slow = |client: usize| client % SLOW_EVERY == SLOW_EVERY - 1;
    let slow = (0..clients).filter(|client| is_slow(*client)).count();
    let readers = (clients - slow) as u64;
    fleet.ask(move |_, port| {
        for client in port.clients().filter(|client| is_slow(*client)) {
            port.set_reading(client, false);
        }
    })?;

    trial
        .progress
        .phase("changes", fleet.board(), Counter::Done, ROUNDS * readers);
    let (cpu, start) = (trial.cpu(), Instant::now());
    global.one_by_one(trial, &fleet, 1..=ROUNDS, readers)?;
    trial
        .outcome
        .lower("all changes heard by readers", "s", start.elapsed().as_secs_f64());
    trial.cpu_since(cpu, "server CPU a change", "ms", 1e3, ROUNDS as f64);
    trial.resident("server memory with slow clients");
    trial.outcome.latencies(&fleet.latencies()?);

    let start = Instant::now();
    fleet.post(move |_, port| {
        for client in port.clients().filter(|client| is_slow(*client)) {
            port.set_reading(client, true);
        }
    });
    trial.verify(&fleet, &global.requests)?;
    trial.outcome.lower(
        "slow clients have caught up after",
        "s",
        start.elapsed().as_secs_f64(),
    );
    trial.outcome.lower(
        "connections that the server closed",
        "",
        Board::get(&fleet.board().lost) as f64,
    );
    Ok(())
}
