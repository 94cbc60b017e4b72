//! `claim`: pods or machines start everywhere at once, after a power cut or a drain of many nodes. Each controller
//! claims the ports of its own datapath one after another: a transaction that sets the chassis, and when that is
//! committed another that reports the port up. It monitors the ports of its datapath and SB_Global. With `--rate`
//! claims are sent at given times, to the chassis in turn.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port, Reply, Request};
use crate::measure::progress::Counter;
use crate::scenario::parts::arrivals::Arrivals;
use crate::scenario::parts::views::Views;
use crate::scenario::{Manner, Trial};
use crate::southbound::site::{self, Site, Size};

/// Ports of each chassis.
const PORTS: usize = 3;
const TABLES: &[&str] = &["SB_Global", "Port_Binding"];
const SELECTED_BY: &[(&str, &str)] = &[("Port_Binding", "datapath")];

struct Claimer {
    database: Arc<str>,
    site: Arc<Site>,
    /// Claims that are still to be sent at their times, and the number of those that were.
    arrivals: Option<Arrivals>,
    arrived: usize,
}

impl Claimer {
    /// Sends the transaction of that number: the even ones claim a port, the odd ones report it up.
    fn send(&self, port: &mut Port, client: usize, number: u32, intended: Instant) {
        let row = &self.site.ports[client * PORTS + number as usize / 2];
        let params = if number.is_multiple_of(2) {
            site::claim(&self.database, row, &self.site.chassis[client])
        } else {
            site::report_up(&self.database, row)
        };
        port.request(
            client,
            Request {
                method: "transact",
                params: &params,
                tag: number,
                expected: site::ANSWERED.into(),
                intended,
            },
        );
    }

    fn begin(&mut self, port: &mut Port, rate: Option<f64>) {
        let now = Instant::now();
        match rate {
            Some(rate) => {
                self.arrivals = Some(Arrivals::new(now, rate, (port.clients().len() * PORTS) as u64));
            }
            None => port.clients().for_each(|client| self.send(port, client, 0, now)),
        }
    }
}

impl Behaviour for Claimer {
    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        port.record((reply.tag % 2) as usize, reply.latency);
        port.done(1);
        let is_claim = reply.tag.is_multiple_of(2);
        if is_claim || (self.arrivals.is_none() && reply.tag + 1 < 2 * PORTS as u32) {
            self.send(port, client, reply.tag + 1, Instant::now());
        }
    }

    fn turn(&mut self, port: &mut Port, now: Instant) -> Option<Instant> {
        let mut arrivals = self.arrivals?;
        while let Some(intended) = arrivals.take(now) {
            let clients = port.clients();
            let (turn, client) = (self.arrived / clients.len(), self.arrived % clients.len());
            self.send(port, clients.start + client, 2 * turn as u32, intended);
            self.arrived += 1;
        }
        self.arrivals = Some(arrivals);
        arrivals.next()
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
    let its_site = site.clone();
    let views = Views::new(trial, TABLES, SELECTED_BY, move |client| {
        let datapath = site::reference(&its_site.datapaths[client]);
        Views::any_of(TABLES, SELECTED_BY, std::iter::once(&*datapath))
    });
    let fleet = trial.fleet_of(
        Manner::DIFFERING,
        clients,
        views.monitor(),
        &["claim", "report up"],
        |_| Claimer {
            database: database.clone(),
            site: site.clone(),
            arrivals: None,
            arrived: 0,
        },
    )?;
    trial.connect(&fleet)?;

    let goal = (clients * PORTS * 2) as u64;
    trial.progress.phase("claims", fleet.board(), Counter::Done, goal);
    let (cpu, start) = (trial.cpu(), Instant::now());
    let rate = trial.rate_of_shard();
    fleet.post(move |claimer, port| claimer.begin(port, rate));
    trial.wait(&fleet, "claims", |board| Board::get(&board.done) >= goal)?;
    let took = start.elapsed().as_secs_f64();
    trial.outcome.lower("all ports up", "s", took);
    trial.outcome.higher("transactions", "1/s", goal as f64 / took);
    trial.cpu_since(cpu, "server CPU a transaction", "µs", 1e6, goal as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    views.verify(trial, &fleet)
}
