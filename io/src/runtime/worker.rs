//! A worker's turn: events in, handler, gathered sends out.
//!
//! Reader tasks, the inbox and the ticker call the handler as soon as they are scheduled. The first of them
//! wakes the *turner*, a task that by the scheduler's first-in-first-out order runs after every event that
//! was ready with it; it ends the turn and flushes, a chunk of connections at a time, with reads served
//! between the chunks.

use super::connection::{Entering, Phase, Reading};
use super::driver::Driver;
use super::handler::{ConnId, Handler, Outgoing, Security};
use super::port::{Flushed, Port, Turn};
use super::start::{Adopted, Shared};
use super::steps::Patience;
use super::stream::Stream;
use super::turn_time::TurnTime;
use super::{reader, writer};
use crate::limits::{FLUSH_CHUNK, FLUSH_CHUNK_OLDEST, HANDSHAKE_WAIT_MS, TICK_MS};
use crate::tls::Pump;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, timeout_at};

/// A worker: its handler and everything the handler's orders act upon.
pub(super) struct Worker<H> {
    pub(super) handler: H,
    pub(super) port: Port,
}

pub(super) type WorkerCell<H> = Rc<RefCell<Worker<H>>>;

/// Milliseconds since `clock`; every worker counts from the same moment.
pub(super) fn elapsed_ms(clock: Instant) -> u64 {
    u64::try_from(clock.elapsed().as_millis()).expect("a process lives less than 500 million years")
}

