//! `claim`: pods or machines start everywhere at once, after a power cut or a drain of many nodes. Each controller
//! claims the ports of its own datapath one after another: a transaction that sets the chassis, and when that is
//! committed another that reports the port up. It monitors the ports of its datapath and SB_Global.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port, Reply, Request};
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::southbound::monitor::{self, Clause, Condition, Oracle};
use crate::southbound::site::{self, Site, Size};

/// Ports of each chassis.
const PORTS: usize = 3;
const TABLES: &[&str] = &["SB_Global", "Port_Binding"];
const EXPECTED: &str = r#"[{"count":1},{}]"#;

struct Claimer {
    database: Arc<str>,
    site: Arc<Site>,
}

impl Claimer {
    /// Sends the transaction of that number: the even ones claim a port, the odd ones report it up.
    fn send(&self, port: &mut Port, client: usize, number: u32) {
        let row = &self.site.ports[client * PORTS + number as usize / 2];
        let change = if number.is_multiple_of(2) {
            format!(r#"{{"chassis":["uuid","{}"]}}"#, self.site.chassis[client])
        } else {
            r#"{"up":true}"#.to_owned()
        };
        let params = format!(
            r#"["{}",{{"op":"update","table":"Port_Binding","where":[["_uuid","==",["uuid","{row}"]]],"row":{change}}},{{"op":"comment","comment":"ovn-controller"}}]"#,
            self.database
        );
        let intended = Instant::now();
        port.request(
            client,
            Request {
                method: "transact",
                params: &params,
                tag: number,
                expected: EXPECTED,
                intended,
            },
        );
    }
}

impl Behaviour for Claimer {
    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        port.record((reply.tag % 2) as usize, reply.latency);
        port.done(1);
        if reply.tag + 1 < 2 * PORTS as u32 {
            self.send(port, client, reply.tag + 1);
        }
    }
}

fn condition(site: &Site, client: usize) -> Condition {
    let value = format!(r#"["uuid","{}"]"#, site.datapaths[client]);
    let clauses = vec![Clause {
        table: "Port_Binding",
        column: "datapath",
        function: "==",
        value,
    }];
    Condition {
        clauses,
        nothing: Vec::new(),
        only: Some(TABLES),
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    let clients = trial.settings.clients;
    let size = Size {
        nodes: clients,
        flows_per_node: 0,
        pods_per_node: PORTS,
    };
    let site = Arc::new(Site::fill(&mut trial.control, &trial.columns, size)?);
    let database: Arc<str> = trial.database().into();
    let (columns, its_site) = (trial.columns.clone(), site.clone());
    let requests =
        Arc::new(move |client| Some(monitor::conditional(&columns, &condition(&its_site, client))));
    let fleet = trial.fleet(clients, requests, &["claim", "report up"], |_| Claimer {
        database: database.clone(),
        site: site.clone(),
    })?;
    trial.connect(&fleet)?;

    let goal = (clients * PORTS * 2) as u64;
    trial.progress.phase("claims", fleet.board(), Counter::Done, goal);
    let (cpu, start) = (trial.cpu(), Instant::now());
    fleet.post(|claimer, port| {
        for client in port.clients() {
            claimer.send(port, client, 0);
        }
    });
    trial.wait(&fleet, "claims", |board| Board::get(&board.done) >= goal)?;
    let took = start.elapsed().as_secs_f64();
    trial.outcome.lower("all ports up", "s", took);
    trial.outcome.higher("transactions", "1/s", goal as f64 / took);
    trial.cpu_since(cpu, "server CPU a transaction", "µs", 1e6, goal as f64);
    trial.outcome.latencies(&fleet.latencies()?);

    let columns = trial.columns.clone();
    trial.verify_each(&fleet, &monitor::tables(&columns, TABLES), |reference| {
        let oracle = Oracle::new(&columns, reference, &[("Port_Binding", "datapath")]);
        let expected: Vec<u128> = (0..clients)
            .map(|client| oracle.digest(&condition(&site, client)))
            .collect();
        move |client| Some(expected[client])
    })
}
