//! The scenarios, and what they share: a trial is one scenario on one server.

mod bulk;
mod claim;
mod cluster_density;
mod compact;
mod cond_change;
mod condfan;
mod connect;
mod density_heavy;
mod density_light;
mod dump_cond;
mod fanout;
mod nbcfg;
mod netpol;
mod open;
mod parts;
mod played;
mod port_create;
mod restart;
mod slow;
mod storm;
mod sync;
mod txn;
mod verify;
mod workload;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::fleet::{Behaviour, Board, Fleet, MonitorOf, Plan, Port};
use crate::fold;
use crate::fold::columns::Columns;
use crate::fold::state::State;
use crate::limits;
use crate::measure::outcome::Outcome;
use crate::measure::own_memory;
use crate::measure::process::Process;
use crate::measure::progress::{Counter, Progress};
use crate::server::{Control, Server, Target, Via, database};
use crate::southbound::found::Found;
use crate::workload::Workload;

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

/// A scenario by its name.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// One line for the help.
    pub summary: &'static str,
    /// Whether it stops, starts or controls the server, which must have been started for it.
    pub controls: bool,
    /// The options that not every scenario has and this one does.
    pub takes: &'static [&'static str],
    /// Whether it fills in a site, for which the database must be empty.
    fills: bool,
    run: fn(&mut Trial<'_>) -> Result<()>,
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "connect",
        summary: "all clients connect at once",
        takes: &[],
        controls: false,
        fills: false,
        run: connect::run,
    },
    Scenario {
        name: "fanout",
        summary: "all clients hear of each change",
        takes: &["--rate"],
        controls: false,
        fills: false,
        run: fanout::run,
    },
    Scenario {
        name: "txn",
        summary: "small transactions",
        takes: &["--rate", "--depth", "--durable"],
        controls: false,
        fills: true,
        run: txn::run,
    },
    Scenario {
        name: "nbcfg",
        summary: "every chassis answers a change of nb_cfg and sees its own answer",
        takes: &[],
        controls: false,
        fills: true,
        run: nbcfg::run_conditional,
    },
    Scenario {
        name: "nbcfg-all",
        summary: "the same where every chassis sees all answers",
        takes: &[],
        controls: false,
        fills: true,
        run: nbcfg::run_all,
    },
    Scenario {
        name: "condfan",
        summary: "each change concerns few clients, by their datapaths",
        takes: &["--rate"],
        controls: false,
        fills: true,
        run: condfan::run,
    },
    Scenario {
        name: "sync",
        summary: "all clients ask for everything at once",
        takes: &[],
        controls: false,
        fills: true,
        run: sync::run,
    },
    Scenario {
        name: "bulk",
        summary: "one transaction of many insertions",
        takes: &[],
        controls: false,
        fills: true,
        run: bulk::run,
    },
    Scenario {
        name: "slow",
        summary: "a tenth of the clients stops reading for a while",
        takes: &[],
        controls: false,
        fills: false,
        run: slow::run,
    },
    Scenario {
        name: "restart",
        summary: "the server restarts and everybody comes back",
        takes: &[],
        controls: true,
        fills: true,
        run: restart::run,
    },
    Scenario {
        name: "claim",
        summary: "every chassis claims its ports and reports them up",
        takes: &["--rate"],
        controls: false,
        fills: true,
        run: claim::run,
    },
    Scenario {
        name: "storm",
        summary: "one writer changes one row as fast as it can, all clients hear of it",
        takes: &[],
        controls: false,
        fills: false,
        run: storm::run,
    },
    Scenario {
        name: "storm-distinct",
        summary: "one writer changes many rows as fast as it can, all clients hear of each",
        takes: &[],
        controls: false,
        fills: true,
        run: storm::run_distinct,
    },
    Scenario {
        name: "port-create",
        summary: "one port with its ACLs and address after another",
        takes: &[],
        controls: false,
        fills: true,
        run: port_create::run,
    },
    Scenario {
        name: "density-light",
        summary: "pods start one after the other",
        takes: &[],
        controls: false,
        fills: true,
        run: density_light::run,
    },
    Scenario {
        name: "density-heavy",
        summary: "pods start and become services",
        takes: &[],
        controls: false,
        fills: true,
        run: density_heavy::run,
    },
    Scenario {
        name: "cluster-density",
        summary: "namespaces with pods that build, pods that stay, and services",
        takes: &[],
        controls: false,
        fills: true,
        run: cluster_density::run,
    },
    Scenario {
        name: "netpol",
        summary: "namespaces with pods and network policies",
        takes: &[],
        controls: false,
        fills: true,
        run: netpol::run,
    },
    Scenario {
        name: "dump-cond",
        summary: "clients ask for the rows of five datapaths of many",
        takes: &[],
        controls: false,
        fills: true,
        run: dump_cond::run,
    },
    Scenario {
        name: "cond-change",
        summary: "clients with thousands of clauses add one, at once",
        takes: &[],
        controls: false,
        fills: true,
        run: cond_change::run,
    },
    Scenario {
        name: "compact",
        summary: "echoes and commits while the database is compacted",
        takes: &[],
        controls: true,
        fills: true,
        run: compact::run,
    },
    Scenario {
        name: "open",
        summary: "the server starts on a large file",
        takes: &[],
        controls: true,
        fills: true,
        run: open::run,
    },
];

