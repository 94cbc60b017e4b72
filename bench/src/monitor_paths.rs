//! Monitors: fan-out of commits, first replies.

use std::sync::Arc;

use bumpalo::Bump;
use bytes::Bytes;
use ovsdb_engine::ids::{CommitSeq, SessionId, WorkerId};
use ovsdb_engine::monitor::{Fragments, MonitorId, Monitors, Sink, Version};
use ovsdb_engine::store::{ChangeSet, History, NetChanges, Store, View};
use uuid::Uuid;

use crate::fixture;
use crate::path::Run;
use crate::random::Random;
use crate::site::{AGENT_DATAPATHS, Site, Size};

/// Sessions of the paths with many of them.
const SESSIONS: usize = 1000;
/// Commits that a session has missed which did not read for a while.
const COMMITS_MISSED: usize = 100;

/// Counts what would be sent.
#[derive(Default)]
struct Counter {
    messages: u64,
    bytes: u64,
}

impl Sink for Counter {
    fn notify(&mut self, _: SessionId, segments: &[Bytes]) {
        self.messages += 1;
        self.bytes += segments.iter().map(|segment| segment.len() as u64).sum::<u64>();
    }
}

/// Monitors on a store, without the sessions around them.
struct Monitored {
    monitors: Monitors,
    view: View,
    history: History,
}

impl Monitored {
    fn new(store: &mut Store) -> Monitored {
        let view = store.view();
        Monitored {
            monitors: Monitors::new(Arc::clone(view.schema()), Arc::<Fragments>::default()),
            history: History::new(CommitSeq(0), Uuid::nil(), 0),
            view,
        }
    }

    /// Adds a monitor; returns it and the length of the first reply.
    fn add(&mut self, session: usize, requests: &str) -> (MonitorId, u64) {
        let arena = Bump::new();
        let requests = fixture::json(requests, &arena);
        let (monitor, reply) = self
            .monitors
            .add(
                session_id(session),
                Version::V3,
                br#"["monid","Site"]"#,
                requests.as_object().expect("monitor requests are an object"),
                None,
                &self.view,
                &self.history,
            )
            .expect("the requests are good");
        let result = self.monitors.write_all(reply);
        (monitor, result.iter().map(|segment| segment.len() as u64).sum())
    }
}

fn session_id(session: usize) -> SessionId {
    SessionId::new(WorkerId(0), session as u64)
}

/// The changes of one transaction.
fn changes(store: &mut Store, ops: &str, random: &mut Random) -> Arc<ChangeSet> {
    let program = fixture::compile(store.schema(), ops, random);
    let (commit, _) = fixture::execute(store, &program, random);
    Arc::new(commit.changes)
}

/// A thousand sessions monitor everything; a port is claimed.
pub(crate) fn equal(size: Size) -> Run {
    let site = Site::new(size);
    fan_out(&site, |_| site.monitor_all())
}

/// A thousand sessions monitor ten datapaths each; a port is claimed on one of them.
pub(crate) fn conditional(size: Size) -> Run {
    let site = Site::new(size);
    fan_out(&site, |session| site.monitor_local(session))
}

fn fan_out(site: &Site, requests: impl Fn(usize) -> String) -> Run {
    let mut store = fixture::store(site);
    let mut monitored = Monitored::new(&mut store);
    for session in 0..SESSIONS {
        monitored.add(session, &requests(session));
    }
    let claim = changes(&mut store, &site.claim_ops(0, false), &mut Random::new(13));
    let changes = NetChanges::merge(&[claim]);
    let last_id = store.txn_id();
    let mut counter = Counter::default();
    Box::new(move || {
        monitored.monitors.publish(&changes, last_id, &mut counter);
        assert!(counter.messages > 0, "somebody hears of it");
        counter.bytes
    })
}

/// A thousand sessions that monitor everything and have missed a hundred reports, two of each of fifty agents, hear
/// of them in one update.
pub(crate) fn catch_up(size: Size) -> Run {
    let site = Site::new(size);
    let mut store = fixture::store(&site);
    let mut monitored = Monitored::new(&mut store);
    let sessions: Vec<SessionId> = (0..SESSIONS).map(session_id).collect();
    for (at, session) in sessions.iter().enumerate() {
        monitored.add(at, &site.monitor_all());
        monitored.monitors.set_lagging(*session, true);
    }
    let mut random = Random::new(15);
    let agents = site.states.len().min(COMMITS_MISSED / 2);
    let missed: Vec<Arc<ChangeSet>> = (0..COMMITS_MISSED)
        .map(|at| {
            changes(
                &mut store,
                &site.report_ops(at % agents, at as u64 + 1),
                &mut random,
            )
        })
        .collect();
    let last_id = store.txn_id();
    let mut counter = Counter::default();
    Box::new(move || {
        let changes = NetChanges::merge(&missed);
        monitored
            .monitors
            .catch_up(&sessions, &changes, last_id, &mut counter);
        assert!(counter.messages > 0, "somebody hears of it");
        counter.bytes
    })
}

/// Beside a thousand agents, one agent's conditions get one datapath more or less, by `monitor_cond_change`: one
/// more of its clauses each for ports and flows, and the rows that come or go with it.
pub(crate) fn change(size: Size) -> Run {
    let site = Site::new(size);
    let mut monitored = Monitored::new(&mut fixture::store(&site));
    for session in 1..SESSIONS {
        monitored.add(session, &site.monitor_local(session));
    }
    let (monitor, _) = monitored.add(0, &site.monitor_local(0));
    let fewer = site.change_local(0, AGENT_DATAPATHS);
    let more = site.change_local(0, AGENT_DATAPATHS + 1);
    let (mut counter, mut arena, mut at) = (Counter::default(), Bump::new(), 0);
    Box::new(move || {
        arena.reset();
        at += 1;
        let requests = fixture::json(if at % 2 == 1 { &more } else { &fewer }, &arena);
        let requests = requests.as_object().expect("new conditions are an object");
        monitored
            .monitors
            .change(monitor, b"0", requests, &monitored.view, &mut counter)
            .expect("the conditions are good");
        counter.bytes
    })
}

/// The first reply to the first session that asks: every row is written.
pub(crate) fn dump_first(size: Size) -> Run {
    let site = Site::new(size);
    let mut store = fixture::store(&site);
    let view = store.view();
    Box::new(move || {
        let mut monitored = Monitored {
            monitors: Monitors::new(Arc::clone(view.schema()), Arc::<Fragments>::default()),
            history: History::new(CommitSeq(0), Uuid::nil(), 0),
            view: view.clone(),
        };
        monitored.add(0, &site.monitor_all()).1
    })
}

/// The first reply to a session that asks for what another has asked for.
pub(crate) fn dump_shared(size: Size) -> Run {
    let site = Site::new(size);
    let mut monitored = Monitored::new(&mut fixture::store(&site));
    monitored.add(0, &site.monitor_all());
    let requests = site.monitor_all();
    Box::new(move || {
        let (_, bytes) = monitored.add(1, &requests);
        monitored.monitors.drop_session(session_id(1));
        bytes
    })
}
