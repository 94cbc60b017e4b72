//! A scenario at work on one server, and what all of them do with it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::descriptors;
use crate::error::Result;
use crate::fleet::{Behaviour, Board, Fleet, Greeting, MonitorOf, Plan, Port};
use crate::fold;
use crate::fold::columns::Columns;
use crate::fold::state::State;
use crate::limits;
use crate::measure::outcome::Outcome;
use crate::measure::own_memory;
use crate::measure::process::Process;
use crate::measure::progress::{Counter, Progress};
use crate::scenario::{Scenario, Settings};
use crate::server::{Control, Server};
use crate::southbound::found::Found;

/// The figure of this program's memory.
const OWN_MEMORY: &str = "loadgen memory a client";

/// How the clients of a fleet differ from the usual ones.
pub struct Manner {
    reconnects: bool,
    asking_max: usize,
    greeting: Greeting,
}

impl Manner {
    const USUAL: Manner = Manner {
        reconnects: false,
        asking_max: usize::MAX,
        greeting: Greeting::Library,
    };

    /// They come back when the server closes their connections.
    pub const RETURNING: Manner = Manner {
        reconnects: true,
        ..Manner::USUAL
    };

    /// They have conditions of their own, so that the first contents of each must be parsed.
    pub const DIFFERING: Manner = Manner {
        asking_max: limits::ASKING_MAX,
        ..Manner::USUAL
    };

    /// They are ready when one echo was answered.
    pub const ECHOING: Manner = Manner {
        greeting: Greeting::Echo,
        ..Manner::USUAL
    };
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
    pub(super) own_memory: Option<u64>,
}

impl Trial<'_> {
    /// Runs the scenario. What it has written to a server that runs already does not stay there.
    pub(super) fn play(&mut self, scenario: Scenario) -> Result<()> {
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
        self.fleet_of(Manner::USUAL, clients, monitor, series, behaviour)
    }

    /// The same, for clients of another manner.
    pub fn fleet_of<B: Behaviour>(
        &mut self,
        manner: Manner,
        clients: usize,
        monitor: MonitorOf,
        series: &'static [&'static str],
        behaviour: impl Fn(usize) -> B,
    ) -> Result<Fleet<B>> {
        descriptors::raise(u32::try_from(clients).unwrap_or(u32::MAX))?;
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
            greeting: manner.greeting,
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
            // Of several fleets the last counts: what those before it have taken is still there.
            self.outcome.figures.retain(|figure| figure.name != OWN_MEMORY);
            self.outcome.lower(OWN_MEMORY, "KiB", kib);
        }
    }

    /// What a client that comes now is told.
    pub fn contents(&mut self, requests: &str) -> Result<Rc<State>> {
        let text = self.told(requests)?;
        self.fold(&text)
    }

    /// The reply that tells it.
    pub(super) fn told(&mut self, requests: &str) -> Result<Vec<u8>> {
        let params = format!(r#"["{}","reference",{requests}]"#, self.database());
        let text = self.control.call_raw("monitor_cond", &params)?;
        self.control.call("monitor_cancel", r#"["reference"]"#)?;
        Ok(text)
    }

    /// What such a reply says.
    pub(super) fn fold(&self, text: &[u8]) -> Result<Rc<State>> {
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
