//! A random run on both servers, one step at a time.

use std::collections::{BTreeMap, VecDeque};

use ovsdb_harness::Random;
use serde_json::{Value, json};

use crate::arbitrary;
use crate::contents::Contents;
use crate::file::{self, Known};
use crate::monitor::{self, Monitor, Rigour};
use crate::names::Names;
use crate::operation::Generator;
use crate::schema::{self, Schema};
use crate::twins::{Files, Pair, Twins, compare_replies};

/// Connections to each server that write and monitor.
const CONNECTIONS: usize = 3;

/// Monitors of one connection at a time.
const MONITORS_MAX: usize = 3;

/// Transactions that are sent without waiting for replies.
const BURST: u64 = 12;

/// More than so much of the transactions must not have differed in what is arbitrary.
const EXCUSED_PERCENT_MAX: u64 = 8;

/// Steps that are shown when a run fails.
const RECENT: usize = 8;

/// What lies between two looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    OneCommit,
    SeveralCommits,
}

/// The state of a run.
pub(crate) struct Lockstep<'r> {
    random: &'r mut Random,
    schema: Schema,
    /// Absent only while they restart.
    twins: Option<Twins>,
    names: Names,
    /// The first one holds the monitor of everything.
    connections: Vec<(Pair, Vec<Monitor>)>,
    next_own: u64,
    next_monitor: u64,
    transactions: u64,
    outcomes: BTreeMap<String, u64>,
    /// Transactions whose errors were compared by their kind only.
    excused: u64,
    /// How often both had to begin anew.
    restarts: u64,
    /// Records that have been compared, or need not be.
    known: Known,
    /// The last steps, shown when the run fails.
    recent: VecDeque<String>,
}

