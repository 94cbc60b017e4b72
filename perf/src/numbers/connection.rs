//! One connection of a lean client: raw bytes out, ends of messages in.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use ovsdb_harness::Remote;
use ovsdb_harness::text::Scan;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fd::OwnedFd;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 16 << 10;
/// Events taken from the kernel at a time.
const EVENTS_MAX: usize = 256;

/// What a server sends to keep a silent connection, and its answer (protocol of upstream's lib/jsonrpc.c).
const ECHO: &[u8] = br#""method":"echo""#;
const ECHO_REPLY: &[u8] = br#"{"id":"echo","result":[],"error":null}"#;

/// A connection that is read when the kernel says so.
pub(super) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    scan: Scan,
}

impl Connection {
    pub(super) fn connect(remote: &Remote) -> Connection {
        let Remote::Tcp(address) = remote else {
            panic!("the client speaks TCP only")
        };
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("a socket has options");
        stream.set_nonblocking(true).expect("a socket has options");
        Connection {
            stream,
            unread: Vec::with_capacity(CHUNK_BYTES),
            scan: Scan::default(),
        }
    }

    /// Sends a small message. The kernel takes it whole, as hardly anything is in flight.
    pub(super) fn send(&mut self, message: &[u8]) {
        let sent = self.stream.write(message).expect("the server is there");
        assert_eq!(sent, message.len(), "the socket is full");
    }

    /// Reads what is there and shows every complete message but echo requests, which it answers.
    pub(super) fn receive(&mut self, mut show: impl FnMut(&[u8])) {
        let held = self.unread.len();
        self.unread.resize(held + CHUNK_BYTES, 0);
        let read = match self.stream.read(&mut self.unread[held..]) {
            Ok(0) => panic!("the server has closed a connection"),
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(error) => panic!("a connection is broken: {error}"),
        };
        self.unread.truncate(held + read);
        let mut start = 0;
        let mut echoes = 0;
        while let Some(length) = self.scan.end_of_text(&self.unread[start..]) {
            let message = &self.unread[start..start + length];
            if message.windows(ECHO.len()).any(|window| window == ECHO) {
                echoes += 1;
            } else {
                show(message);
            }
            start += length;
            self.scan = Scan::default();
        }
        self.unread.drain(..start);
        for _ in 0..echoes {
            self.send(ECHO_REPLY);
        }
    }
}

/// Tells which connections have something to read.
pub(super) struct Readiness {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Readiness {
    pub(super) fn new() -> Readiness {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the kernel has epoll");
        Readiness {
            epoll,
            events: Vec::with_capacity(EVENTS_MAX),
        }
    }

    /// Watches a connection under an index.
    pub(super) fn add(&self, connection: &Connection, index: usize) {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &connection.stream, data, epoll::EventFlags::IN)
            .expect("a socket can be watched");
    }

    /// Waits up to `limit_ms` and gives the indexes of connections with something to read.
    pub(super) fn wait(&mut self, limit_ms: u32) -> impl Iterator<Item = usize> {
        self.events.clear();
        let limit = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(limit_ms) * 1_000_000,
        };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
        self.events.iter().map(|event| event.data.u64() as usize)
    }
}
