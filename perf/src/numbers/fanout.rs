//! Fan-out: one client changes a row, many clients that monitor the whole table hear of it.

use std::time::{Duration, Instant};

use ovsdb_harness::{Client, Server, wait};
use serde_json::json;

use crate::numbers::connection::{Connection, Readiness};
use crate::numbers::cpu;

const MONITOR: &[u8] =
    br#"{"id":"m","method":"monitor_cond","params":["Load","m",{"Item":{"columns":["number","name"]}}]}"#;
const UPDATE: &[u8] = br#""method":"update2""#;
/// Longest wait for one message to reach all clients.
const HEARD_MAX: Duration = Duration::from_secs(60);
/// Clients that connect before the first of them is waited for. A listener holds only so many.
const CONNECTING_MAX: usize = 32;

/// One measurement: medians over its updates.
pub(super) struct Sample {
    pub(super) last_ms: f64,
    pub(super) cpu_ms: f64,
}

/// The clients of both servers, in one loop, so that those of the idle server keep answering its probes.
pub(super) struct Crowd {
    readiness: Readiness,
    connections: Vec<Connection>,
    clients: usize,
    writers: [Client; 2],
    pids: [u32; 2],
    number: u64,
}

impl Crowd {
    /// Connects `clients` to each server and waits until their monitors are registered.
    pub(super) fn connect(servers: &[Server; 2], clients: usize) -> Crowd {
        let writers = [0, 1].map(|side: usize| {
            let mut writer = Client::connect(&servers[side].remote());
            let row = json!({"op": "insert", "table": "Item", "row": {"name": "news"}});
            writer.transact("Load", json!([row]));
            writer
        });
        let pids = [servers[0].pid(), servers[1].pid()];
        let mut crowd = Crowd {
            readiness: Readiness::new(),
            connections: Vec::new(),
            clients,
            writers,
            pids,
            number: 0,
        };
        for server in servers {
            let remote = server.tcp();
            let mut registered = 0;
            for client in 0..clients {
                let mut connection = Connection::connect(&remote);
                connection.send(MONITOR);
                crowd.readiness.add(&connection, crowd.connections.len());
                crowd.connections.push(connection);
                while client + 1 - registered >= CONNECTING_MAX {
                    registered += crowd.pump(|_| true).len();
                }
            }
            while registered < clients {
                registered += crowd.pump(|_| true).len();
            }
        }
        crowd
    }

    /// Sends `updates` one after another, each when everybody has heard of the one before.
    pub(super) fn measure(&mut self, side: usize, updates: usize) -> Sample {
        let used = cpu::used(self.pids[side]);
        let mut last_ms: Vec<f64> = (0..updates)
            .map(|_| self.update(side).as_secs_f64() * 1e3)
            .collect();
        let used = cpu::used(self.pids[side]) - used;
        last_ms.sort_unstable_by(f64::total_cmp);
        Sample {
            last_ms: last_ms[updates / 2],
            cpu_ms: used.as_secs_f64() * 1e3 / updates as f64,
        }
    }

    /// Changes the row and gives the time until the last client has heard of it.
    fn update(&mut self, side: usize) -> Duration {
        self.number += 1;
        let row = json!({"number": self.number});
        let request = json!(["Load", {"op": "update", "table": "Item", "where": [], "row": row}]);
        let start = Instant::now();
        let id = self.writers[side].send("transact", request);
        let mut waiting = self.clients;
        let own = side * self.clients..(side + 1) * self.clients;
        while waiting > 0 {
            let heard = self.pump(|message| message.windows(UPDATE.len()).any(|window| window == UPDATE));
            waiting -= heard.iter().filter(|index| own.contains(index)).count();
            assert!(
                start.elapsed() < HEARD_MAX,
                "{waiting} clients have not heard of the update"
            );
        }
        let elapsed = start.elapsed();
        self.writers[side]
            .reply(id)
            .expect("the transaction is understood");
        assert!(elapsed < wait::DEADLINE, "a fan-out that slow is no measurement");
        elapsed
    }

    /// Receives once and gives the connection of each message that is `wanted`.
    fn pump(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Vec<usize> {
        let mut found = Vec::new();
        for index in self.readiness.wait(100) {
            self.connections[index].receive(|message| {
                if wanted(message) {
                    found.push(index);
                }
            });
        }
        found
    }
}
