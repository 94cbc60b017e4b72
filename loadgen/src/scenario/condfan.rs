//! `condfan`: controllers with `ovn-monitor-all=false` ask for the rows of their own datapaths only, ten here, and each
//! datapath is of interest to a hundred chassis. A change of one port must reach these hundred; what it costs the
//! server should follow them, not the thousands of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port};
use crate::fold::state::Change;
use crate::measure::progress::Counter;
use crate::measure::table::median;
use crate::scenario::Trial;
use crate::southbound::monitor::{self, Clause, Condition, Oracle};
use crate::southbound::site::{self, Site, Size};

/// Datapaths of a chassis, and chassis that a datapath concerns.
const DATAPATHS_PER_CLIENT: usize = 10;
const CLIENTS_PER_DATAPATH: usize = 100;
const ROUNDS: usize = 50;
const TABLES: &[&str] = &["SB_Global", "Port_Binding", "Logical_Flow"];

struct Chassis {
    epoch: Instant,
    sent_ns: Arc<AtomicU64>,
}

impl Behaviour for Chassis {
    fn update(&mut self, port: &mut Port, _client: usize, change: &Change) {
        if change.after.is_some() {
            let sent = self.epoch + Duration::from_nanos(self.sent_ns.load(Ordering::Acquire));
            port.record(0, sent.elapsed());
            port.done(1);
        }
    }
}

/// The datapaths of a client, by number.
fn datapaths_of(client: usize, datapaths: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..DATAPATHS_PER_CLIENT)
        .map(|at| (client * DATAPATHS_PER_CLIENT + at) % datapaths)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn condition(site: &Site, client: usize) -> Condition {
    let mut clauses = Vec::new();
    for datapath in datapaths_of(client, site.datapaths.len()) {
        for table in ["Port_Binding", "Logical_Flow"] {
            let column = if table == "Port_Binding" {
                "datapath"
            } else {
                "logical_datapath"
            };
            let value = format!(r#"["uuid","{}"]"#, site.datapaths[datapath]);
            clauses.push(Clause {
                table,
                column,
                function: "==",
                value,
            });
        }
    }
    Condition {
        clauses,
        nothing: Vec::new(),
        only: Some(TABLES),
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    let clients = trial.settings.clients;
    let datapaths = (clients * DATAPATHS_PER_CLIENT / CLIENTS_PER_DATAPATH).max(DATAPATHS_PER_CLIENT);
    let size = Size {
        nodes: datapaths,
        flows_per_node: 10,
        pods_per_node: 2,
    };
    let site = Arc::new(Site::fill(&mut trial.control, &trial.columns, size)?);
    let database = trial.database().to_owned();
    let (columns, its_site) = (trial.columns.clone(), site.clone());
    let requests =
        Arc::new(move |client| Some(monitor::conditional(&columns, &condition(&its_site, client))));
    let (epoch, sent_ns) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let fleet = trial.fleet(clients, requests, &["update heard"], |_| Chassis {
        epoch,
        sent_ns: sent_ns.clone(),
    })?;
    trial.connect(&fleet)?;

    let mut concerned = vec![0u64; datapaths];
    for client in 0..clients {
        for datapath in datapaths_of(client, datapaths) {
            concerned[datapath] += 1;
        }
    }
    let total: u64 = (0..ROUNDS).map(|round| concerned[round % datapaths]).sum();
    trial
        .progress
        .phase("changes", fleet.board(), Counter::Done, total);
    let cpu = trial.cpu();
    let (mut took_ms, mut goal) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let port = &site.ports[round % datapaths * size.pods_per_node];
        let change = format!(
            r#"{{"op":"update","table":"Port_Binding","where":[["_uuid","==",["uuid","{port}"]]],"row":{{"mac":"0a:00:00:00:00:01 10.{round}.0.1"}}}}"#
        );
        let start = Instant::now();
        sent_ns.store((start - epoch).as_nanos() as u64, Ordering::Release);
        trial.control.transact(&database, &change)?;
        goal += concerned[round % datapaths];
        trial.wait(&fleet, "an update", |board| Board::get(&board.done) >= goal)?;
        took_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    trial.outcome.lower(
        "last concerned client has it",
        "ms",
        median(&took_ms).unwrap_or(0.0),
    );
    trial.cpu_since(cpu, "server CPU a change", "ms", 1e3, ROUNDS as f64);
    trial.outcome.latencies(&fleet.latencies()?);

    let columns = trial.columns.clone();
    trial.verify_each(&fleet, &monitor::tables(&columns, TABLES), |reference| {
        let by = [("Port_Binding", "datapath"), ("Logical_Flow", "logical_datapath")];
        let oracle = Oracle::new(&columns, reference, &by);
        let expected: Vec<u128> = (0..clients)
            .map(|client| oracle.digest(&condition(&site, client)))
            .collect();
        move |client| Some(expected[client])
    })
}
