//! What takes longer than a step to tell: others are served between the steps.
//!
//! A round that tells of many rows is told when the last of its steps is done; until then answers of sequencers to those that
//! it is for wait ([`Local`](super::local::Local)). Any other reply to one of them, but to an
//! echo, ends the round at once.
//!
//! For first contents the client waits. Such a session stands at the version that it is told of, hears nothing else of that database, and no request of it is
//! taken. What was published meanwhile follows the reply in one update.

use super::local::Local;
use super::{Machine, Sessions, reply, send};
use crate::ids::SessionId;
use crate::monitor::FirstReply;

/// A first reply that is being written.
pub(super) struct Telling {
    pub(super) session: SessionId,
    /// Of the database.
    epoch: u64,
    /// The client's id of the request, as JSON.
    request: Vec<u8>,
    reply: FirstReply,
}

impl Sessions {
    /// True while first contents are being written, or a round is being made.
    pub fn is_telling(&self) -> bool {
        !self.tellings.is_empty() || self.locals.iter().any(Local::is_making_round)
    }

    /// Goes on with a round, or else with the oldest first contents, for a step of some 200 µs.
    pub fn tell_on(&mut self, machine: &mut dyn Machine) {
        if let Some(at) = self.locals.iter().position(Local::is_making_round) {
            let too_far_behind = self.locals[at].make_round_on(machine);
            self.close_too_far_behind(too_far_behind, machine);
            return self.release_replies(machine);
        }
        let Some(telling) = self.tellings.front_mut() else {
            return;
        };
        if let Some(local) = self
            .locals
            .iter()
            .find(|local| local.database.epoch == telling.epoch)
        {
            local.monitors.write_some(&mut telling.reply);
        }
        if telling.reply.is_written()
            && let Some(telling) = self.tellings.pop_front()
        {
            self.tell(telling, machine);
        }
    }

    /// Has the session, whose monitor is in place, wait for the rest of a reply.
    pub(super) fn tell_later(&mut self, id: SessionId, at: usize, request: Vec<u8>, reply: FirstReply) {
        let local = &mut self.locals[at];
        local.lag(id);
        let epoch = local.database.epoch;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.held += 1;
            self.tellings.push_back(Telling {
                session: id,
                epoch,
                request,
                reply,
            });
        }
    }

    /// True if the session hears nothing because its first contents are not complete.
    pub(super) fn is_being_told(&self, id: SessionId) -> bool {
        self.may_be_told(id) && self.tellings.iter().any(|telling| telling.session == id)
    }

    /// False for most sessions, at a glance: when ten thousand clients come back the list of those that are told is long.
    fn may_be_told(&self, id: SessionId) -> bool {
        self.sessions.get(&id).is_none_or(|session| session.held > 0)
    }

    /// Writes in one go what a session is being told, because something else must follow it now.
    pub(super) fn tell_at_once(&mut self, id: SessionId, machine: &mut dyn Machine) {
        if !self.may_be_told(id) {
            return;
        }
        while let Some(at) = self.tellings.iter().position(|telling| telling.session == id)
            && let Some(telling) = self.tellings.remove(at)
        {
            self.complete(telling, machine);
        }
    }

    /// The same for all that are told of databases that are not there any more.
    pub(super) fn tell_before_leaving(&mut self, is_gone: impl Fn(u64) -> bool, machine: &mut dyn Machine) {
        let leaving = self
            .locals
            .iter_mut()
            .filter(|local| is_gone(local.database.epoch));
        leaving.for_each(|local| local.complete_round(machine));
        self.release_held(machine);
        let tellings = std::mem::take(&mut self.tellings);
        let (gone, rest) = tellings.into_iter().partition(|telling| is_gone(telling.epoch));
        self.tellings = rest;
        for telling in Vec::from(gone) {
            self.complete(telling, machine);
        }
    }

    fn complete(&mut self, mut telling: Telling, machine: &mut dyn Machine) {
        let local = self
            .locals
            .iter()
            .find(|local| local.database.epoch == telling.epoch);
        let local = local.expect("a database stays until its tellings are over");
        while !telling.reply.is_written() {
            local.monitors.write_some(&mut telling.reply);
        }
        self.tell(telling, machine);
    }

    /// Sends a reply that is written, and what has happened since then.
    fn tell(&mut self, telling: Telling, machine: &mut dyn Machine) {
        let Telling {
            session: id,
            epoch,
            request,
            reply,
        } = telling;
        let is_full = self.sessions.get(&id).is_some_and(|session| session.is_lagging);
        // It rests on whatever other databases had told by then, and on its own as of the version it is of.
        for local in self.locals.iter_mut() {
            if local.database.epoch != epoch && local.is_behind(id) {
                local.catch_up(&[id], machine);
                if is_full {
                    local.lag(id);
                }
            }
        }
        for segment in reply::gathered_result(&request, reply.into_segments()) {
            send(machine, id, segment);
        }
        let local = self.locals.iter_mut().find(|local| local.database.epoch == epoch);
        if let Some(local) = local.filter(|_| !is_full) {
            local.catch_up(&[id], machine);
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.held -= 1;
        }
        self.resume_if_ready(id, machine);
    }
}

