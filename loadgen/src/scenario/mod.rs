//! The scenarios, each in a file of its own, and how one is run.

mod bulk;
mod claim;
mod cluster_density;
mod compact;
mod cond_change;
mod condfan;
mod connect;
mod density_heavy;
mod density_light;
mod dpgroup;
mod dump_cond;
mod fanout;
mod nbcfg;
mod netpol;
mod open;
mod parts;
mod played;
mod port_create;
mod registry;
mod restart;
mod slow;
mod storm;
mod sync;
mod trial;
mod txn;
mod verify;
mod workload;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::fold::columns::Columns;
use crate::measure::outcome::Outcome;
use crate::measure::process::Process;
use crate::measure::progress::Progress;
use crate::server::{Control, Server, Target, Via, database};
use crate::workload::Workload;

pub use registry::{DEFAULT, SCENARIOS, Scenario, WORKLOAD, by_name};
pub use trial::{Manner, Trial};

/// What the user may choose for all scenarios.
#[derive(Clone, Debug)]
pub struct Settings {
    pub clients: usize,
    /// Threads of the clients.
    pub threads: usize,
    /// Clients on their way to being ready at the same time, if the user limits them.
    pub connecting_max: Option<usize>,
    /// How long a scenario measures that has no end of its own.
    pub length: Duration,
    /// Transactions per second, sent at their times; without one, each reply brings the next transaction.
    pub rate: Option<f64>,
    /// Transactions of a connection that are unanswered at a time.
    pub depth: usize,
    /// Whether transactions ask to be durable.
    pub durable: bool,
    /// Longest time until all clients are ready, or a round has ended.
    pub patience: Duration,
    /// How to connect to started servers.
    pub via: Via,
    pub quiet: bool,
    /// The description of the scenario `workload`.
    pub workload: Option<Arc<Workload>>,
    /// Text of the schema of started servers.
    pub schema: String,
}

impl Settings {
    /// What a scenario is called: a workload by the name that its file gives it.
    pub fn name(&self, scenario: Scenario) -> &str {
        let workload = self.workload.as_ref();
        workload.map_or(scenario.name, |workload| &workload.name)
    }
}

/// Runs a scenario on a server, which is started for it if need be. A failure names both.
pub fn run(scenario: Scenario, target: &Target, settings: &Settings) -> Result<Outcome> {
    let name = settings.name(scenario);
    attempt(scenario, name, target, settings).map_err(|failure| failure.during(name, &target.label()))
}

fn attempt(scenario: Scenario, name: &str, target: &Target, settings: &Settings) -> Result<Outcome> {
    let mut server = Server::start(target, &settings.schema, settings.via, settings.patience)?;
    let mut outcome = Outcome {
        scenario: name.to_owned(),
        summary: scenario.summary.to_owned(),
        server: target.label(),
        version: server.version(),
        clients: settings.clients,
        ..Outcome::default()
    };
    let progress = Progress::start(name, target.label(), server.process(), settings.quiet);
    let start = Instant::now();
    let result = Control::connect(server.address(), settings.patience)
        .and_then(|mut control| columns(&mut control, settings).map(|columns| (control, columns)))
        .and_then(|(control, columns)| {
            let columns = Arc::new(columns);
            let mut trial = Trial {
                server: &mut server,
                control,
                columns,
                settings,
                progress: &progress,
                outcome: &mut outcome,
                own_memory: None,
            };
            trial.play(scenario)
        });
    // Its processor time would be that of a process which is gone.
    server.require_foreground()?;
    if let Err(failure) = result {
        return Err(server.explain(failure));
    }
    outcome.seconds = start.elapsed().as_secs_f64();
    if let Some(peak) = server.process().and_then(Process::resident_peak) {
        outcome.lower("server memory, most", "MB", peak as f64 / 1e6);
    }
    (outcome.phases, outcome.timeline) = progress.end();
    Ok(outcome)
}

/// The columns of the database that is worked on: the southbound one, or that of the chosen schema.
fn columns(control: &mut Control, settings: &Settings) -> Result<Columns> {
    let wanted = Columns::parse(&database::parse(&settings.schema)?)?.database;
    let names = control.databases()?;
    if !names.iter().any(|name| **name == *wanted) {
        return Err(Failure::Schema(format!(
            "the server has no database {wanted}; it has {}",
            names.join(", ")
        )));
    }
    Columns::parse(&control.schema(&wanted)?)
}
