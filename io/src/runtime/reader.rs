//! The one task of a connection that reads, under either driver, until the connection ends.

use super::connection::{Connection, Entering, Phase, Reading};
use super::handler::{Closed, ConnId, Handler, Outgoing};
use super::port::Port;
use super::steps::Patience;
use super::stream::Stream;
use super::worker::{Worker, WorkerCell};
use crate::errors::strerror;
use crate::limits::{
    HANDSHAKE_READ_BYTES, READ_AT_ONCE_BYTES, READ_BRIEF_BYTES, READ_BUSY_BYTES, READ_IDLE_BYTES,
    READ_KEEP_BYTES, READ_LONG_BYTES, READ_LONG_ROOM_BYTES, READS_PER_POLL,
};
use crate::tls::{complain_of_read, explain};
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::Poll;
use tokio::io::unix::AsyncFd;
use tokio::task::spawn_local;
use tokio_uring::buf::BoundedBuf;

pub(super) fn spawn<H: Handler>(cell: WorkerCell<H>, conn: ConnId, stream: Rc<Stream>) {
    match &*stream {
        Stream::Ready(_) => drop(spawn_local(read_when_ready(cell, conn, stream))),
        Stream::Ring(_) => drop(spawn_local(read_posted(cell, conn, stream))),
    }
}

/// What a reader does next.
enum Next {
    Read,
    /// Reading went on after a pause, and bytes were left.
    Deliver,
    /// The peer has ended its side by TLS, and no byte is left.
    PeerEnded,
    End,
}

/// Waits while reading is paused.
async fn allowed<H: Handler>(cell: &WorkerCell<H>, conn: ConnId, has_rest: bool) -> Next {
    poll_fn(|context| {
        let mut worker = cell.borrow_mut();
        let Some(connection) = worker.port.connections.get_mut(conn) else {
            return Poll::Ready(Next::End);
        };
        let has_peer_closed = has_peer_closed(connection);
        match (&connection.phase, &mut connection.reading) {
            (Phase::Open, Reading::Paused(waker)) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            (Phase::Open, reading @ Reading::Resumed) => {
                *reading = Reading::Allowed;
                let has_rest = has_rest || connection.has_plain();
                Poll::Ready(if has_rest { Next::Deliver } else { Next::Read })
            }
            (Phase::Open, Reading::Allowed) if has_peer_closed => Poll::Ready(Next::PeerEnded),
            // An ending socket is shut down at the turn's end at the latest; the read then ends at once.
            (Phase::Open, Reading::Allowed)
            | (Phase::Handshake(_) | Phase::Refused | Phase::Ending(_), _) => Poll::Ready(Next::Read),
        }
    })
    .await
}

fn has_peer_closed(connection: &Connection) -> bool {
    connection.tls.as_ref().is_some_and(|pump| pump.has_peer_closed())
}

/// Waits for the worker to have time for the next step of a handshake, if `conn` is in one. A peer that has left
/// meanwhile gets none.
async fn step_allowed<H: Handler>(cell: &WorkerCell<H>, conn: ConnId, stream: &Stream) {
    let (steps, gives_up_ms) = {
        let mut worker = cell.borrow_mut();
        let steps = worker.port.handshakes.steps();
        let now_ms = worker.port.now_ms();
        let Some(entering) = entering(&mut worker.port, conn) else {
            return;
        };
        entering.waits_for_us = true;
        let gives_up_ms = entering.patience.ends_ms(now_ms);
        worker.port.open_turn();
        (steps, gives_up_ms)
    };
    steps.take(gives_up_ms).await;
    let mut worker = cell.borrow_mut();
    let Some(entering) = entering(&mut worker.port, conn) else {
        return steps.give_back();
    };
    entering.waits_for_us = false;
    // Clients give up after a second. When thousands come at once, work for those that have left would make the others
    // wait until they leave, too.
    if stream.has_peer_left() {
        worker
            .port
            .fail(conn, io::Error::from_raw_os_error(libc::ECONNRESET));
        steps.give_back();
    }
}

fn entering(port: &mut Port, conn: ConnId) -> Option<&mut Entering> {
    match port.connections.get_mut(conn)?.phase {
        Phase::Handshake(ref mut entering) => Some(entering),
        Phase::Open | Phase::Refused | Phase::Ending(_) => None,
    }
}

