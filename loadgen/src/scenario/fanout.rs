//! `fanout`: controllers with `ovn-monitor-all=true`, the usual setting of large sites, all monitor everything. Each
//! change, here the number by which northd asks for synchronisation, goes to all of them. First one change at a time,
//! each when everybody has heard of the one before: how long until the last has it. Then either a storm, where one
//! writer has many transactions in flight; a server may merge what a client has not heard of yet, so the storm ends
//! when everybody holds the last value. Or, with `--rate`, changes at given times for `--seconds`.

use std::time::Instant;

use crate::error::Result;
use crate::fleet::{Board, Fleet};
use crate::measure::progress::Counter;
use crate::scenario::Trial;
use crate::scenario::parts::global::{Global, Listener};
use crate::scenario::parts::writer;

/// Changes of the first part, each heard by all before the next.
const ROUNDS: u64 = 20;
/// Changes of the storm, and how many of them are unanswered at a time.
const STORM: u64 = 500;
const STORM_DEPTH: u64 = 50;

pub(super) fn run(trial: &mut Trial<'_>) -> Result<()> {
    let settings = trial.settings;
    let more = settings
        .rate
        .map_or(STORM, |rate| (rate * settings.length.as_secs_f64()).ceil() as u64);
    let global = Global::prepare(trial, ROUNDS + more, 0)?;
    let fleet = trial.fleet(
        settings.clients,
        global.monitor(),
        &[
            "update heard",
            "commit",
            "at rate: update heard",
            "at rate: commit",
        ],
        |_| global.listener(),
    )?;
    trial.connect(&fleet)?;
    one_by_one(trial, &fleet, &global)?;
    match settings.rate {
        None => storm(trial, &fleet, more)?,
        Some(rate) => at_rate(trial, &fleet, more, rate)?,
    }
    trial.verify(&fleet, &global.requests)
}

fn one_by_one(trial: &mut Trial<'_>, fleet: &Fleet<Listener>, global: &Global) -> Result<()> {
    let clients = fleet.len() as u64;
    trial
        .progress
        .phase("one by one", fleet.board(), Counter::Done, ROUNDS * clients);
    let cpu = trial.cpu();
    let last = global.one_by_one(trial, fleet, 1..=ROUNDS, clients)?;
    trial.outcome.rounds("last client has it", "ms", 1e3, &last);
    trial.cpu_since(cpu, "server CPU an update", "ms", 1e3, ROUNDS as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    Ok(())
}

fn storm(trial: &mut Trial<'_>, fleet: &Fleet<Listener>, number: u64) -> Result<()> {
    let goal = (ROUNDS + number) * fleet.len() as u64;
    trial.progress.phase("storm", fleet.board(), Counter::Done, goal);
    let (cpu, start) = (trial.cpu(), Instant::now());
    writer::pipeline(fleet, ROUNDS + 1, ROUNDS + number, STORM_DEPTH);
    trial.wait(fleet, "the end of the storm", |board| {
        Board::get(&board.done) >= goal
    })?;
    let name = format!("storm of {number}: all hold the last value");
    trial.outcome.lower(&name, "s", start.elapsed().as_secs_f64());
    trial.cpu_since(cpu, "storm: server CPU", "s", 1.0, 1.0);
    trial.outcome.latencies_of("storm: ", &fleet.latencies()?);
    Ok(())
}

fn at_rate(trial: &mut Trial<'_>, fleet: &Fleet<Listener>, number: u64, rate: f64) -> Result<()> {
    let goal = (ROUNDS + number) * fleet.len() as u64;
    trial
        .progress
        .phase("at rate", fleet.board(), Counter::Done, goal);
    let cpu = trial.cpu();
    fleet.post(|listener, _| listener.series = 2);
    writer::at_rate(fleet, ROUNDS + 1, ROUNDS + number, rate);
    trial.wait(fleet, "the end of the changes", |board| {
        Board::get(&board.done) >= goal
    })?;
    trial.cpu_since(cpu, "at rate: server CPU an update", "ms", 1e3, number as f64);
    trial.outcome.latencies(&fleet.latencies()?);
    Ok(())
}
