//! A database as one worker sees it: the version its sessions have been told of, and their monitors.

use super::Machine;
use crate::database::Database;
use crate::hash::HashMap;
use crate::ids::{CommitSeq, SessionId};
use crate::limits::{PUBLICATION_ROWS_MIN, SESSIONS_AHEAD_MAX};
use crate::monitor::{Monitors, Publication, Sink};
use crate::store::{NetChanges, View};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One worker's part of one database.
///
/// Updates go out in rounds. While the sends of one are still on their way, and for a while after, nothing more is
/// told, and the next round tells once of everything that has been published meanwhile. A session that gets a reply
/// does not wait for that: it is told everything before it, and goes ahead of the others until the next round.
///
/// A round that tells of many rows is made in steps, and until the last of them nobody has been told anything of it.
///
/// ```text
///   base ─ sessions whose sockets are full │ told ─ all others │ … seen ─ those ahead │ published
/// ```
pub(super) struct Local {
    pub(super) database: Arc<Database>,
    /// What requests are answered from.
    pub(super) seen: View,
    /// What all sessions have been told of that stand at no base; `seen`, or an earlier version during a round.
    told: View,
    pub(super) monitors: Monitors,
    /// The round that is being made; told of when it is complete.
    making: Option<Making>,
    /// One that was made in steps has ended since this was last asked.
    pub(super) has_ended_round: bool,
    /// Transactions were left in the database's inbox in this turn.
    pub(super) has_submitted: bool,
    /// By commit, each with at least one session of `standing`.
    bases: BTreeMap<CommitSeq, Base>,
    /// The base of each session that has monitors here and does not stand at `told`.
    standing: HashMap<SessionId, CommitSeq>,
    /// Those of them whose sockets are not full; they join the others in the next round.
    ahead: BTreeSet<SessionId>,
    /// Rough bytes of all changes told so far; differences of it say what a base keeps alive at most.
    changed_bytes: usize,
    /// What it may be for the oldest base.
    lagging_bytes_max: usize,
}

/// A round that is made in steps.
struct Making {
    publication: Publication,
    /// What all have been told of afterwards.
    to: View,
    /// Rough bytes of the changes.
    bytes: usize,
}

struct Base {
    view: View,
    sessions_count: usize,
    /// What [`Local::changed_bytes`] was then.
    changed_bytes: usize,
}

impl Local {
    /// A database of which no session has monitors; those that lag may keep `lagging_bytes_max` alive.
    pub(super) fn new(database: Arc<Database>, lagging_bytes_max: usize) -> Local {
        let seen = database.view();
        let monitors = Monitors::new(Arc::clone(&database.schema), Arc::clone(&database.fragments));
        Local {
            database,
            told: seen.clone(),
            seen,
            monitors,
            making: None,
            has_ended_round: false,
            has_submitted: false,
            bases: BTreeMap::new(),
            standing: HashMap::default(),
            ahead: BTreeSet::new(),
            changed_bytes: 0,
            lagging_bytes_max,
        }
    }

    /// Takes over what has been published, and tells of it unless the last round is still on its way: then
    /// [`Machine::again`] is asked for. Returns sessions that have fallen too far behind, whatever has ended the rounds
    /// since the last time.
    pub(super) fn advance(&mut self, machine: &mut dyn Machine) -> Vec<SessionId> {
        let view = self.database.view();
        if view.seq() != self.seen.seq() {
            self.seen = view;
        }
        self.begin_round(machine);
        self.sessions_too_far_behind()
    }

    fn begin_round(&mut self, machine: &mut dyn Machine) {
        if !self.is_in_round() || self.is_making_round() {
            return;
        }
        if self.monitors.is_empty() {
            self.told = self.seen.clone();
            return;
        }
        if machine.is_fanning_out() {
            return machine.again();
        }
        let (net, bytes) = self.net_changes(&self.told, &self.seen);
        if net.rows_count() < PUBLICATION_ROWS_MIN {
            return self.tell_all(&net, bytes, machine);
        }
        self.making = Some(Making {
            publication: self.monitors.begin(net, self.seen.txn_id()),
            to: self.seen.clone(),
            bytes,
        });
    }

