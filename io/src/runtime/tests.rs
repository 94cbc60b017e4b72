//! A small handler on both drivers, with clients that behave and clients that do not.

use super::*;
use bytes::Bytes;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What the handler of a test does with its connections.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// Sends back what it gets.
    Echo,
    /// Sends that many bytes of a pattern at the beginning, in small slices, then as Echo.
    Flood(usize),
    /// Sends `bye` and closes when it gets something.
    Farewell,
    /// Takes one byte at a time, pauses, and resumes at the next tick.
    OneByteATick,
    /// Sends one byte to everybody when woken.
    Broadcast,
}

#[derive(Default)]
struct Seen {
    opened: AtomicUsize,
    closed_by_peer: AtomicUsize,
    closed_locally: AtomicUsize,
    failed: AtomicUsize,
    received: AtomicUsize,
    drained: AtomicUsize,
    woken: AtomicUsize,
    turns: AtomicUsize,
    backlog_max: AtomicUsize,
    last_tick: AtomicU64,
}

struct Peer {
    manner: Manner,
    seen: Arc<Seen>,
    connections: HashMap<ConnId, ()>,
    paused: Vec<ConnId>,
}

impl Handler for Peer {
    fn opened(&mut self, io: &mut dyn Outgoing, conn: ConnId, _meta: ConnMeta) {
        self.seen.opened.fetch_add(1, Ordering::SeqCst);
        self.connections.insert(conn, ());
        if let Manner::Flood(total) = self.manner {
            let mut at = 0;
            while at < total {
                let end = (at + 1000).min(total);
                io.send(conn, Bytes::from(pattern(at, end)));
                at = end;
            }
            assert_eq!(io.backlog(conn), total);
        }
    }

    fn received(&mut self, io: &mut dyn Outgoing, conn: ConnId, buffer: &mut Vec<u8>) {
        self.seen.received.fetch_add(buffer.len(), Ordering::SeqCst);
        match self.manner {
            Manner::Echo | Manner::Flood(_) => {
                io.send_copy(conn, buffer);
                self.seen
                    .backlog_max
                    .fetch_max(io.backlog(conn), Ordering::SeqCst);
                buffer.clear();
            }
            Manner::Farewell => {
                buffer.clear();
                io.send(conn, Bytes::from_static(b"bye"));
                io.close(conn);
                io.send(conn, Bytes::from_static(b"never"));
            }
            Manner::OneByteATick => {
                io.send_copy(conn, &buffer[..1]);
                buffer.remove(0);
                io.pause_reading(conn, true);
                self.paused.push(conn);
            }
            Manner::Broadcast => buffer.clear(),
        }
    }

