//! Joins one worker's connections to its sessions: bytes become messages, effects become bytes.

mod heavy;
mod intake;
mod overheard;
mod port;
mod sweep;

pub(crate) use self::overheard::Overheard;

use self::heavy::Heavy;
use self::port::Port;
use self::sweep::Sweep;
use crate::background::{Ahead, Background, Large, Prepared};
use crate::bounds::Bounds;
use crate::errors::strerror;
use crate::net::reconnect::{self, End};
use crate::net::{FirstMessage, Inactivity, Verdict};
use crate::remotes::{RemoteEntry, RemoteTable};
use crate::runtime::{Closed, ConnId, ConnMeta, Handler, Outgoing, Transport};
use crate::tally::{Event, Tallies};
use crate::vlog::RateLimit;
use bumpalo::Bump;
use ovsdb_engine::hash::HashMap;
use ovsdb_engine::ids::{SessionId, WorkerId};
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::sequencer::Rights;
use ovsdb_engine::session::{Machine, SessionIds, Sessions, Shared, Traits};
use ovsdb_wire::frame::{Flags, Framer};
use ovsdb_wire::parse::Parser;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

/// The request by which a server asks a silent client whether it is there.
const PROBE: &[u8] = br#"{"id":"echo","method":"echo","params":[]}"#;

/// Clients that come in vain come again and again.
static REFUSALS: RateLimit = RateLimit::new(10, 25);

/// Connections fail by the thousand where a network does.
static FAILURES: RateLimit = RateLimit::new(5, 5);

/// A worker's connections and sessions.
pub(crate) struct Worker {
    sessions: Sessions,
    ids: SessionIds,
    remotes: Arc<RemoteTable>,
    connections: HashMap<ConnId, Connection>,
    conns: HashMap<SessionId, ConnId>,
    parser: Parser,
    arena: Bump,
    scratch: Vec<u8>,
    index: usize,
    tallies: Arc<Tallies>,
    bounds: Bounds,
    sweep: Sweep,
    heavy: Heavy,
    /// Large messages that have come back and wait for their turn.
    returned: VecDeque<Prepared>,
    /// Messages since they were last added to the tallies.
    messages_uncounted: u64,
    background: Arc<Background>,
    /// Large messages that come back from there.
    prepared: Inbox<Prepared>,
}

struct Connection {
    session: SessionId,
    remote: Arc<RemoteEntry>,
    meta: ConnMeta,
    framer: Framer,
    /// The end and flags of the message that is next, if it has waited for its turn.
    framed: Option<(usize, Flags)>,
    inactivity: Inactivity,
    first_message: FirstMessage,
    /// Bytes of a message that is not whole.
    unread_bytes: usize,
    /// The session takes nothing until it says so.
    is_waiting: bool,
    /// The client does not take what it was sent, so it is not read either.
    is_blocked: bool,
    /// What has been made of a large message that is not whole.
    ahead: Option<Arc<Ahead>>,
    /// A large message that has to wait; it comes before whatever is unread.
    kept: Option<Box<Large>>,
}

impl Worker {
    /// `background` looks at large messages, which come back through the inbox.
    pub(crate) fn new(
        worker: WorkerId,
        shared: Arc<Shared>,
        remotes: Arc<RemoteTable>,
        tallies: Arc<Tallies>,
        bounds: Bounds,
        (background, prepared): (Arc<Background>, Inbox<Prepared>),
    ) -> Worker {
        Worker {
            sessions: Sessions::new(worker, shared),
            ids: SessionIds::new(worker),
            remotes,
            connections: HashMap::default(),
            conns: HashMap::default(),
            parser: Parser::with_factor(bounds.session.parsed_factor_max),
            arena: Bump::new(),
            scratch: Vec::new(),
            index: usize::from(worker.0),
            tallies,
            bounds,
            sweep: Sweep::default(),
            heavy: Heavy::default(),
            returned: VecDeque::new(),
            messages_uncounted: 0,
            background,
            prepared,
        }
    }

    /// Looks after some of the connections, and brings the tallies up to date once all have been looked at.
    fn sweep(&mut self, io: &mut dyn Outgoing, now_ms: u64) {
        let messages = std::mem::take(&mut self.messages_uncounted);
        self.tallies.count(Event::MessageReceived, messages);
        for conn in self.sweep.next(self.connections.keys().copied()) {
            self.look_after(io, conn, now_ms);
            if let Some(connection) = self.connections.get(&conn) {
                let (monitors, requests) = self.sessions.holdings(connection.session);
                self.sweep.add(monitors, requests, io.backlog(conn));
            }
        }
        if let Some(holdings) = self.sweep.finish() {
            self.tallies.worker(self.index).set(holdings);
        }
    }