/// Has TLS look at what has come. What it decrypts is in its pump; what it wants to answer leaves with the turn. The
/// handler hears of a connection whose handshake is over now.
fn decrypt<H: Handler>(worker: &mut Worker<H>, conn: ConnId, raw: &mut Vec<u8>) {
    let Worker { handler, port } = worker;
    let Some(connection) = port.connections.get_mut(conn) else {
        return;
    };
    let Some(pump) = &mut connection.tls else { return };
    if pump.plain.capacity() == 0
        && let Some(pooled) = port.read_pool.pop()
    {
        pump.plain = pooled;
    }
    let result = pump.receive(raw);
    let wants_write = pump.wants_write();
    match (result, &mut connection.phase) {
        (Err(error), Phase::Handshake(_)) => {
            pump.complain(&explain(&error));
            connection.phase = Phase::Refused;
        }
        (Err(error), Phase::Open) => {
            complain_of_read(pump.name(), &error);
            connection.phase = Phase::Ending(Closed::Failed(io::Error::from_raw_os_error(libc::EIO)));
        }
        (Ok(()), Phase::Handshake(entering)) if !pump.is_handshaking() => {
            let mut meta = entering.meta.clone();
            meta.peer_name = pump.peer_name();
            if let Some(name) = pump.server_name() {
                log::debug!(target: "stream_ssl", "{}: connection indicated server name {name}", pump.name());
            }
            connection.phase = Phase::Open;
            handler.opened(port, conn, meta);
        }
        (Ok(()), Phase::Handshake(entering)) if pump.is_answered() => entering.patience = Patience::Answered,
        _ => {}
    }
    let Some(connection) = port.connections.get(conn) else {
        return;
    };
    if wants_write || connection.is_ending() {
        port.list_for_flush(conn);
    }
    port.open_turn();
}

/// Hands the handler what TLS has decrypted.
fn deliver_plain<H: Handler>(worker: &mut Worker<H>, conn: ConnId) {
    let Worker { handler, port } = worker;
    let Some(connection) = port.connections.get_mut(conn) else {
        return;
    };
    let (Some(pump), Phase::Open, Reading::Allowed | Reading::Resumed) =
        (&mut connection.tls, &connection.phase, &connection.reading)
    else {
        return;
    };
    let mut plain = std::mem::take(&mut pump.plain);
    if !plain.is_empty() {
        handler.received(port, conn, &mut plain);
        port.open_turn();
    }
    settle(port, &mut plain);
    if let Some(pump) = port
        .connections
        .get_mut(conn)
        .and_then(|connection| connection.tls.as_mut())
    {
        pump.plain = plain;
    }
}

/// Tells the handler of new bytes. If reading was paused since the read was posted, they stay for later; on a
/// connection that is ending they are dropped.
fn deliver<H: Handler>(cell: &WorkerCell<H>, conn: ConnId, buffer: &mut Vec<u8>) {
    let mut worker = cell.borrow_mut();
    let Some(connection) = worker.port.connections.get(conn) else {
        return buffer.clear();
    };
    match (&connection.phase, &connection.reading) {
        (Phase::Open, Reading::Paused(_)) => {}
        (Phase::Open | Phase::Handshake(_), _) if connection.tls.is_some() => {
            decrypt(&mut worker, conn, buffer);
            deliver_plain(&mut worker, conn);
        }
        (Phase::Open, Reading::Allowed | Reading::Resumed) => {
            let Worker { handler, port } = &mut *worker;
            handler.received(port, conn, buffer);
            port.open_turn();
        }
        (Phase::Handshake(_) | Phase::Refused | Phase::Ending(_), _) => buffer.clear(),
    }
}

/// The peer has ended its side: whether the connection goes now, which is not before what is queued for it has been
/// offered to the socket. Otherwise its reader comes to the same end again.
async fn lets_go<H: Handler>(cell: &WorkerCell<H>, conn: ConnId) -> bool {
    {
        let mut worker = cell.borrow_mut();
        let Worker { handler, port } = &mut *worker;
        match port.connections.get(conn).map(|connection| &connection.phase) {
            Some(Phase::Open | Phase::Ending(_)) => {}
            Some(Phase::Handshake(_) | Phase::Refused) | None => return true,
        }
        let may_go = handler.peer_ended(port, conn);
        let Some(connection) = port.connections.get(conn) else {
            return true;
        };
        let is_offered = connection.output.is_empty() || connection.writer_waits;
        if matches!(connection.phase, Phase::Ending(_)) || (may_go && is_offered) {
            return true;
        }
        port.open_turn();
    }
    // The turn's end offers it, if not of this turn then of one soon after.
    tokio::task::yield_now().await;
    false
}

