//! `fanout`: controllers with `ovn-monitor-all=true`, the usual setting of large sites, all monitor everything. Each
//! change, here the number by which northd asks for synchronisation, goes to all of them. First one change at a time,
//! each when everybody has heard of the one before: how long until the last has it. Then a storm, where one writer has
//! many transactions in flight; a server may merge what a client has not heard of yet, so the storm ends when
//! everybody holds the last value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port, Reply, Request};
use crate::fold::parse_uuid;
use crate::fold::state::Change;
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::southbound::{monitor, site};

/// Changes of the first part, each heard by all before the next.
const ROUNDS: u64 = 20;
/// Changes of the storm, and how many of them are unanswered at a time.
const STORM: u64 = 500;
const STORM_DEPTH: u64 = 50;

const NEEDED: &[(&str, &[&str])] = &[("SB_Global", &["nb_cfg"])];

/// When each change was meant to be sent, in nanoseconds since `epoch`.
pub(super) struct Sent {
    epoch: Instant,
    at_ns: Vec<AtomicU64>,
}

impl Sent {
    /// For changes up to, not including, `numbers`.
    pub(super) fn new(numbers: u64) -> Sent {
        Sent {
            epoch: Instant::now(),
            at_ns: (0..numbers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn mark(&self, number: u64, at: Instant) {
        let ns = at.saturating_duration_since(self.epoch).as_nanos() as u64;
        self.at_ns[number as usize].store(ns, Ordering::Release);
    }

    pub(super) fn at(&self, number: u64) -> Instant {
        let ns = self.at_ns[number as usize].load(Ordering::Acquire);
        self.epoch + std::time::Duration::from_nanos(ns)
    }
}

/// Hears changes of `nb_cfg` and, on the first shard, makes them.
pub(super) struct Listener {
    pub(super) global: u128,
    pub(super) column: u16,
    pub(super) sent: Arc<Sent>,
    /// The last number that each client of the shard has heard of.
    pub(super) heard: Vec<u64>,
    /// The writer's next and last number in the storm, if the writer is of this shard.
    pub(super) storm: Option<(u64, u64)>,
    pub(super) params: Arc<dyn Fn(u64) -> String + Send + Sync>,
}

impl Listener {
    pub(super) fn send(&mut self, port: &mut Port, writer: usize, number: u64) {
        let now = Instant::now();
        self.sent.mark(number, now);
        let params = (self.params)(number);
        let request = Request {
            method: "transact",
            params: &params,
            tag: 0,
            expected: r#"[{"count":1}]"#,
            intended: now,
        };
        port.request(writer, request);
    }
}

impl Behaviour for Listener {
    fn update(&mut self, port: &mut Port, client: usize, change: &Change) {
        let (Some(state), true) = (
            &change.after,
            change.touched.iter().any(|row| row.uuid == self.global),
        ) else {
            return;
        };
        let number = state.get(self.global).map_or(0, |row| row.integer(self.column)) as u64;
        let first = port.clients().start;
        self.heard.resize(port.clients().len(), 0);
        let before = std::mem::replace(&mut self.heard[client - first], number);
        let now = Instant::now();
        for number in before + 1..=number {
            port.record(0, now.saturating_duration_since(self.sent.at(number)));
        }
        port.done(number - before);
    }

    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        port.record(1, reply.latency);
        if let Some((next, last)) = self.storm
            && next <= last
        {
            self.storm = Some((next + 1, last));
            self.send(port, client, next);
        }
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(NEEDED)?;
    let database = trial.database().to_owned();
    let global = site::global(&mut trial.control, &database)?;
    let uuid = parse_uuid(&global).expect("the server said so");
    let (_, column) = trial.columns.number("SB_Global", "nb_cfg");
    let reset = format!(
        r#"{{"op":"update","table":"SB_Global","where":[["_uuid","==",["uuid","{global}"]]],"row":{{"nb_cfg":0}}}}"#
    );
    trial.control.transact(&database, &reset)?;

    let params = Arc::new(move |number: u64| {
        format!(
            r#"["{database}",{{"op":"update","table":"SB_Global","where":[["_uuid","==",["uuid","{global}"]]],"row":{{"nb_cfg":{number}}}}}]"#
        )
    });
    let sent = Arc::new(Sent::new(ROUNDS + STORM + 1));
    let requests = monitor::everything(&trial.columns);
    let theirs = requests.clone();
    let fleet = trial.fleet(
        trial.settings.clients,
        Arc::new(move |_| Some(theirs.clone())),
        &["update heard", "commit"],
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
    let clients = fleet.len() as u64;

    trial
        .progress
        .phase("one by one", fleet.board(), Counter::Done, ROUNDS * clients);
    let cpu = trial.cpu();
    let mut last_ms = Vec::new();
    for number in 1..=ROUNDS {
        fleet.post(move |listener, port| {
            if port.clients().start == 0 {
                listener.send(port, 0, number);
            }
        });
        trial.wait(&fleet, "an update", |board| {
            Board::get(&board.done) >= number * clients
        })?;
        last_ms.push(sent.at(number).elapsed().as_secs_f64() * 1e3);
    }
    trial.outcome.lower(
        "last client has it",
        "ms",
        crate::measure::table::median(&last_ms).unwrap_or(0.0),
    );
    trial.cpu_since(cpu, "server CPU an update", "ms", 1e3, ROUNDS as f64);
    trial.outcome.latencies(&fleet.latencies()?);

    let goal = (ROUNDS + STORM) * clients;
    trial.progress.phase("storm", fleet.board(), Counter::Done, goal);
    let cpu = trial.cpu();
    let start = Instant::now();
    fleet.post(|listener, port| {
        if port.clients().start == 0 {
            listener.storm = Some((ROUNDS + 1 + STORM_DEPTH, ROUNDS + STORM));
            for number in ROUNDS + 1..=ROUNDS + STORM_DEPTH {
                listener.send(port, 0, number);
            }
        }
    });
    trial.wait(&fleet, "the end of the storm", |board| {
        Board::get(&board.done) >= goal
    })?;
    trial.outcome.lower(
        &format!("storm of {STORM}: all hold the last value"),
        "s",
        start.elapsed().as_secs_f64(),
    );
    trial.cpu_since(cpu, "storm: server CPU", "s", 1.0, 1.0);
    trial.verify(&fleet, &requests)
}
