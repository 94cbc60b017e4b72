//! Writers that insert, change and delete items at random until they are told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use ovsdb_harness::{Client, Random, Server, wait};
use serde_json::{Value, json};

/// Numbers of items; few, so that conditions on them hold for many rows and rows move in and out.
pub(crate) const NUMBERS: u64 = 8;

/// Names of items; few, so that rows are changed to what they are.
const NAMES: u64 = 4;

pub(crate) struct Storm {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    writers: Vec<JoinHandle<()>>,
}

impl Storm {
    /// Starts so many writers, each with its own connection.
    pub(crate) fn start(server: &Server, writers: usize, random: &mut Random) -> Storm {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let writers = (0..writers)
            .map(|_| {
                let (client, random) = (server.client(), random.fork());
                let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
                std::thread::spawn(move || write(client, random, &stop, &done))
            })
            .collect();
        Storm { stop, done, writers }
    }

    /// Waits until so many more transactions have been acknowledged.
    pub(crate) fn wait_for(&self, transactions: u64) {
        let end = self.done.load(Ordering::Relaxed) + transactions;
        wait::until("the storm", || {
            (self.done.load(Ordering::Relaxed) >= end).then_some(())
        });
    }

    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.join().expect("a writer ends");
        }
    }
}

fn write(mut client: Client, mut random: Random, stop: &AtomicBool, done: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let count = 1 + random.below(3);
        let operations: Vec<Value> = (0..count).map(|_| operation(&mut random)).collect();
        let results = client.transact("Load", Value::Array(operations));
        assert_eq!(results.len() as u64, count, "{results:?}");
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// A random operation; the table neither empties nor grows for ever.
fn operation(random: &mut Random) -> Value {
    let (number, name) = (random.below(NUMBERS), format!("n{}", random.below(NAMES)));
    let clauses = json!([["number", "==", number], ["name", "==", name]]);
    match random.below(10) {
        0..6 => json!({"op": "insert", "table": "Item", "row": {"number": number, "name": name}}),
        6..9 => {
            let other = random.below(NUMBERS);
            json!({"op": "update", "table": "Item", "where": clauses, "row": {"number": other}})
        }
        _ => json!({"op": "delete", "table": "Item", "where": clauses}),
    }
}
