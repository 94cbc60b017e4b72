//! The sessions of one worker: what requests mean, in which order things leave, who stands where.
//!
//! ```text
//!  message ─► Sessions ─┬─ reads, monitors, locks: answered here, from the version seen
//!                       └─ transactions ─► the database's inbox ─► … ─► WorkerEvent::Told
//!  turn: events taken ─► every database advanced to what is published (updates leave) ─► events (replies leave)
//! ```
//!
//! Promises, each kept in one place:
//! * A reply leaves after the updates of every commit it can rest on: [`Sessions::turn`] takes the events
//!   first, then advances, then answers; a reply to a lagging session catches it up first.
//! * Replies of a session leave in request order, but for echo, waiting transactions and other databases:
//!   a request that is answered here waits while a transaction of its session is unanswered ([`Flow::Wait`]).
//! * Nothing here waits: what is to be done by the machine is asked of [`Machine`].

mod bounds;
mod converting;
mod databases;
mod gate;
mod large;
mod local;
mod locking;
mod methods;
mod monitoring;
mod one;
mod reply;
mod shared;
mod telling;

pub use bounds::SessionBounds;
pub use gate::{Barrier, Gate};
pub use large::{Compilation, Compiled};
pub use one::{Flow, SessionIds, Traits};
pub use shared::{Catalog, Shared, Which, WorkerEvent};

use crate::hash::{HashMap, HashSet};
use crate::ids::{CommitSeq, RequestId, SessionId, WorkerId};
use crate::inbox::Inbox;
use crate::limits::SLICE_CHUNK_BYTES;
use crate::locks::Notice;
use crate::sequencer::{Event, Ticket, Told};
use bytes::Bytes;
use local::Local;
use one::Session;
use ovsdb_wire::write;
use std::collections::VecDeque;
use std::sync::Arc;
use telling::Telling;
use uuid::Uuid;

/// What the sessions ask of the machine that carries them.
pub trait Machine {
    /// Queues bytes for the session; the slice is shared, not copied.
    fn send(&mut self, session: SessionId, bytes: Bytes);
    /// Queues a copy of a small text.
    fn send_copy(&mut self, session: SessionId, bytes: &[u8]);
    /// Closes the session.
    fn close(&mut self, session: SessionId);
    /// The session may be read again after [`Flow::Wait`].
    fn resume(&mut self, session: SessionId);
    /// Updates to many sessions are on their way, or have just been: the next ones had better wait and be merged.
    fn is_fanning_out(&self) -> bool {
        false
    }
    /// Asks for another turn, soon or when that is over.
    fn again(&mut self) {}
    fn random_uuid(&mut self) -> Uuid;
}

/// The sessions of one worker.
pub struct Sessions {
    worker: WorkerId,
    shared: Arc<Shared>,
    inbox: Inbox<WorkerEvent>,
    catalog: Arc<Catalog>,
    locals: Vec<Local>,
    sessions: HashMap<SessionId, Session>,
    /// Sessions that are gone but have unanswered transactions; their locks go with the last answer.
    leaving: HashMap<SessionId, Session>,
    requests_count: u64,
    held: Vec<Held>,
    /// Sessions with replies that wait for the end of a round, in the order in which they began to.
    holding: Vec<SessionId>,
    /// First contents that are being written, oldest first.
    tellings: VecDeque<Telling>,
    /// Publications wake this worker.
    listens: bool,
    /// Lagging sessions whose sockets have drained in this turn.
    drained: Vec<SessionId>,
    /// By epoch, for databases that are being converted.
    gates: HashMap<u64, Gate>,
}

/// Something that may leave once certain commits are published.
struct Held {
    session: SessionId,
    after: Vec<(u64, CommitSeq)>,
    segments: Vec<Bytes>,
    /// It answers a request, so its session waits for it.
    is_reply: bool,
}

impl Sessions {
    /// The sessions of the worker whose inbox in `shared` is number `worker`.
    pub fn new(worker: WorkerId, shared: Arc<Shared>) -> Sessions {
        Sessions {
            worker,
            inbox: shared.worker(worker).clone(),
            shared,
            catalog: Arc::default(),
            locals: Vec::new(),
            sessions: HashMap::default(),
            leaving: HashMap::default(),
            requests_count: 0,
            held: Vec::new(),
            holding: Vec::new(),
            tellings: VecDeque::new(),
            listens: false,
            drained: Vec::new(),
            gates: HashMap::default(),
        }
    }

    /// A client has connected. It finds the databases that there are now: they are not news to it.
    pub fn open(&mut self, session: SessionId, traits: Traits, machine: &mut dyn Machine) {
        self.prepare(machine);
        self.advance_locals(machine);
        self.sessions
            .insert(session, Session::new(traits, self.shared.disconnections()));
    }

