//! `restart`: the server is upgraded or moved. All controllers lose their connections, come back by the library's
//! reconnect machine and ask for what they missed since their last transaction. A server that still knows that
//! transaction answers with what has changed since then, here some ports that are written to before the first comes
//! back; one that does not sends everything again.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port};
use crate::measure::progress::Counter;
use crate::scenario::{Manner, Trial};
use crate::server::Control;
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

/// Ports that change while the clients are away.
const CHANGED: usize = 5;

struct Returner;

impl Behaviour for Returner {
    fn ready(&mut self, port: &mut Port, _client: usize, since: Instant) {
        port.record(0, since.elapsed());
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    trial.require(&[("Port_Binding", &["tag"])])?;
    trial.server.require_control()?;
    let clients = trial.settings.clients;
    let size = Size {
        nodes: 1,
        flows_per_node: 100,
        pods_per_node: 10,
    };
    let site = Site::fill(&mut trial.control, &trial.columns, size)?;
    let requests = monitor::everything(&trial.columns);
    let theirs = requests.clone();
    let fleet = trial.fleet_of(
        Manner::RETURNING,
        clients,
        Arc::new(move |_| Some(theirs.clone())),
        &["ready again after"],
        |_| Returner,
    )?;
    let first = fleet.connect_first() as u64;
    trial.wait(&fleet, "the first client", |board| {
        Board::get(&board.ready) >= first
    })?;
    trial.connect(&fleet)?;
    fleet.latencies()?;

    trial
        .progress
        .phase("coming back", fleet.board(), Counter::Ready, clients as u64);
    let contents = Board::get(&fleet.board().contents);
    let changes: Vec<String> = site.ports[..CHANGED]
        .iter()
        .map(|port| {
            let row = site::reference(port);
            format!(
                r#"{{"op":"update","table":"Port_Binding","where":[["_uuid","==",{row}]],"row":{{"tag":7}}}}"#
            )
        })
        .collect();
    let start = Instant::now();
    trial.server.stop()?;
    trial.server.start_again()?;
    trial.progress.restarted(trial.server.process());
    trial
        .outcome
        .lower("server answers again", "s", start.elapsed().as_secs_f64());
    // Clients wait for a second before they come back.
    trial.control = Control::connect(trial.server.address(), trial.settings.patience)?;
    let database = trial.database().to_owned();
    trial.control.transact(&database, &changes.join(","))?;
    let goal = clients as u64;
    trial.wait(&fleet, "clients' coming back", |board| {
        Board::get(&board.lost) >= goal && Board::get(&board.ready) >= goal
    })?;
    trial
        .outcome
        .lower("all are back", "s", start.elapsed().as_secs_f64());
    let contents = (Board::get(&fleet.board().contents) - contents) as f64;
    trial
        .outcome
        .lower("told to each that came back", "B", contents / clients as f64);
    trial.outcome.higher(
        "resumed by last transaction",
        "",
        Board::get(&fleet.board().resumed) as f64,
    );
    trial.outcome.latencies(&fleet.latencies()?);
    trial.verify(&fleet, &requests)
}