    /// True while a round is made in steps.
    pub(super) fn is_making_round(&self) -> bool {
        self.making.is_some()
    }

    /// True if the session will be told of a round that is being made.
    pub(super) fn is_making_round_for(&self, session: SessionId) -> bool {
        self.is_making_round() && !self.standing.contains_key(&session) && self.monitors.has_session(session)
    }

    /// Goes on with a round that is made in steps, by one of some 200 µs. Returns as [`Local::advance`] does.
    pub(super) fn make_round_on(&mut self, machine: &mut dyn Machine) -> Vec<SessionId> {
        let Some(making) = &mut self.making else {
            return Vec::new();
        };
        if !self.monitors.prepare_some(&mut making.publication) {
            return Vec::new();
        }
        self.complete_round(machine);
        self.sessions_too_far_behind()
    }

    /// Ends a round that is made in steps at once, because something must follow it now.
    pub(super) fn complete_round(&mut self, machine: &mut dyn Machine) {
        let Some(making) = self.making.take() else {
            return;
        };
        self.has_ended_round = true;
        self.monitors.finish(making.publication, &mut ToMachine(machine));
        self.end_round(making.to, making.bytes, machine);
    }

    /// Makes a round: tells all sessions that stand at no base, and those ahead, of what has been seen.
    fn tell_all(&mut self, net: &NetChanges, bytes: usize, machine: &mut dyn Machine) {
        self.monitors
            .publish(net, self.seen.txn_id(), &mut ToMachine(machine));
        self.end_round(self.seen.clone(), bytes, machine);
    }

    /// All that stand at no base have been told of what leads to a version, by changes of so many bytes. Those ahead
    /// join them.
    fn end_round(&mut self, told: View, bytes: usize, machine: &mut dyn Machine) {
        self.changed_bytes += bytes;
        self.told = told;
        let ahead: Vec<SessionId> = std::mem::take(&mut self.ahead).into_iter().collect();
        self.catch_up(&ahead, machine);
        if self.is_in_round() {
            machine.again();
        }
    }

    /// Something that has been seen has not been told to all.
    fn is_in_round(&self) -> bool {
        self.told.seq() != self.seen.seq()
    }

    /// True if the session may not have been told of all that has been seen.
    pub(super) fn is_behind(&self, session: SessionId) -> bool {
        self.standing.contains_key(&session) || (self.is_in_round() && self.monitors.has_session(session))
    }

    /// The session's socket is full: from now on nothing is sent to it until [`Local::catch_up`].
    pub(super) fn lag(&mut self, session: SessionId) {
        self.ahead.remove(&session);
        self.stand(session, self.told.clone());
    }

    /// The session has been told of all that has been seen, or has a new monitor with the contents of that.
    pub(super) fn place_at_seen(&mut self, session: SessionId) {
        if self.is_in_round() {
            self.stand(session, self.seen.clone());
            self.ahead.insert(session);
        }
    }

    /// Has the session stand at a base, if it does not yet and has monitors.
    fn stand(&mut self, session: SessionId, view: View) {
        if !self.monitors.has_session(session) {
            return;
        }
        self.monitors.set_lagging(session, true);
        if self.standing.contains_key(&session) {
            return;
        }
        self.standing.insert(session, view.seq());
        let base = self.bases.entry(view.seq()).or_insert_with(|| Base {
            view,
            sessions_count: 0,
            changed_bytes: self.changed_bytes,
        });
        base.sessions_count += 1;
    }

