//! Counters that the client threads keep and the main thread watches.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Failure;
use crate::fleet::FirstFailure;
use crate::measure::live::LiveLatencies;

/// All counters are sums since the fleet was made, but for those that say otherwise.
#[derive(Debug, Default)]
pub struct Board {
    /// Clients that are ready now.
    pub ready: AtomicU64,
    /// Attempts to connect that failed or took too long.
    pub retries: AtomicU64,
    /// Connections that ended after they were made.
    pub lost: AtomicU64,
    /// Clients that came back and had missed nothing that the server could not tell.
    pub resumed: AtomicU64,
    /// Answers to the scenario's requests.
    pub replies: AtomicU64,
    /// Requests of behaviours.
    pub asked: AtomicU64,
    /// Notifications of updates.
    pub updates: AtomicU64,
    /// Bytes received.
    pub bytes: AtomicU64,
    /// Bytes of first contents, and of updates of the data.
    pub contents: AtomicU64,
    /// What the scenario counts, as its own unit of progress.
    pub done: AtomicU64,
    /// All recorded latencies.
    pub latencies: LiveLatencies,
    stopped: AtomicBool,
    failure: FirstFailure,
}

impl Board {
    /// Keeps the first failure.
    pub fn fail(&self, failure: Failure) {
        self.failure.set(failure);
        self.stopped.store(true, Ordering::Release);
    }

    pub fn failure(&self) -> Option<Failure> {
        if self.stopped.load(Ordering::Acquire) {
            self.failure.get()
        } else {
            None
        }
    }

    /// Waits a little.
    pub fn park(&self, time: Duration) {
        std::thread::park_timeout(time);
    }

    pub fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Ordering::Relaxed);
    }

    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Acquire)
    }

    /// One line for error texts.
    pub fn describe(&self, clients: usize) -> String {
        format!(
            "{} of {clients} clients ready, {} replies, {} updates, {} lost connections, {} failed attempts",
            Board::get(&self.ready),
            Board::get(&self.replies),
            Board::get(&self.updates),
            Board::get(&self.lost),
            Board::get(&self.retries),
        )
    }
}
