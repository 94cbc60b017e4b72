//! `dpgroup`: controllers with `ovn-monitor-all=false` send twenty kinds of clauses, and among them one that concerns all
//! of them: flows of groups of datapaths (`logical_dp_group != []`), a third of all flows, go to every controller. A
//! server that finds out by clauses whom a change concerns must not write such a flow for each client anew. First all
//! clients monitor the same tables whole, as with `ovn-monitor-all=true`, and hear of changes of such flows one by one;
//! then as many come with conditions of their own and hear of such changes again. What the second costs is told as so
//! many times the first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::fleet::{Behaviour, Board, Fleet, Port, Reply};
use crate::fold::state::{Change, How};
use crate::measure::progress::Counter;
use crate::scenario::parts::views::Views;
use crate::scenario::parts::writer::{self, Params, Sent, Writer, Writes};
use crate::scenario::{Manner, Trial};
use crate::southbound::controller::{Controller, SELECTED_BY, TABLES};
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

/// Datapaths of a chassis, and chassis that a datapath concerns: so many that those who monitor all of a site for ten
/// thousand are told 400 KB at first.
const DATAPATHS_PER_CLIENT: usize = 5;
const CLIENTS_PER_DATAPATH: usize = 500;
/// Changes of each part, each of another flow of the group.
const ROUNDS: u64 = 20;
/// Datapaths of the group: its row goes to all clients, in 40 bytes for each.
const GROUP_MAX: usize = 100;

struct Hearer {
    table: u16,
    /// Where the numbers of changes stand.
    column: u16,
    writer: Writer,
}

impl Writes for Hearer {
    fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

impl Behaviour for Hearer {
    fn update(&mut self, port: &mut Port, client: usize, change: &Change) {
        let Some(state) = &change.after else { return };
        let now = Instant::now();
        for row in &change.touched {
            if row.table != self.table || row.how != How::Modified {
                continue;
            }
            let number = state.get(row.uuid).map_or(0, |row| row.integer(self.column)) as u64;
            if !self.writer.sent().has(number) {
                let reason = format!("client {client} heard of {number}, which was not written yet");
                return port.fail(Failure::Wrong(reason));
            }
            port.record(0, self.writer.sent().since(number, now));
            port.done(1);
        }
    }