/// The connection's end: the handler is told, then it is gone.
fn finish<H: Handler>(cell: &WorkerCell<H>, conn: ConnId, seen: Closed) {
    let mut worker = cell.borrow_mut();
    let Worker { handler, port } = &mut *worker;
    let Some(connection) = port.connections.get_mut(conn) else {
        return;
    };
    match std::mem::replace(&mut connection.phase, Phase::Refused) {
        Phase::Ending(reason) => handler.closed(port, conn, reason),
        Phase::Open => handler.closed(port, conn, seen),
        Phase::Handshake(_) => {
            let reason = match &seen {
                Closed::Failed(error) => strerror(error),
                Closed::Peer | Closed::Local => "unexpected SSL/TLS connection close".to_owned(),
            };
            if let Some(pump) = &connection.tls {
                pump.complain(&reason);
            }
        }
        Phase::Refused => {}
    }
    port.remove(conn);
    port.open_turn();
}

async fn read_when_ready<H: Handler>(cell: WorkerCell<H>, conn: ConnId, stream: Rc<Stream>) {
    let Stream::Ready(socket) = &*stream else {
        unreachable!("spawn looked")
    };
    let mut buffer = Vec::new();
    let mut full_reads = 0;
    let reason = loop {
        match allowed(&cell, conn, !buffer.is_empty()).await {
            Next::End => return,
            Next::Deliver => {
                deliver(&cell, conn, &mut buffer);
                settle(&mut cell.borrow_mut().port, &mut buffer);
                continue;
            }
            Next::PeerEnded if lets_go(&cell, conn).await => break Closed::Peer,
            Next::PeerEnded => continue,
            Next::Read => {}
        }
        match receive(&cell, socket, &mut buffer).await {
            Err(error) => break Closed::Failed(error),
            Ok(None) if lets_go(&cell, conn).await => break Closed::Peer,
            Ok(None) => {}
            Ok(Some(Received { filled, is_brief })) => {
                step_allowed(&cell, conn, &stream).await;
                deliver(&cell, conn, &mut buffer);
                settle(&mut cell.borrow_mut().port, &mut buffer);
                full_reads = if filled { full_reads + 1 } else { 0 };
                if full_reads == READS_PER_POLL || (filled && is_brief) {
                    full_reads = 0;
                    tokio::task::yield_now().await;
                }
            }
        }
    };
    finish(&cell, conn, reason);
}

/// Bytes have come.
struct Received {
    /// The space was used up, so that there is probably more.
    filled: bool,
    /// It was only a little space.
    is_brief: bool,
}

