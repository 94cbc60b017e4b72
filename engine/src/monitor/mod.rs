//! Monitors: who must hear of which rows, and the messages that tell them (RFC 7047 §4.1.5 to §4.1.7,
//! ovsdb-server(7) for the conditional ones).
//!
//! In come requests, views and published changes; out go replies and notifications as bytes. One
//! [`Monitors`] serves the sessions of one worker on one database.
//!
//! Two things are kept apart, each per table: a `Shape` owns bytes, a condition owns matching.
//!
//! ```text
//!   monitor ─► spec ─► part (per table) ─► shape       (columns, select, notation)
//!     │                    └─────────────► condition ─► clauses ◄─ index ◄─ values of a changed row
//!     └─────► head (method, monitor id)
//! ```
//!
//! A changed row is looked up in the clauses' index, which leads to the conditions that match it before or
//! after, and from there to the monitors; no other monitor costs anything. The row is written once per shape
//! and outcome, lists of rows are joined once per distinct list, and messages are gathered from those.
//!
//! What must hold: all monitors of a session stand at one commit. Before [`Monitors::add`] and
//! [`Monitors::change`] the session is brought up to the view that is given, by [`Monitors::publish`] or
//! [`Monitors::catch_up`]. Absent: sockets, the order of replies (the session's), and ids' uniqueness within
//! a session (the caller's).

mod bodies;
mod candidates;
mod change;
mod clause;
mod clauses;
mod conditions;
mod fragments;
mod gather;
mod heads;
mod initial;
mod lists;
mod matching;
mod publish;
mod request;
mod resume;
mod row_update;
mod runs;
mod shape;
mod slices;
mod spec;
#[cfg(test)]
mod tests;

pub use fragments::Fragments;
pub use initial::FirstReply;
pub use publish::Publication;

use crate::error::Result;
use crate::hash::HashMap;
use crate::ids::SessionId;
use crate::schema::{Schema, TableSchema};
use crate::store::{History, View};
use bytes::Bytes;
use clause::Filter;
use heads::{HeadId, Heads};
use ovsdb_wire::value::{Object, Value};
use ovsdb_wire::write;
use resume::Missed;
use shape::Notation;
use slab::Slab;
use spec::{SpecId, Specs};
use std::sync::Arc;
use uuid::Uuid;

/// Which request made a monitor, and so which notifications it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `monitor` and `update`.
    V1,
    /// `monitor_cond` and `update2`.
    V2,
    /// `monitor_cond_since` and `update3`.
    V3,
}

/// A monitor of this worker and database. Valid until it is cancelled; then the number is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(u32);

/// Takes notifications.
pub trait Sink {
    /// Queues one complete JSON-RPC notification for the session: the segments one after another.
    ///
    /// Segments may be shared with the messages of any number of other sessions.
    fn notify(&mut self, session: SessionId, segments: &[Bytes]);
}

/// The monitors of one worker's sessions on one database, as long as its schema stays.
#[derive(Debug)]
pub struct Monitors {
    schema: Arc<Schema>,
    /// `"TABLE":{` by table.
    openings: Vec<Box<[u8]>>,
    specs: Specs,
    heads: Heads,
    fragments: Arc<Fragments>,
    /// Kept until the next publication.
    missed: Option<Missed>,
    monitors: Slab<Monitor>,
    /// The latest monitor of each session; the others are chained to it.
    sessions: HashMap<SessionId, MonitorId>,
    /// How many monitors do not lag.
    awake_count: usize,
    rows_written: u64,
    bodies_made: u64,
}

/// One monitor. There are 10,000 and more of them with one spec: 4 bytes there and some 16 for the session
/// come on top.
#[derive(Debug)]
struct Monitor {
    session: SessionId,
    spec: SpecId,
    head: HeadId,
    /// Position among the monitors of its spec.
    place: u32,
    /// The session's next monitor.
    next: Option<MonitorId>,
    is_lagging: bool,
}

const _: () = assert!(size_of::<Monitor>() <= 32);

