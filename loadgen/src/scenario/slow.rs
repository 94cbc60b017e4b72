//! `slow`: in a large site some controllers are always busy, swapped out or behind a bad link and do not read what the
//! server sends. The others must not notice, and the server must not keep everything for them in memory: it may merge
//! what they miss. First one row changes a few times while all read. Then every twentieth client stops reading while it
//! changes many times, one by one or, with `--rate`, for `--seconds`; what the others notice is told as so many times
//! what they did before. Then the slow ones go on, and must end with what is in the database. A server may close a
//! connection that does not answer its probes, and the client comes back.
//!
//! What waits in sockets is the kernel's memory and counts, too: the buffers of both ends of all TCP connections of this
//! machine, less what they were before anybody connected.

use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Board, Fleet};
use crate::measure::latency::Latencies;
use crate::measure::process::{Process, socket_memory};
use crate::measure::progress::Counter;
use crate::scenario::parts::global::{Global, Listener};
use crate::scenario::parts::writer;
use crate::scenario::{Manner, Trial};

/// Every which client stops reading.
const SLOW_EVERY: usize = 20;
const ROUNDS: u64 = 100;
/// Of so many changes one more is made before, while all read.
const BEFORE_EVERY: u64 = 5;
/// Text that each change carries, so that sockets fill; less where a hundred of them would be more than two gigabytes.
const PADDING_BYTES_MAX: usize = 32 << 10;
const BYTES_TOTAL: usize = 2 << 30;
const SERIES: &[&str] = &["update heard by readers", "commit"];

/// Whether a client stops reading. The writer is client 0; it reads.
fn is_slow(client: usize, every: usize) -> bool {
    client % every == every - 1
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    let clients = trial.settings.clients;
    let every = SLOW_EVERY.min(clients.max(2));
    let length = trial.settings.length.as_secs_f64();
    let rounds = trial
        .settings
        .rate
        .map_or(ROUNDS, |rate| (rate * length).ceil() as u64);
    let before = rounds.div_ceil(BEFORE_EVERY);
    let padding_bytes = (BYTES_TOTAL / (clients * ROUNDS as usize)).clamp(1, PADDING_BYTES_MAX);
    let global = Global::prepare(trial, before + rounds, padding_bytes)?;
    let sockets = socket_memory();
    let fleet = trial.fleet_of(Manner::RETURNING, clients, global.monitor(), SERIES, |_| {
        global.listener()
    })?;
    trial.connect(&fleet)?;
    let slow = (0..clients).filter(|client| is_slow(*client, every)).count();
    let readers = (clients - slow) as u64;

    changes(trial, &fleet, &global, 1..=before, clients as u64, "all read")?;
    let all_read = fleet.latencies()?;
    trial.outcome.latencies_of("all read: ", &all_read);
    fleet.ask(move |_, port| {
        for client in port.clients().filter(|client| is_slow(*client, every)) {
            port.set_reading(client, false);
        }
    })?;
    let (cpu, start) = (trial.cpu(), Instant::now());
    let numbers = before + 1..=before + rounds;
    changes(trial, &fleet, &global, numbers, readers, "changes")?;
    let took = start.elapsed().as_secs_f64();
    trial.outcome.lower("all changes heard by readers", "s", took);
    trial.cpu_since(cpu, "server CPU a change", "ms", 1e3, rounds as f64);
    memory(trial, sockets);
    let some_read = fleet.latencies()?;
    trial.outcome.latencies(&some_read);
    compare(trial, &all_read, &some_read);

    let start = Instant::now();
    fleet.post(move |_, port| {
        for client in port.clients().filter(|client| is_slow(*client, every)) {
            port.set_reading(client, true);
        }
    });
    trial.verify(&fleet, &global.requests)?;
    let took = start.elapsed().as_secs_f64();
    trial
        .outcome
        .lower("slow clients have caught up after", "s", took);
    let lost = Board::get(&fleet.board().lost) as f64;
    trial
        .outcome
        .lower("connections that the server closed", "", lost);
    Ok(())
}

/// Makes changes until `heard` clients have heard of all of them.
fn changes(
    trial: &Trial<'_>,
    fleet: &Fleet<Listener>,
    global: &Global,
    numbers: std::ops::RangeInclusive<u64>,
    heard: u64,
    phase: &'static str,
) -> Result<()> {
    let count = numbers.end() - numbers.start() + 1;
    let goal = Board::get(&fleet.board().done) + count * heard;
    trial.progress.phase(phase, fleet.board(), Counter::Done, goal);
    match trial.settings.rate {
        None => global.one_by_one(trial, fleet, numbers, heard).map(drop),
        Some(rate) => {
            writer::at_rate(fleet, *numbers.start(), *numbers.end(), rate);
            trial.wait(fleet, "the changes", |board| Board::get(&board.done) >= goal)
        }
    }
}

/// Adds the server's memory, without and with what has grown in the kernel.
fn memory(trial: &mut Trial<'_>, sockets_before: Option<u64>) {
    trial.resident("server memory with slow clients");
    let resident = trial.server.process().and_then(Process::resident);
    if let (Some(resident), Some(before), Some(now)) = (resident, sockets_before, socket_memory()) {
        let bytes = resident + now.saturating_sub(before);
        trial.outcome.lower(
            "server memory with slow clients, sockets included",
            "MB",
            bytes as f64 / 1e6,
        );
    }
}

/// Adds how many times longer an update took to be heard while some did not read.
fn compare(trial: &mut Trial<'_>, all_read: &Latencies, some_read: &Latencies) {
    for (label, percentile) in [("p50", 50.0), ("p99", 99.0)] {
        let of = |latencies: &Latencies| latencies.percentile_us(SERIES[0], percentile);
        if let (Some(before), Some(now)) = (of(all_read), of(some_read)) {
            let name = format!("update heard by readers {label}, over that when all read");
            trial.outcome.lower(&name, "×", now as f64 / before as f64);
        }
    }
}
