//! A worker whose messages go to the log, when somebody wants them there.

use super::Worker;
use crate::messages;
use crate::runtime::{Closed, ConnId, ConnMeta, Handler, Outgoing};
use bytes::Bytes;
use ovsdb_engine::hash::HashMap;

/// Stands between the runtime and a [`Worker`]. What the worker sends in a call is told of at the end of the call, message by
/// message; what it receives it tells itself.
pub(crate) struct Overheard {
    worker: Worker,
    /// Beginnings of messages that are written in steps.
    begun: HashMap<ConnId, Vec<u8>>,
}

impl Overheard {
    pub(crate) fn new(worker: Worker) -> Overheard {
        Overheard {
            worker,
            begun: HashMap::default(),
        }
    }

    fn call<R>(
        &mut self,
        io: &mut dyn Outgoing,
        work: impl FnOnce(&mut Worker, &mut dyn Outgoing) -> R,
    ) -> R {
        if !messages::are_wanted() {
            if !self.begun.is_empty() {
                self.begun.clear();
            }
            return work(&mut self.worker, io);
        }
        let mut copying = Copying { io, sent: Vec::new() };
        let result = work(&mut self.worker, &mut copying);
        let mut sent = copying.sent;
        // By connection; the sort keeps the order of what is for the same one.
        sent.sort_by_key(|(conn, _)| *conn);
        for pieces in sent.chunk_by(|a, b| a.0 == b.0) {
            let conn = pieces[0].0;
            let mut text = self.begun.remove(&conn).unwrap_or_default();
            pieces.iter().for_each(|(_, bytes)| text.extend_from_slice(bytes));
            if let Some(connection) = self.worker.connections.get(&conn) {
                let rest = messages::tell_sent(&connection.meta.name, &text);
                if !rest.is_empty() {
                    self.begun.insert(conn, rest.to_vec());
                }
            }
        }
        result
    }
}

impl Handler for Overheard {
    fn opened(&mut self, io: &mut dyn Outgoing, conn: ConnId, meta: ConnMeta) {
        self.call(io, |worker, io| worker.opened(io, conn, meta));
    }

    fn received(&mut self, io: &mut dyn Outgoing, conn: ConnId, buffer: &mut Vec<u8>) {
        self.call(io, |worker, io| worker.received(io, conn, buffer));
    }

    fn peer_ended(&mut self, io: &mut dyn Outgoing, conn: ConnId) -> bool {
        self.call(io, |worker, io| worker.peer_ended(io, conn))
    }

    fn closed(&mut self, io: &mut dyn Outgoing, conn: ConnId, reason: Closed) {
        self.call(io, |worker, io| worker.closed(io, conn, reason));
        self.begun.remove(&conn);
    }

    fn blocked(&mut self, io: &mut dyn Outgoing, conn: ConnId) {
        self.call(io, |worker, io| worker.blocked(io, conn));
    }

    fn drained(&mut self, io: &mut dyn Outgoing, conn: ConnId) {
        self.call(io, |worker, io| worker.drained(io, conn));
    }

    fn woken(&mut self, io: &mut dyn Outgoing) {
        self.call(io, |worker, io| worker.woken(io));
    }

    fn tick(&mut self, io: &mut dyn Outgoing, now_ms: u64) {
        self.call(io, |worker, io| worker.tick(io, now_ms));
    }

    fn turn_end(&mut self, io: &mut dyn Outgoing) {
        self.call(io, |worker, io| worker.turn_end(io));
    }
}

/// Passes everything on, and keeps what is sent.
struct Copying<'w> {
    io: &'w mut dyn Outgoing,
    sent: Vec<(ConnId, Bytes)>,
}

impl Outgoing for Copying<'_> {
    fn send(&mut self, conn: ConnId, bytes: Bytes) {
        self.sent.push((conn, bytes.clone()));
        self.io.send(conn, bytes);
    }

    fn send_copy(&mut self, conn: ConnId, bytes: &[u8]) {
        self.sent.push((conn, Bytes::copy_from_slice(bytes)));
        self.io.send_copy(conn, bytes);
    }

    fn backlog(&self, conn: ConnId) -> usize {
        self.io.backlog(conn)
    }

    fn close(&mut self, conn: ConnId) {
        self.io.close(conn);
    }

    fn pause_reading(&mut self, conn: ConnId, pause: bool) {
        self.io.pause_reading(conn, pause);
    }

    fn read_briefly(&mut self, is_brief: bool) {
        self.io.read_briefly(is_brief);
    }

    fn is_fanning_out(&self) -> bool {
        self.io.is_fanning_out()
    }

    fn again(&mut self) {
        self.io.again();
    }

    fn soon(&mut self) {
        self.io.soon();
    }

    fn now_ms(&self) -> u64 {
        self.io.now_ms()
    }

    fn connection_count(&self) -> usize {
        self.io.connection_count()
    }
}