/// Refuses what [`Monitors::add`] and [`Monitors::change`] would refuse as the `where` of a table.
pub fn check_condition(clauses: &[Value<'_>], table: &TableSchema) -> Result<()> {
    Filter::parse(clauses, table).map(drop)
}

/// Sizes and counters, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub monitors: usize,
    pub specs: usize,
    pub parts: usize,
    pub shapes: usize,
    pub conditions: usize,
    pub clauses: usize,
    /// Clauses that no lookup finds; each is evaluated for every changed row of its table.
    pub clauses_unindexed: usize,
    /// Evaluations of such clauses since the start.
    pub evaluations: u64,
    /// Row updates written for notifications since the start.
    pub rows_written: u64,
    /// Distinct bodies made for notifications since the start.
    pub bodies_made: u64,
}

impl Monitors {
    /// No monitors yet. `fragments` are those of the database, shared with its other workers.
    pub fn new(schema: Arc<Schema>, fragments: Arc<Fragments>) -> Monitors {
        let openings = schema.tables.iter().map(|table| {
            let mut text = Vec::new();
            write::string(&mut text, &table.name);
            text.extend_from_slice(b":{");
            text.into()
        });
        Monitors {
            openings: openings.collect(),
            specs: Specs::new(schema.tables.len()),
            schema,
            heads: Heads::default(),
            fragments,
            missed: None,
            monitors: Slab::new(),
            sessions: HashMap::default(),
            awake_count: 0,
            rows_written: 0,
            bodies_made: 0,
        }
    }