    /// Tells sessions in one update each of everything they have missed. Those that stand at one base share
    /// the work. Afterwards they stand with the others, or during a round ahead of them; when these would become
    /// too many, the next round is made at once.
    pub(super) fn catch_up(&mut self, sessions: &[SessionId], machine: &mut dyn Machine) {
        let are_too_many = self.ahead.len() + sessions.len() > SESSIONS_AHEAD_MAX;
        if are_too_many || sessions.iter().any(|session| self.is_making_round_for(*session)) {
            self.complete_round(machine);
        }
        if self.is_in_round() && are_too_many {
            let (net, bytes) = self.net_changes(&self.told, &self.seen);
            self.tell_all(&net, bytes, machine);
        }
        let mut by_base: BTreeMap<CommitSeq, Vec<SessionId>> = BTreeMap::new();
        for session in sessions.iter().filter(|session| self.is_behind(**session)) {
            let seq = self.standing.get(session).copied();
            by_base
                .entry(seq.unwrap_or_else(|| self.told.seq()))
                .or_default()
                .push(*session);
        }
        for (seq, sessions) in by_base {
            if seq != self.seen.seq() {
                let from = self.bases.get(&seq).map_or(&self.told, |base| &base.view);
                let (net, _) = self.net_changes(from, &self.seen);
                let last_id = self.seen.txn_id();
                self.monitors
                    .catch_up(&sessions, &net, last_id, &mut ToMachine(machine));
            }
            for session in sessions {
                self.forget(session);
                self.place_at_seen(session);
            }
        }
    }

    /// The session is gone or stands at no base any more.
    pub(super) fn forget(&mut self, session: SessionId) {
        let Some(seq) = self.standing.remove(&session) else {
            return;
        };
        self.ahead.remove(&session);
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
        let is_too_old = |base: &Base| self.changed_bytes - base.changed_bytes > self.lagging_bytes_max;
        let Some((oldest, _)) = self.bases.first_key_value().filter(|(_, base)| is_too_old(base)) else {
            return Vec::new();
        };
        let newest = self.bases.iter().take_while(|(_, base)| is_too_old(base)).last();
        let newest = newest.map_or(oldest, |(seq, _)| seq);
        let standing = self.standing.iter().filter(|(_, seq)| *seq <= newest);
        standing.map(|(session, _)| *session).collect()
    }

