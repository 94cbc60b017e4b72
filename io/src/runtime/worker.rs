//! A worker's turn: events in, handler, gathered sends out.
//!
//! Reader tasks, the inbox and the ticker call the handler as soon as they are scheduled. The first of them
//! wakes the *turner*, a task that by the scheduler's first-in-first-out order runs after every event that
//! was ready with it; it ends the turn and flushes, a chunk of connections at a time, with reads served
//! between the chunks.

use super::connection::{Connections, Phase, Reading};
use super::driver::Driver;
use super::handler::{Closed, ConnId, ConnMeta, Handler, Outgoing};
use super::start::Shared;
use super::stream::Stream;
use super::{reader, writer};
use crate::limits::{FLUSH_CHUNK, FLUSH_CHUNK_OLDEST, READ_POOL_BUFFERS, SEND_SLICES, TICK_MS};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval};

/// Slices gathered without allocating.
const GATHER_INLINE: usize = 16;

/// A worker: its handler and everything the handler's orders act upon.
pub(super) struct Worker<H> {
    pub(super) handler: H,
    pub(super) port: Port,
}

pub(super) type WorkerCell<H> = Rc<RefCell<Worker<H>>>;

/// The connections of a worker and what is to be done for them.
pub(super) struct Port {
    pub(super) connections: Connections,
    /// Connections to flush that were listed since the last turn ended.
    fresh: Vec<ConnId>,
    /// Those that did not fit into their turn's chunk, oldest first.
    waiting: VecDeque<ConnId>,
    /// A turn has begun: events were told to the handler since `turn_end`.
    turn_open: bool,
    again: bool,
    turner: Rc<Notify>,
    /// Empty buffers of READ_BUSY_BYTES.
    pub(super) read_pool: Vec<Vec<u8>>,
    shared: Arc<Shared>,
    clock: Instant,
}

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushed {
    /// Nothing is left that a writer would have to wait for.
    Settled,
    /// The socket is full.
    Blocked,
}

impl Port {
    pub(super) fn new(shared: Arc<Shared>, clock: Instant) -> Port {
        Port {
            connections: Connections::default(),
            fresh: Vec::new(),
            waiting: VecDeque::new(),
            turn_open: false,
            again: false,
            turner: Rc::new(Notify::new()),
            read_pool: Vec::new(),
            shared,
            clock,
        }
    }

    /// Notes that the handler was told something, so that the turn gets its end.
    pub(super) fn open_turn(&mut self) {
        if !self.turn_open {
            self.turn_open = true;
            self.turner.notify_one();
        }
    }

    fn list_for_flush(&mut self, conn: ConnId) {
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
        if let Phase::Open = connection.phase {
            connection.phase = Phase::Ending(Closed::Failed(error));
        }
        connection.output.clear();
        connection.stream.shutdown();
        wake_reader(&mut connection.reading);
    }

    /// Sends what is queued for `conn` as far as its socket takes it now.
    fn flush(&mut self, conn: ConnId) -> Flushed {
        let Some(connection) = self.connections.get_mut(conn) else {
            return Flushed::Settled;
        };
        connection.flush_listed = false;
        if connection.writer_waits && matches!(connection.phase, Phase::Open) {
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
            Ok(_) if matches!(connection.phase, Phase::Ending(_)) => {
                connection.output.clear();
                connection.stream.shutdown();
                wake_reader(&mut connection.reading);
                Flushed::Settled
            }
            Ok(flushed) => flushed,
        }
    }

