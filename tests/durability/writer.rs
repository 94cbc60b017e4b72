//! A client that writes until its server is gone, and remembers what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use ovsdb_harness::Client;
use serde_json::{Value, json};

/// Names of the rows that one transaction inserts, in order.
pub(crate) const PAIR: [&str; 2] = ["first", "second"];

/// Transactions of one writer are numbered from its index times this.
const NUMBERS_PER_WRITER: u64 = 1_000_000;

/// Requests that a writer has in flight, so that a kill hits groups of several transactions.
const IN_FLIGHT: usize = 3;

/// What a writer knows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Numbers of transactions that may have reached the server.
    pub(crate) sent: Vec<i64>,
    /// Numbers of transactions that the server has acknowledged.
    pub(crate) acknowledged: Vec<i64>,
}

/// A writer at work in a thread of its own.
pub(crate) struct Writer {
    thread: JoinHandle<Report>,
}

impl Writer {
    /// Starts to write over `client`. `acknowledged` counts what the server has acknowledged to anybody.
    pub(crate) fn start(client: Client, index: u64, durable: bool, acknowledged: &Arc<AtomicU64>) -> Writer {
        let acknowledged = Arc::clone(acknowledged);
        Writer {
            thread: std::thread::spawn(move || write(client, index, durable, &acknowledged)),
        }
    }

    /// Waits for the writer to notice that the server is gone.
    pub(crate) fn finish(self) -> Report {
        self.thread.join().expect("a writer does not panic")
    }
}

fn write(mut client: Client, index: u64, durable: bool, total: &AtomicU64) -> Report {
    let mut report = Report::default();
    let mut pending = std::collections::VecDeque::new();
    loop {
        while pending.len() < IN_FLIGHT {
            let number = (index * NUMBERS_PER_WRITER) as i64 + report.sent.len() as i64;
            report.sent.push(number);
            match client.try_send("transact", transaction(number, durable)) {
                Ok(id) => pending.push_back((id, number)),
                Err(_) => return report,
            }
        }
        let (id, number) = pending.pop_front().expect("something is in flight");
        let Ok(reply) = client.try_reply(id) else {
            return report;
        };
        let results = reply.expect("the transaction is understood");
        for result in results.as_array().expect("results are an array") {
            assert!(result.get("error").is_none(), "transaction {number}: {results}");
        }
        report.acknowledged.push(number);
        total.fetch_add(1, Ordering::Relaxed);
    }
}

/// Inserts a pair of rows of the same number.
fn transaction(number: i64, durable: bool) -> Value {
    let mut params = vec![json!("Load")];
    for name in PAIR {
        params.push(json!({"op": "insert", "table": "Item", "row": {"number": number, "name": name}}));
    }
    if durable {
        params.push(json!({"op": "commit", "durable": true}));
    }
    Value::Array(params)
}