/// Runs a worker on the present thread until it is told to stop.
pub(super) async fn serve<H: Handler>(driver: Driver, handler: H, shared: Arc<Shared>, clock: Instant) {
    let turner = Rc::new(Notify::new());
    let port = Port::new(Arc::clone(&shared), clock, Rc::clone(&turner));
    let cell = Rc::new(RefCell::new(Worker { handler, port }));
    let turns = spawn_local(turn_for_ever(driver, Rc::clone(&cell), turner));
    let ticks = spawn_local(tick_for_ever(Rc::clone(&cell), clock));
    loop {
        shared.wake.notified().await;
        if shared.stopping.load(Ordering::Acquire) {
            break;
        }
        for adopted in shared.take_adopted() {
            adopt(driver, &cell, adopted);
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
    let mut chunk = Vec::new();
    while port.has_unflushed() {
        port.next_chunk(&mut chunk);
        for conn in chunk.drain(..) {
            port.flush(conn);
        }
    }
    port.say_goodbyes();
}

fn adopt<H: Handler>(driver: Driver, cell: &WorkerCell<H>, adopted: Adopted) {
    let mut worker = cell.borrow_mut();
    let Worker { handler, port } = &mut *worker;
    let Adopted {
        socket,
        mut meta,
        security,
    } = adopted;
    let stream = Stream::new(driver, socket, meta.transport);
    match stream.and_then(|stream| Ok((Rc::new(stream), pump_of(security, &meta.name)?))) {
        Ok((stream, tls)) => {
            let is_handshaking = tls.as_ref().is_some_and(|pump| pump.is_handshaking());
            let conn = if is_handshaking {
                let entering = Entering {
                    meta,
                    waited_ms: 0,
                    waits_for_us: false,
                    patience: Patience::Unanswered {
                        begun_ms: port.now_ms(),
                    },
                };
                let phase = Phase::Handshake(Box::new(entering));
                let conn = port.connections.insert(Rc::clone(&stream), tls, phase);
                if let Some(oldest) = port.handshakes.begin(conn, &port.connections) {
                    refuse(
                        port,
                        oldest,
                        "too many handshakes at once, and this one has waited longest",
                    );
                }
                conn
            } else {
                meta.peer_name = tls.as_ref().and_then(|pump| pump.peer_name());
                let conn = port.connections.insert(Rc::clone(&stream), tls, Phase::Open);
                handler.opened(port, conn, meta);
                if let Some(connection) = port.connections.get_mut(conn)
                    && connection.has_plain()
                    && matches!(connection.reading, Reading::Allowed)
                {
                    connection.reading = Reading::Resumed;
                }
                conn
            };
            port.open_turn();
            reader::spawn(Rc::clone(cell), conn, stream);
        }
        Err(error) => {
            port.shared.connection_count.fetch_sub(1, Ordering::Relaxed);
            log::warn!(target: "runtime", "{}: cannot be served ({error})", meta.name);
        }
    }
}

fn pump_of(security: Security, name: &str) -> io::Result<Option<Box<Pump>>> {
    Ok(match security {
        Security::Plain => None,
        Security::Accept(config) => Some(Box::new(Pump::accept(config, name).map_err(io::Error::other)?)),
        Security::Established(session) => Some(Box::new(Pump::new(*session, name))),
    })
}

/// Ends a handshake and says why.
pub(super) fn refuse(port: &mut Port, conn: ConnId, reason: &str) {
    let Some(connection) = port.connections.get_mut(conn) else {
        return;
    };
    if let (Phase::Handshake(_), Some(pump)) = (&connection.phase, &connection.tls) {
        pump.complain(&reason);
        port.fail(conn, io::Error::from_raw_os_error(libc::ETIMEDOUT));
    }
}

async fn tick_for_ever<H: Handler>(cell: WorkerCell<H>, clock: Instant) {
    let mut ticks = interval(Duration::from_millis(TICK_MS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut worker = cell.borrow_mut();
        let Worker { handler, port } = &mut *worker;
        for late in port.handshakes.pass(TICK_MS, &mut port.connections) {
            let seconds = HANDSHAKE_WAIT_MS / 1000;
            refuse(port, late, &format!("no handshake within {seconds} seconds"));
        }
        handler.tick(port, elapsed_ms(clock));
        port.open_turn();
    }
}

/// The task that ends turns.
async fn turn_for_ever<H: Handler>(driver: Driver, cell: WorkerCell<H>, turner: Rc<Notify>) {
    let mut chunk = Vec::with_capacity(FLUSH_CHUNK + FLUSH_CHUNK_OLDEST);
    let mut time = TurnTime::new(Arc::clone(&cell.borrow().port.shared));
    loop {
        match run_turn(&cell, &mut chunk, &mut time) {
            Next::Turn => driver.breathe().await,
            // A timeout that passes is as good as a wake-up: both mean another turn.
            Next::TurnAt(at) => drop(timeout_at(at.into(), turner.notified()).await),
            Next::Rest => turner.notified().await,
        }
    }
}

/// What comes after a turn.
enum Next {
    /// Another one, once others have had theirs.
    Turn,
    /// Another one then, or when something happens before.
    TurnAt(Instant),
    /// Nothing until something happens.
    Rest,
}

/// Ends the turn if one is open, flushes one chunk, and says whether there is more to do.
fn run_turn<H: Handler>(cell: &WorkerCell<H>, chunk: &mut Vec<ConnId>, time: &mut TurnTime) -> Next {
    let mut worker = cell.borrow_mut();
    let Worker { handler, port } = &mut *worker;
    let is_soon = std::mem::take(&mut port.soon);
    if std::mem::take(&mut port.again) || is_soon {
        port.open_turn();
        handler.woken(port);
    }
    let since = match std::mem::replace(&mut port.turn, Turn::Closed) {
        Turn::Open { since } => {
            handler.turn_end(port);
            since
        }
        Turn::Closed => Instant::now(),
    };
    port.next_chunk(chunk);
    for conn in chunk.drain(..) {
        if port.flush(conn) == Flushed::Blocked
            && let Some(connection) = port.connections.get_mut(conn)
        {
            connection.writer_waits = true;
            writer::spawn(Rc::clone(cell), conn, Rc::clone(&connection.stream));
            if let Phase::Open = connection.phase {
                handler.blocked(port, conn);
            }
            port.open_turn();
        }
    }
    let is_asked = port.handshakes.steps().renew();
    time.took(since);
    if is_asked || port.soon || matches!(port.turn, Turn::Open { .. }) || port.has_unflushed() {
        return Next::Turn;
    }
    match (port.again, port.pause_end()) {
        (true, Some(end)) => Next::TurnAt(end),
        (true, None) => Next::Turn,
        (false, _) => Next::Rest,
    }
}