    /// The session's connection is gone.
    pub fn closed(&mut self, id: SessionId) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        for local in &mut self.locals {
            local.forget(id);
            local.monitors.drop_session(id);
        }
        self.held.retain(|held| held.session != id);
        self.tellings.retain(|telling| telling.session != id);
        // One word for all that wait in a database: each looks through everything that waits there.
        let parked = session.requests.extract_if(.., |request| request.is_parked);
        let epochs: HashSet<u64> = parked.map(|request| request.epoch).collect();
        for local in self
            .locals
            .iter()
            .filter(|local| epochs.contains(&local.database.epoch))
        {
            local.database.inbox.push(Event::DropSession(id));
        }
        if session.requests.is_empty() {
            self.release_locks(id, &session);
        } else {
            self.leaving.insert(id, session);
        }
    }

    /// The session's socket is full. Its monitors fall silent until [`Sessions::drained`].
    pub fn blocked(&mut self, id: SessionId) {
        self.drained.retain(|drained| *drained != id);
        if let Some(session) = self.sessions.get_mut(&id)
            && !std::mem::replace(&mut session.is_lagging, true)
        {
            self.locals.iter_mut().for_each(|local| local.lag(id));
        }
    }

    /// The session's socket has taken everything. It hears of what it has missed at the end of the turn.
    pub fn drained(&mut self, id: SessionId) {
        self.drained.push(id);
    }

    /// Ends the turn: its transactions are executed, the sessions that have drained hear in one update each what they
    /// have missed, and the writers which indexes would have spared scans.
    pub fn turn_end(&mut self, machine: &mut dyn Machine) {
        self.hand_in(machine);
        self.listen(machine);
        let mut drained = std::mem::take(&mut self.drained);
        drained.retain(|id| {
            let session = self.sessions.get_mut(id);
            let was_lagging = session.is_some_and(|session| std::mem::take(&mut session.is_lagging));
            was_lagging && !self.is_being_told(*id)
        });
        if !drained.is_empty() {
            self.locals
                .iter_mut()
                .for_each(|local| local.catch_up(&drained, machine));
        }
        for local in &self.locals {
            if local.seen.take_index_wish() {
                local.database.inbox.push(Event::IndexWished);
            }
        }
        // Whatever has ended a round in this turn.
        self.release_replies(machine);
    }

    /// Sees to what the turn has left in the inboxes of databases. Answers that are there at once leave with this turn.
    fn hand_in(&mut self, machine: &mut dyn Machine) {
        let mut has_submitted = false;
        for local in &mut self.locals {
            if std::mem::take(&mut local.has_submitted) {
                has_submitted = true;
                self.inbox.expect();
                local.database.inbox.help();
            }
        }
        if has_submitted {
            self.turn(machine);
        }
    }

    /// Has this worker be woken by publications if there is anybody here to hear of them.
    fn listen(&mut self, machine: &mut dyn Machine) {
        let listens = !self.held.is_empty() || self.locals.iter().any(|local| !local.monitors.is_empty());
        if listens != self.listens {
            self.listens = listens;
            self.shared.listen(self.worker, listens);
            // What was published before that woke nobody.
            self.turn(machine);
        }
    }

    /// Handles what other threads have told, after bringing every database up to what is published.
    pub fn turn(&mut self, machine: &mut dyn Machine) {
        let mut converted = Vec::new();
        // The catalog comes before the events: whoever takes a database out of it has answered before.
        let catalog = loop {
            let catalog = self.listed(self.shared.catalog());
            let events: Vec<WorkerEvent> = self.inbox.drain().collect();
            self.close_for_additions(&catalog, machine);
            self.advance_locals(machine);
            let count = converted.len();
            for event in events {
                match event {
                    // Answered when the database has been seen converted.
                    WorkerEvent::Told(told @ Told::Converted { .. }) => converted.push(told),
                    event => self.handle(event, machine),
                }
            }
            if converted.len() == count {
                break catalog;
            }
        };
        if !Arc::ptr_eq(&catalog, &self.catalog) {
            self.take_catalog(catalog, machine);
        }
        for told in converted {
            self.told(told, machine);
        }
        self.drop_stale_gates();
        self.release_held(machine);
    }

    fn handle(&mut self, event: WorkerEvent, machine: &mut dyn Machine) {
        match event {
            WorkerEvent::Told(told) => self.told(told, machine),
            WorkerEvent::Notice(notice) => self.notice(notice),
            WorkerEvent::Disconnect {
                which,
                number,
                reason,
            } => self.disconnect(which, number, &reason, machine),
            WorkerEvent::Hold { epoch, gate, barrier } => {
                self.hold(epoch, gate);
                barrier.arrive();
            }
            WorkerEvent::Reopen { epoch } => self.reopen(epoch, machine),
        }
    }

    /// Number of a session's monitors, and of its transactions without an answer.
    pub fn holdings(&self, id: SessionId) -> (usize, usize) {
        let session = self.sessions.get(&id);
        session.map_or((0, 0), |session| (session.monitors.len(), session.requests.len()))
    }

    /// Brings the list of databases up to date: to be called before each request.
    pub fn prepare(&mut self, machine: &mut dyn Machine) {
        if !self.shared.is_current(&self.catalog) {
            self.turn(machine);
        }
    }

    /// Brings every database up to what is published.
    fn advance_locals(&mut self, machine: &mut dyn Machine) {
        for at in 0..self.locals.len() {
            self.advance_local(at, machine);
        }
    }

    fn advance_local(&mut self, at: usize, machine: &mut dyn Machine) {
        let too_far_behind = self.locals[at].advance(machine);
        self.close_too_far_behind(too_far_behind, machine);
    }

    fn close_too_far_behind(&mut self, ids: Vec<SessionId>, machine: &mut dyn Machine) {
        for id in ids {
            if let Some(session) = self.sessions.get_mut(&id) {
                close(id, session, "too far behind, resumes when it comes back", machine);
            }
        }
    }

    fn disconnect(&mut self, which: Which, number: u64, reason: &str, machine: &mut dyn Machine) {
        for (id, session) in &mut self.sessions {
            let is_chosen = match which {
                Which::All => session.disconnections < number,
                // Whoever came through a remote that is gone goes, too, however late.
                Which::Remote(remote) => session.traits.remote == remote,
            };
            if is_chosen {
                close(*id, session, reason, machine);
            }
        }
    }

    fn told(&mut self, told: Told, machine: &mut dyn Machine) {
        let ticket = told.ticket();
        let id = ticket.session;
        if let Some(mut session) = self.leaving.remove(&id) {
            session
                .requests
                .retain(|request| request.request != ticket.request);
            if session.requests.is_empty() {
                self.release_locks(id, &session);
            } else {
                self.leaving.insert(id, session);
            }
            return;
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some(at) = session.position_of(ticket.request) else {
            return;
        };
        match told {
            Told::Parked { .. } => session.requests[at].is_parked = true,
            Told::Converted { .. } => {
                let request = session.requests.remove(at);
                self.finish_convert(id, &request, Ok(()), machine);
            }
            Told::NotConverted { error, .. } => {
                let request = session.requests.remove(at);
                self.finish_convert(id, &request, Err(error), machine);
            }
            Told::Canceled { .. } => {
                let request = session.requests.remove(at);
                if session.is_change_aware {
                    let reply = reply::plain_error(&request.id, "canceled");
                    self.push_reply(id, reply, machine);
                }
            }
            Told::Answer { epoch, seq, body, .. } => {
                let request = session.requests.remove(at);
                debug_assert!(
                    has_seen(&self.locals, epoch, seq),
                    "published before it is answered"
                );
                if self.must_hold_reply(id) {
                    let reply = reply::gathered_result(&request.id, vec![body.into()]);
                    self.hold_reply(id, reply.collect());
                } else {
                    self.push_result(id, &request.id, body, machine);
                }
            }
        }
        self.resume_if_ready(id, machine);
    }

    /// True if the session is to be told of a round that is being made, or has a reply that waits for that.
    fn must_hold_reply(&self, id: SessionId) -> bool {
        let has_replies = |session: &Session| !session.replies.is_empty();
        is_making_round_for(&self.locals, id) || self.sessions.get(&id).is_some_and(has_replies)
    }

    fn hold_reply(&mut self, id: SessionId, segments: Vec<Bytes>) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.replies.is_empty() {
            self.holding.push(id);
        }
        session.replies.push(segments);
        session.held += 1;
    }

    /// Answers the request called `request`, a JSON text, with its result; one that is large is not copied.
    fn push_result(&mut self, id: SessionId, request: &[u8], result: Vec<u8>, machine: &mut dyn Machine) {
        if result.len() < SLICE_CHUNK_BYTES {
            self.push_reply(id, reply::result(request, &result), machine);
        } else {
            let reply = reply::gathered_result(request, vec![result.into()]);
            self.push_segments(id, reply, machine);
        }
    }

    fn push_reply(&mut self, id: SessionId, message: Vec<u8>, machine: &mut dyn Machine) {
        self.push_segments(id, [Bytes::from(message)], machine);
    }

    /// The one place where replies leave: whatever the session has missed goes first.
    fn push_segments(
        &mut self,
        id: SessionId,
        segments: impl IntoIterator<Item = Bytes>,
        machine: &mut dyn Machine,
    ) {
        self.tell_at_once(id, machine);
        let is_full = self.sessions.get(&id).is_some_and(|session| session.is_lagging);
        for local in self.locals.iter_mut().filter(|local| local.is_behind(id)) {
            local.catch_up(&[id], machine);
            if is_full {
                local.lag(id);
            }
        }
        for segment in segments {
            send(machine, id, segment);
        }
    }

    fn resume_if_ready(&mut self, id: SessionId, machine: &mut dyn Machine) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.is_waiting && session.held == 0 && session.unparked().next().is_none() {
            session.is_waiting = false;
            machine.resume(id);
        }
    }

    fn notice(&mut self, notice: Notice) {
        let mut name = Vec::new();
        write::string(&mut name, &notice.lock);
        let bytes = reply::notification(notice.method.name(), &name);
        self.held.push(Held {
            session: notice.session,
            after: notice.after,
            segments: vec![bytes.into()],
            is_reply: false,
        });
    }

    /// Sends what has waited for a publication or a round.
    fn release_held(&mut self, machine: &mut dyn Machine) {
        let locals = &self.locals;
        let is_due = |held: &mut Held| {
            let mut after = held.after.iter();
            after.all(|(epoch, seq)| has_seen(locals, *epoch, *seq))
        };
        let due: Vec<Held> = self.held.extract_if(.., is_due).collect();
        for held in due {
            let Some(session) = self.sessions.get_mut(&held.session) else {
                continue;
            };
            session.held -= usize::from(held.is_reply);
            if held.is_reply && self.must_hold_reply(held.session) {
                self.hold_reply(held.session, held.segments);
                continue;
            }
            self.push_segments(held.session, held.segments, machine);
            self.resume_if_ready(held.session, machine);
        }
        self.release_replies(machine);
    }

    /// Sends the replies that have waited for a round, if one has ended since the last time.
    fn release_replies(&mut self, machine: &mut dyn Machine) {
        // To send one may end another round.
        while take_round_ends(&mut self.locals) {
            let locals = &self.locals;
            let is_due = |id: &mut SessionId| !is_making_round_for(locals, *id);
            let due: Vec<SessionId> = self.holding.extract_if(.., is_due).collect();
            for id in due {
                let Some(session) = self.sessions.get_mut(&id) else {
                    continue;
                };
                let replies = std::mem::take(&mut session.replies);
                session.held -= replies.len();
                for segments in replies {
                    self.push_segments(id, segments, machine);
                }
                self.resume_if_ready(id, machine);
            }
        }
    }

    fn release_locks(&self, id: SessionId, session: &Session) {
        if session.locks_count > 0 {
            let notices = self.shared.locks.lock().release_all(id);
            self.shared.notify(notices);
        }
    }

    fn local_at(&self, name: &str) -> Option<usize> {
        self.locals.iter().position(|local| local.database.name() == name)
    }

    fn ticket(&self, session: SessionId, request: RequestId) -> Ticket {
        Ticket {
            worker: self.worker,
            session,
            request,
        }
    }

    fn next_request(&mut self) -> RequestId {
        self.requests_count += 1;
        RequestId(u64::from(self.worker.0) << 48 | self.requests_count)
    }
}