    /// Sends until the queue is empty or the socket takes no more.
    fn send_queued(&mut self, conn: ConnId) -> io::Result<Flushed> {
        while let Some(connection) = self.connections.get_mut(conn)
            && !connection.output.is_empty()
        {
            let (offered, sent) = send_gathered(&connection.stream, &mut connection.output)?;
            if sent < offered {
                return Ok(Flushed::Blocked);
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
        if connection.output.is_empty() {
            return Ok(true);
        }
        match send_once(&connection.stream, &mut connection.output) {
            Ok(_) => Ok(connection.output.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Err(error) => {
                self.fail(conn, error);
                Ok(true)
            }
        }
    }

    /// Last attempt for a connection whose peer has ended its own side only.
    pub(super) fn send_rest(&mut self, conn: ConnId) {
        let writer_waits = self
            .connections
            .get(conn)
            .is_none_or(|connection| connection.writer_waits);
        if !writer_waits && let Err(error) = self.send_queued(conn) {
            log::debug!(target: "runtime", "last send of a connection: {error}");
        }
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

    /// The connections to flush next: those of this turn first, so that replies do not queue behind a
    /// fan-out, then some of the oldest.
    fn next_chunk(&mut self) -> Vec<ConnId> {
        let fresh = self.fresh.len().min(FLUSH_CHUNK);
        let mut chunk: Vec<ConnId> = self.fresh.drain(..fresh).collect();
        let oldest = (FLUSH_CHUNK - fresh)
            .max(FLUSH_CHUNK_OLDEST)
            .min(self.waiting.len());
        chunk.extend(self.waiting.drain(..oldest));
        self.waiting.extend(self.fresh.drain(..));
        chunk
    }
}

/// Offers the socket what one call may carry: (bytes offered, bytes taken).
fn send_gathered(stream: &Stream, output: &mut super::output::Output) -> io::Result<(usize, usize)> {
    let offered = output.len();
    match send_once(stream, output) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok((offered, 0)),
        Err(error) => Err(error),
        // More slices than one call carries: the rest is for the next call.
        Ok(sent) if sent.short => Ok((offered, sent.bytes)),
        Ok(sent) => Ok((sent.bytes, sent.bytes)),
    }
}

struct Sent {
    bytes: usize,
    /// The socket took less than it was offered.
    short: bool,
}

/// One `sendmsg` from the front of `output`.
fn send_once(stream: &Stream, output: &mut super::output::Output) -> io::Result<Sent> {
    let mut inline = [IoSlice::new(&[]); GATHER_INLINE];
    let mut allocated;
    let slices = output.slice_count();
    let gather: &mut [IoSlice<'_>] = if slices <= GATHER_INLINE {
        &mut inline
    } else {
        allocated = vec![IoSlice::new(&[]); slices.min(SEND_SLICES)];
        &mut allocated
    };
    let filled = output.gather(gather);
    let offered: usize = gather[..filled].iter().map(|slice| slice.len()).sum();
    let bytes = stream.send_now(&gather[..filled])?;
    output.consume(bytes);
    Ok(Sent {
        bytes,
        short: bytes < offered,
    })
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

    fn again(&mut self) {
        self.again = true;
    }

    fn now_ms(&self) -> u64 {
        elapsed_ms(self.clock)
    }

    fn connection_count(&self) -> usize {
        self.connections.len()
    }
}

/// Milliseconds since `clock`; every worker counts from the same moment.
pub(super) fn elapsed_ms(clock: Instant) -> u64 {
    u64::try_from(clock.elapsed().as_millis()).expect("a process lives less than 500 million years")
}

/// Runs a worker on the present thread until it is told to stop.
pub(super) async fn serve<H: Handler>(driver: Driver, handler: H, shared: Arc<Shared>, clock: Instant) {
    let turner = Rc::new(Notify::new());
    let mut port = Port::new(Arc::clone(&shared), clock);
    port.turner = Rc::clone(&turner);
    let cell = Rc::new(RefCell::new(Worker { handler, port }));
    let turns = spawn_local(turn_for_ever(driver, Rc::clone(&cell), turner));
    let ticks = spawn_local(tick_for_ever(Rc::clone(&cell), clock));
    loop {
        shared.wake.notified().await;
        if shared.stopping.load(Ordering::Acquire) {
            break;
        }
        for (socket, meta) in shared.take_adopted() {
            adopt(driver, &cell, socket, meta);
        }
        let mut worker = cell.borrow_mut();
        let Worker { handler, port } = &mut *worker;
        handler.woken(port);
        port.open_turn();
    }
    ticks.abort();
    turns.abort();
    finish_turn(&cell);
}

/// The last turn: what is queued leaves as far as the sockets take it.
fn finish_turn<H: Handler>(cell: &WorkerCell<H>) {
    let mut worker = cell.borrow_mut();
    let Worker { handler, port } = &mut *worker;
    handler.turn_end(port);
    loop {
        let chunk = port.next_chunk();
        if chunk.is_empty() {
            break;
        }
        for conn in chunk {
            port.flush(conn);
        }
    }
}

fn adopt<H: Handler>(driver: Driver, cell: &WorkerCell<H>, socket: OwnedFd, meta: ConnMeta) {
    let mut worker = cell.borrow_mut();
    let Worker { handler, port } = &mut *worker;
    match Stream::new(driver, socket, meta.transport) {
        Ok(stream) => {
            let stream = Rc::new(stream);
            let conn = port.connections.insert(Rc::clone(&stream));
            handler.opened(port, conn, meta);
            port.open_turn();
            reader::spawn(Rc::clone(cell), conn, stream);
        }
        Err(error) => {
            port.shared.connection_count.fetch_sub(1, Ordering::Relaxed);
            log::warn!(target: "runtime", "{}: cannot be served ({error})", meta.name);
        }
    }
}

async fn tick_for_ever<H: Handler>(cell: WorkerCell<H>, clock: Instant) {
    let mut ticks = interval(Duration::from_millis(TICK_MS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut worker = cell.borrow_mut();
        let Worker { handler, port } = &mut *worker;
        handler.tick(port, elapsed_ms(clock));
        port.open_turn();
    }
}

async fn turn_for_ever<H: Handler>(driver: Driver, cell: WorkerCell<H>, turner: Rc<Notify>) {
    loop {
        if run_turn(&cell) {
            driver.breathe().await;
        } else {
            turner.notified().await;
        }
    }
}

/// Ends the turn if one is open, flushes one chunk, and says whether there is more to do.
fn run_turn<H: Handler>(cell: &WorkerCell<H>) -> bool {
    let mut worker = cell.borrow_mut();
    let Worker { handler, port } = &mut *worker;
    if std::mem::take(&mut port.again) {
        handler.woken(port);
        port.turn_open = true;
    }
    if port.turn_open {
        handler.turn_end(port);
        port.turn_open = false;
    }
    for conn in port.next_chunk() {
        if port.flush(conn) == Flushed::Blocked
            && let Some(connection) = port.connections.get_mut(conn)
        {
            connection.writer_waits = true;
            writer::spawn(Rc::clone(cell), conn, Rc::clone(&connection.stream));
            handler.blocked(port, conn);
        }
    }
    port.again || port.turn_open || !port.waiting.is_empty() || !port.fresh.is_empty()
}
