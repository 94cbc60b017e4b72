//! The connections of a worker as its sessions see them.

use crate::runtime::{ConnId, Outgoing};
use bytes::Bytes;
use ovsdb_engine::hash::HashMap;
use ovsdb_engine::ids::SessionId;
use ovsdb_engine::session::Machine;
use uuid::Uuid;

/// The machine as sessions see it.
pub(super) struct Port<'w> {
    io: &'w mut dyn Outgoing,
    conns: &'w HashMap<SessionId, ConnId>,
    /// Connections that may be read again.
    pub(super) resumed: Vec<ConnId>,
}

impl<'w> Port<'w> {
    pub(super) fn new(io: &'w mut dyn Outgoing, conns: &'w HashMap<SessionId, ConnId>) -> Port<'w> {
        Port {
            io,
            conns,
            resumed: Vec::new(),
        }
    }
}

impl Machine for Port<'_> {
    fn send(&mut self, session: SessionId, bytes: Bytes) {
        if let Some(conn) = self.conns.get(&session) {
            self.io.send(*conn, bytes);
        }
    }

    fn send_copy(&mut self, session: SessionId, bytes: &[u8]) {
        if let Some(conn) = self.conns.get(&session) {
            self.io.send_copy(*conn, bytes);
        }
    }

    fn close(&mut self, session: SessionId) {
        if let Some(conn) = self.conns.get(&session) {
            self.io.close(*conn);
        }
    }

    fn resume(&mut self, session: SessionId) {
        self.resumed.extend(self.conns.get(&session));
    }

    fn is_fanning_out(&self) -> bool {
        self.io.is_fanning_out()
    }

    fn again(&mut self) {
        self.io.again();
    }

    fn random_uuid(&mut self) -> Uuid {
        Uuid::new_v4()
    }
}