#[cfg(test)]
mod tests {
    use super::{Machine, Sessions};
    use crate::database::Database;
    use crate::datum::{Atom, Datum};
    use crate::ids::{SessionId, TableId, WorkerId};
    use crate::inbox::Inbox;
    use crate::limits::PUBLICATION_ROWS_MIN;
    use crate::schema;
    use crate::sequencer::{Event, Told};
    use crate::session::{SessionBounds, SessionIds, Shared, Traits};
    use crate::store::{Row, Store};
    use bumpalo::Bump;
    use bytes::Bytes;
    use ovsdb_wire::strict;
    use ovsdb_wire::value::Value;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use uuid::Uuid;

    /// Keeps what is sent to each session.
    #[derive(Default)]
    struct Wire(BTreeMap<SessionId, String>);

    impl Machine for Wire {
        fn send(&mut self, session: SessionId, bytes: Bytes) {
            self.send_copy(session, &bytes);
        }
        fn send_copy(&mut self, session: SessionId, bytes: &[u8]) {
            let text = std::str::from_utf8(bytes).unwrap();
            self.0.entry(session).or_default().push_str(text);
        }
        fn close(&mut self, _session: SessionId) {}
        fn resume(&mut self, _session: SessionId) {}
        fn random_uuid(&mut self) -> Uuid {
            Uuid::nil()
        }
    }

    struct Bench {
        store: Store,
        database: Arc<Database>,
        shared: Arc<Shared>,
        sessions: Sessions,
        ids: SessionIds,
        wire: Wire,
    }

    impl Bench {
        fn new() -> Bench {
            let arena = Bump::new();
            let text = br#"{"name":"D","tables":{"T":{"columns":{"n":{"type":"integer"}}}}}"#;
            let schema = schema::parse(&strict::parse(text, &arena).unwrap()).unwrap();
            let mut store = Store::new(Arc::new(schema), 1, Uuid::nil());
            let database = Arc::new(Database::new(store.view(), Inbox::new(|| {}), 1 << 20));
            let workers = vec![Inbox::new(|| {})];
            let shared = Arc::new(Shared::new(Uuid::nil(), SessionBounds::default(), workers, || {}));
            shared.add(&database);
            Bench {
                store,
                database,
                sessions: Sessions::new(WorkerId(0), Arc::clone(&shared)),
                shared,
                ids: SessionIds::new(WorkerId(0)),
                wire: Wire::default(),
            }
        }

        /// A session with a monitor.
        fn open(&mut self) -> SessionId {
            let id = self.ids.next_id();
            let traits = Traits {
                name: "test".to_owned(),
                remote: 0,
                rights: Arc::default(),
            };
            self.sessions.open(id, traits, &mut self.wire);
            self.request(id, "monitor", r#"["D","m",{"T":{}}]"#);
            while self.sessions.is_telling() {
                self.sessions.tell_on(&mut self.wire);
            }
            id
        }

        fn request(&mut self, session: SessionId, method: &str, params: &str) {
            let arena = Bump::new();
            let params = strict::parse(params.as_bytes(), &arena).unwrap();
            let (id, params) = (Value::String(method), params.as_array().unwrap());
            self.sessions
                .request(session, id, method, params, 100, &mut self.wire);
            self.sessions.turn_end(&mut self.wire);
        }

        /// Publishes so many rows as what the session's transaction has done, and answers it.
        fn transact(&mut self, session: SessionId, rows: usize) {
            self.request(
                session,
                "transact",
                r#"["D",{"op":"insert","table":"T","row":{}}]"#,
            );
            let event = self.database.inbox.drain().next();
            let Some(Event::Submit(submission)) = event else {
                panic!("it has been handed over")
            };
            self.store.begin();
            for n in 0..rows {
                let columns = vec![
                    Datum::One(Atom::Uuid(Uuid::from_u128(n as u128 + 1))),
                    Datum::One(Atom::Uuid(Uuid::nil())),
                    Datum::One(Atom::Integer(n as i64)),
                ];
                self.store.insert(TableId(0), Row::new(columns));
            }
            let set = self.store.finish(Uuid::from_u128(1));
            let view = self.store.view();
            let seq = view.seq();
            self.database.publish(vec![Arc::new(set)], view);
            self.shared.tell([Told::Answer {
                ticket: submission.ticket.expect("a client asks"),
                epoch: self.database.epoch,
                seq,
                body: b"[{}]".to_vec(),
            }]);
        }

        /// Whether the session has got the reply to its transaction, after the last of its updates.
        fn is_answered(&self, session: SessionId) -> bool {
            let text = self.wire.0.get(&session).map_or("", String::as_str);
            text.contains(r#""id":"transact""#) && text.rfind("transact") > text.rfind("update")
        }
    }

    #[test]
    fn a_reply_follows_the_round_that_it_has_waited_for() {
        for is_ended_by_another in [false, true] {
            let mut bench = Bench::new();
            let (writer, hasty) = (bench.open(), bench.open());
            bench.transact(writer, 10 * PUBLICATION_ROWS_MIN);
            bench.sessions.turn(&mut bench.wire);
            assert!(bench.sessions.is_telling() && !bench.is_answered(writer));
            if is_ended_by_another {
                bench.request(hasty, "list_dbs", "[]");
                assert!(!bench.sessions.is_telling());
            }
            while bench.sessions.is_telling() {
                assert!(!bench.is_answered(writer));
                bench.sessions.tell_on(&mut bench.wire);
            }
            assert!(bench.is_answered(writer));
            assert!(!bench.sessions.is_busy(writer));
        }
    }
}
