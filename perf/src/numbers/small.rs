//! Small transactions: each connection updates its own row, one transaction in flight.

use std::io::Write;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ovsdb_harness::{Remote, Server};
use serde_json::{Value, json};

use crate::numbers::connection::{Connection, Readiness};
use crate::numbers::cpu;

/// Time between the start of the load and that of the measurement.
const WARM_UP: Duration = Duration::from_millis(300);
/// Rows of the table besides those that are updated.
const OTHER_ROWS: usize = 1000;

/// What a transaction asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing: upstream's rule for standalone databases is a write without a sync.
    Relaxed,
    /// That it is on the disk before the reply.
    Durable,
}

impl Durability {
    pub(super) fn name(self) -> &'static str {
        match self {
            Durability::Relaxed => "relaxed",
            Durability::Durable => "durable",
        }
    }

    /// What our server needs to follow upstream's rule; its default is stricter.
    pub(super) fn argument(self) -> Option<&'static str> {
        match self {
            Durability::Relaxed => Some("--durability=relaxed"),
            Durability::Durable => None,
        }
    }
}

/// One measurement.
pub(super) struct Sample {
    pub(super) per_second: f64,
    pub(super) cpu_us: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// Loads the server for `length` and measures it meanwhile.
pub(super) fn measure(
    server: &Server,
    connections: usize,
    threads: usize,
    durability: Durability,
    length: Duration,
) -> Sample {
    let rows = insert_rows(server, connections);
    let remote = server.tcp();
    let (done, stop, ready) = (
        AtomicU64::new(0),
        AtomicBool::new(false),
        Barrier::new(threads + 1),
    );
    std::thread::scope(|scope| {
        let share = connections.div_ceil(threads);
        let workers: Vec<_> = rows
            .chunks(share)
            .map(|rows| scope.spawn(|| work(&remote, rows, durability, &done, &stop, &ready)))
            .collect();
        ready.wait();
        std::thread::sleep(WARM_UP);
        let (count, used, start) = (
            done.load(Ordering::Relaxed),
            cpu::used(server.pid()),
            Instant::now(),
        );
        std::thread::sleep(length);
        let count = done.load(Ordering::Relaxed) - count;
        let (used, elapsed) = (cpu::used(server.pid()) - used, start.elapsed());
        stop.store(true, Ordering::Relaxed);
        let mut latencies: Vec<u32> = workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a client does not panic"))
            .collect();
        latencies.sort_unstable();
        let percentile = |of: usize| f64::from(latencies[(latencies.len() - 1) * of / 100]);
        Sample {
            per_second: count as f64 / elapsed.as_secs_f64(),
            cpu_us: used.as_secs_f64() * 1e6 / count as f64,
            p50_us: percentile(50),
            p99_us: percentile(99),
        }
    })
}

/// Fills the table and gives the UUIDs of the rows to update, one for each connection.
fn insert_rows(server: &Server, connections: usize) -> Vec<String> {
    let insertions: Vec<Value> = (0..connections + OTHER_ROWS)
        .map(|number| json!({"op": "insert", "table": "Item", "row": {"number": number, "name": "row"}}))
        .collect();
    let results = server.client().transact("Load", Value::Array(insertions));
    let uuids = results.iter().take(connections);
    uuids
        .map(|result| {
            result["uuid"][1]
                .as_str()
                .expect("an insert gives a UUID")
                .to_owned()
        })
        .collect()
}

/// A thread of the client: gives the latencies in microseconds.
fn work(
    remote: &Remote,
    rows: &[String],
    durability: Durability,
    done: &AtomicU64,
    stop: &AtomicBool,
    ready: &Barrier,
) -> Vec<u32> {
    let mut readiness = Readiness::new();
    let mut connections: Vec<Connection> = rows.iter().map(|_| Connection::connect(remote)).collect();
    for (index, connection) in connections.iter().enumerate() {
        readiness.add(connection, index);
    }
    ready.wait();
    let mut number = 0u64;
    let mut message = Vec::new();
    let mut sent_at = vec![Instant::now(); rows.len()];
    let mut latencies = Vec::with_capacity(1 << 20);
    let mut send = |connection: &mut Connection, index: usize, sent_at: &mut [Instant]| {
        number += 1;
        message.clear();
        let (row, commit) = (
            &rows[index],
            if durability == Durability::Durable {
                COMMIT
            } else {
                ""
            },
        );
        write!(
            message,
            r#"{{"id":{number},"method":"transact","params":["Load",{{"op":"update","table":"Item","where":[["_uuid","==",["uuid","{row}"]]],"row":{{"number":{number}}}}}{commit}]}}"#
        )
        .expect("memory takes everything");
        sent_at[index] = Instant::now();
        connection.send(&message);
    };
    for (index, connection) in connections.iter_mut().enumerate() {
        send(connection, index, &mut sent_at);
    }
    while !stop.load(Ordering::Relaxed) {
        for index in readiness.wait(10) {
            let mut replies = 0;
            connections[index].receive(|reply| {
                assert!(
                    reply.windows(9).any(|window| window == b"\"count\":1"),
                    "an update finds its row"
                );
                replies += 1;
            });
            for _ in 0..replies {
                latencies.push(sent_at[index].elapsed().as_micros() as u32);
                done.fetch_add(1, Ordering::Relaxed);
                send(&mut connections[index], index, &mut sent_at);
            }
        }
    }
    latencies
}

const COMMIT: &str = r#",{"op":"commit","durable":true}"#;
