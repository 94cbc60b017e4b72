//! Messages on their way from a connection to its session: framed, parsed and classified, at once, when their turn comes,
//! or by a background thread.

use super::port::Port;
use super::{Connection, Worker, heavy};
use crate::background::{Large, Prepared};
use crate::limits::{ARENA_KEEP_BYTES, BACKGROUND_MESSAGE_BYTES_MIN, READ_BRIEF_BYTES};
use crate::messages;
use crate::runtime::{ConnId, Outgoing};
use crate::tls::Content;
use bumpalo::Bump;
use ovsdb_engine::ids::SessionId;
use ovsdb_engine::session::Flow;
use ovsdb_wire::frame::{Flags, Framer, Scan};
use ovsdb_wire::message::{self, Message};
use ovsdb_wire::parse::{Parser, SyntaxError};
use ovsdb_wire::value::Value;
use std::time::Instant;

impl Connection {
    fn refuse(&self, io: &mut dyn Outgoing, conn: ConnId, refusal: &Refusal) {
        log::warn!(target: refusal.module, "{}: {}", self.meta.name, refusal.text);
        io.close(conn);
    }
}

/// Has a connection wait for its turn to go on with a message that takes long.
fn wait_in_line(connection: &mut Connection, io: &mut dyn Outgoing, conn: ConnId) {
    connection.is_waiting = true;
    io.pause_reading(conn, true);
    io.read_briefly(true);
    io.soon();
}

/// What became of a message.
enum Handed {
    /// Taken, with so many bytes.
    Taken(usize),
    /// It is to be handed over again later.
    Waits,
}

/// Why a connection is closed, and the module of the log that says so.
struct Refusal {
    module: &'static str,
    text: String,
}

impl Refusal {
    fn unexpected(kind: &str) -> Refusal {
        let text = format!("received unexpected {kind} message");
        Refusal {
            module: "ovsdb_jsonrpc_server",
            text,
        }
    }

    fn syntax(error: &SyntaxError) -> Refusal {
        Refusal {
            module: "jsonrpc",
            text: format!("error parsing stream: {error}"),
        }
    }
}