/// Closes a session, once, and says why.
fn close(id: SessionId, session: &mut Session, reason: &str, machine: &mut dyn Machine) {
    if !std::mem::replace(&mut session.is_closing, true) {
        log::info!(target: "ovsdb_jsonrpc_server", "{}: disconnecting ({reason})", session.traits.name);
        machine.close(id);
    }
}

/// A database that is gone holds nobody up.
fn has_seen(locals: &[Local], epoch: u64, seq: CommitSeq) -> bool {
    locals
        .iter()
        .all(|local| local.database.epoch != epoch || local.seen.seq() >= seq)
}

/// True if the session will be told of a round that is being made.
fn is_making_round_for(locals: &[Local], session: SessionId) -> bool {
    locals.iter().any(|local| local.is_making_round_for(session))
}

/// Whether a round that was made in steps has ended since the last call.
fn take_round_ends(locals: &mut [Local]) -> bool {
    let ends = locals
        .iter_mut()
        .map(|local| std::mem::take(&mut local.has_ended_round));
    ends.filter(|has_ended| *has_ended).count() > 0
}

/// Small texts are copied into the session's buffer, large ones are handed over.
fn send(machine: &mut dyn Machine, session: SessionId, text: impl Into<Bytes>) {
    let text = text.into();
    const SMALL: usize = 4096;
    if text.len() <= SMALL {
        machine.send_copy(session, &text);
    } else {
        machine.send(session, text);
    }
}
