//! `restart`: the server is upgraded or moved. All controllers lose their connections, come back by the library's
//! reconnect machine and ask for what they missed since their last transaction. A server that still knows that
//! transaction answers with a few bytes; one that does not sends everything again.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Behaviour, Board, Port};
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

struct Returner;

impl Behaviour for Returner {
    fn ready(&mut self, port: &mut Port, _client: usize, since: Instant) {
        port.record(0, since.elapsed());
    }
}

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    trial.require(site::NEEDED)?;
    trial.server.require_control()?;
    let clients = trial.settings.clients;
    let size = Size {
        nodes: 1,
        flows_per_node: 100,
        pods_per_node: 10,
    };
    Site::fill(&mut trial.control, &trial.columns, size)?;
    let requests = monitor::everything(&trial.columns);
    let theirs = requests.clone();
    let fleet = trial.returning_fleet(
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
    let start = Instant::now();
    trial.server.stop()?;
    trial.server.start_again()?;
    trial.progress.restarted(trial.server.process());
    trial
        .outcome
        .lower("server answers again", "s", start.elapsed().as_secs_f64());
    let goal = clients as u64;
    trial.wait(&fleet, "clients' coming back", |board| {
        Board::get(&board.lost) >= goal && Board::get(&board.ready) >= goal
    })?;
    trial
        .outcome
        .lower("all are back", "s", start.elapsed().as_secs_f64());
    trial.outcome.higher(
        "resumed by last transaction",
        "",
        Board::get(&fleet.board().resumed) as f64,
    );
    trial.outcome.latencies(&fleet.latencies()?);
    trial.control = crate::server::Control::connect(trial.server.address(), trial.settings.patience)?;
    trial.verify(&fleet, &requests)
}
