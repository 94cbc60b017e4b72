//! A database as one worker sees it: the version its sessions have been told of, and their monitors.

use super::Machine;
use crate::database::Database;
use crate::hash::HashMap;
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
    /// By commit, each with at least one session of `standing`.
    bases: BTreeMap<CommitSeq, Base>,
    /// The base of each lagging session that has monitors here.
    standing: HashMap<SessionId, CommitSeq>,
    /// Rough bytes of all changes seen so far; differences of it say what a base keeps alive at most.
    changed_bytes: usize,
}

struct Base {
    view: View,
    sessions_count: usize,
    /// What [`Local::changed_bytes`] was then.
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
            standing: HashMap::default(),
            changed_bytes: 0,
        }
    }

    /// Tells all sessions that do not lag of what has been published since. Returns sessions that have
    /// fallen too far behind.
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
        self.sessions_too_far_behind()
    }

    /// From now on nothing is sent to the session until [`Local::catch_up`].
    pub(super) fn lag(&mut self, session: SessionId) {
        if !self.monitors.has_session(session) || self.standing.contains_key(&session) {
            return;
        }
        self.monitors.set_lagging(session, true);
        self.standing.insert(session, self.seen.seq());
        let base = self.bases.entry(self.seen.seq()).or_insert_with(|| Base {
            view: self.seen.clone(),
            sessions_count: 0,
            changed_bytes: self.changed_bytes,
        });
        base.sessions_count += 1;
    }

    /// Tells lagging sessions in one update each of everything they have missed; they do not lag any more.
    /// Those that stand at one base share the work.
    pub(super) fn catch_up(&mut self, sessions: &[SessionId], machine: &mut dyn Machine) {
        let mut by_base: BTreeMap<CommitSeq, Vec<SessionId>> = BTreeMap::new();
        for session in sessions {
            if let Some(seq) = self.standing.get(session) {
                by_base.entry(*seq).or_default().push(*session);
            }
        }
        for (seq, sessions) in by_base {
            if seq != self.seen.seq() {
                let net = self.net_changes(&self.bases[&seq].view, &self.seen);
                let last_id = self.seen.txn_id();
                self.monitors
                    .catch_up(&sessions, &net, last_id, &mut ToMachine(machine));
            }
            sessions.into_iter().for_each(|session| self.forget(session));
        }
    }

    /// The session is gone or does not lag any more.
    pub(super) fn forget(&mut self, session: SessionId) {
        let Some(seq) = self.standing.remove(&session) else {
            return;
        };
        self.monitors.set_lagging(session, false);
        let base = self
            .bases
            .get_mut(&seq)
            .expect("a base lives as long as a session stands there");
        base.sessions_count -= 1;
        if base.sessions_count == 0 {
            self.bases.remove(&seq);
        }
    }

    /// Sessions at bases that keep too much alive. They are to be closed, which lets go of their bases.
    fn sessions_too_far_behind(&self) -> Vec<SessionId> {
        let is_too_old = |base: &Base| self.changed_bytes - base.changed_bytes > LAGGING_BYTES_MAX;
        let Some((oldest, _)) = self.bases.first_key_value().filter(|(_, base)| is_too_old(base)) else {
            return Vec::new();
        };
        let newest = self.bases.iter().take_while(|(_, base)| is_too_old(base)).last();
        let newest = newest.map_or(oldest, |(seq, _)| seq);
        let standing = self.standing.iter().filter(|(_, seq)| *seq <= newest);
        standing.map(|(session, _)| *session).collect()
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