impl<'r> Lockstep<'r> {
    /// Both servers on empty databases.
    pub(crate) fn start(random: &'r mut Random) -> Lockstep<'r> {
        let schema = Schema::every();
        let mut run = Lockstep {
            random,
            connections: Vec::new(),
            schema,
            twins: Some(Twins::start()),
            names: Names::default(),
            next_own: 0,
            next_monitor: 0,
            transactions: 0,
            outcomes: BTreeMap::new(),
            excused: 0,
            restarts: 0,
            known: Known::default(),
            recent: VecDeque::new(),
        };
        run.connect();
        run
    }

    fn connect(&mut self) {
        for _ in 0..=CONNECTIONS {
            let pair = self.twins().connect();
            self.connections.push((pair, Vec::new()));
        }
        let (monitor, params) = Monitor::everything(&self.schema);
        self.register(0, monitor, &params);
    }

    /// Goes on with two empty databases.
    fn start_over(&mut self) {
        self.restarts += 1;
        self.restart(|_| Files::create());
    }

    /// Stops both servers, looks at the files or does something to them, and goes on with what `change` gives.
    pub(crate) fn restart(&mut self, change: impl FnOnce(Files) -> Files) {
        self.connections.clear();
        let files = self.twins.take().expect("the servers run").stop();
        let files = change(files);
        self.known = Known::all(&self.schema, &files);
        self.twins = Some(files.serve());
        self.connect();
    }

    /// Each server goes on with the other's file.
    pub(crate) fn exchange(&mut self) {
        self.names = std::mem::take(&mut self.names).exchanged();
        self.restart(Files::exchanged);
    }

    /// Has both servers compact their files.
    pub(crate) fn compact(&mut self) {
        self.compare_records();
        self.twins().compact_ours();
        self.twins().compact_theirs();
        self.known = Known::all(&self.schema, &self.twins().files);
    }

    /// Compares the files while nothing happens to them.
    pub(crate) fn compare_files(&mut self) {
        self.compare_records();
        // 3.1.0 cannot read all that it writes: differences with more elements than their column may have are
        // refused, and those of a default that is not empty are taken for whole values. A snapshot has none.
        self.twins().compact_theirs();
        let files = &self.twins.as_ref().expect("the servers run").files;
        file::compare_dumps(&self.schema, &mut self.names, files);
        self.known = Known::all(&self.schema, files);
    }

    fn compare_records(&mut self) {
        let files = &self.twins.as_ref().expect("the servers run").files;
        file::compare_records(&self.schema, &mut self.names, files, self.known);
    }

    fn twins(&self) -> &Twins {
        self.twins.as_ref().expect("the servers run")
    }

    /// Goes on until `transactions` have been sent.
    pub(crate) fn run(&mut self, transactions: u64) {
        let end = self.transactions + transactions;
        while self.transactions < end {
            let at = 1 + self.random.below(CONNECTIONS as u64) as usize;
            match self.random.below(100) {
                0..86 => self.transact(at),
                86..90 => self.add_monitor(at),
                90..92 => self.cancel_monitor(at),
                92..97 => self.change_monitor(at),
                97..99 => self.burst(at),
                _ => self.reconnect(at),
            }
        }
    }

    /// Prints what has been tried; panics if too much of it was arbitrary.
    pub(crate) fn report(&self) {
        println!(
            "{} transactions, {} compared by kind, {} restarts:",
            self.transactions, self.excused, self.restarts
        );
        assert!(
            self.excused * 100 <= self.transactions * EXCUSED_PERCENT_MAX,
            "too much is arbitrary"
        );
        for (outcome, count) in &self.outcomes {
            println!("{count:8} {outcome}");
        }
    }

    fn shadow(&self) -> Contents {
        self.connections[0].1[0].contents().clone()
    }

    fn transaction(&mut self, shadow: &Contents) -> Value {
        let mut generator = Generator {
            random: self.random,
            schema: &self.schema,
            shadow,
            next_own: &mut self.next_own,
            careless: true,
        };
        let mut params = generator.transaction();
        params.insert(0, json!(schema::DATABASE));
        self.transactions += 1;
        Value::Array(params)
    }

    fn transact(&mut self, at: usize) {
        let shadow = self.shadow();
        let params = self.transaction(&shadow);
        let id = self.connections[at].0.send(&self.names, "transact", &params);
        self.take_results(at, id, &params);
        self.look(Pace::OneCommit, &params);
    }

    /// Several transactions on the way at a time. Monitors that leave out some kinds of change have nothing to say
    /// about contents, and what they show depends on what is merged: they go first.
    fn burst(&mut self, at: usize) {
        for connection in 1..self.connections.len() {
            while let Some(partial) = self.connections[connection]
                .1
                .iter()
                .position(|monitor| !monitor.is_whole)
            {
                self.cancel(connection, partial);
            }
        }
        let shadow = self.shadow();
        let requests: Vec<Value> = (0..BURST).map(|_| self.transaction(&shadow)).collect();
        let pair = &mut self.connections[at].0;
        let ids: Vec<u64> = requests
            .iter()
            .map(|params| pair.send(&self.names, "transact", params))
            .collect();
        for (id, params) in ids.into_iter().zip(&requests) {
            self.take_results(at, id, params);
        }
        self.look(Pace::SeveralCommits, &Value::from(requests));
    }

    fn add_monitor(&mut self, at: usize) {
        if self.connections[at].1.len() >= MONITORS_MAX {
            return self.cancel_monitor(at);
        }
        let shadow = self.shadow();
        let id = self.monitor_id();
        let mut generator = Generator {
            random: self.random,
            schema: &self.schema,
            shadow: &shadow,
            next_own: &mut self.next_own,
            careless: true,
        };
        let (monitor, params) = Monitor::request(&mut generator, id);
        self.register(at, monitor, &params);
    }

    fn monitor_id(&mut self) -> Value {
        self.next_monitor += 1;
        match self.random.below(3) {
            0 => json!(self.next_monitor),
            1 => json!(["m", {"number": self.next_monitor}]),
            _ => json!(format!("m{}", self.next_monitor)),
        }
    }

    fn register(&mut self, at: usize, mut monitor: Monitor, params: &Value) {
        monitor.asked.push(params.clone());
        let pair = &mut self.connections[at].0;
        let id = pair.send(&self.names, monitor.method(), params);
        match pair.reply(id) {
            (Ok(ours), Ok(theirs)) => {
                monitor.begin(&self.schema, &mut self.names, &ours, &theirs);
                self.connections[at].1.push(monitor);
            }
            (ours, theirs) => {
                compare_replies(&mut self.names, &ours, &theirs, monitor.method(), params);
            }
        }
    }

    fn cancel_monitor(&mut self, at: usize) {
        let held = self.connections[at].1.len() as u64;
        if held > 0 {
            let which = self.random.below(held) as usize;
            self.cancel(at, which);
        }
    }

    fn cancel(&mut self, at: usize, which: usize) {
        let (pair, monitors) = &mut self.connections[at];
        let monitor = monitors.remove(which);
        let reply = pair.call(&mut self.names, "monitor_cancel", &json!([monitor.id]));
        reply.expect("the monitor is there");
    }

    fn change_monitor(&mut self, at: usize) {
        let held = self.connections[at].1.len() as u64;
        if held == 0 {
            return self.add_monitor(at);
        }
        let which = self.random.below(held) as usize;
        let shadow = self.shadow();
        let new_id = self.monitor_id();
        let mut generator = Generator {
            random: self.random,
            schema: &self.schema,
            shadow: &shadow,
            next_own: &mut self.next_own,
            careless: true,
        };
        let monitor = &self.connections[at].1[which];
        let Some(params) = monitor.change_request(&mut generator, &new_id) else {
            return;
        };
        let reply = self.connections[at]
            .0
            .call(&mut self.names, "monitor_cond_change", &params);
        if reply.is_err() {
            // Upstream may have changed the conditions of other tables before it met the mistake (COMPAT.md).
            return self.cancel(at, which);
        }
        self.connections[at].1[which].id = new_id;
        self.connections[at].1[which].asked.push(params.clone());
        self.look(Pace::OneCommit, &params);
    }

    fn reconnect(&mut self, at: usize) {
        self.connections[at] = (self.twins().connect(), Vec::new());
    }

    /// Compares what all monitors have told since the last look.
    fn look(&mut self, pace: Pace, cause: &Value) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(format!("{}: {cause}", self.transactions));
        let mut told: Vec<(Vec<Value>, Vec<Value>)> = self
            .connections
            .iter_mut()
            .map(|(pair, _)| pair.notifications(&self.names))
            .collect();
        let (ours, theirs) = &told[0];
        let ghosts = monitor::ghosts(&mut self.names, ours, theirs);
        if self.connections[0].1[0].leaves_dangling(&self.schema, theirs) {
            return self.start_over();
        }
        if !ghosts.is_empty() {
            self.cancel_those_on_versions(&mut told);
        }
        let rigour = match pace {
            Pace::OneCommit => Rigour::EachUpdate { ghosts },
            Pace::SeveralCommits => Rigour::OnlyContents,
        };
        for ((_, monitors), (mut ours, mut theirs)) in self.connections.iter_mut().zip(told) {
            for monitor in monitors {
                let is_for = |notification: &mut Value| notification["params"][0] == monitor.id;
                let a: Vec<Value> = ours.extract_if(.., is_for).collect();
                let b: Vec<Value> = theirs.extract_if(.., is_for).collect();
                monitor.update(&self.schema, &mut self.names, &a, &b, &rigour);
            }
            assert!(ours.is_empty(), "ours for nobody: {ours:?}");
            assert!(theirs.is_empty(), "theirs for nobody: {theirs:?}");
        }
    }

