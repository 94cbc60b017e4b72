//! A database as one worker sees it: the version its sessions have been told of, and their monitors.

use super::Machine;
use crate::database::Database;
use crate::ids::{CommitSeq, SessionId};
use crate::limits::LAGGING_BYTES_MAX;
use crate::monitor::{Monitors, Sink};
use crate::store::{NetChanges, View};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One worker's part of one database.
///
/// All its sessions stand at `seen`, except those that lag because their sockets are full: they stand at
/// a base, the version that was seen when they fell behind, shared by all that fell behind there.
pub(super) struct Local {
    pub(super) database: Arc<Database>,
    pub(super) seen: View,
    pub(super) monitors: Monitors,
    bases: BTreeMap<CommitSeq, Base>,
    /// Rough bytes of all changes seen so far; differences of it say what a base keeps alive at most.
    changed_bytes: usize,
}

struct Base {
    view: View,
    sessions: Vec<SessionId>,
    changed_bytes: usize,
}

impl Local {
    pub(super) fn new(database: Arc<Database>) -> Local {
        let seen = database.view();
        let monitors = Monitors::new(Arc::clone(&database.schema), Arc::clone(&database.fragments));
        Local {
            database,
            seen,
            monitors,
            bases: BTreeMap::new(),
            changed_bytes: 0,
        }
    }

    /// Tells all sessions that do not lag of what has been published since. Returns sessions that have
    /// fallen so far behind that their base has to be given up.
    pub(super) fn advance(&mut self, machine: &mut dyn Machine) -> Vec<SessionId> {
        let view = self.database.view();
        if view.seq() == self.seen.seq() {
            return Vec::new();
        }
        let net = self.net_changes(&self.seen, &view);
        self.changed_bytes += net.approx_bytes();
        self.monitors
            .publish(&net, view.txn_id(), &mut ToMachine(machine));
        self.seen = view;
        self.give_up_bases()
    }

    /// From now on nothing is sent to the session until [`Local::catch_up`].
    pub(super) fn lag(&mut self, session: SessionId) {
        self.monitors.set_lagging(session, true);
        let base = self.bases.entry(self.seen.seq()).or_insert_with(|| Base {
            view: self.seen.clone(),
            sessions: Vec::new(),
            changed_bytes: self.changed_bytes,
        });
        base.sessions.push(session);
    }

    /// Tells a lagging session in one update of everything it has missed; it does not lag any more.
    pub(super) fn catch_up(&mut self, session: SessionId, machine: &mut dyn Machine) {
        let stands_at = |(seq, base): (&CommitSeq, &Base)| base.sessions.contains(&session).then_some(*seq);
        let Some(seq) = self.bases.iter().find_map(stands_at) else {
            return;
        };
        let base = &self.bases[&seq].view;
        if base.seq() != self.seen.seq() {
            let net = self.net_changes(base, &self.seen);
            self.monitors
                .catch_up(&[session], &net, self.seen.txn_id(), &mut ToMachine(machine));
        }
        self.forget(session);
    }

    /// The session is gone or does not lag any more.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.monitors.set_lagging(session, false);
        self.bases.retain(|_, base| {
            base.sessions.retain(|other| *other != session);
            !base.sessions.is_empty()
        });
    }

    fn give_up_bases(&mut self) -> Vec<SessionId> {
        let mut given_up = Vec::new();
        while let Some(oldest) = self.bases.first_entry()
            && self.changed_bytes - oldest.get().changed_bytes > LAGGING_BYTES_MAX
        {
            given_up.extend(oldest.remove().sessions);
        }
        given_up
    }

    fn net_changes(&self, from: &View, to: &View) -> NetChanges {
        match self.database.history().range(from.seq(), to.seq()) {
            Some(sets) => NetChanges::merge(&sets),
            None => to.diff(from),
        }
    }
}

/// Sends what monitors have to say.
pub(super) struct ToMachine<'m>(pub(super) &'m mut dyn Machine);

impl Sink for ToMachine<'_> {
    fn notify(&mut self, session: SessionId, segments: &[Bytes]) {
        for segment in segments {
            self.0.send(session, segment.clone());
        }
    }
}