    fn reply(&mut self, port: &mut Port, _client: usize, reply: &Reply<'_>) {
        port.record(1, reply.latency);
    }
}

/// A client, which has a chassis of its own whether or not the site has a row of it.
struct Identity {
    name: String,
    chassis: String,
    datapaths: Vec<usize>,
}

impl Identity {
    fn of(client: usize, site: &Site) -> Identity {
        let datapaths = site.datapaths.len();
        let its_own = || format!("{client:08x}-0000-4000-9000-000000000000");
        Identity {
            name: format!("hv-{client}"),
            chassis: site.chassis.get(client).cloned().unwrap_or_else(its_own),
            datapaths: (0..DATAPATHS_PER_CLIENT)
                .map(|at| (client * DATAPATHS_PER_CLIENT + at) % datapaths)
                .collect(),
        }
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    trial.require(&[
        ("Logical_DP_Group", &["datapaths"]),
        ("Logical_Flow", &["logical_dp_group"]),
    ])?;
    let clients = trial.settings.clients;
    let size = Size {
        nodes: (clients * DATAPATHS_PER_CLIENT / CLIENTS_PER_DATAPATH).max(DATAPATHS_PER_CLIENT),
        flows_per_node: 10,
        pods_per_node: 2,
    };
    let site = Arc::new(Site::fill(&mut trial.control, &trial.columns, size)?);
    let flows = group(trial, &site)?;
    let database = trial.database().to_owned();
    let params: Params = Arc::new(move |number| {
        let flow = &flows[(number - 1) as usize % flows.len()];
        format!(
            r#"["{database}",{{"op":"update","table":"Logical_Flow","where":[["_uuid","==",["uuid","{flow}"]]],"row":{{"priority":{number}}}}}]"#
        )
    });
    let (table, column) = trial.columns.number("Logical_Flow", "priority");
    let sent = Sent::new(2 * ROUNDS + 1);
    let hearer = |_| Hearer {
        table,
        column,
        writer: Writer::new(sent.clone(), params.clone(), r#"[{"count":1}]"#),
    };

    let requests = monitor::tables(&trial.columns, TABLES);
    let theirs = requests.clone();
    let monitor = Arc::new(move |_| Some(theirs.clone()));
    let series = &["monitor-all: update heard", "monitor-all: commit"];
    let fleet = trial.fleet(clients, monitor, series, hearer)?;
    trial.connect(&fleet)?;
    part(trial, &fleet, &sent, 1, "monitor-all: ")?;
    trial.verify(&fleet, &requests)?;
    drop(fleet);

    let columns = trial.columns.clone();
    let views = Views::new(trial, TABLES, SELECTED_BY, move |client| {
        let identity = Identity::of(client, &site);
        let datapaths = identity.datapaths.iter();
        let controller = Controller {
            name: &identity.name,
            chassis: &identity.chassis,
            datapaths: datapaths
                .map(|&number| (&*site.datapaths[number], number + 1))
                .collect(),
            ports: Vec::new(),
        };
        controller.condition(&columns, TABLES)
    });
    let fleet = trial.fleet_of(
        Manner::DIFFERING,
        clients,
        views.monitor(),
        &["update heard", "commit"],
        hearer,
    )?;
    trial.connect(&fleet)?;
    part(trial, &fleet, &sent, ROUNDS + 1, "")?;
    for figure in [LAST, CPU] {
        let (name, of) = (
            format!("{figure}, over monitor-all"),
            format!("monitor-all: {figure}"),
        );
        trial.outcome.times(&name, figure, &of);
    }
    views.verify(trial, &fleet)
}

/// The figures of both parts.
const LAST: &str = "last client has it";
const CPU: &str = "server CPU an update";

/// Makes a group of datapaths with as many flows as there are changes; gives the flows.
fn group(trial: &mut Trial<'_>, site: &Site) -> Result<Vec<String>> {
    let mut datapaths = String::new();
    let members = site.datapaths.len().min(GROUP_MAX);
    site::uuid_set(&mut datapaths, &site.datapaths[..members]);
    let mut operations = vec![format!(
        r#"{{"op":"insert","table":"Logical_DP_Group","uuid-name":"g","row":{{"datapaths":{datapaths}}}}}"#
    )];
    let flows = 0..ROUNDS as usize;
    operations.extend(flows.map(|flow| site::group_flow_operation(r#"["named-uuid","g"]"#, flow)));
    let database = trial.database().to_owned();
    let results = trial.control.transact(&database, &operations.join(","))?;
    results[1..].iter().map(site::uuid_of).collect()
}

/// Changes one flow after the other, each when all have heard of the one before, from the number `first` on.
fn part(
    trial: &mut Trial<'_>,
    fleet: &Fleet<Hearer>,
    sent: &Sent,
    first: u64,
    name: &'static str,
) -> Result<()> {
    let clients = fleet.len() as u64;
    let phase = if name.is_empty() {
        "conditions"
    } else {
        "monitor-all"
    };
    trial
        .progress
        .phase(phase, fleet.board(), Counter::Done, ROUNDS * clients);
    let cpu = trial.cpu();
    let mut took: Vec<Duration> = Vec::new();
    for (number, heard) in (first..).zip(1..=ROUNDS) {
        writer::one(fleet, number);
        trial.wait(fleet, "an update", |board| {
            Board::get(&board.done) >= heard * clients
        })?;
        took.push(sent.at(number).elapsed());
    }
    trial.outcome.rounds(&format!("{name}{LAST}"), "ms", 1e3, &took);
    trial.cpu_since(cpu, &format!("{name}{CPU}"), "ms", 1e3, ROUNDS as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    Ok(())
}
