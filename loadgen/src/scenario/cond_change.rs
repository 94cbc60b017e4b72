//! `cond-change`: gateway nodes of an OpenStack site have three thousand datapaths and more, and whenever a network is
//! added each controller sends its whole condition again, every clause of it, with one more (ovn#223: 230 KB of text,
//! at which a server can work for minutes). Up to 500 clients with 3,000 clauses each, in different orders, add a
//! datapath at once, three times; a thousand echoes a second are sent beside them at their times.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port, Reply, Request};
use crate::measure::progress::Counter;
use crate::scenario::parts::echoes::Echoes;
use crate::scenario::parts::views::Views;
use crate::scenario::{Manner, Trial};
use crate::southbound::monitor::{self, Condition};
use crate::southbound::site::{self, Site, Size};

const CHANGERS_MAX: usize = 500;
const CLAUSES_MAX: usize = 3000;
/// Clauses for each client asked for, so that a trial of few clients is a short one.
const CLAUSES_PER_CLIENT: usize = 6;
const CLAUSES_MIN: usize = 100;
const ROUNDS: usize = 3;
/// Datapaths that are added by some of the clients each.
const ADDED: usize = 20;
const ECHOES_PER_S: f64 = 1000.0;
const TABLES: &[&str] = &["Port_Binding"];
const SELECTED_BY: &[(&str, &str)] = &[("Port_Binding", "datapath")];
const SERIES: &[&str] = &["condition changed"];

/// The datapaths, and who has which.
struct Gateways {
    datapaths: Vec<String>,
    /// The clause of each, ready to be sent: a thousand requests of thousands of clauses are made at once.
    clauses: Vec<String>,
    /// Datapaths that all have.
    common: usize,
}

impl Gateways {
    /// What a client monitors after so many additions.
    fn condition(&self, client: usize, added: usize) -> Condition {
        let datapaths = self.of(&self.datapaths, client, added);
        Views::any_of(TABLES, SELECTED_BY, datapaths)
    }

    /// Those of all datapaths that a client has after so many additions, in the order of its hash table, which
    /// differs between clients.
    fn of<'a>(
        &self,
        all: &'a [String],
        client: usize,
        added: usize,
    ) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let (common, additions) = all.split_at(self.common);
        let (before, after) = common.split_at(client % self.common);
        let new = (0..added).map(move |round| &additions[(client + round) % ADDED]);
        after.iter().chain(before).chain(new).map(|text| &**text)
    }
}

struct Gateway {
    gateways: Arc<Gateways>,
    columns: Arc<crate::fold::columns::Columns>,
}

impl Gateway {
    fn change(&self, port: &mut Port, client: usize, added: usize, intended: Instant) {
        let database = &self.columns.database;
        let clauses: Vec<&str> = self.gateways.of(&self.gateways.clauses, client, added).collect();
        let (table, clauses) = (TABLES[0], clauses.join(","));
        let params = format!(
            r#"[["monid","{database}"],["monid","{database}"],{{"{table}":[{{"where":[{clauses}]}}]}}]"#
        );
        port.request(
            client,
            Request {
                method: "monitor_cond_change",
                params: &params,
                tag: 0,
                expected: r#""result":{}"#.into(),
                intended,
            },
        );
    }
}

impl Behaviour for Gateway {
    fn reply(&mut self, port: &mut Port, _client: usize, reply: &Reply<'_>) {
        port.record(0, reply.latency);
        port.done(1);
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    let changers = trial.settings.clients.min(CHANGERS_MAX);
    let common = (trial.settings.clients * CLAUSES_PER_CLIENT).clamp(CLAUSES_MIN, CLAUSES_MAX);
    let size = Size {
        nodes: common + ADDED,
        flows_per_node: 0,
        pods_per_node: 0,
    };
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let datapaths: Vec<String> = site.datapaths.iter().map(|uuid| site::reference(uuid)).collect();
    // Only what is added has rows: contents are not what is measured.
    let ports: Vec<String> = datapaths[common..]
        .iter()
        .zip(common..)
        .map(|(datapath, node)| site::port_operation(datapath, &site::pod_name(node, 0), 1))
        .collect();
    let database = trial.database().to_owned();
    trial.control.transact(&database, &ports.join(","))?;
    let clauses = datapaths
        .iter()
        .map(|datapath| monitor::clause_text(SELECTED_BY[0].1, "==", datapath))
        .collect();
    let gateways = Arc::new(Gateways {
        datapaths,
        clauses,
        common,
    });
    let its_gateways = gateways.clone();
    let first = Views::new(trial, TABLES, SELECTED_BY, move |client| {
        its_gateways.condition(client, 0)
    });
    let columns = trial.columns.clone();
    let fleet = trial.fleet_of(Manner::DIFFERING, changers, first.monitor(), SERIES, |_| {
        Gateway {
            gateways: gateways.clone(),
            columns: columns.clone(),
        }
    })?;
    trial.connect(&fleet)?;

    let goal = (ROUNDS * changers) as u64;
    trial
        .progress
        .phase("changes", fleet.board(), Counter::Done, goal);
    let echoes = Echoes::begin(trial, "echo beside", ECHOES_PER_S)?;
    let cpu = trial.cpu();
    let mut took = Vec::new();
    for round in 1..=ROUNDS {
        let start = Instant::now();
        fleet.post(move |gateway, port| {
            let now = Instant::now();
            for client in port.clients() {
                gateway.change(port, client, round, now);
            }
        });
        let goal = (round * changers) as u64;
        trial.wait(&fleet, "changes", |board| Board::get(&board.done) >= goal)?;
        took.push(start.elapsed());
    }
    let echoes = echoes.end()?;
    trial.outcome.clients = fleet.len();
    trial.outcome.higher("clauses of each", "", common as f64);
    trial.outcome.rounds("all have changed", "s", 1.0, &took);
    trial.cpu_since(cpu, "server CPU a change", "ms", 1e3, goal as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    trial.outcome.latencies(&echoes);
    let last = Views::new(
        trial,
        &["SB_Global", "Port_Binding"],
        SELECTED_BY,
        move |client| gateways.condition(client, ROUNDS),
    );
    last.verify(trial, &fleet)
}