/// Waits for the socket and reads once, behind what `buffer` holds. An idle connection has no buffer. Nothing is received at
/// the end.
async fn receive<H: Handler>(
    cell: &WorkerCell<H>,
    socket: &AsyncFd<OwnedFd>,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Received>> {
    loop {
        let mut ready = socket.readable().await?;
        // Who has sent more than that has had its turn.
        let is_brief = cell.borrow().port.is_brief && buffer.len() < READ_BRIEF_BYTES;
        let (space, received) = if is_brief {
            receive_little(socket, buffer)
        } else {
            receive_much(cell, socket, buffer)
        };
        match received {
            Ok(0) => return Ok(None),
            Ok(count) => {
                let filled = count == space;
                // A stream socket that gave less than asked is empty until the next event.
                if !filled {
                    ready.clear_ready();
                }
                return Ok(Some(Received { filled, is_brief }));
            }
            Err(rustix::io::Errno::AGAIN) => {
                ready.clear_ready();
                settle(&mut cell.borrow_mut().port, buffer);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads into all the room of a busy read, and says how much that was.
fn receive_much<H: Handler>(
    cell: &WorkerCell<H>,
    socket: &AsyncFd<OwnedFd>,
    buffer: &mut Vec<u8>,
) -> (usize, rustix::io::Result<usize>) {
    if buffer.capacity() == 0
        && let Some(pooled) = cell.borrow_mut().port.read_pool.pop()
    {
        *buffer = pooled;
    }
    make_room(buffer);
    let space = buffer.capacity() - buffer.len();
    if space > READ_AT_ONCE_BYTES {
        return receive_within(socket, buffer, READ_AT_ONCE_BYTES);
    }
    let received = recv(socket.get_ref(), spare_capacity(buffer), RecvFlags::DONTWAIT);
    (space, received.map(|(count, _)| count))
}

/// The same for a little room.
fn receive_little(socket: &AsyncFd<OwnedFd>, buffer: &mut Vec<u8>) -> (usize, rustix::io::Result<usize>) {
    buffer.reserve_exact(READ_BRIEF_BYTES);
    receive_within(socket, buffer, READ_BRIEF_BYTES)
}

/// Reads into some of the room that there is.
fn receive_within(
    socket: &AsyncFd<OwnedFd>,
    buffer: &mut Vec<u8>,
    space: usize,
) -> (usize, rustix::io::Result<usize>) {
    let begin = buffer.len();
    buffer.resize(begin + space, 0);
    let received = recv(socket.get_ref(), &mut buffer[begin..], RecvFlags::DONTWAIT);
    let received = received.map(|(count, _)| count);
    buffer.truncate(begin + received.unwrap_or(0));
    (space, received)
}

/// Makes room for a busy read behind what is there; doubles when a message is larger. Later it becomes enough for most
/// large messages at once, and quadruples beyond that: what is copied then is copied to pages that nobody has had yet,
/// for which all others wait, and room that is not used is not taken from the system.
fn make_room(buffer: &mut Vec<u8>) {
    if buffer.capacity() - buffer.len() >= READ_BUSY_BYTES / 2 {
        return;
    }
    let is_long = buffer.len() >= READ_LONG_BYTES;
    buffer.reserve(if is_long {
        (3 * buffer.len()).max(READ_LONG_ROOM_BYTES)
    } else {
        READ_BUSY_BYTES
    });
}

/// Gives back what a buffer holds beyond its need: an empty one goes to the pool or is freed, the few bytes of a
/// message that has only begun move into a small one.
fn settle(port: &mut Port, buffer: &mut Vec<u8>) {
    let capacity = buffer.capacity();
    if buffer.is_empty() {
        let empty = std::mem::take(buffer);
        if capacity == READ_BUSY_BYTES {
            port.keep_buffer(empty);
        }
    } else if buffer.len() <= READ_IDLE_BYTES && capacity >= READ_BUSY_BYTES {
        let rest = buffer.as_slice().to_vec();
        let large = std::mem::replace(buffer, rest);
        if capacity == READ_BUSY_BYTES {
            port.keep_buffer(large);
        }
    } else if capacity > READ_KEEP_BYTES && buffer.len() < (capacity / 4).min(READ_LONG_BYTES) {
        buffer.shrink_to(buffer.len() + READ_BUSY_BYTES);
    }
}

async fn read_posted<H: Handler>(cell: WorkerCell<H>, conn: ConnId, stream: Rc<Stream>) {
    let Stream::Ring(socket) = &*stream else {
        unreachable!("spawn looked")
    };
    let is_secured = |connection: &Connection| connection.tls.is_some();
    let is_secured = cell.borrow().port.connections.get(conn).is_some_and(is_secured);
    let mut buffer = Vec::with_capacity(if is_secured {
        HANDSHAKE_READ_BYTES
    } else {
        READ_IDLE_BYTES
    });
    let reason = loop {
        match allowed(&cell, conn, !buffer.is_empty()).await {
            Next::End => return,
            Next::Deliver => {
                deliver(&cell, conn, &mut buffer);
                fit(&mut cell.borrow_mut().port, &mut buffer, false);
                continue;
            }
            Next::PeerEnded if lets_go(&cell, conn).await => break Closed::Peer,
            Next::PeerEnded => continue,
            Next::Read => {}
        }
        let begin = buffer.len();
        let space = (buffer.capacity() - begin).min(READ_AT_ONCE_BYTES);
        assert!(space > 0, "a read needs room");
        let (result, slice) = socket.read(buffer.slice(begin..begin + space)).await;
        buffer = slice.into_inner();
        match result {
            Ok(0) if lets_go(&cell, conn).await => break Closed::Peer,
            Ok(0) => {}
            Ok(count) => {
                step_allowed(&cell, conn, &stream).await;
                deliver(&cell, conn, &mut buffer);
                fit(&mut cell.borrow_mut().port, &mut buffer, count == space);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Closed::Failed(error),
        }
    };
    finish(&cell, conn, reason);
}

/// Gives the next posted read its buffer: small when the connection is idle, large after a read that filled
/// all there was, and more when a message is longer than that.
fn fit(port: &mut Port, buffer: &mut Vec<u8>, filled: bool) {
    let capacity = buffer.capacity();
    if buffer.is_empty() {
        if filled && capacity < READ_BUSY_BYTES {
            *buffer = port
                .read_pool
                .pop()
                .unwrap_or_else(|| Vec::with_capacity(READ_BUSY_BYTES));
        } else if capacity > READ_KEEP_BYTES || (!filled && capacity > READ_IDLE_BYTES) || capacity == 0 {
            let large = std::mem::replace(buffer, Vec::with_capacity(READ_IDLE_BYTES));
            if capacity == READ_BUSY_BYTES {
                port.keep_buffer(large);
            }
        }
    } else if filled || capacity == buffer.len() {
        make_room(buffer);
    } else if capacity > READ_KEEP_BYTES && buffer.len() < (capacity / 4).min(READ_LONG_BYTES) {
        buffer.shrink_to(buffer.len() + READ_BUSY_BYTES);
    }
}