    fn closed(&mut self, io: &mut dyn Outgoing, conn: ConnId, reason: Closed) {
        assert!(self.connections.remove(&conn).is_some());
        io.send(conn, Bytes::from_static(b"ignored"));
        let counter = match reason {
            Closed::Peer => &self.seen.closed_by_peer,
            Closed::Local => &self.seen.closed_locally,
            Closed::Failed(_) => &self.seen.failed,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    fn blocked(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) {}

    fn drained(&mut self, io: &mut dyn Outgoing, conn: ConnId) {
        assert_eq!(io.backlog(conn), 0);
        self.seen.drained.fetch_add(1, Ordering::SeqCst);
    }

    fn woken(&mut self, io: &mut dyn Outgoing) {
        self.seen.woken.fetch_add(1, Ordering::SeqCst);
        if self.manner == Manner::Broadcast {
            for &conn in self.connections.keys() {
                io.send(conn, Bytes::from_static(b"!"));
            }
        }
    }

    fn tick(&mut self, io: &mut dyn Outgoing, now_ms: u64) {
        let before = self.seen.last_tick.swap(now_ms, Ordering::SeqCst);
        assert!(before <= now_ms);
        for conn in self.paused.drain(..) {
            io.pause_reading(conn, false);
        }
    }

    fn turn_end(&mut self, _io: &mut dyn Outgoing) {
        self.seen.turns.fetch_add(1, Ordering::SeqCst);
    }
}

fn pattern(from: usize, to: usize) -> Vec<u8> {
    (from..to).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn drivers() -> Vec<Driver> {
    if probe_ring().is_ok() {
        vec![Driver::Epoll, Driver::Uring]
    } else {
        assert!(std::env::var_os("CI").is_none(), "CI must have a ring");
        vec![Driver::Epoll]
    }
}

fn meta(transport: Transport) -> ConnMeta {
    ConnMeta {
        name: "test".to_owned(),
        transport,
        peer: None,
        remote: 0,
        peer_name: None,
    }
}

/// Runs `client` on a thread of its own beside workers of that manner.
fn with_workers<C>(driver: Driver, threads: usize, manner: Manner, client: C) -> Arc<Seen>
where
    C: FnOnce(&Workers, &Seen) + Send + 'static,
{
    let seen = Arc::new(Seen::default());
    let for_handler = Arc::clone(&seen);
    let for_client = Arc::clone(&seen);
    let make = move |_: &WorkerHandle, _: &Workers| Peer {
        manner,
        seen: Arc::clone(&for_handler),
        connections: HashMap::new(),
        paused: Vec::new(),
    };
    let config = Config { threads, driver };
    run(&config, make, |workers| async move {
        tokio::task::spawn_blocking(move || client(&workers, &for_client))
            .await
            .unwrap();
    })
    .unwrap();
    seen
}

/// A connected pair, whose far end is handed to the least loaded worker.
fn tcp(listener: &TcpListener, workers: &Workers) -> TcpStream {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (server, _) = listener.accept().unwrap();
    workers
        .least_loaded()
        .adopt(server.into(), meta(Transport::Tcp), Security::Plain);
    client
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn bytes_keep_their_order_while_a_client_reads_slowly() {
    for driver in drivers() {
        let total = 24 << 20;
        let seen = with_workers(driver, 1, Manner::Echo, move |workers, _| {
            let mut client = tcp(&listener(), workers);
            let mut writing = client.try_clone().unwrap();
            let writer = std::thread::spawn(move || writing.write_all(&pattern(0, total)).unwrap());
            let mut got = vec![0; total];
            let mut at = 0;
            while at < total {
                let step = (at + 700_001).min(total);
                client.read_exact(&mut got[at..step]).unwrap();
                at = step;
                std::thread::sleep(Duration::from_millis(1));
            }
            writer.join().unwrap();
            assert!(
                got == pattern(0, total),
                "{driver}: bytes arrive as they were sent"
            );
        });
        assert!(
            seen.drained.load(Ordering::SeqCst) > 0,
            "{driver}: the socket was full at least once"
        );
        assert_eq!(seen.received.load(Ordering::SeqCst), total);
        assert_eq!(seen.failed.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_queue_of_many_slices_arrives_whole() {
    for driver in drivers() {
        let total = 8 << 20;
        let seen = with_workers(driver, 1, Manner::Flood(total), move |workers, seen| {
            let mut client = tcp(&listener(), workers);
            let mut got = vec![0; total];
            client.read_exact(&mut got).unwrap();
            assert!(got == pattern(0, total));
            client.write_all(b"again").unwrap();
            let mut echo = [0; 5];
            client.read_exact(&mut echo).unwrap();
            assert_eq!(&echo, b"again");
            wait_for("drained once", || seen.drained.load(Ordering::SeqCst) == 1);
        });
        assert_eq!(seen.drained.load(Ordering::SeqCst), 1, "{driver}");
    }
}

#[test]
fn a_client_that_never_reads_is_left_behind_alone() {
    for driver in drivers() {
        with_workers(driver, 1, Manner::Flood(16 << 20), move |workers, seen| {
            let listener = listener();
            let stuck = tcp(&listener, workers);
            let mut lively = tcp(&listener, workers);
            let mut got = vec![0; 16 << 20];
            lively.read_exact(&mut got).unwrap();
            drop(stuck);
            wait_for("its end is noticed", || {
                seen.closed_by_peer.load(Ordering::SeqCst) + seen.failed.load(Ordering::SeqCst) == 1
            });
            lively.write_all(b"x").unwrap();
            lively.read_exact(&mut got[..1]).unwrap();
        });
    }
}

#[test]
fn a_thousand_connections_are_served_and_balanced() {
    for driver in drivers() {
        let seen = with_workers(driver, 2, Manner::Echo, move |workers, seen| {
            let listener = listener();
            let mut clients: Vec<TcpStream> = (0..1000).map(|_| tcp(&listener, workers)).collect();
            wait_for("all open", || seen.opened.load(Ordering::SeqCst) == 1000);
            assert_eq!(
                workers
                    .iter()
                    .map(WorkerHandle::connection_count)
                    .collect::<Vec<_>>(),
                [500, 500]
            );
            for round in 0..3 {
                for (at, client) in clients.iter_mut().enumerate() {
                    writeln!(client, "{round} {at}").unwrap();
                }
                for (at, client) in clients.iter_mut().enumerate() {
                    let expected = format!("{round} {at}\n");
                    let mut got = vec![0; expected.len()];
                    client.read_exact(&mut got).unwrap();
                    assert_eq!(got, expected.as_bytes());
                }
            }
            drop(clients);
            wait_for("all gone", || {
                workers.iter().all(|worker| worker.connection_count() == 0)
            });
        });
        assert_eq!(seen.closed_by_peer.load(Ordering::SeqCst), 1000, "{driver}");
    }
}

#[test]
fn one_wake_reaches_every_connection() {
    for driver in drivers() {
        with_workers(driver, 2, Manner::Broadcast, move |workers, seen| {
            let listener = listener();
            let mut clients: Vec<TcpStream> = (0..1000).map(|_| tcp(&listener, workers)).collect();
            wait_for("all open", || seen.opened.load(Ordering::SeqCst) == 1000);
            // Those that came earlier were told at each later adoption, so count from here.
            std::thread::sleep(Duration::from_millis(100));
            for client in &mut clients {
                client.set_nonblocking(true).unwrap();
                while matches!(client.read(&mut [0; 2000]), Ok(1..)) {}
                client.set_nonblocking(false).unwrap();
            }
            workers.wake_all();
            for client in &mut clients {
                client.read_exact(&mut [0]).unwrap();
            }
        });
    }
}

#[test]
fn what_was_sent_before_a_half_close_is_answered() {
    for driver in drivers() {
        let seen = with_workers(driver, 1, Manner::Echo, move |workers, _| {
            for _ in 0..50 {
                let mut client = tcp(&listener(), workers);
                client.write_all(b"last words").unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                let mut got = Vec::new();
                client.read_to_end(&mut got).unwrap();
                assert_eq!(got, b"last words", "{driver}");
            }
        });
        assert_eq!(seen.closed_by_peer.load(Ordering::SeqCst), 50);
    }
}

#[test]
fn an_abrupt_close_is_noticed() {
    for driver in drivers() {
        let seen = with_workers(driver, 1, Manner::Flood(4 << 20), move |workers, seen| {
            for _ in 0..20 {
                let client = tcp(&listener(), workers);
                socket2::SockRef::from(&client)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                drop(client);
            }
            wait_for("all gone", || workers.get(0).connection_count() == 0);
            assert_eq!(seen.opened.load(Ordering::SeqCst), 20);
        });
        let ended = seen.failed.load(Ordering::SeqCst) + seen.closed_by_peer.load(Ordering::SeqCst);
        assert_eq!(ended, 20, "{driver}");
    }
}

#[test]
fn our_close_sends_what_is_queued_and_nothing_after() {
    for driver in drivers() {
        let seen = with_workers(driver, 1, Manner::Farewell, move |workers, _| {
            let mut client = tcp(&listener(), workers);
            client.write_all(b"hello").unwrap();
            let mut got = Vec::new();
            client.read_to_end(&mut got).unwrap();
            assert_eq!(got, b"bye", "{driver}");
            wait_for("gone", || workers.get(0).connection_count() == 0);
        });
        assert_eq!(seen.closed_locally.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_pause_keeps_bytes_for_later() {
    for driver in drivers() {
        with_workers(driver, 1, Manner::OneByteATick, move |workers, _| {
            let (mut client, server) = UnixStream::pair().unwrap();
            workers
                .get(0)
                .adopt(server.into(), meta(Transport::Unix), Security::Plain);
            client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            client.write_all(b"ab").unwrap();
            let mut got = [0; 4];
            client.read_exact(&mut got[..1]).unwrap();
            client.write_all(b"cd").unwrap();
            client.read_exact(&mut got[1..]).unwrap();
            assert_eq!(&got, b"abcd", "{driver}");
        });
    }
}

#[test]
fn wakes_from_other_threads_are_never_lost() {
    for driver in drivers() {
        with_workers(driver, 2, Manner::Echo, move |workers, seen| {
            let pushers: Vec<_> = (0..4)
                .map(|_| {
                    let workers = workers.clone();
                    std::thread::spawn(move || (0..20_000).for_each(|_| workers.wake_all()))
                })
                .collect();
            pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
            for _ in 0..100 {
                let before = seen.woken.load(Ordering::SeqCst);
                workers.get(1).wake();
                wait_for("woken", || seen.woken.load(Ordering::SeqCst) > before);
            }
        });
    }
}

#[test]
fn pipelined_requests_share_turns() {
    for driver in drivers() {
        let seen = with_workers(driver, 1, Manner::Echo, move |workers, _| {
            let mut client = tcp(&listener(), workers);
            let mut writing = client.try_clone().unwrap();
            let writer = std::thread::spawn(move || {
                for _ in 0..20_000 {
                    writing.write_all(&[b'x'; 270]).unwrap();
                }
            });
            let mut got = vec![0; 270 * 20_000];
            client.read_exact(&mut got).unwrap();
            writer.join().unwrap();
        });
        let turns = seen.turns.load(Ordering::SeqCst);
        assert!(turns < 20_000, "{driver}: {turns} turns");
    }
}

#[test]
fn ticks_come_without_connections() {
    for driver in drivers() {
        with_workers(driver, 2, Manner::Echo, |_, seen| {
            wait_for("ticks", || {
                seen.last_tick.load(Ordering::SeqCst) >= 2 * crate::limits::TICK_MS
            });
        });
    }
}