    /// Adds a monitor and begins with the `result` of its request: the contents of `view`, or with V3
    /// what changed since the commit `last_id` if `history` still knows. [`Monitors::write_some`] goes on with it.
    ///
    /// `monid` is the monitor's id as JSON. On an error nothing remains.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the request and the state it is answered from"
    )]
    pub fn add(
        &mut self,
        session: SessionId,
        version: Version,
        monid: &[u8],
        requests: Object<'_>,
        last_id: Option<Uuid>,
        view: &View,
        history: &History,
    ) -> Result<(MonitorId, FirstReply)> {
        let wanted = request::parse(&self.schema, version.notation(), requests)?;
        let spec = self.specs.acquire(&wanted);
        let reply = self.first_reply(spec, version, last_id, view, history);
        let monitor = Monitor {
            session,
            spec,
            head: self.heads.acquire(version, monid),
            place: 0,
            next: self.sessions.get(&session).copied(),
            is_lagging: false,
        };
        let key = self.monitors.insert(monitor);
        let id = MonitorId(u32::try_from(key).expect("memory ends before 2^32 monitors"));
        self.sessions.insert(session, id);
        self.awake_count += 1;
        self.attach(id, spec);
        Ok((id, reply))
    }

    /// Removes a monitor.
    pub fn cancel(&mut self, id: MonitorId) {
        let (session, next) = (self.monitor(id).session, self.monitor(id).next);
        let before = self
            .monitors_of(session)
            .find(|other| self.monitor(*other).next == Some(id));
        match before {
            Some(before) => self.monitor_mut(before).next = next,
            None => match next {
                Some(next) => {
                    self.sessions.insert(session, next);
                }
                None => {
                    self.sessions.remove(&session);
                }
            },
        }
        self.remove(id);
    }

    /// Removes all monitors of a session.
    pub fn drop_session(&mut self, session: SessionId) {
        let monitors: Vec<MonitorId> = self.monitors_of(session).collect();
        self.sessions.remove(&session);
        for id in monitors {
            self.remove(id);
        }
    }

    /// Removes all monitors; returns whose they were and their ids as JSON, for `monitor_canceled`.
    pub fn cancel_all(&mut self) -> Vec<(SessionId, Box<[u8]>)> {
        let canceled = self
            .monitors
            .iter()
            .map(|(_, monitor)| (monitor.session, self.heads.get(monitor.head).monid.clone()))
            .collect();
        *self = Monitors::new(Arc::clone(&self.schema), Arc::clone(&self.fragments));
        canceled
    }

    /// Says whether [`Monitors::publish`] passes over a session, which is caught up later instead.
    pub fn set_lagging(&mut self, session: SessionId, is_lagging: bool) {
        let monitors: Vec<MonitorId> = self.monitors_of(session).collect();
        for id in monitors {
            let monitor = &mut self.monitors[id.at()];
            if monitor.is_lagging == is_lagging {
                continue;
            }
            monitor.is_lagging = is_lagging;
            let spec = self.specs.spec_mut(monitor.spec);
            if is_lagging {
                spec.awake_count -= 1;
                self.awake_count -= 1;
            } else {
                spec.awake_count += 1;
                self.awake_count += 1;
            }
        }
    }

    /// The id that a monitor's client gave it, as JSON.
    pub fn monid(&self, id: MonitorId) -> &[u8] {
        &self.heads.get(self.monitor(id).head).monid
    }

    /// True if there are no monitors at all.
    pub fn is_empty(&self) -> bool {
        self.monitors.is_empty()
    }

    /// True if the session has monitors.
    pub fn has_session(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    pub fn usage(&self) -> Usage {
        let (shapes, parts, specs) = self.specs.counts();
        let mut usage = Usage {
            monitors: self.monitors.len(),
            specs,
            parts,
            shapes,
            rows_written: self.rows_written,
            bodies_made: self.bodies_made,
            ..Usage::default()
        };
        for table in self.schema.table_ids() {
            let of_table = self.specs.conditions(table).usage();
            usage.conditions += of_table.conditions;
            usage.clauses += of_table.clauses;
            usage.clauses_unindexed += of_table.clauses_unindexed;
            usage.evaluations += of_table.evaluations;
        }
        usage
    }

    fn monitor(&self, id: MonitorId) -> &Monitor {
        &self.monitors[id.at()]
    }

    fn monitor_mut(&mut self, id: MonitorId) -> &mut Monitor {
        &mut self.monitors[id.at()]
    }

    /// The session's monitors, latest first.
    fn monitors_of(&self, session: SessionId) -> impl Iterator<Item = MonitorId> {
        let first = self.sessions.get(&session).copied();
        std::iter::successors(first, |id| self.monitor(*id).next)
    }

    /// Makes the monitor one of the spec's.
    fn attach(&mut self, id: MonitorId, spec_id: SpecId) {
        let monitor = &mut self.monitors[id.at()];
        let spec = self.specs.spec_mut(spec_id);
        monitor.spec = spec_id;
        monitor.place = spec.monitors.len() as u32;
        spec.monitors.push(id);
        spec.awake_count += u32::from(!monitor.is_lagging);
    }

    /// Takes the monitor from its spec, which may be left without monitors.
    fn detach(&mut self, id: MonitorId) {
        let monitor = &self.monitors[id.at()];
        let (place, spec) = (monitor.place, self.specs.spec_mut(monitor.spec));
        spec.monitors.swap_remove(place as usize);
        spec.awake_count -= u32::from(!monitor.is_lagging);
        if let Some(moved) = spec.monitors.get(place as usize) {
            self.monitors[moved.at()].place = place;
        }
    }

    /// Removes a monitor that its session's chain no longer leads to.
    fn remove(&mut self, id: MonitorId) {
        self.detach(id);
        let monitor = self.monitors.remove(id.at());
        self.awake_count -= usize::from(!monitor.is_lagging);
        self.heads.release(monitor.head);
        self.release_spec(monitor.spec);
    }

    /// Forgets a spec if it has lost its last monitor.
    fn release_spec(&mut self, id: SpecId) {
        if self.specs.release_unused(id)
            && let Some(missed) = &mut self.missed
        {
            missed.forget(id);
        }
    }
}

impl MonitorId {
    fn at(self) -> usize {
        self.0 as usize
    }
}

impl Version {
    fn notation(self) -> Notation {
        match self {
            Version::V1 => Notation::V1,
            Version::V2 | Version::V3 => Notation::V2,
        }
    }
}