impl Worker {
    /// Hands over the message at the front of `buffer`; false when there is no whole one, or it has to wait.
    pub(super) fn take_message(
        &mut self,
        io: &mut dyn Outgoing,
        conn: ConnId,
        buffer: &mut Vec<u8>,
        used: &mut usize,
    ) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return false;
        };
        let session = connection.session;
        let unread = &mut buffer[*used..];
        let begun = Instant::now();
        let scan = match connection.framed.take() {
            Some((end, flags)) => Ok(Scan::Text { end, flags }),
            None => connection.framer.scan(unread),
        };
        let outcome = match scan {
            Ok(Scan::Incomplete) => {
                if unread.len() >= BACKGROUND_MESSAGE_BYTES_MIN {
                    let ahead = connection.ahead.get_or_insert_default();
                    self.background.go_ahead(ahead, unread, &connection.framer);
                }
                // While others wait, whoever sends more than what is read briefly waits, too, instead of being read on,
                // bit by bit, with hundreds of others before every echo.
                let is_next_to_others = self.heavy.has_waiting() && unread.len() >= READ_BRIEF_BYTES;
                if heavy::is_long(unread) || is_next_to_others {
                    self.heavy.took(begun.elapsed());
                    if !self.heavy.admit(conn) {
                        wait_in_line(connection, io, conn);
                    }
                } else {
                    self.heavy.held_up(conn);
                }
                return false;
            }
            // Whoever looks at a message in pieces cannot tell of it as a whole.
            Ok(Scan::Text { end, flags })
                if end >= BACKGROUND_MESSAGE_BYTES_MIN && !messages::are_wanted() =>
            {
                let message = Large {
                    conn,
                    cuts: connection.framer.cuts().to_vec(),
                    flags,
                    text: Vec::new(),
                    ahead: connection.ahead.take().unwrap_or_default(),
                };
                self.heavy.took(begun.elapsed());
                if self.hand_to_background(message, buffer, used, end) {
                    self.heavy.done(conn);
                    self.messages_uncounted += 1;
                    io.pause_reading(conn, true);
                    return false;
                }
                Ok(Handed::Waits)
            }
            Ok(Scan::Text { end, flags }) if heavy::is_heavy(&unread[..end]) => {
                if !self.heavy.admit(conn) {
                    // It has been heard, only not listened to.
                    connection.first_message.came();
                    connection.framed = Some((end, flags));
                    wait_in_line(connection, io, conn);
                    return false;
                }
                let outcome = self.hand_over(io, session, &mut unread[..end], flags);
                self.heavy.took(begun.elapsed());
                self.heavy.done(conn);
                outcome
            }
            Ok(Scan::Text { end, flags }) => {
                self.heavy.done(conn);
                self.hand_over(io, session, &mut unread[..end], flags)
            }
            Err(error) => Err(Refusal::syntax(&error)),
        };
        let Some(connection) = self.connections.get_mut(&conn) else {
            return false;
        };
        match outcome {
            Ok(Handed::Taken(bytes)) => {
                self.messages_uncounted += 1;
                connection.first_message.came();
                *used += bytes;
                return true;
            }
            Ok(Handed::Waits) => {}
            // What was sent before it is done before the connection goes.
            Err(_) if self.sessions.is_busy(session) => self.sessions.wait_until_idle(session),
            Err(refusal) => {
                connection.refuse(io, conn, &refusal);
                let content = Content::guess(&buffer[*used..]).filter(|content| *content != Content::JsonRpc);
                if let Some(content) = content {
                    let name = &connection.meta.name;
                    log::warn!(target: "jsonrpc", "{name}: received {content} data on JSON-RPC channel");
                }
                return false;
            }
        }
        connection.framer = Framer::with_limit(self.bounds.message_bytes_max);
        connection.is_waiting = true;
        io.pause_reading(conn, true);
        false
    }

    /// Has a large message looked at elsewhere, and its session wait; false if the session must wait for others of
    /// its requests first.
    fn hand_to_background(
        &mut self,
        message: Large,
        buffer: &mut Vec<u8>,
        used: &mut usize,
        end: usize,
    ) -> bool {
        let Some(connection) = self.connections.get_mut(&message.conn) else {
            return true;
        };
        if self.sessions.is_busy(connection.session) {
            self.sessions.wait_until_idle(connection.session);
            return false;
        }
        connection.is_waiting = true;
        connection.first_message.came();
        let text = if *used == 0 && end == buffer.len() {
            std::mem::take(buffer)
        } else {
            *used += end;
            buffer[*used - end..*used].to_vec()
        };
        self.background
            .prepare(Large { text, ..message }, self.prepared.clone());
        true
    }

    /// Goes on with a large message that was looked at elsewhere.
    pub(super) fn take_prepared(&mut self, io: &mut dyn Outgoing, prepared: Prepared) {
        let Prepared {
            mut message,
            compiled,
        } = prepared;
        let (conn, flags) = (message.conn, message.flags);
        let Some(session) = self.connections.get(&conn).map(|connection| connection.session) else {
            return;
        };
        let is_taken = compiled.is_some_and(|compiled| {
            self.with_sessions(io, |sessions, machine| {
                sessions.take_compiled(session, compiled, machine)
            })
        });
        let outcome = if is_taken {
            Ok(Handed::Taken(message.text.len()))
        } else {
            self.hand_over_copy(io, session, &mut message.text, flags)
        };
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        match outcome {
            Ok(Handed::Taken(_)) => {
                connection.is_waiting = false;
                io.pause_reading(conn, connection.is_blocked);
            }
            Ok(Handed::Waits) => connection.kept = Some(Box::new(message)),
            Err(refusal) => connection.refuse(io, conn, &refusal),
        }
    }

    /// [`Worker::hand_over`] after which the text is as before, because the message may have to wait.
    fn hand_over_copy(
        &mut self,
        io: &mut dyn Outgoing,
        session: SessionId,
        text: &mut [u8],
        flags: Flags,
    ) -> Result<Handed, Refusal> {
        let outcome = if Parser::spares(text.len(), flags) {
            self.hand_over(io, session, text, flags)
        } else {
            self.hand_over(io, session, &mut text.to_vec(), flags)
        };
        self.forget_large();
        outcome
    }

    /// Gives back what parsing a large message has taken.
    fn forget_large(&mut self) {
        if self.arena.allocated_bytes() > ARENA_KEEP_BYTES {
            self.arena = Bump::new();
        }
        if self.scratch.capacity() > ARENA_KEEP_BYTES {
            self.scratch = Vec::new();
        }
    }

    /// Parses a text and hands the message over to its session.
    fn hand_over(
        &mut self,
        io: &mut dyn Outgoing,
        session: SessionId,
        text: &mut [u8],
        flags: Flags,
    ) -> Result<Handed, Refusal> {
        let bytes = text.len();
        self.forget_large();
        self.arena.reset();
        self.with_sessions(io, |sessions, machine| sessions.prepare(machine));
        // Parsing works in place, and a message that has to wait is parsed again.
        let text = if self.sessions.may_wait(session) && !Parser::spares(bytes, flags) {
            self.scratch.clear();
            self.scratch.extend_from_slice(text);
            &mut self.scratch[..]
        } else {
            text
        };
        let value = self
            .parser
            .parse(text, flags, &self.arena)
            .map_err(|error| Refusal::syntax(&error))?;
        let message = message::classify(value).map_err(|error| Refusal {
            module: "jsonrpc",
            text: format!("received bad JSON-RPC message: {error}"),
        })?;
        let mut machine = Port::new(io, &self.conns);
        let flow = match message {
            Message::Request { id, method, params } => {
                Ok(self
                    .sessions
                    .request(session, id, method, params, bytes, &mut machine))
            }
            Message::Notification { method, params } => {
                self.sessions.notification(session, method, params);
                Ok(Flow::Continue)
            }
            Message::Reply {
                id: Value::String("echo"),
                ..
            } => Ok(Flow::Continue),
            Message::Reply { .. } => Err(Refusal::unexpected("reply")),
            Message::Error { .. } => Err(Refusal::unexpected("error")),
        };
        let resumed = machine.resumed;
        // One that waits comes again.
        if !matches!(flow, Ok(Flow::Wait)) && messages::are_wanted() {
            let conn = self.conns.get(&session);
            if let Some(connection) = conn.and_then(|conn| self.connections.get(conn)) {
                messages::tell_received(&connection.meta.name, &message);
            }
        }
        self.let_go_on(io, resumed);
        Ok(match flow? {
            Flow::Continue => Handed::Taken(bytes),
            Flow::Wait => Handed::Waits,
        })
    }
}