/// What a workload file describes; it is not among the others, since it needs the file.
pub const WORKLOAD: Scenario = Scenario {
    name: "workload",
    summary: "what a file describes",
    takes: &[],
    controls: false,
    fills: true,
    run: workload::run,
};

/// Those that a plain `loadgen` runs.
pub const DEFAULT: &[&str] = &[
    "connect",
    "fanout",
    "txn",
    "nbcfg",
    "condfan",
    "sync",
    "bulk",
    "claim",
    "storm",
    "storm-distinct",
    "port-create",
    "density-light",
    "compact",
];

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Finds a scenario.
pub fn by_name(name: &str) -> Result<Scenario> {
    SCENARIOS
        .iter()
        .find(|scenario| scenario.name == name)
        .copied()
        .ok_or_else(|| {
            let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            Failure::Usage(format!(
                "there is no scenario {name}; there are {}",
                names.join(", ")
            ))
        })
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

/// How the clients of a fleet differ from the usual ones.
struct Manner {
    reconnects: bool,
    asking_max: usize,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            reconnects: false,
            asking_max: usize::MAX,
        }
    }
}

/// A scenario at work.
pub struct Trial<'a> {
    pub server: &'a mut Server,
    pub control: Control,
    pub columns: Arc<Columns>,
    pub settings: &'a Settings,
    pub progress: &'a Progress,
    pub outcome: &'a mut Outcome,
    /// Memory of this program before the first fleet was made.
    own_memory: Option<u64>,
}

