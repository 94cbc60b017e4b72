//! `nbcfg`: `ovn-nbctl --wait=hv sync`, by which an operator or a test of a site learns that every chassis has caught
//! up. northd raises `nb_cfg` of SB_Global; each controller sees that and writes the number to its own row of
//! Chassis_Private. Controllers with conditions see their own row only; with `ovn-monitor-all` (`nbcfg-all`) each sees
//! all answers, which makes N answers N² notifications.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use crate::error::{Failure, Result};
use crate::fleet::{Behaviour, Board, Port, Reply, Request};
use crate::fold::parse_uuid;
use crate::fold::state::Change;
use crate::measure::progress::Counter;
use crate::scenario::parts::views::Views;
use crate::scenario::{Manner, Trial};
use crate::southbound::monitor::{self, Condition};
use crate::southbound::site::{self, Site, Size};

/// Changes of `nb_cfg`.
const ROUNDS: i64 = 3;
/// What the controllers monitor here.
const TABLES: &[&str] = &["SB_Global", "Chassis_Private"];
const SELECTED_BY: &[(&str, &str)] = &[("Chassis_Private", "name")];

struct Controller {
    global: u128,
    column: u16,
    own_column: u16,
    database: Arc<str>,
    /// The rows of Chassis_Private.
    rows: Arc<Vec<String>>,
    own: Arc<Vec<u128>>,
    /// The number that was written last.
    round: Arc<AtomicI64>,
    /// By client of the shard: what it has answered, and what it has seen of that together with the reply.
    answered: Vec<i64>,
    replied: Vec<i64>,
    counted: Vec<i64>,
}

impl Controller {
    /// A round is over for a client when its answer was replied to and it has seen it in its row.
    fn count(&mut self, port: &mut Port, client: usize) {
        let at = client - port.clients().start;
        let own = port.state(client).get(self.own[client]);
        let own = own.map_or(0, |row| row.integer(self.own_column));
        if own > self.answered[at] {
            let reason = format!("chassis {client} sees {own} in its row, which it has not written");
            return port.fail(Failure::Wrong(reason));
        }
        let both = own.min(self.replied[at]);
        if both > self.counted[at] {
            port.done((both - self.counted[at]).unsigned_abs());
            self.counted[at] = both;
        }
    }

    fn answer(&mut self, port: &mut Port, client: usize, number: i64) {
        let round = self.round.load(Ordering::Acquire);
        if number > round {
            let reason = format!("chassis {client} heard of {number}, which was not written yet");
            return port.fail(Failure::Wrong(reason));
        }
        self.answered[client - port.clients().start] = number;
        let params = site::answer(&self.database, &self.rows[client], number);
        port.request(
            client,
            Request {
                method: "transact",
                params: &params,
                tag: number as u32,
                expected: site::ANSWERED.into(),
                intended: Instant::now(),
            },
        );
    }
}

impl Behaviour for Controller {
    fn update(&mut self, port: &mut Port, client: usize, change: &Change) {
        let Some(state) = &change.after else { return };
        for numbers in [&mut self.answered, &mut self.replied, &mut self.counted] {
            numbers.resize(port.clients().len(), 0);
        }
        if change.touched.iter().any(|row| row.uuid == self.global) {
            let number = state.get(self.global).map_or(0, |row| row.integer(self.column));
            self.answer(port, client, number);
        }
        if change.touched.iter().any(|row| row.uuid == self.own[client]) {
            self.count(port, client);
        }
    }

    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        port.record(0, reply.latency);
        self.replied[client - port.clients().start] = i64::from(reply.tag);
        self.count(port, client);
    }
}

pub(super) fn run_conditional(trial: &mut Trial<'_>) -> Result<()> {
    run(trial, |client| {
        let name = format!("\"hv-{client}\"");
        Views::any_of(TABLES, SELECTED_BY, std::iter::once(&*name))
    })
}

pub(super) fn run_all(trial: &mut Trial<'_>) -> Result<()> {
    run(trial, |_| Condition {
        only: monitor::names(TABLES),
        ..Condition::default()
    })
}

fn run(trial: &mut Trial<'_>, condition: fn(usize) -> Condition) -> Result<()> {
    trial.require(site::NEEDED)?;
    let clients = trial.settings.clients;
    let size = Size {
        nodes: clients,
        flows_per_node: 0,
        pods_per_node: 0,
    };
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let database: Arc<str> = trial.database().into();
    let rows = Arc::new(site.chassis_private);
    let own: Option<Vec<u128>> = rows.iter().map(|row| parse_uuid(row)).collect();
    let own = Arc::new(own.expect("the server said so"));
    let global = parse_uuid(&site.global).expect("the server said so");
    let (_, column) = trial.columns.number("SB_Global", "nb_cfg");
    let (_, own_column) = trial.columns.number("Chassis_Private", "nb_cfg");
    let written = Arc::new(AtomicI64::new(0));
    let views = Views::new(trial, TABLES, SELECTED_BY, condition);
    let fleet = trial.fleet_of(
        Manner::DIFFERING,
        clients,
        views.monitor(),
        &["answer of a chassis"],
        |_| Controller {
            global,
            column,
            own_column,
            database: database.clone(),
            rows: rows.clone(),
            own: own.clone(),
            round: written.clone(),
            answered: Vec::new(),
            replied: Vec::new(),
            counted: Vec::new(),
        },
    )?;
    trial.connect(&fleet)?;

    let goal = ROUNDS as u64 * clients as u64;
    trial.progress.phase("rounds", fleet.board(), Counter::Done, goal);
    let cpu = trial.cpu();
    let mut took = Vec::new();
    for round in 1..=ROUNDS {
        let start = Instant::now();
        let change = format!(
            r#"{{"op":"update","table":"SB_Global","where":[["_uuid","==",["uuid","{}"]]],"row":{{"nb_cfg":{round}}}}}"#,
            site.global
        );
        written.store(round, Ordering::Release);
        trial.control.transact(&database, &change)?;
        trial.wait(&fleet, "a round", |board| {
            Board::get(&board.done) >= round as u64 * clients as u64
        })?;
        took.push(start.elapsed());
    }
    trial.outcome.rounds("round", "s", 1.0, &took);
    trial.cpu_since(cpu, "server CPU a round", "s", 1.0, ROUNDS as f64);
    trial.outcome.latencies(&fleet.latencies()?);

    views.verify(trial, &fleet)
}
