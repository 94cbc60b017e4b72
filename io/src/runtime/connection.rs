//! One connection as its worker sees it, and the table of them.

use super::handler::{Closed, ConnId, ConnMeta};
use super::output::Output;
use super::steps::Patience;
use super::stream::Stream;
use crate::tls::Pump;
use slab::Slab;
use std::rc::Rc;
use std::task::Waker;

/// Where a connection stands. `Handshake` → `Open` → `Ending` → gone; the handler knows of it from `Open` on. A
/// handshake that fails goes `Handshake` → `Refused` → gone, and one that the peer ends goes at once.
#[derive(Debug)]
pub(super) enum Phase {
    /// TLS is being agreed on.
    Handshake(Box<Entering>),
    /// Bytes flow.
    Open,
    /// The handshake has failed, which has been logged. At the end of the turn the peer is told why, then the
    /// connection goes as an ending one does.
    Refused,
    /// It is to end for this reason; a local close still flushes at the end of the turn, then the socket is
    /// shut down and the reader, whose read ends by that, takes the connection out.
    Ending(Closed),
}

/// A connection before its handler knows of it.
#[derive(Debug)]
pub(super) struct Entering {
    pub(super) meta: ConnMeta,
    /// How long its handshake has waited for the peer, in milliseconds.
    pub(super) waited_ms: u64,
    /// Something has come of the peer that we have not looked at yet.
    pub(super) waits_for_us: bool,
    /// How long the peer goes on waiting for us.
    pub(super) patience: Patience,
}

/// Whether the connection's reader may ask for more.
#[derive(Debug)]
pub(super) enum Reading {
    Allowed,
    /// Allowed again: what was left in the buffer is to be told once more before the next read.
    Resumed,
    /// Paused; the reader, if it has noticed, waits with this waker.
    Paused(Option<Waker>),
}

pub(super) struct Connection {
    pub(super) serial: u32,
    pub(super) stream: Rc<Stream>,
    pub(super) output: Output,
    pub(super) tls: Option<Box<Pump>>,
    pub(super) phase: Phase,
    pub(super) reading: Reading,
    /// It is in the worker's list of connections to flush.
    pub(super) flush_listed: bool,
    /// A writer waits for the socket; it alone sends until it is done.
    pub(super) writer_waits: bool,
}

impl Connection {
    /// Whether something waits for the socket.
    pub(super) fn has_unsent(&self) -> bool {
        !self.output.is_empty() || self.tls.as_ref().is_some_and(|pump| pump.wants_write())
    }

    /// Whether the connection is on its way out.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending(_) | Phase::Refused)
    }

    /// Whether decrypted bytes, or the peer's goodbye, wait to be told of.
    pub(super) fn has_plain(&self) -> bool {
        self.tls.as_ref().is_some_and(|pump| !pump.plain.is_empty())
    }
}

/// Connections of a worker by id. An id of a connection that is gone finds nothing.
#[derive(Default)]
pub(super) struct Connections {
    slab: Slab<Connection>,
    serial: u32,
}

impl Connections {
    pub(super) fn insert(&mut self, stream: Rc<Stream>, tls: Option<Box<Pump>>, phase: Phase) -> ConnId {
        self.serial = self.serial.wrapping_add(1);
        let connection = Connection {
            serial: self.serial,
            stream,
            output: Output::default(),
            tls,
            phase,
            reading: Reading::Allowed,
            flush_listed: false,
            writer_waits: false,
        };
        let slot = self.slab.insert(connection);
        ConnId {
            slot: u32::try_from(slot).expect("descriptors are fewer"),
            serial: self.serial,
        }
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Connection> {
        self.slab
            .get(conn.slot as usize)
            .filter(|connection| connection.serial == conn.serial)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.slab
            .get_mut(conn.slot as usize)
            .filter(|connection| connection.serial == conn.serial)
    }

    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Connection> {
        self.get(conn)?;
        Some(self.slab.remove(conn.slot as usize))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.slab.iter_mut().map(|(_, connection)| connection)
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }
}
