//! Monitors: fan-out of commits, first replies.

use std::sync::Arc;

use bumpalo::Bump;
use bytes::Bytes;
use ovsdb_engine::ids::{CommitSeq, SessionId, WorkerId};
use ovsdb_engine::monitor::{Fragments, Monitors, Sink, Version};
use ovsdb_engine::store::{History, NetChanges, Store, View};
use uuid::Uuid;

use crate::fixture;
use crate::path::Run;
use crate::random::Random;
use crate::site::{Site, Size};

/// Sessions of the paths with many of them.
const SESSIONS: usize = 1000;

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

    fn add(&mut self, session: usize, requests: &str) -> u64 {
        let arena = Bump::new();
        let requests = fixture::json(requests, &arena);
        let (_, result) = self
            .monitors
            .add(
                SessionId::new(WorkerId(0), session as u64),
                Version::V3,
                br#"["monid","Site"]"#,
                requests.as_object().expect("monitor requests are an object"),
                None,
                &self.view,
                &self.history,
            )
            .expect("the requests are good");
        result.iter().map(|segment| segment.len() as u64).sum()
    }
}

/// The changes of one transaction.
fn changes(store: &mut Store, ops: &str) -> NetChanges {
    let mut random = Random::new(13);
    let program = fixture::compile(store.schema(), ops, &mut random);
    let (commit, _) = fixture::execute(store, &program, &mut random);
    NetChanges::merge(&[Arc::new(commit.changes)])
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
    let changes = changes(&mut store, &site.claim_ops(0, false));
    let last_id = store.txn_id();
    let mut counter = Counter::default();
    Box::new(move || {
        monitored.monitors.publish(&changes, last_id, &mut counter);
        assert!(counter.messages > 0, "somebody hears of it");
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
        monitored.add(0, &site.monitor_all())
    })
}

/// The first reply to a session that asks for what another has asked for.
pub(crate) fn dump_shared(size: Size) -> Run {
    let site = Site::new(size);
    let mut monitored = Monitored::new(&mut fixture::store(&site));
    monitored.add(0, &site.monitor_all());
    let requests = site.monitor_all();
    Box::new(move || {
        let bytes = monitored.add(1, &requests);
        monitored.monitors.drop_session(SessionId::new(WorkerId(0), 1));
        bytes
    })
}
