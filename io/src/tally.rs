//! What the workers hold and have done, each counted by its owner without a lock, and read by commands.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What one worker holds, as of a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    monitors: AtomicUsize,
    requests: AtomicUsize,
    backlog_bytes: AtomicUsize,
}

/// A look at a [`Tally`], or the sum of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// Monitors of sessions.
    pub(crate) monitors: usize,
    /// Transactions without an answer.
    pub(crate) requests: usize,
    /// Bytes that sockets have not taken.
    pub(crate) backlog_bytes: usize,
}

impl Tally {
    pub(crate) fn set(&self, holdings: Holdings) {
        self.monitors.store(holdings.monitors, Ordering::Relaxed);
        self.requests.store(holdings.requests, Ordering::Relaxed);
        self.backlog_bytes
            .store(holdings.backlog_bytes, Ordering::Relaxed);
    }

    fn get(&self) -> Holdings {
        Holdings {
            monitors: self.monitors.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            backlog_bytes: self.backlog_bytes.load(Ordering::Relaxed),
        }
    }
}

/// The tallies of all workers, by their ids, and counts of events.
#[derive(Debug)]
pub(crate) struct Tallies {
    workers: Box<[Tally]>,
    events: [AtomicU64; Event::ALL.len()],
}

/// Something that is counted (`coverage/show`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    SessionOpened,
    SessionClosed,
    MessageReceived,
    ProbeSent,
    ProbeUnanswered,
}

impl Event {
    pub(crate) const ALL: [Event; 5] = [
        Event::SessionOpened,
        Event::SessionClosed,
        Event::MessageReceived,
        Event::ProbeSent,
        Event::ProbeUnanswered,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Event::SessionOpened => "session_opened",
            Event::SessionClosed => "session_closed",
            Event::MessageReceived => "jsonrpc_received",
            Event::ProbeSent => "probe_sent",
            Event::ProbeUnanswered => "probe_unanswered",
        }
    }
}

/// Totals of all events, in the order of [`Event::ALL`].
pub(crate) type Totals = [u64; Event::ALL.len()];

impl Tallies {
    pub(crate) fn new(workers: usize) -> Tallies {
        Tallies {
            workers: (0..workers).map(|_| Tally::default()).collect(),
            events: Default::default(),
        }
    }

    pub(crate) fn worker(&self, index: usize) -> &Tally {
        &self.workers[index]
    }

    /// What all workers hold.
    pub(crate) fn holdings(&self) -> Holdings {
        self.workers
            .iter()
            .map(Tally::get)
            .fold(Holdings::default(), |sum, one| Holdings {
                monitors: sum.monitors + one.monitors,
                requests: sum.requests + one.requests,
                backlog_bytes: sum.backlog_bytes + one.backlog_bytes,
            })
    }

    /// Counts `times` events.
    pub(crate) fn count(&self, event: Event, times: u64) {
        if times > 0 {
            self.events[event as usize].fetch_add(times, Ordering::Relaxed);
        }
    }

    /// Sessions that are open.
    pub(crate) fn sessions(&self) -> u64 {
        let [opened, closed] =
            [Event::SessionOpened, Event::SessionClosed].map(|event| &self.events[event as usize]);
        // Closed first: what is read later can only be more.
        let closed = closed.load(Ordering::Acquire);
        opened.load(Ordering::Acquire) - closed
    }

    pub(crate) fn totals(&self) -> Totals {
        std::array::from_fn(|at| self.events[at].load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Holdings, Tallies};

    #[test]
    fn tallies_of_workers_are_summed() {
        let tallies = Tallies::new(2);
        let one = Holdings {
            monitors: 1,
            requests: 2,
            backlog_bytes: 3,
        };
        tallies.worker(0).set(one);
        tallies.worker(1).set(one);
        tallies.worker(1).set(one);
        assert_eq!(tallies.holdings().backlog_bytes, 6);
        tallies.count(Event::ProbeSent, 2);
        tallies.count(Event::ProbeSent, 1);
        assert_eq!(tallies.totals()[Event::ProbeSent as usize], 3);
    }
}
