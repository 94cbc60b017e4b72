//! `slow`: in a large site some controllers are always busy, swapped out or behind a bad link and do not read what the
//! server sends. The others must not notice, and the server must not keep everything for them in memory: it may merge
//! what they miss. A tenth of the clients stops reading while one row changes many times; then they go on, and must
//! end with what is in the database. A server may close a connection that does not answer its probes, and the client
//! comes back.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::Board;
use crate::fold::parse_uuid;
use crate::measure::process::Process;
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::scenario::fanout::{Listener, Sent};
use crate::southbound::{monitor, site};

/// Every which client stops reading.
const SLOW_EVERY: usize = 10;
const ROUNDS: u64 = 100;
/// Text that each change carries, so that sockets fill; less where all of it together would be more than two gigabytes.
const PADDING_BYTES_MAX: usize = 32 << 10;
const BYTES_TOTAL: usize = 2 << 30;

const NEEDED: &[(&str, &[&str])] = &[("SB_Global", &["nb_cfg", "options"])];

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(NEEDED)?;
    let database = trial.database().to_owned();
    let global = site::global(&mut trial.control, &database)?;
    let (_, column) = trial.columns.number("SB_Global", "nb_cfg");
    let uuid = parse_uuid(&global).expect("the server said so");
    let padding_bytes = (BYTES_TOTAL / (trial.settings.clients * ROUNDS as usize)).min(PADDING_BYTES_MAX);
    let params = Arc::new(move |number: u64| {
        let padding = format!("{number:0width$}", width = padding_bytes);
        format!(
            r#"["{database}",{{"op":"update","table":"SB_Global","where":[["_uuid","==",["uuid","{global}"]]],"row":{{"nb_cfg":{number},"options":["map",[["padding","{padding}"]]]}}}}]"#
        )
    });
    let sent = Arc::new(Sent::new(ROUNDS + 1));
    let requests = monitor::everything(&trial.columns);
    let theirs = requests.clone();
    let clients = trial.settings.clients;
    let fleet = trial.returning_fleet(
        clients,
        Arc::new(move |_| Some(theirs.clone())),
        &["update heard by readers", "commit"],
        |_| Listener {
            global: uuid,
            column,
            sent: sent.clone(),
            heard: Vec::new(),
            storm: None,
            params: params.clone(),
        },
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
    for number in 1..=ROUNDS {
        fleet.post(move |listener, port| {
            if port.clients().start == 0 {
                listener.send(port, 0, number);
            }
        });
        trial.wait(&fleet, "an update", |board| {
            Board::get(&board.done) >= number * readers
        })?;
    }
    trial
        .outcome
        .lower("all changes heard by readers", "s", start.elapsed().as_secs_f64());
    trial.cpu_since(cpu, "server CPU a change", "ms", 1e3, ROUNDS as f64);
    if let Some(resident) = trial.server.process().and_then(Process::resident) {
        trial
            .outcome
            .lower("server memory with slow clients", "MB", resident as f64 / 1e6);
    }
    trial.outcome.latencies(&fleet.latencies()?);

    let start = Instant::now();
    fleet.post(move |_, port| {
        for client in port.clients().filter(|client| is_slow(*client)) {
            port.set_reading(client, true);
        }
    });
    trial.verify(&fleet, &requests)?;
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
