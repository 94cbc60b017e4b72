//! Promises about the machine's resources: memory of idle connections, and what happens without descriptors. They
//! look at the whole process, so they are one test in a process of its own.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use ovsdb_io::net::{Listener, Remote, raise_descriptor_limit};
use ovsdb_io::runtime::{
    Closed, Config, ConnId, ConnMeta, Driver, Handler, Outgoing, Security, Transport, Workers, probe_ring,
    run,
};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of memory that an idle connection may cost, all included.
const IDLE_BYTES_MAX: usize = 8 << 10;

const CONNECTIONS: usize = 4000;

struct Echo;

impl Handler for Echo {
    fn opened(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, _meta: ConnMeta) {}
    fn received(&mut self, io: &mut dyn Outgoing, conn: ConnId, buffer: &mut Vec<u8>) {
        io.send(conn, Bytes::from(std::mem::take(buffer)));
    }
    fn closed(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, _reason: Closed) {}
    fn blocked(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) {}
    fn drained(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) {}
    fn woken(&mut self, _io: &mut dyn Outgoing) {}
    fn tick(&mut self, _io: &mut dyn Outgoing, _now_ms: u64) {}
    fn turn_end(&mut self, _io: &mut dyn Outgoing) {}
}

fn resident_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn echo_once(client: &mut (impl Read + Write)) {
    let request = [b'x'; 3000];
    client.write_all(&request).unwrap();
    let mut reply = [0; 3000];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(request, reply);
}

#[test]
fn resources_are_used_with_care() {
    raise_descriptor_limit();
    let mut drivers = vec![Driver::Epoll];
    if probe_ring().is_ok() {
        drivers.push(Driver::Uring);
    } else {
        assert!(std::env::var_os("CI").is_none(), "CI must have a ring");
    }
    for driver in drivers {
        let config = Config { threads: 1, driver };
        run(
            &config,
            |_, _| Echo,
            |workers| async move {
                tokio::task::spawn_blocking(move || idle_connections_are_small(driver, &workers))
                    .await
                    .unwrap();
            },
        )
        .unwrap();
        run(&config, |_, _| Echo, accepting_goes_on_after_descriptors_ran_out).unwrap();
    }
}

fn idle_connections_are_small(driver: Driver, workers: &Workers) {
    let mut clients = Vec::with_capacity(CONNECTIONS);
    let before = resident_bytes();
    for _ in 0..CONNECTIONS {
        let (client, server) = UnixStream::pair().unwrap();
        let meta = ConnMeta {
            name: "unix#0".to_owned(),
            transport: Transport::Unix,
            peer: None,
            remote: 0,
            peer_name: None,
        };
        workers.least_loaded().adopt(server.into(), meta, Security::Plain);
        clients.push(client);
    }
    clients.iter_mut().for_each(echo_once);
    let each = resident_bytes().saturating_sub(before) / CONNECTIONS;
    assert!(
        each <= IDLE_BYTES_MAX,
        "{driver}: {each} bytes for an idle connection"
    );
}

async fn accepting_goes_on_after_descriptors_ran_out(workers: Workers) {
    let Ok(Remote::Passive(passive)) = "ptcp:0:127.0.0.1".parse() else {
        panic!("it is a listener")
    };
    let serving = Listener::open("ptcp:0:127.0.0.1", &passive, 48, &Arc::default())
        .unwrap()
        .serve(workers, 0)
        .unwrap();
    let port = serving.bound_port().unwrap();
    let client = move || {
        // Connected but not accepted: this side's descriptors are made first, then all others are used up.
        let mut first = TcpStream::connect(("127.0.0.1", port)).unwrap();
        echo_once(&mut first);
        let mut used_up = Vec::new();
        let mut second = TcpStream::connect(("127.0.0.1", port)).unwrap();
        echo_once(&mut second);
        let third = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        while let Ok(file) = fs::File::open("/dev/null") {
            used_up.push(file);
        }
        // Frees one for the client itself, so that the server finds none.
        used_up.pop();
        let mut late = TcpStream::connect(("127.0.0.1", port)).unwrap();
        late.write_all(b"x").unwrap();
        late.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert!(late.read(&mut [0]).is_err(), "nobody can have accepted it");
        echo_once(&mut first);
        drop((used_up, third));
        late.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        late.read_exact(&mut [0]).unwrap();
        late.set_read_timeout(None).unwrap();
        echo_once(&mut late);
    };
    let begin = Instant::now();
    tokio::task::spawn_blocking(client).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(20));
}
