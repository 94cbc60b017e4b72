//! `condfan`: controllers with `ovn-monitor-all=false` ask for the rows of their own datapaths only, ten here, and each
//! datapath is of interest to a hundred chassis. A change of one port must reach these hundred; what it costs the
//! server should follow them, not the thousands of others. Each change comes when the one before has been heard of, or
//! with `--rate` at its time for `--seconds`.

use std::sync::Arc;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Fleet, Port, Reply};
use crate::fold::state::{Change, How};
use crate::measure::progress::Counter;
use crate::scenario::parts::views::Views;
use crate::scenario::parts::writer::{self, Params, Sent, Writer, Writes};
use crate::scenario::{Manner, Trial};
use crate::southbound::site::{self, Site, Size};

/// Datapaths of a chassis, and chassis that a datapath concerns.
const DATAPATHS_PER_CLIENT: usize = 10;
const CLIENTS_PER_DATAPATH: usize = 100;
const ROUNDS: u64 = 50;
const PODS_PER_NODE_MIN: usize = 2;
/// The numbers of changes stand in the ports' tags, which end at this.
const TAG_MAX: u64 = 4095;
const TABLES: &[&str] = &["SB_Global", "Port_Binding", "Logical_Flow"];
const SELECTED_BY: &[(&str, &str)] = &[("Port_Binding", "datapath"), ("Logical_Flow", "logical_datapath")];

struct Chassis {
    table: u16,
    column: u16,
    writer: Writer,
}

impl Writes for Chassis {
    fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

impl Behaviour for Chassis {
    fn update(&mut self, port: &mut Port, _client: usize, change: &Change) {
        let Some(state) = &change.after else { return };
        let now = std::time::Instant::now();
        for row in &change.touched {
            if row.table == self.table && row.how == How::Modified {
                let number = state.get(row.uuid).map_or(0, |row| row.integer(self.column));
                port.record(0, self.writer.sent().since(number as u64, now));
                port.done(1);
            }
        }
    }

    fn reply(&mut self, port: &mut Port, _client: usize, reply: &Reply<'_>) {
        port.record(1, reply.latency);
    }

    fn turn(&mut self, port: &mut Port, now: std::time::Instant) -> Option<std::time::Instant> {
        self.writer.turn(port, now)
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

/// The clients that each datapath concerns.
fn concerned(clients: usize, datapaths: usize) -> Vec<u64> {
    let mut concerned = vec![0; datapaths];
    for client in 0..clients {
        for datapath in datapaths_of(client, datapaths) {
            concerned[datapath] += 1;
        }
    }
    concerned
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    trial.require(&[("Port_Binding", &["tag"])])?;
    let settings = trial.settings;
    let clients = settings.clients;
    let datapaths = (clients * DATAPATHS_PER_CLIENT / CLIENTS_PER_DATAPATH).max(DATAPATHS_PER_CLIENT);
    let rounds = settings.rate.map_or(ROUNDS, |rate| {
        let asked = (rate * settings.length.as_secs_f64()).ceil() as u64;
        asked.min(TAG_MAX)
    });
    // Each port changes once only: a server that merges two changes of one row would leave us waiting for the first.
    let size = Size {
        nodes: datapaths,
        flows_per_node: 10,
        pods_per_node: (rounds as usize).div_ceil(datapaths).max(PODS_PER_NODE_MIN),
    };
    let site = Arc::new(Site::fill(&mut trial.control, &trial.columns, size)?);
    let its_site = site.clone();
    let views = Views::new(trial, TABLES, SELECTED_BY, move |client| {
        let datapaths = datapaths_of(client, its_site.datapaths.len());
        let values: Vec<String> = datapaths
            .iter()
            .map(|number| site::reference(&its_site.datapaths[*number]))
            .collect();
        Views::any_of(TABLES, SELECTED_BY, values.iter().map(|value| &**value))
    });
    let database = trial.database().to_owned();
    let params: Params = Arc::new(move |number| {
        let round = number as usize - 1;
        let port = &site.ports[round % datapaths * size.pods_per_node + round / datapaths];
        format!(
            r#"["{database}",{{"op":"update","table":"Port_Binding","where":[["_uuid","==",["uuid","{port}"]]],"row":{{"tag":{number}}}}}]"#
        )
    });
    let (table, column) = trial.columns.number("Port_Binding", "tag");
    let sent = Sent::new(rounds + 1);
    let fleet = trial.fleet_of(
        Manner::DIFFERING,
        clients,
        views.monitor(),
        &["update heard", "commit"],
        |_| Chassis {
            table,
            column,
            writer: Writer::new(sent.clone(), params.clone(), r#"[{"count":1}]"#),
        },
    )?;
    trial.connect(&fleet)?;

    let concerned = concerned(clients, datapaths);
    let of = |number: u64| concerned[(number as usize - 1) % datapaths];
    let total = (1..=rounds).map(of).sum();
    trial
        .progress
        .phase("changes", fleet.board(), Counter::Done, total);
    let cpu = trial.cpu();
    match settings.rate {
        None => one_by_one(trial, &fleet, &sent, rounds, of)?,
        Some(rate) => {
            writer::at_rate(&fleet, 1, rounds, rate);
            trial.wait(&fleet, "the changes", |board| Board::get(&board.done) >= total)?;
        }
    }
    trial.cpu_since(cpu, "server CPU a change", "ms", 1e3, rounds as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    views.verify(trial, &fleet)
}

fn one_by_one(
    trial: &mut Trial<'_>,
    fleet: &Fleet<Chassis>,
    sent: &Sent,
    rounds: u64,
    concerned: impl Fn(u64) -> u64,
) -> Result<()> {
    let (mut took, mut goal) = (Vec::new(), 0);
    for number in 1..=rounds {
        writer::one(fleet, number);
        goal += concerned(number);
        trial.wait(fleet, "an update", |board| Board::get(&board.done) >= goal)?;
        took.push(sent.at(number).elapsed());
    }
    trial
        .outcome
        .rounds("last concerned client has it", "ms", 1e3, &took);
    Ok(())
}