    /// Cancels the monitors whose conditions depend on versions, which are different now, and forgets what they told.
    fn cancel_those_on_versions(&mut self, told: &mut [(Vec<Value>, Vec<Value>)]) {
        for (at, (ours, theirs)) in told.iter_mut().enumerate() {
            while let Some(which) = self.connections[at]
                .1
                .iter()
                .position(Monitor::depends_on_version)
            {
                let id = self.connections[at].1[which].id.clone();
                self.cancel(at, which);
                ours.retain(|notification| notification["params"][0] != id);
                theirs.retain(|notification| notification["params"][0] != id);
            }
        }
    }

    /// Compares the results of a transaction and counts its outcome, so that a run shows what it has tried.
    fn take_results(&mut self, at: usize, id: u64, params: &Value) {
        let (ours, theirs) = self.connections[at].0.reply(id);
        if !compare_replies(&mut self.names, &ours, &theirs, "transact", params) {
            self.excused += 1;
            for part in arbitrary::parts(params, &theirs) {
                let reply = self.connections[at].0.call(&mut self.names, "transact", &part);
                reply.expect("a transaction has results");
            }
        }
        let results = theirs.expect("a transaction has results");
        let failed = results
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|result| result.get("error"));
        let outcome = failed.map_or("success", |tag| tag.as_str().unwrap_or("?"));
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
    }
}

impl Drop for Lockstep<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for step in &self.recent {
                println!("{step}");
            }
        }
    }
}
