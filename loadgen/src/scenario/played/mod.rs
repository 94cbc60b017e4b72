//! A played site under ovn-heater's scale workloads: one northd and as many controllers as clients were asked for.
//!
//! northd holds the lock `ovn_northd` and sends a [`Script`]'s transactions, one in flight as the real one has, each
//! ending with a comment and the assertion of the lock. Controllers monitor all rows, as ovn-heater has them by default
//! (`ovn-monitor-all=true`); each claims the ports that appear on its datapath and reports them up. An iteration ends
//! when all have heard of everything and northd has heard that every pod is up.
//!
//! The tables whose rows number with the chassis are there but not monitored: their first contents for ten thousand
//! clients would be a hundred gigabytes, which is what `sync` is about.

mod clients;
pub(super) mod script;

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Board, Fleet};
use crate::measure::progress::Counter;
use crate::measure::table::median;
use crate::scenario::Trial;
use crate::scenario::played::clients::{Heard, Player, SERIES};
use crate::scenario::played::script::Script;
use crate::southbound::monitor;
use crate::southbound::site::{self, Site, Size};

const TABLES: &[&str] = &[
    "SB_Global",
    "Port_Binding",
    "Logical_Flow",
    "Multicast_Group",
    "Address_Set",
    "Port_Group",
    "Load_Balancer",
];

/// Clients up to which a scenario does all its iterations; with more it does fewer, since each takes longer.
const CLIENTS_FULL: usize = 1000;
const ITERATIONS_MIN: usize = 3;

/// Flows of a node besides those of its pods, and what they may amount to for all clients together, in bytes.
const NODE_FLOWS: usize = 112;
const FLOW_BYTES: usize = 350;
const BYTES_TOTAL: usize = 1 << 30;

/// Plays `iterations` iterations of what `write` puts into the script for each number, or fewer with many clients.
pub(super) fn run(
    trial: &mut Trial<'_>,
    iterations: usize,
    write: impl Fn(&mut Script, usize),
) -> Result<()> {
    trial.require(site::NEEDED)?;
    let nodes = trial.settings.clients;
    let size = Size {
        nodes,
        flows_per_node: (BYTES_TOTAL / FLOW_BYTES / nodes / nodes).min(NODE_FLOWS),
        pods_per_node: 0,
    };
    let site = Arc::new(Site::fill(&mut trial.control, &trial.columns, size)?);
    let iterations = (iterations * CLIENTS_FULL / nodes.max(CLIENTS_FULL)).max(ITERATIONS_MIN);
    let mut script = Script::new(site.clone());
    for iteration in 0..iterations {
        write(&mut script, iteration);
        script.end_iteration();
    }
    let database = trial.database().to_owned();
    trial.control.transact(&database, &script.groups())?;
    let script = Arc::new(script);

    let requests = monitor::tables(&trial.columns, TABLES);
    let theirs = requests.clone();
    let heard = Arc::new(Heard::new(script.transactions().len()));
    let columns = trial.columns.clone();
    // Client 0 is northd.
    let fleet = trial.fleet(nodes + 1, Arc::new(move |_| Some(theirs.clone())), SERIES, |_| {
        Player::new(&columns, site.clone(), script.clone(), heard.clone())
    })?;
    trial.connect(&fleet)?;
    play(trial, &fleet, &script)?;

    let last_ms = heard.last_ms();
    trial
        .outcome
        .lower("last controller has it", "ms", median(&last_ms).unwrap_or(0.0));
    trial.outcome.latencies(&fleet.latencies()?);
    trial.verify(&fleet, &requests)
}

fn play(trial: &mut Trial<'_>, fleet: &Fleet<Player>, script: &Script) -> Result<()> {
    let total = script.events(script.transactions().len(), fleet.len());
    trial
        .progress
        .phase("iterations", fleet.board(), Counter::Done, total);
    fleet.post(|player, port| player.take_lock(port));
    let (cpu, begun) = (trial.cpu(), Instant::now());
    let mut took = Vec::new();
    for iteration in script.iterations() {
        let start = Instant::now();
        for phase in iteration {
            let (phase, goal) = (phase.clone(), script.events(phase.end, fleet.len()));
            fleet.post(move |player, port| player.play(port, phase.clone()));
            trial.wait(fleet, "the end of an iteration", |board| {
                Board::get(&board.done) >= goal
            })?;
        }
        took.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let pods = script.pods(script.transactions().len()) as f64;
    let iterations = took.len() as f64;
    trial
        .outcome
        .lower("iteration", "ms", median(&took).unwrap_or(0.0));
    trial
        .outcome
        .higher("pods", "1/s", pods / begun.elapsed().as_secs_f64());
    trial.cpu_since(cpu, "server CPU an iteration", "ms", 1e3, iterations);
    Ok(())
}
