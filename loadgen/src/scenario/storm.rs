//! `storm` and `storm-distinct`: northd recomputes, or a controller claims hundreds of ports, while everybody monitors
//! the table: one writer has all its transactions in flight and every change concerns every client. In `storm` all
//! change one row, so that a server may merge what a client has not heard of yet; in `storm-distinct` each changes
//! another row, every one of which each client must get. Both end when every client holds the last of everything.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Fleet, Port, Reply};
use crate::fold::state::{Change, How};
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::scenario::parts::global::Global;
use crate::scenario::parts::writer::{self, Params, Sent, Writer, Writes};
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

/// Commits to one row: half as many as clients, within these.
const COMMITS_MIN: usize = 1000;
const COMMITS_MAX: usize = 5000;
/// Commits to distinct rows: as many as can be sent whole to all clients without making gigabytes of it.
const DISTINCT_MAX: usize = 1000;
const DISTINCT_MIN: usize = 100;
const DISTINCT_MESSAGES_MAX: usize = 5_000_000;
const DISTINCT_TABLES: &[&str] = &["Chassis_Private"];

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    let clients = trial.settings.clients;
    let commits = (clients / 2).clamp(COMMITS_MIN, COMMITS_MAX) as u64;
    let global = Global::prepare(trial, commits, 0)?;
    let series = &["update heard", "commit"];
    let fleet = trial.fleet(clients, global.monitor(), series, |_| global.listener())?;
    trial.connect(&fleet)?;
    storm(trial, &fleet, commits)?;
    trial.verify(&fleet, &global.requests)
}

/// Counts the rows of one table that each change names.
struct Hearer {
    table: u16,
    writer: Writer,
}

impl Writes for Hearer {
    fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

impl Behaviour for Hearer {
    fn update(&mut self, port: &mut Port, _client: usize, change: &Change) {
        let rows = change.touched.iter();
        let heard = rows.filter(|row| row.table == self.table && row.how == How::Modified);
        port.done(heard.count() as u64);
    }

    fn reply(&mut self, port: &mut Port, _client: usize, reply: &Reply<'_>) {
        port.record(1, reply.latency);
        self.writer.replied(port);
    }
}

pub(super) fn run_distinct(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    let clients = trial.settings.clients;
    let rows = (DISTINCT_MESSAGES_MAX / clients).clamp(DISTINCT_MIN, DISTINCT_MAX);
    let size = Size {
        nodes: rows,
        flows_per_node: 0,
        pods_per_node: 0,
    };
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let database = trial.database().to_owned();
    let params: Params = Arc::new(move |number| {
        let row = &site.chassis_private[number as usize - 1];
        format!(
            r#"["{database}",{{"op":"update","table":"Chassis_Private","where":[["_uuid","==",["uuid","{row}"]]],"row":{{"nb_cfg":{number},"nb_cfg_timestamp":{number}}}}}]"#
        )
    });
    let (table, _) = trial.columns.number("Chassis_Private", "nb_cfg");
    let sent = Sent::new(rows as u64 + 1);
    let requests = monitor::tables(&trial.columns, DISTINCT_TABLES);
    let theirs = requests.clone();
    let monitor = Arc::new(move |_| Some(theirs.clone()));
    let series = &["update heard", "commit"];
    let fleet = trial.fleet(clients, monitor, series, |_| Hearer {
        table,
        writer: Writer::new(sent.clone(), params.clone(), r#"[{"count":1}]"#),
    })?;
    trial.connect(&fleet)?;
    storm(trial, &fleet, rows as u64)?;
    trial.verify(&fleet, &requests)
}

/// Sends all commits at once and waits until all clients have heard of all.
fn storm<B: Writes>(trial: &mut Trial<'_>, fleet: &Fleet<B>, commits: u64) -> Result<()> {
    let goal = commits * fleet.len() as u64;
    trial.progress.phase("storm", fleet.board(), Counter::Done, goal);
    let (bytes, cpu, start) = (Board::get(&fleet.board().bytes), trial.cpu(), Instant::now());
    writer::pipeline(fleet, 1, commits, commits);
    trial.wait(fleet, "the end of the storm", |board| {
        Board::get(&board.done) >= goal
    })?;
    let took = start.elapsed().as_secs_f64();
    let bytes = (Board::get(&fleet.board().bytes) - bytes) as f64;
    trial.outcome.lower("all hold the last value", "s", took);
    trial
        .outcome
        .higher("commits heard by all", "1/s", commits as f64 / took);
    trial.outcome.higher("delivered", "MB/s", bytes / 1e6 / took);
    trial.cpu_since(cpu, "server CPU a commit", "µs", 1e6, commits as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    Ok(())
}
