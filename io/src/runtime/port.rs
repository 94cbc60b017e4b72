//! The connections of a worker: their queues, the list of those to flush, and sending.

use super::connection::{Connection, Connections, Phase, Reading};
use super::handler::{Closed, ConnId, Outgoing};
use super::handshakes::Handshakes;
use super::output::Output;
use super::start::Shared;
use super::stream::Stream;
use super::worker::elapsed_ms;
use crate::limits::{
    FANOUT_PAUSE_MAX_MS, FLUSH_CHUNK, FLUSH_CHUNK_OLDEST, READ_POOL_BUFFERS, SEND_AT_ONCE_BYTES, SEND_SLICES,
    TLS_SEAL_BYTES,
};
use crate::tls::Pump;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Slices gathered without allocating.
const GATHER_INLINE: usize = 16;

/// Slices that are encrypted together.
const SEAL_SLICES: usize = 64;

/// Whether events were told to the handler since its `turn_end`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    Closed,
    Open { since: Instant },
}

/// The connections of a worker and what is to be done for them.
pub(super) struct Port {
    pub(super) connections: Connections,
    pub(super) handshakes: Handshakes,
    /// Connections to flush that were listed since the last turn ended.
    fresh: Vec<ConnId>,
    /// Those that did not fit into their turn's chunk, oldest first.
    waiting: VecDeque<ConnId>,
    fanout: Fanout,
    /// A turn is open: events were told to the handler since `turn_end`.
    pub(super) turn: Turn,
    /// The handler wants to be woken.
    pub(super) again: bool,
    /// It wants that before a fan-out is over.
    pub(super) soon: bool,
    /// Reads are to be short.
    pub(super) is_brief: bool,
    turner: Rc<Notify>,
    /// Empty buffers of READ_BUSY_BYTES.
    pub(super) read_pool: Vec<Vec<u8>>,
    pub(super) shared: Arc<Shared>,
    clock: Instant,
}

/// Sending to more connections than one chunk, and the pause after it. The pause is as long as the sending was, so
/// that at most half of a worker's time goes into fan-outs: the other half is for requests, and what these bring
/// about goes out together in the next one.
#[derive(Debug, Default)]
struct Fanout {
    since: Option<Instant>,
    pause_end: Option<Instant>,
}

impl Fanout {
    fn goes_on(&mut self, is_under_way: bool) {
        if is_under_way {
            self.since.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.since.take() {
            let pause = since.elapsed().min(Duration::from_millis(FANOUT_PAUSE_MAX_MS));
            self.pause_end = Some(Instant::now() + pause);
        }
    }
}

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Nothing is left that a writer would have to wait for.
    Settled,
    /// The socket is full, or has been given enough for now.
    Blocked,
}

impl Port {
    /// `turner` wakes the task that ends turns.
    pub(super) fn new(shared: Arc<Shared>, clock: Instant, turner: Rc<Notify>) -> Port {
        Port {
            connections: Connections::default(),
            handshakes: Handshakes::new(),
            fresh: Vec::new(),
            waiting: VecDeque::new(),
            fanout: Fanout::default(),
            turn: Turn::Closed,
            again: false,
            soon: false,
            is_brief: false,
            turner,
            read_pool: Vec::new(),
            shared,
            clock,
        }
    }

    /// Notes that the handler was told something, so that the turn gets its end.
    pub(super) fn open_turn(&mut self) {
        if let Turn::Closed = self.turn {
            self.turn = Turn::Open {
                since: Instant::now(),
            };
            self.turner.notify_one();
        }
    }