    /// Goes on with first contents, by a step at least.
    fn tell_on(&mut self, io: &mut dyn Outgoing) {
        while self.sessions.is_telling() {
            let begun = Instant::now();
            self.with_sessions(io, |sessions, machine| sessions.tell_on(machine));
            self.heavy.took(begun.elapsed());
            if self.heavy.is_spent() {
                return;
            }
        }
    }

    /// Lets connections go on whose messages take long.
    fn release_heavy(&mut self, io: &mut dyn Outgoing) {
        while let Some(conn) = self.heavy.release() {
            let Some(connection) = self.connections.get_mut(&conn) else {
                continue;
            };
            connection.is_waiting = false;
            if connection.is_blocked {
                self.heavy.held_up(conn);
            }
            io.pause_reading(conn, connection.is_blocked);
        }
    }

    /// Runs `work` on the sessions and lets those connections be read again that may.
    fn with_sessions<R>(
        &mut self,
        io: &mut dyn Outgoing,
        work: impl FnOnce(&mut Sessions, &mut dyn Machine) -> R,
    ) -> R {
        let mut machine = Port::new(io, &self.conns);
        let result = work(&mut self.sessions, &mut machine);
        let resumed = machine.resumed;
        self.let_go_on(io, resumed);
        result
    }

    /// Has connections read again whose sessions take messages again.
    fn let_go_on(&mut self, io: &mut dyn Outgoing, resumed: Vec<ConnId>) {
        for conn in resumed {
            if let Some(connection) = self.connections.get_mut(&conn) {
                if let Some(message) = connection.kept.take() {
                    self.prepared.push(Prepared {
                        message: *message,
                        compiled: None,
                    });
                    continue;
                }
                connection.is_waiting = false;
                io.pause_reading(conn, connection.is_blocked);
            }
        }
    }

    fn look_after(&mut self, io: &mut dyn Outgoing, conn: ConnId, now_ms: u64) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let is_held_up = connection.is_waiting || connection.is_blocked;
        // A client that is not read cannot be heard. One that takes nothing may be busy for minutes: upstream lets it
        // stay, and what it holds in memory is bounded.
        if is_held_up {
            connection.inactivity.heard(now_ms);
        }
        if !is_held_up && connection.first_message.is_late(now_ms, connection.unread_bytes) {
            let name = &connection.meta.name;
            let limit = seconds(self.bounds.first_message_ms.unwrap_or_default());
            log::warn!(target: "jsonrpc", "{name}: no message within {limit} seconds, disconnecting");
            return io.close(conn);
        }
        let backlog = io.backlog(conn);
        if backlog > self.bounds.output_bytes_max {
            let name = &connection.meta.name;
            log::warn!(target: "jsonrpc", "{name}: {backlog} bytes are not read, disconnecting");
            return io.close(conn);
        }
        connection
            .inactivity
            .set_interval(connection.remote.probe_interval_ms(connection.meta.transport));
        match connection.inactivity.look(now_ms) {
            Verdict::Fine => {}
            Verdict::Back => log::debug!(target: "reconnect", "{}: entering ACTIVE", connection.meta.name),
            Verdict::Probe => {
                self.tallies.count(Event::ProbeSent, 1);
                let name = &connection.meta.name;
                let idle_ms = now_ms - connection.inactivity.last_activity_ms();
                log::debug!(target: "reconnect", "{name}: idle {idle_ms} ms, sending inactivity probe");
                log::debug!(target: "reconnect", "{name}: entering IDLE");
                io.send_copy(conn, PROBE);
            }
            Verdict::Dead(idle_ms) => {
                self.tallies.count(Event::ProbeUnanswered, 1);
                log::error!(
                    target: "reconnect",
                    "{}: no response to inactivity probe after {} seconds, disconnecting",
                    connection.meta.name,
                    seconds(idle_ms)
                );
                io.close(conn);
            }
        }
    }
}