impl Trial<'_> {
    /// Runs the scenario. What it has written to a server that runs already does not stay there.
    fn play(&mut self, scenario: Scenario) -> Result<()> {
        if let Server::Spawned(_) = self.server {
            return (scenario.run)(self);
        }
        if scenario.controls {
            return self.server.require_control();
        }
        // A workload may have no site to fill in.
        let workload = self.settings.workload.as_ref();
        let fills = scenario.fills && workload.is_none_or(|workload| workload.site.is_some());
        let found = Found::look(&mut self.control, &self.columns)?;
        if fills {
            found.require_room(&self.columns)?;
        }
        let result = (scenario.run)(self);
        // A connection that broke in the middle of an answer is of no use any more.
        let restored = Control::connect(self.server.address(), self.settings.patience)
            .and_then(|mut control| found.restore(&mut control, &self.columns, fills));
        match (result, restored) {
            (Ok(()), restored) => restored,
            (Err(failure), Ok(())) => Err(failure),
            (Err(failure), Err(_)) => Err(failure.adding("; what it has written is still in the database")),
        }
    }

    /// Fails unless the schema has what the scenario needs.
    pub fn require(&self, needed: &[(&str, &[&str])]) -> Result<()> {
        self.columns.require(needed)
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.columns.database
    }

    /// Clients that monitor what `monitor` says.
    pub fn fleet<B: Behaviour>(
        &mut self,
        clients: usize,
        monitor: MonitorOf,
        series: &'static [&'static str],
        behaviour: impl Fn(usize) -> B,
    ) -> Result<Fleet<B>> {
        self.fleet_that(Manner::default(), clients, monitor, series, behaviour)
    }

    /// The same, for clients that come back when the server closes their connections.
    pub fn returning_fleet<B: Behaviour>(
        &mut self,
        clients: usize,
        monitor: MonitorOf,
        series: &'static [&'static str],
        behaviour: impl Fn(usize) -> B,
    ) -> Result<Fleet<B>> {
        let manner = Manner {
            reconnects: true,
            ..Manner::default()
        };
        self.fleet_that(manner, clients, monitor, series, behaviour)
    }

    /// The same, for clients with conditions of their own, the first contents of each of which must be parsed.
    pub fn differing_fleet<B: Behaviour>(
        &mut self,
        clients: usize,
        monitor: MonitorOf,
        series: &'static [&'static str],
        behaviour: impl Fn(usize) -> B,
    ) -> Result<Fleet<B>> {
        let manner = Manner {
            asking_max: limits::ASKING_MAX,
            ..Manner::default()
        };
        self.fleet_that(manner, clients, monitor, series, behaviour)
    }

    fn fleet_that<B: Behaviour>(
        &mut self,
        manner: Manner,
        clients: usize,
        monitor: MonitorOf,
        series: &'static [&'static str],
        behaviour: impl Fn(usize) -> B,
    ) -> Result<Fleet<B>> {
        crate::cli::raise_descriptors(u32::try_from(clients).unwrap_or(u32::MAX))?;
        let threads = self.settings.threads.min(clients);
        let connecting_max = self.settings.connecting_max;
        self.own_memory = self.own_memory.or_else(own_memory::resident);
        let plan = Plan {
            address: self.server.address().clone(),
            columns: self.columns.clone(),
            monitor,
            connecting_max: connecting_max.map_or(usize::MAX, |max| max.div_ceil(threads)),
            securing_max: connecting_max.map_or(limits::SECURING_MAX, |_| usize::MAX),
            asking_max: manner.asking_max,
            reconnects: manner.reconnects,
            series,
        };
        Fleet::new(plan, clients, threads, behaviour)
    }

    /// Connects all clients of a fleet and gives how long it took.
    pub fn connect<B: Behaviour>(&mut self, fleet: &Fleet<B>) -> Result<Duration> {
        let goal = fleet.len() as u64;
        self.progress
            .phase("connecting", fleet.board(), Counter::Ready, goal);
        let start = Instant::now();
        fleet.connect();
        self.wait(fleet, "clients' being ready", |board| {
            Board::get(&board.ready) >= goal
        })?;
        Ok(start.elapsed())
    }

    /// Waits as long as the user allows.
    pub fn wait<B: Behaviour>(
        &self,
        fleet: &Fleet<B>,
        what: &str,
        done: impl FnMut(&Board) -> bool,
    ) -> Result<()> {
        fleet.wait(what, self.settings.patience, done)
    }

    /// Lets a time pass in which the user allows no longer silence.
    pub fn pass<B: Behaviour>(&self, fleet: &Fleet<B>, until: Instant) -> Result<()> {
        fleet.pass(until, self.settings.patience)
    }

    /// Waits until no request is unanswered.
    pub fn wait_for_answers<B: Behaviour>(&self, fleet: &Fleet<B>) -> Result<()> {
        let unanswered = || -> Result<usize> {
            let of_shard = |_: &mut B, port: &mut Port| -> usize {
                port.clients().map(|client| port.outstanding(client)).sum()
            };
            Ok(fleet.ask(of_shard)?.iter().sum())
        };
        self.wait(fleet, "the last answers", |_| matches!(unanswered(), Ok(0)))
    }

    /// The rate that was asked for, divided among the threads of a fleet of all clients.
    pub fn rate_of_shard(&self) -> Option<f64> {
        let threads = self.settings.threads.min(self.settings.clients);
        self.settings.rate.map(|rate| rate / threads as f64)
    }

    /// Adds what this program's memory has grown by for each client, where there are enough of them for that to mean
    /// something. Sockets' buffers, which are the kernel's, are not in it.
    pub fn own_memory<B: Behaviour>(&mut self, fleet: &Fleet<B>) {
        let (before, now) = (self.own_memory, own_memory::resident());
        if let (Some(before), Some(now), true) = (before, now, fleet.len() >= limits::MEMORY_CLIENTS_MIN) {
            let kib = now.saturating_sub(before) as f64 / 1024.0 / fleet.len() as f64;
            self.outcome.lower("loadgen memory a client", "KiB", kib);
        }
    }

    /// What a client that comes now is told.
    pub fn contents(&mut self, requests: &str) -> Result<Rc<State>> {
        let text = self.told(requests)?;
        self.fold(&text)
    }

    /// The reply that tells it.
    fn told(&mut self, requests: &str) -> Result<Vec<u8>> {
        let params = format!(r#"["{}","reference",{requests}]"#, self.database());
        let text = self.control.call_raw("monitor_cond", &params)?;
        self.control.call("monitor_cancel", r#"["reference"]"#)?;
        Ok(text)
    }

    /// What such a reply says.
    fn fold(&self, text: &[u8]) -> Result<Rc<State>> {
        fold::contents(&self.columns, text)
    }

    /// Adds a figure of the server's memory now.
    pub fn resident(&mut self, name: &str) {
        if let Some(resident) = self.server.process().and_then(Process::resident) {
            self.outcome.lower(name, "MB", resident as f64 / 1e6);
        }
    }

    /// Processor time of the server so far.
    pub fn cpu(&self) -> Option<Duration> {
        self.server.process().and_then(Process::cpu)
    }

    /// Adds a figure of processor time since `before`, divided by `count`.
    pub fn cpu_since(
        &mut self,
        before: Option<Duration>,
        name: &str,
        unit: &str,
        per_second: f64,
        count: f64,
    ) {
        if let (Some(before), Some(now)) = (before, self.cpu()) {
            let used = now.saturating_sub(before).as_secs_f64();
            self.outcome.lower(name, unit, used * per_second / count.max(1.0));
        }
    }
}
