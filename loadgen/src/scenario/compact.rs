//! `compact`: once a day, or when the file has grown, the database is compacted (`ovsdb-server/compact`), while the site
//! works on. A server that does it on its only thread answers nobody meanwhile, and clients whose probes go
//! unanswered leave. Ten writers with one transaction in flight each, and 500 echoes a second at their times, for a
//! second without and then during the compaction of a file of twenty flows for each client asked for, at most 200,000.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::fleet::{Behaviour, Port, Reply, Request};
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::scenario::open;
use crate::scenario::parts::echoes::Echoes;
use crate::southbound::monitor;
use crate::southbound::site::{self, Site};

const FLOWS_PER_CLIENT: usize = 20;
const FLOWS_MAX: usize = 200_000;
const WRITERS: usize = 10;
const ECHOES_PER_S: f64 = 500.0;
/// Time that is measured before the compaction.
const BEFORE: Duration = Duration::from_secs(1);
const TABLES: &[&str] = &["Chassis_Private"];
const SERIES: &[&str] = &["before: commit", "meanwhile: commit"];

/// All clients write, with one transaction in flight.
struct Worker {
    database: Arc<str>,
    rows: Arc<Vec<String>>,
    is_working: bool,
    series: usize,
    sent: u64,
}

impl Worker {
    fn begin(&mut self, port: &mut Port) {
        self.is_working = true;
        for client in port.clients() {
            self.write(port, client);
        }
    }

    fn end(&mut self) {
        self.is_working = false;
    }

    fn write(&mut self, port: &mut Port, client: usize) {
        self.sent += 1;
        let params = site::answer(&self.database, &self.rows[client], self.sent as i64);
        port.request(
            client,
            Request {
                method: "transact",
                params: &params,
                tag: 0,
                expected: site::ANSWERED.into(),
                intended: Instant::now(),
            },
        );
    }
}

impl Behaviour for Worker {
    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        port.done(1);
        port.record(self.series, reply.latency);
        if self.is_working {
            self.write(port, client);
        }
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    trial.server.require_control()?;
    let clients = trial.settings.clients;
    let mut size = open::size((clients * FLOWS_PER_CLIENT).min(FLOWS_MAX));
    size.nodes = size.nodes.max(WRITERS);
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let rows = Arc::new(site.chassis_private);
    let database: Arc<str> = trial.database().into();
    let requests = monitor::tables(&trial.columns, TABLES);
    let theirs = requests.clone();
    let monitor = Arc::new(move |_| Some(theirs.clone()));
    let fleet = trial.fleet(WRITERS, monitor, SERIES, |_| Worker {
        database: database.clone(),
        rows: rows.clone(),
        is_working: false,
        series: 0,
        sent: 0,
    })?;
    trial.connect(&fleet)?;

    trial.progress.phase("before", fleet.board(), Counter::Done, 0);
    fleet.post(|worker, port| worker.begin(port));
    let echoes = Echoes::begin(trial, "before: echo", ECHOES_PER_S)?;
    let start = Instant::now();
    trial.pass(&fleet, start + BEFORE)?;
    let echoes = echoes.end()?;
    trial.outcome.latencies(&echoes);
    trial.outcome.latencies(&fleet.latencies()?);

    trial
        .progress
        .phase("compacting", fleet.board(), Counter::Done, 0);
    fleet.ask(|worker, _| worker.series = 1)?;
    let database = trial.database().to_owned();
    let echoes = Echoes::begin(trial, "meanwhile: echo", ECHOES_PER_S)?;
    let (cpu, start) = (trial.cpu(), Instant::now());
    trial.server.command("ovsdb-server/compact", &database)?;
    let took = start.elapsed().as_secs_f64();
    let echoes = echoes.end()?;
    // What waited during the compaction is answered only now.
    fleet.ask(|worker, _| worker.end())?;
    trial.wait_for_answers(&fleet)?;
    trial.outcome.clients = fleet.len();
    trial.outcome.lower("compaction", "s", took);
    trial.cpu_since(cpu, "server CPU of it, the load included", "s", 1.0, 1.0);
    trial.outcome.latencies(&echoes);
    trial.outcome.latencies(&fleet.latencies()?);
    trial.verify(&fleet, &requests)
}