/// As `%.3g` prints whole and broken seconds in the log.
fn seconds(ms: u64) -> String {
    let text = format!("{:.2}", ms as f64 / 1000.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Handler for Worker {
    fn opened(&mut self, io: &mut dyn Outgoing, conn: ConnId, meta: ConnMeta) {
        // Without its remote nobody knows what the client may do.
        let Some(remote) = self.remotes.get(meta.remote) else {
            return io.close(conn);
        };
        self.tallies.count(Event::SessionOpened, 1);
        if !self.bounds.admit(self.tallies.sessions()) {
            self.tallies.count(Event::SessionClosed, 1);
            const MODULE: &str = "ovsdb_jsonrpc_server";
            if REFUSALS.allows(MODULE, log::Level::Warn) {
                let name = &meta.name;
                log::warn!(target: MODULE, "{name}: closed: there are as many sessions as --sessions-max allows");
            }
            return io.close(conn);
        }
        if !remote.is_dialled() {
            reconnect::tell_accepted(&meta.name);
        }
        let session = self.ids.next_id();
        let rights = match &meta.peer_name {
            None => Arc::clone(&remote.rights),
            Some(name) => Arc::new(Rights {
                client_id: Some(name.clone()),
                ..Rights::clone(&remote.rights)
            }),
        };
        let traits = Traits {
            name: meta.name.clone(),
            remote: meta.remote,
            rights,
        };
        self.with_sessions(io, |sessions, machine| sessions.open(session, traits, machine));
        self.conns.insert(session, conn);
        remote.opened(session);
        let may_be_silent = meta.transport == Transport::Unix || remote.is_dialled();
        let first_message = match self.bounds.first_message_ms {
            Some(limit_ms) if !may_be_silent => FirstMessage::expected(io.now_ms(), limit_ms),
            _ => FirstMessage::unexpected(),
        };
        let connection = Connection {
            first_message,
            unread_bytes: 0,
            session,
            inactivity: Inactivity::new(remote.probe_interval_ms(meta.transport), io.now_ms()),
            remote,
            meta,
            framer: Framer::with_limit(self.bounds.message_bytes_max),
            framed: None,
            is_waiting: false,
            is_blocked: false,
            ahead: None,
            kept: None,
        };
        self.connections.insert(conn, connection);
    }

    fn received(&mut self, io: &mut dyn Outgoing, conn: ConnId, buffer: &mut Vec<u8>) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return buffer.clear();
        };
        connection.inactivity.heard(io.now_ms());
        let mut used = 0;
        while self.take_message(io, conn, buffer, &mut used) {}
        buffer.drain(..used);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.unread_bytes = buffer.len();
        }
    }

    /// A client that says no more still gets its answers, to the last byte.
    fn peer_ended(&mut self, io: &mut dyn Outgoing, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return true;
        };
        if self.sessions.is_busy(connection.session) {
            self.sessions.wait_until_idle(connection.session);
            connection.is_waiting = true;
            io.pause_reading(conn, true);
        }
        !connection.is_waiting && !connection.is_blocked
    }

    fn closed(&mut self, io: &mut dyn Outgoing, conn: ConnId, reason: Closed) {
        let Some(connection) = self.connections.remove(&conn) else {
            return;
        };
        self.conns.remove(&connection.session);
        self.heavy.done(conn);
        self.sessions.closed(connection.session);
        connection.remote.closed();
        self.tallies.count(Event::SessionClosed, 1);
        let idle_ms = io
            .now_ms()
            .saturating_sub(connection.inactivity.last_activity_ms());
        let end = match reason {
            Closed::Peer => End::Eof,
            Closed::Local => End::Dropped,
            Closed::Failed(error) => End::Error(error),
        };
        if let End::Error(error) = &end
            && FAILURES.allows("jsonrpc", log::Level::Warn)
        {
            let what = match error.kind() {
                ErrorKind::BrokenPipe => "send",
                _ => "receive",
            };
            log::warn!(target: "jsonrpc", "{}: {what} error: {}", connection.meta.name, strerror(error));
        }
        if !connection.remote.is_dialled() {
            reconnect::tell_ended(&connection.meta.name, &end);
        }
        connection.remote.tell_ended(end, idle_ms);
    }

    fn blocked(&mut self, io: &mut dyn Outgoing, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.is_blocked = true;
        self.heavy.held_up(conn);
        io.pause_reading(conn, true);
        self.sessions.blocked(connection.session);
    }

    fn drained(&mut self, io: &mut dyn Outgoing, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.is_blocked = false;
        connection.inactivity.heard(io.now_ms());
        io.pause_reading(conn, connection.is_waiting);
        self.sessions.drained(connection.session);
    }

    fn woken(&mut self, io: &mut dyn Outgoing) {
        self.with_sessions(io, |sessions, machine| sessions.turn(machine));
        self.returned.extend(self.prepared.drain());
        while !self.heavy.is_spent()
            && let Some(prepared) = self.returned.pop_front()
        {
            let begun = Instant::now();
            self.take_prepared(io, prepared);
            self.heavy.took(begun.elapsed());
        }
        self.tell_on(io);
        if !self.returned.is_empty() || self.sessions.is_telling() {
            io.soon();
        }
        self.release_heavy(io);
    }

    fn tick(&mut self, io: &mut dyn Outgoing, now_ms: u64) {
        self.sweep(io, now_ms);
        // Who is not woken by publications does not keep an old version alive for longer than this.
        self.with_sessions(io, |sessions, machine| sessions.turn(machine));
    }

    fn turn_end(&mut self, io: &mut dyn Outgoing) {
        self.with_sessions(io, |sessions, machine| sessions.turn_end(machine));
        if self.heavy.turn_end() || self.sessions.is_telling() {
            io.soon();
        }
        io.read_briefly(self.heavy.has_waiting());
    }
}
