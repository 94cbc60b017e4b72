//! `port-create`: a cloud platform creates virtual machines or pods for a day, one port after the other, each with its
//! eight ACLs and the change of the address set of its group. What northd makes of one such port is sent here as one
//! transaction: the port, five flows of its own and two for each ACL, a place in its switch's multicast group and an
//! address more in a set that holds all of them. There are 800 to 20,000 ports, two for each client asked for; the
//! time for a port should be at the end what it was in the beginning. Clocks and processor time are told apart: what this
//! program itself needs for a port must not grow either, as it may share processors with the server.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port, Reply};
use crate::measure::process::Process;
use crate::measure::progress::Counter;
use crate::measure::table::median;
use crate::scenario::Trial;
use crate::scenario::parts::writer::{self, Params, Sent, Writer, Writes};
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

const PORTS_MIN: usize = 800;
const PORTS_MAX: usize = 20_000;
const PORTS_PER_CLIENT: usize = 2;
/// Ports of a switch.
const SWITCH_PORTS: usize = 100;
/// Flows of a port itself, and of its eight ACLs.
const FLOWS: usize = 5 + 8 * 2;
/// Clients that monitor everything, the writer among them: some, so that what they are told is checked, and few, since
/// the cost of telling thousands is what other scenarios measure.
const LISTENERS_MAX: usize = 5;
/// A share of the ports of which the first and the last are compared.
const SHARE: usize = 10;

struct Creator {
    writer: Writer,
    /// Milliseconds of each port.
    took_ms: Vec<f64>,
}

impl Writes for Creator {
    fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

impl Behaviour for Creator {
    fn reply(&mut self, port: &mut Port, _client: usize, reply: &Reply<'_>) {
        port.record(0, reply.latency);
        self.took_ms.push(reply.latency.as_secs_f64() * 1e3);
        port.done(1);
        self.writer.replied(port);
    }
}

/// Processor time that was used so far.
struct Used {
    server: Option<Duration>,
    this: Option<Duration>,
}

impl Used {
    fn now(trial: &Trial<'_>) -> Used {
        Used {
            server: trial.cpu(),
            this: Process::this().cpu(),
        }
    }

    fn of_server(&self) -> Option<Duration> {
        self.server
    }

    fn of_this(&self) -> Option<Duration> {
        self.this
    }
}

/// How many times what the first share of ports used the last one did, whatever else the machine had to do. `used` is
/// looked at in the beginning, after the first share, before the last one, and in the end.
fn growth(used: &[Used], of: fn(&Used) -> Option<Duration>) -> Option<f64> {
    let [begin, after_first, before_last, end] = used else {
        return None;
    };
    let between = |from, to| Some(of(to)?.saturating_sub(of(from)?).as_secs_f64());
    let (first, last) = (between(begin, after_first)?, between(before_last, end)?);
    (first > 0.0).then(|| last / first)
}

/// The transaction that creates a port.
fn create(database: &str, site: &Site, number: usize) -> String {
    let (node, key) = (number / SWITCH_PORTS, number % SWITCH_PORTS + 1);
    let datapath = site::reference(&site.datapaths[node]);
    let name = site::pod_name(node, key);
    let mut operations = vec![site::port_operation(&datapath, &name, key).replacen(
        r#""table""#,
        r#""uuid-name":"port","table""#,
        1,
    )];
    for flow in 0..FLOWS {
        operations.push(site::flow_operation(&datapath, node, key * FLOWS + flow, &name));
    }
    operations.push(format!(
        r#"{{"op":"mutate","table":"Multicast_Group","where":[["datapath","==",{datapath}]],"mutations":[["ports","insert",["named-uuid","port"]]]}}"#
    ));
    let address = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
    operations.push(format!(
        r#"{{"op":"mutate","table":"Address_Set","where":[["name","==","as_all"]],"mutations":[["addresses","insert","{address}"]]}}"#
    ));
    format!(r#"["{database}",{}]"#, operations.join(","))
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    let ports = (trial.settings.clients * PORTS_PER_CLIENT).clamp(PORTS_MIN, PORTS_MAX);
    let size = Size {
        nodes: ports.div_ceil(SWITCH_PORTS),
        flows_per_node: 10,
        pods_per_node: 0,
    };
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let database = trial.database().to_owned();
    let mut rows = vec![r#"{"op":"insert","table":"Address_Set","row":{"name":"as_all"}}"#.to_owned()];
    rows.extend(
        site.datapaths
            .iter()
            .map(|datapath| site::multicast_group(datapath, "_MC_flood", 32768)),
    );
    trial.control.transact(&database, &rows.join(","))?;

    let params: Params = Arc::new(move |number| create(&database, &site, number as usize - 1));
    let sent = Sent::new(ports as u64 + 1);
    let requests = monitor::everything(&trial.columns);
    let theirs = requests.clone();
    let listeners = trial.settings.clients.min(LISTENERS_MAX);
    let monitor = Arc::new(move |_| Some(theirs.clone()));
    let fleet = trial.fleet(listeners, monitor, &["port created"], |_| Creator {
        writer: Writer::new(sent.clone(), params.clone(), r#""count":1"#),
        took_ms: Vec::new(),
    })?;
    trial.connect(&fleet)?;

    let (goal, share) = (ports as u64, ports / SHARE);
    trial.progress.phase("ports", fleet.board(), Counter::Done, goal);
    let mut used = vec![Used::now(trial)];
    writer::pipeline(&fleet, 1, goal, 1);
    for until in [share as u64, goal - share as u64, goal] {
        trial.wait(&fleet, "ports", |board| Board::get(&board.done) >= until)?;
        used.push(Used::now(trial));
    }
    trial.outcome.clients = listeners;
    let took_ms = fleet
        .ask(|creator, _| std::mem::take(&mut creator.took_ms))?
        .concat();
    let first_ms = median(&took_ms[..share]).unwrap_or(0.0);
    let last_ms = median(&took_ms[ports - share..]).unwrap_or(0.0);
    let outcome = &mut *trial.outcome;
    outcome.lower("a port, in the first tenth", "ms", first_ms);
    outcome.lower("a port, in the last tenth", "ms", last_ms);
    outcome.lower("last tenth over first tenth", "×", last_ms / first_ms);
    for (name, of) in [
        (
            "server CPU, last tenth over first tenth",
            Used::of_server as fn(&Used) -> _,
        ),
        ("loadgen CPU, last tenth over first tenth", Used::of_this),
    ] {
        if let Some(ratio) = growth(&used, of) {
            outcome.lower(name, "×", ratio);
        }
    }
    trial.outcome.higher("ports", "", goal as f64);
    trial.cpu_since(used[0].server, "server CPU a port", "µs", 1e6, goal as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    trial.verify(&fleet, &requests)
}