    pub(super) fn list_for_flush(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn)
            && !connection.flush_listed
        {
            connection.flush_listed = true;
            self.fresh.push(conn);
        }
    }

    /// Decides that `conn` ends, and why; the first reason stays. Its reader takes it out.
    pub(super) fn fail(&mut self, conn: ConnId, error: io::Error) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        match connection.phase {
            Phase::Open => connection.phase = Phase::Ending(Closed::Failed(error)),
            Phase::Handshake(_) => connection.phase = Phase::Refused,
            Phase::Refused | Phase::Ending(_) => {}
        }
        connection.output.clear();
        connection.stream.shutdown();
        wake_reader(&mut connection.reading);
    }

    /// Sends what is queued for `conn` as far as its socket takes it now.
    pub(super) fn flush(&mut self, conn: ConnId) -> Flushed {
        let Some(connection) = self.connections.get_mut(conn) else {
            return Flushed::Settled;
        };
        connection.flush_listed = false;
        if connection.writer_waits && !connection.is_ending() {
            return Flushed::Settled;
        }
        let result = if connection.writer_waits {
            Ok(Flushed::Blocked)
        } else {
            self.send_queued(conn)
        };
        let Some(connection) = self.connections.get_mut(conn) else {
            return Flushed::Settled;
        };
        match result {
            Err(error) => {
                self.fail(conn, error);
                Flushed::Settled
            }
            Ok(_) if connection.is_ending() => {
                connection.output.clear();
                say_goodbye(connection);
                connection.stream.shutdown();
                wake_reader(&mut connection.reading);
                Flushed::Settled
            }
            Ok(flushed) => flushed,
        }
    }

    /// Sends until the queue is empty, the socket takes no more, or others are to be served first.
    fn send_queued(&mut self, conn: ConnId) -> io::Result<Flushed> {
        let Some(connection) = self.connections.get_mut(conn) else {
            return Ok(Flushed::Settled);
        };
        let left_bytes = connection.output.len().saturating_sub(SEND_AT_ONCE_BYTES);
        while connection.has_unsent() {
            match send_once(connection) {
                Ok(Sent::All) if left_bytes > 0 && connection.output.len() <= left_bytes => {
                    return Ok(Flushed::Blocked);
                }
                Ok(Sent::All) => {}
                Ok(Sent::Part) => return Ok(Flushed::Blocked),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed::Settled)
    }

    /// One send for a writer that found the socket ready: whether the queue is empty now. `WouldBlock` as
    /// from the socket; another error has already ended the connection and counts as an empty queue.
    pub(super) fn send_some(&mut self, conn: ConnId) -> io::Result<bool> {
        let Some(connection) = self.connections.get_mut(conn) else {
            return Ok(true);
        };
        if !connection.has_unsent() {
            return Ok(true);
        }
        match send_once(connection) {
            Ok(_) => Ok(!connection.has_unsent()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Err(error) => {
                self.fail(conn, error);
                Ok(true)
            }
        }
    }

    /// Tells all peers that the worker ends.
    pub(super) fn say_goodbyes(&mut self) {
        self.connections.iter_mut().for_each(say_goodbye);
    }

    /// Takes `conn` out, and ends what may still wait on its socket.
    pub(super) fn remove(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.remove(conn) {
            connection.stream.shutdown();
            self.shared.connection_count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        if self.read_pool.len() < READ_POOL_BUFFERS {
            buffer.clear();
            self.read_pool.push(buffer);
        }
    }

    /// Moves the connections to flush next into `chunk`: those of this turn first, so that replies do not queue
    /// behind a fan-out, then some of the oldest.
    pub(super) fn next_chunk(&mut self, chunk: &mut Vec<ConnId>) {
        let fresh = self.fresh.len().min(FLUSH_CHUNK);
        chunk.extend(self.fresh.drain(..fresh));
        let oldest = (FLUSH_CHUNK - fresh)
            .max(FLUSH_CHUNK_OLDEST)
            .min(self.waiting.len());
        chunk.extend(self.waiting.drain(..oldest));
        self.waiting.extend(self.fresh.drain(..));
        self.fanout.goes_on(!self.waiting.is_empty());
    }

    /// When the pause after the last fan-out is over, if it is not.
    pub(super) fn pause_end(&self) -> Option<Instant> {
        self.fanout.pause_end.filter(|end| *end > Instant::now())
    }

    /// Whether connections are left to flush.
    pub(super) fn has_unflushed(&self) -> bool {
        !self.fresh.is_empty() || !self.waiting.is_empty()
    }
}

/// How much of what it was offered the socket took.
enum Sent {
    All,
    Part,
}

/// One `sendmsg` from the front of what is queued for `connection`.
fn send_once(connection: &mut Connection) -> io::Result<Sent> {
    let Connection {
        stream, output, tls, ..
    } = connection;
    match tls {
        Some(pump) => send_sealed(stream, output, pump),
        None => send_plain(stream, output),
    }
}

fn send_plain(stream: &Stream, output: &mut Output) -> io::Result<Sent> {
    let mut inline = [IoSlice::new(&[]); GATHER_INLINE];
    let mut allocated;
    let slices = output.slice_count();
    let gather: &mut [IoSlice<'_>] = if slices <= GATHER_INLINE {
        &mut inline
    } else {
        allocated = vec![IoSlice::new(&[]); slices.min(SEND_SLICES)];
        &mut allocated
    };
    let mut filled = output.gather(gather);
    let mut offered = 0;
    for (at, slice) in gather[..filled].iter().enumerate() {
        offered += slice.len();
        if offered >= SEND_AT_ONCE_BYTES {
            filled = at + 1;
            break;
        }
    }
    let bytes = stream.send_now(&gather[..filled])?;
    output.consume(bytes);
    Ok(if bytes < offered { Sent::Part } else { Sent::All })
}

/// Encrypts what may wait at once from the front of `output`, unless something waits already, and offers it to the
/// socket. The slices are read where they lie: each record is made of them by one copy, and encrypted in place.
fn send_sealed(stream: &Stream, output: &mut Output, pump: &mut Pump) -> io::Result<Sent> {
    seal(output, pump)?;
    pump.write_to(&mut SocketSink(stream))?;
    Ok(if pump.wants_write() { Sent::Part } else { Sent::All })
}

/// Encrypts from the front of `output`, unless something waits already.
fn seal(output: &mut Output, pump: &mut Pump) -> io::Result<()> {
    if pump.wants_write() || pump.is_handshaking() {
        return Ok(());
    }
    let mut slices = [IoSlice::new(&[]); SEAL_SLICES];
    let filled = output.gather(&mut slices);
    let sealed = pump.seal(&slices[..filled])?;
    output.consume(sealed);
    Ok(())
}

/// Encrypts the next bytes of `connection` and takes them out, for an operation that must own them. Empty when
/// nothing is queued.
pub(super) fn take_sealed(output: &mut Output, pump: &mut Pump) -> io::Result<Bytes> {
    seal(output, pump)?;
    let mut sealed = Vec::with_capacity(TLS_SEAL_BYTES / 4);
    while pump.wants_write() {
        pump.write_to(&mut sealed)?;
    }
    Ok(Bytes::from(sealed))
}

/// Tells the peer of a connection with TLS that it ends, as far as its socket takes that.
fn say_goodbye(connection: &mut Connection) {
    let Some(pump) = &mut connection.tls else { return };
    // What failed has said why.
    let is_known = matches!(connection.phase, Phase::Open | Phase::Ending(_));
    if is_known && !connection.writer_waits && !pump.wants_write() {
        pump.say_goodbye();
        if let Err(error) = pump.write_to(&mut SocketSink(&connection.stream)) {
            log::debug!(target: "stream_ssl", "cannot say goodbye ({error})");
        }
    }
}

/// A socket that encrypted bytes are written to.
struct SocketSink<'s>(&'s Stream);

impl io::Write for SocketSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send_now(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.send_now(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets a paused reader look again.
pub(super) fn wake_reader(reading: &mut Reading) {
    if let Reading::Paused(waker) = reading
        && let Some(waker) = waker.take()
    {
        waker.wake();
    }
}

impl Outgoing for Port {
    fn send(&mut self, conn: ConnId, bytes: Bytes) {
        if let Some(connection) = self.connections.get_mut(conn)
            && let Phase::Open = connection.phase
        {
            connection.output.push(bytes);
            self.list_for_flush(conn);
        }
    }

    fn send_copy(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(conn)
            && let Phase::Open = connection.phase
        {
            connection.output.push_copy(bytes);
            self.list_for_flush(conn);
        }
    }

    fn backlog(&self, conn: ConnId) -> usize {
        self.connections
            .get(conn)
            .map_or(0, |connection| connection.output.len())
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn)
            && let Phase::Open = connection.phase
        {
            connection.phase = Phase::Ending(Closed::Local);
            self.list_for_flush(conn);
        }
    }

    fn pause_reading(&mut self, conn: ConnId, pause: bool) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        match (pause, &mut connection.reading) {
            (true, reading @ (Reading::Allowed | Reading::Resumed)) => *reading = Reading::Paused(None),
            (false, reading @ Reading::Paused(_)) => {
                wake_reader(reading);
                *reading = Reading::Resumed;
            }
            (true, Reading::Paused(_)) | (false, Reading::Allowed | Reading::Resumed) => {}
        }
    }

    fn read_briefly(&mut self, is_brief: bool) {
        self.is_brief = is_brief;
    }

    fn is_fanning_out(&self) -> bool {
        !self.waiting.is_empty() || self.pause_end().is_some()
    }

    fn again(&mut self) {
        self.again = true;
    }

    fn soon(&mut self) {
        self.soon = true;
    }

    fn now_ms(&self) -> u64 {
        elapsed_ms(self.clock)
    }

    fn connection_count(&self) -> usize {
        self.connections.len()
    }
}
