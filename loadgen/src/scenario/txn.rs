//! `txn`: what a server does for the many small writes of a site: a chassis that reports that a port is up, a MAC
//! address that was learned, a number that was reached. Fifty writers (or as many as `--clients` asks for, if that is
//! less) update a row of their own each, one transaction or `--depth` in flight. With `--rate` they send at given
//! times, and latencies count from there even if the server is behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port, Reply, Request};
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::southbound::site::{self, Site, Size};

/// Writers at most: the number of the measurements that are known of other servers.
const WRITERS_MAX: usize = 50;

struct Writer {
    database: Arc<str>,
    rows: Arc<Vec<String>>,
    durable: bool,
    depth: usize,
    /// Time between two transactions of this shard, in open loop.
    interval: Option<Duration>,
    /// Since when and until when new transactions are sent.
    open: Option<(Instant, Instant)>,
    sent: u64,
}

impl Writer {
    fn send(&mut self, port: &mut Port, client: usize, intended: Instant) {
        self.sent += 1;
        let commit = if self.durable {
            r#",{"op":"commit","durable":true}"#
        } else {
            ""
        };
        let params = format!(
            r#"["{}",{{"op":"update","table":"Chassis_Private","where":[["_uuid","==",["uuid","{}"]]],"row":{{"nb_cfg":{},"nb_cfg_timestamp":{}}}}}{commit}]"#,
            self.database, self.rows[client], self.sent, self.sent
        );
        let expected = r#"[{"count":1}"#;
        port.request(
            client,
            Request {
                method: "transact",
                params: &params,
                tag: 0,
                expected: expected.into(),
                intended,
            },
        );
    }

    fn begin(&mut self, port: &mut Port, until: Instant) {
        let now = Instant::now();
        self.open = Some((now, until));
        if self.interval.is_none() {
            for client in port.clients() {
                for _ in 0..self.depth {
                    self.send(port, client, now);
                }
            }
        }
    }
}

impl Behaviour for Writer {
    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        port.record(0, reply.latency);
        port.done(1);
        let now = Instant::now();
        if self.interval.is_none() && self.open.is_some_and(|(_, until)| now < until) {
            self.send(port, client, now);
        }
    }

    fn turn(&mut self, port: &mut Port, now: Instant) -> Option<Instant> {
        let (interval, (from, until)) = (self.interval?, self.open?);
        loop {
            let next = from + interval.mul_f64(self.sent as f64);
            if next >= until {
                return None;
            }
            if next > now {
                return Some(next);
            }
            let clients = port.clients();
            let client = clients.start + (self.sent as usize) % clients.len();
            self.send(port, client, next);
        }
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    let settings = trial.settings;
    let writers = settings.clients.min(WRITERS_MAX);
    let size = Size {
        nodes: writers,
        flows_per_node: 0,
        pods_per_node: 0,
    };
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let rows = Arc::new(site.chassis_private);
    let database: Arc<str> = trial.database().into();
    let interval = settings
        .rate
        .map(|rate| Duration::from_secs_f64(settings.threads as f64 / rate));
    let fleet = trial.fleet(writers, Arc::new(|_| None), &["transaction"], |_| Writer {
        database: database.clone(),
        rows: rows.clone(),
        durable: settings.durable,
        depth: settings.depth,
        interval,
        open: None,
        sent: 0,
    })?;
    trial.connect(&fleet)?;

    let length = settings.length;
    let goal = settings
        .rate
        .map_or(0, |rate| (rate * length.as_secs_f64()) as u64);
    trial
        .progress
        .phase("transactions", fleet.board(), Counter::Done, goal);
    let (cpu, start) = (trial.cpu(), Instant::now());
    // One end for all: what has been sent is counted after it, and must be all there is.
    let until = start + length;
    fleet.post(move |writer, port| writer.begin(port, until));
    trial.pass(&fleet, until)?;
    let (done, took) = (Board::get(&fleet.board().done), start.elapsed().as_secs_f64());
    trial.outcome.clients = writers;
    trial.outcome.higher("transactions", "1/s", done as f64 / took);
    trial.cpu_since(cpu, "server CPU a transaction", "µs", 1e6, done as f64);
    trial.wait(&fleet, "the last replies", {
        let mut sent = None;
        let fleet = &fleet;
        move |board| {
            let total = match sent {
                Some(total) => total,
                None => {
                    let counts = fleet.ask(|writer, _| writer.sent).unwrap_or_default();
                    *sent.insert(counts.iter().sum::<u64>())
                }
            };
            Board::get(&board.done) >= total
        }
    })?;
    trial.outcome.latencies(&fleet.latencies()?);
    check(
        trial,
        &fleet.ask(|writer, port| (port.clients(), writer.sent))?,
        &rows,
    )
}

/// Each row must hold a number that its writer has sent, and each must have been written.
fn check(trial: &mut Trial<'_>, sent: &[(std::ops::Range<usize>, u64)], rows: &[String]) -> Result<()> {
    let database = trial.database().to_owned();
    for (clients, sent) in sent {
        for row in &rows[clients.clone()] {
            let select = format!(
                r#"{{"op":"select","table":"Chassis_Private","where":[["_uuid","==",["uuid","{row}"]]],"columns":["nb_cfg","nb_cfg_timestamp"]}}"#
            );
            let results = trial.control.transact(&database, &select)?;
            let found = &results[0]["rows"][0];
            let number = found["nb_cfg"].as_u64().unwrap_or(0);
            if number > *sent
                || found["nb_cfg"] != found["nb_cfg_timestamp"]
                || (number == 0 && *sent > clients.len() as u64)
            {
                return Err(crate::error::Failure::Wrong(format!(
                    "row {row} is {found} after {sent} transactions"
                )));
            }
        }
    }
    Ok(())
}
