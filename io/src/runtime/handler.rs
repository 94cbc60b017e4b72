//! The seam between connections and their meaning: what a worker tells its handler, and what the handler may
//! ask of the worker.

use bytes::Bytes;
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// One connection of one worker. Never used again for another connection of that worker while the process
/// lives less than 2^32 connections on it; stale ids are recognised and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    pub(super) slot: u32,
    pub(super) serial: u32,
}

#[cfg(test)]
impl ConnId {
    /// One of many for tests.
    pub(crate) fn numbered(number: u32) -> ConnId {
        ConnId {
            slot: number,
            serial: number,
        }
    }
}

/// What carries a connection's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Unix,
}

/// What is known of a connection when a worker takes it over.
#[derive(Clone, Debug)]
pub struct ConnMeta {
    /// Name in logs and status: `tcp:IP:PORT` or `unix#N` when accepted, the target when we connected.
    pub name: String,
    pub transport: Transport,
    /// Peer's address, if it has one.
    pub peer: Option<SocketAddr>,
    /// Given by who hands the connection over: which remote it belongs to. The worker only passes it on.
    pub remote: u64,
    /// Common name of the certificate by which the peer was verified (TLS); known once the handler is told.
    pub peer_name: Option<String>,
}

/// What protects a connection that is handed over.
#[derive(Debug)]
pub enum Security {
    /// Nothing.
    Plain,
    /// TLS, which the peer is to begin.
    Accept(Arc<ServerConfig>),
    /// TLS, whose handshake is over.
    Established(Box<rustls::Connection>),
}

/// Why a connection ended.
#[derive(Debug)]
pub enum Closed {
    /// The peer ended its side. What it sent before has been received.
    Peer,
    /// [`Outgoing::close`] was called.
    Local,
    /// The socket failed.
    Failed(io::Error),
}

/// Gives the connections of one worker their meaning. Called by that worker's thread only; must not wait,
/// and should return within some hundred microseconds (see [`Outgoing::again`]).
pub trait Handler: 'static {
    /// `conn` is there; its handshake is over, if it has one.
    fn opened(&mut self, io: &mut dyn Outgoing, conn: ConnId, meta: ConnMeta);

    /// Bytes arrived. `buffer` holds everything not yet consumed; the handler removes from its front what it
    /// used (or takes it whole). Not called while reading is paused, and called again without new bytes
    /// when reading goes on and some were left.
    fn received(&mut self, io: &mut dyn Outgoing, conn: ConnId, buffer: &mut Vec<u8>);

    /// The peer of `conn` has ended its own side; everything it sent before has been received. True lets the
    /// connection go. Otherwise the handler has paused reading, and is asked again when reading goes on.
    fn peer_ended(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) -> bool {
        true
    }

    /// `conn` is gone; nothing more is told about it. Sends to it are ignored.
    fn closed(&mut self, io: &mut dyn Outgoing, conn: ConnId, reason: Closed);

    /// The socket has not taken everything that was sent. `drained` follows, unless the connection ends.
    fn blocked(&mut self, io: &mut dyn Outgoing, conn: ConnId);

    /// The socket did not take everything earlier, and now has: nothing is queued for `conn` any more.
    fn drained(&mut self, io: &mut dyn Outgoing, conn: ConnId);

    /// Another thread called [`WorkerHandle::wake`](super::WorkerHandle::wake), or the handler
    /// [`Outgoing::again`]. Several wake-ups may become one call.
    fn woken(&mut self, io: &mut dyn Outgoing);

    /// Time passes: called about five times a second with the monotonic time in milliseconds.
    fn tick(&mut self, io: &mut dyn Outgoing, now_ms: u64);

    /// All events that were ready have been told; what is queued goes out after this.
    fn turn_end(&mut self, io: &mut dyn Outgoing);
}

/// What a handler may ask of its worker. Ids of connections that are gone are ignored everywhere.
pub trait Outgoing {
    /// Queues `bytes` for `conn`; they leave at the end of the turn. When the socket takes them all at once, nothing
    /// is told; who has more to send then asks for another turn by `again` and looks at `backlog`. When it does
    /// not, `drained` follows.
    fn send(&mut self, conn: ConnId, bytes: Bytes);

    /// Like `send`, but copies: for small texts, which then share one buffer.
    fn send_copy(&mut self, conn: ConnId, bytes: &[u8]);

    /// Bytes queued for `conn` that its socket has not taken yet.
    fn backlog(&self, conn: ConnId) -> usize;

    /// Ends `conn`: what the socket takes at the end of this turn still goes out, the rest is dropped.
    /// `received` is not called any more; `closed` follows.
    fn close(&mut self, conn: ConnId);

    /// Stops or restarts reading from `conn`. While stopped, the end of the connection is not noticed
    /// either, except through a failing send.
    fn pause_reading(&mut self, conn: ConnId, pause: bool);

    /// While `is_brief`, connections are read a little at a time, others in between: there is more to do than time, and
    /// whoever has only a little to say is not to wait for those with much.
    fn read_briefly(&mut self, is_brief: bool);

    /// Whether a fan-out to many connections is under way, or has just been: then the next one had better wait.
    fn is_fanning_out(&self) -> bool;

    /// Asks for another call of `woken` once the events that are ready have been served, and when a fan-out and the
    /// pause after it are over: the way to cut long work into steps.
    fn again(&mut self);

    /// Asks for another call of `woken` once the events that are ready have been served, fan-out or not.
    fn soon(&mut self);

    /// Monotonic time in milliseconds, the same clock as `tick`'s.
    fn now_ms(&self) -> u64;

    /// Connections that the worker holds.
    fn connection_count(&self) -> usize;
}