    /// What leads from one version to another, and rough bytes that the versions between them keep alive.
    fn net_changes(&self, from: &View, to: &View) -> (NetChanges, usize) {
        match self.database.history().range(from.seq(), to.seq()) {
            Some(sets) => (NetChanges::merge(&sets), sets.iter().map(|set| set.bytes).sum()),
            None => {
                let net = to.diff(from);
                let bytes = net.approx_bytes();
                (net, bytes)
            }
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

#[cfg(test)]
mod tests {
    use super::Local;
    use crate::database::Database;
    use crate::datum::{Atom, Datum};
    use crate::ids::{SessionId, TableId, WorkerId};
    use crate::inbox::Inbox;
    use crate::limits::{LAGGING_BYTES_MAX, PUBLICATION_ROWS_MIN};
    use crate::monitor::Version;
    use crate::schema;
    use crate::session::Machine;
    use crate::store::{Row, Store};
    use bumpalo::Bump;
    use bytes::Bytes;
    use ovsdb_wire::strict;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use uuid::Uuid;

    /// Keeps what is sent to each session.
    #[derive(Default)]
    struct Wire {
        is_fanning_out: bool,
        is_asked_again: bool,
        sent: BTreeMap<SessionId, String>,
    }

    impl Machine for Wire {
        fn send(&mut self, session: SessionId, bytes: Bytes) {
            self.send_copy(session, &bytes);
        }
        fn send_copy(&mut self, session: SessionId, bytes: &[u8]) {
            let text = self.sent.entry(session).or_default();
            text.push_str(std::str::from_utf8(bytes).unwrap());
        }
        fn close(&mut self, _session: SessionId) {}
        fn resume(&mut self, _session: SessionId) {}
        fn random_uuid(&mut self) -> Uuid {
            Uuid::nil()
        }
        fn is_fanning_out(&self) -> bool {
            self.is_fanning_out
        }
        fn again(&mut self) {
            self.is_asked_again = true;
        }
    }

    impl Wire {
        /// The numbers of the rows that the session has been told of since the last look.
        fn told(&mut self, session: SessionId) -> Vec<u32> {
            let text = self.sent.remove(&session).unwrap_or_default();
            let numbers = text.split(r#""n":"#).skip(1);
            let mut numbers: Vec<u32> = numbers
                .map(|rest| rest[..rest.find('}').unwrap()].parse().unwrap())
                .collect();
            numbers.sort_unstable();
            numbers
        }
    }

    struct Bench {
        store: Store,
        local: Local,
        wire: Wire,
        count: u32,
    }

    impl Bench {
        fn new() -> Bench {
            let arena = Bump::new();
            let text = br#"{"name":"D","tables":{"T":{"columns":{"n":{"type":"integer"}}}}}"#;
            let schema = schema::parse(&strict::parse(text, &arena).unwrap()).unwrap();
            let mut store = Store::new(Arc::new(schema), 1, Uuid::nil());
            let database = Database::new(store.view(), Inbox::new(|| {}), 1 << 20);
            Bench {
                store,
                local: Local::new(Arc::new(database), LAGGING_BYTES_MAX),
                wire: Wire::default(),
                count: 0,
            }
        }

        fn monitor(&mut self, session: SessionId) {
            self.monitor_where(session, "[true]");
        }

        fn monitor_where(&mut self, session: SessionId, condition: &str) {
            let arena = Bump::new();
            let text = format!(r#"{{"T":{{"where":{condition}}}}}"#);
            let requests = strict::parse(text.as_bytes(), &arena)
                .unwrap()
                .as_object()
                .unwrap();
            let local = &mut self.local;
            local.catch_up(&[session], &mut self.wire);
            let (seen, history) = (&local.seen, local.database.history());
            let added = local
                .monitors
                .add(session, Version::V2, b"1", requests, None, seen, history);
            added.unwrap();
            local.place_at_seen(session);
        }

        /// Publishes the next row and lets the worker look.
        fn commit(&mut self) {
            self.commit_rows(1);
        }

        /// The same with so many rows in one commit.
        fn commit_rows(&mut self, rows: u32) {
            self.store.begin();
            for _ in 0..rows {
                self.count += 1;
                let columns = vec![
                    Datum::One(Atom::Uuid(Uuid::from_u128(u128::from(self.count)))),
                    Datum::One(Atom::Uuid(Uuid::nil())),
                    Datum::One(Atom::Integer(i64::from(self.count))),
                ];
                self.store.insert(TableId(0), Row::new(columns));
            }
            let set = self.store.finish(Uuid::from_u128(u128::from(self.count)));
            let view = self.store.view();
            self.local.database.publish(vec![Arc::new(set)], view);
            self.local.advance(&mut self.wire);
        }
    }

    #[test]
    fn a_round_is_merged_and_replies_do_not_wait_for_it() {
        let session = |number| SessionId::new(WorkerId(0), number);
        let (early, patient, late, full) = (session(1), session(2), session(3), session(4));
        let mut bench = Bench::new();
        for id in [early, patient, full] {
            bench.monitor(id);
        }
        bench.wire.is_fanning_out = true;
        bench.commit();
        assert!(bench.wire.is_asked_again);
        assert_eq!(bench.wire.told(early), [], "a round is under way");
        bench.local.catch_up(&[early], &mut bench.wire);
        assert_eq!(bench.wire.told(early), [1], "its reply rests on row 1");
        bench.commit();
        bench.local.lag(full);
        // The first contents of a new monitor are those of now.
        bench.monitor(late);
        bench.commit();
        bench.local.catch_up(&[early], &mut bench.wire);
        assert_eq!(bench.wire.told(early), [2, 3]);
        bench.commit();
        bench.wire.is_fanning_out = false;
        bench.local.advance(&mut bench.wire);
        assert_eq!(bench.wire.told(early), [4]);
        assert_eq!(bench.wire.told(patient), [1, 2, 3, 4]);
        assert_eq!(bench.wire.told(late), [3, 4]);
        assert_eq!(bench.wire.told(full), []);
        bench.commit();
        for id in [early, patient, late] {
            assert_eq!(bench.wire.told(id), [5], "all stand together again");
        }
        bench.local.catch_up(&[full], &mut bench.wire);
        assert_eq!(bench.wire.told(full), [1, 2, 3, 4, 5]);
        assert!(
            bench.local.standing.is_empty() && bench.local.bases.is_empty() && bench.local.ahead.is_empty()
        );
    }

    const ROWS: u32 = 10 * PUBLICATION_ROWS_MIN as u32;

    #[test]
    fn a_large_round_is_told_when_it_is_complete() {
        let session = |number| SessionId::new(WorkerId(0), number);
        let (patient, full, gone, late) = (session(1), session(2), session(3), session(4));
        let mut bench = Bench::new();
        for id in [patient, full, gone] {
            bench.monitor(id);
        }
        bench.commit_rows(ROWS);
        assert!(bench.local.is_making_round_for(patient));
        let mut steps = 0;
        while bench.local.is_making_round() {
            assert_eq!(bench.wire.told(patient), []);
            bench.local.make_round_on(&mut bench.wire);
            match steps {
                0 => bench.local.lag(full),
                1 => {
                    bench.local.forget(gone);
                    bench.local.monitors.drop_session(gone);
                }
                // It is something else that is monitored from now on.
                2 => bench.monitor_where(late, r#"[["n",">",0]]"#),
                // What comes meanwhile is told afterwards.
                3 => bench.commit(),
                _ => {}
            }
            steps += 1;
        }
        assert!(steps > 10, "{steps} steps");
        let all: Vec<u32> = (1..=ROWS).collect();
        assert_eq!(bench.wire.told(patient), all);
        assert_eq!(bench.wire.told(late), [ROWS + 1], "it began with all others");
        for id in [full, gone] {
            assert_eq!(bench.wire.told(id), []);
        }
        assert!(bench.wire.is_asked_again, "there is more to tell");
        bench.local.advance(&mut bench.wire);
        assert_eq!(bench.wire.told(patient), [ROWS + 1]);
        bench.local.catch_up(&[full], &mut bench.wire);
        let all: Vec<u32> = (1..=ROWS + 1).collect();
        assert_eq!(bench.wire.told(full), all);
        bench.commit();
        for id in [patient, full, late] {
            assert_eq!(bench.wire.told(id), [ROWS + 2], "all stand together again");
        }
    }

    #[test]
    fn whoever_lags_too_far_is_closed_whatever_ends_the_rounds() {
        let session = |number| SessionId::new(WorkerId(0), number);
        let (hasty, stalled) = (session(1), session(2));
        for is_reply in [false, true] {
            let mut bench = Bench::new();
            bench.local.lagging_bytes_max = 1;
            bench.monitor(hasty);
            bench.monitor(stalled);
            bench.local.lag(stalled);
            bench.commit_rows(ROWS);
            if is_reply {
                bench.local.catch_up(&[hasty], &mut bench.wire);
                assert_eq!(bench.local.advance(&mut bench.wire), [stalled]);
            } else {
                while bench.local.is_making_round() {
                    assert_eq!(bench.local.advance(&mut bench.wire), []);
                    let too_far_behind = bench.local.make_round_on(&mut bench.wire);
                    assert_eq!(too_far_behind.is_empty(), bench.local.is_making_round());
                }
            }
        }
    }

    #[test]
    fn a_large_round_is_completed_for_whoever_must_be_told_now() {
        let session = |number| SessionId::new(WorkerId(0), number);
        let (hasty, other) = (session(1), session(2));
        let mut bench = Bench::new();
        bench.monitor(hasty);
        bench.monitor(other);
        bench.commit_rows(ROWS);
        bench.local.make_round_on(&mut bench.wire);
        bench.local.catch_up(&[hasty], &mut bench.wire);
        assert!(!bench.local.is_making_round());
        for id in [hasty, other] {
            assert_eq!(bench.wire.told(id).len(), ROWS as usize);
        }
    }
}
