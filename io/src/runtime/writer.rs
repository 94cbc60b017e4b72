//! Sends the rest for a connection whose socket was full, until nothing is queued for it. There is at most one
//! such task per connection, and while it lives nobody else sends.

use super::connection::Phase;
use super::handler::{ConnId, Handler, Outgoing};
use super::port::take_sealed;
use super::stream::Stream;
use super::worker::{Worker, WorkerCell};
use crate::limits::RING_WRITE_SLICES;
use bytes::{Buf, Bytes};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::io::unix::AsyncFd;
use tokio::task::spawn_local;

pub(super) fn spawn<H: Handler>(cell: WorkerCell<H>, conn: ConnId, stream: Rc<Stream>) {
    drop(spawn_local(async move {
        match &*stream {
            Stream::Ready(socket) => write_when_ready(&cell, conn, socket).await,
            Stream::Ring(socket) => write_posted(&cell, conn, socket).await,
        }
    }));
}

/// The queue is empty: says so, unless the connection is ending.
fn drained<H: Handler>(worker: &mut Worker<H>, conn: ConnId) {
    let Worker { handler, port } = worker;
    let Some(connection) = port.connections.get_mut(conn) else {
        return;
    };
    connection.writer_waits = false;
    if let Phase::Open = connection.phase {
        handler.drained(port, conn);
        port.open_turn();
    }
}

async fn write_when_ready<H: Handler>(cell: &WorkerCell<H>, conn: ConnId, socket: &AsyncFd<OwnedFd>) {
    loop {
        let Ok(mut ready) = socket.writable().await else {
            return;
        };
        let sent = {
            let mut worker = cell.borrow_mut();
            let sent = worker.port.send_some(conn);
            if let Ok(true) = sent {
                return drained(&mut worker, conn);
            }
            sent
        };
        match sent {
            // A client that reads as fast as it is sent to would have this worker to itself.
            Ok(_) => tokio::task::yield_now().await,
            Err(_would_block) => ready.clear_ready(),
        }
    }
}

async fn write_posted<H: Handler>(cell: &WorkerCell<H>, conn: ConnId, socket: &tokio_uring::net::TcpStream) {
    // Of a connection with TLS: encrypted, and not yet taken by the socket.
    let mut sealed = Bytes::new();
    loop {
        let slices = {
            let mut worker = cell.borrow_mut();
            let Some(connection) = worker.port.connections.get_mut(conn) else {
                return;
            };
            if sealed.is_empty() && !connection.has_unsent() {
                return drained(&mut worker, conn);
            }
            match &mut connection.tls {
                None => connection.output.share_front(RING_WRITE_SLICES),
                Some(pump) => {
                    if sealed.is_empty() {
                        sealed = match take_sealed(&mut connection.output, pump) {
                            Ok(sealed) => sealed,
                            Err(error) => return worker.port.fail(conn, error),
                        };
                    }
                    vec![sealed.clone()]
                }
            }
        };
        let (result, slices) = socket.writev(slices).await;
        drop(slices);
        let mut worker = cell.borrow_mut();
        let backlog = worker.port.backlog(conn);
        let Some(connection) = worker.port.connections.get_mut(conn) else {
            return;
        };
        match result {
            Ok(sent) if connection.tls.is_some() => sealed.advance(sent),
            // A connection that ended meanwhile has dropped its queue.
            Ok(sent) if backlog >= sent => connection.output.consume(sent),
            Ok(_) => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return worker.port.fail(conn, error),
        }
    }
}
