//! The writer of a scenario, client 0: numbered transactions, one by one, with some in flight, or at given times. What
//! each number brings about carries the number, so that whoever hears of it knows when it was meant to be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::fleet::{Behaviour, Fleet, Port, Request};
use crate::scenario::parts::arrivals::Arrivals;

/// The parameters of the transaction with a number.
pub(in crate::scenario) type Params = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// When each number was meant to be sent, in nanoseconds since `epoch`.
pub(in crate::scenario) struct Sent {
    epoch: Instant,
    at_ns: Vec<AtomicU64>,
}

impl Sent {
    /// For numbers up to, not including, `numbers`.
    pub(in crate::scenario) fn new(numbers: u64) -> Arc<Sent> {
        Arc::new(Sent {
            epoch: Instant::now(),
            at_ns: (0..numbers).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    pub(in crate::scenario) fn mark(&self, number: u64, at: Instant) {
        let ns = at.saturating_duration_since(self.epoch).as_nanos() as u64;
        self.at_ns[number as usize].store(ns, Ordering::Release);
    }

    pub(in crate::scenario) fn at(&self, number: u64) -> Instant {
        let ns = self.at_ns[number as usize].load(Ordering::Acquire);
        self.epoch + Duration::from_nanos(ns)
    }

    /// Whether a number was sent; 0 is there from the beginning.
    pub(in crate::scenario) fn has(&self, number: u64) -> bool {
        let at = usize::try_from(number)
            .ok()
            .and_then(|number| self.at_ns.get(number));
        number == 0 || at.is_some_and(|ns| ns.load(Ordering::Acquire) > 0)
    }

    /// How long ago a number was meant to be sent; zero for one that never was.
    pub(in crate::scenario) fn since(&self, number: u64, now: Instant) -> Duration {
        if (number as usize) < self.at_ns.len() {
            now.saturating_duration_since(self.at(number))
        } else {
            Duration::ZERO
        }
    }
}

/// What a writer does at present.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// Nothing by itself.
    Rest,
    /// Each reply brings the next number, up to the last.
    Replies { next: u64, last: u64 },
    /// Each arrival brings the next number.
    Times { next: u64, arrivals: Arrivals },
}

/// Client 0, of which each shard's behaviour holds a value; only that of the first shard ever sends.
pub(in crate::scenario) struct Writer {
    sent: Arc<Sent>,
    params: Params,
    expected: &'static str,
    pace: Pace,
}

/// A behaviour that has a writer.
pub(in crate::scenario) trait Writes: Behaviour {
    fn writer(&mut self) -> &mut Writer;
}

const WRITER: usize = 0;

impl Writer {
    /// `expected` is what each reply must contain.
    pub(in crate::scenario) fn new(sent: Arc<Sent>, params: Params, expected: &'static str) -> Writer {
        Writer {
            sent,
            params,
            expected,
            pace: Pace::Rest,
        }
    }

    pub(in crate::scenario) fn sent(&self) -> &Sent {
        &self.sent
    }

    fn send(&mut self, port: &mut Port, number: u64, intended: Instant) {
        self.sent.mark(number, intended);
        let params = (self.params)(number);
        port.request(
            WRITER,
            Request {
                method: "transact",
                params: &params,
                tag: number as u32,
                expected: self.expected.into(),
                intended,
            },
        );
    }

    /// To be called at each reply.
    pub(in crate::scenario) fn replied(&mut self, port: &mut Port) {
        if let Pace::Replies { next, last } = self.pace
            && next <= last
        {
            self.pace = Pace::Replies { next: next + 1, last };
            self.send(port, next, Instant::now());
        }
    }

    /// To be called in each turn.
    pub(in crate::scenario) fn turn(&mut self, port: &mut Port, now: Instant) -> Option<Instant> {
        while let Pace::Times { next, mut arrivals } = self.pace {
            let Some(intended) = arrivals.take(now) else {
                return arrivals.next();
            };
            self.pace = Pace::Times {
                next: next + 1,
                arrivals,
            };
            self.send(port, next, intended);
        }
        None
    }
}

/// Sends one number.
pub(in crate::scenario) fn one<B: Writes>(fleet: &Fleet<B>, number: u64) {
    on_writer(fleet, move |writer, port| {
        writer.send(port, number, Instant::now());
    });
}

/// Sends the numbers from `first` to `last`, `depth` of them in flight.
pub(in crate::scenario) fn pipeline<B: Writes>(fleet: &Fleet<B>, first: u64, last: u64, depth: u64) {
    on_writer(fleet, move |writer, port| {
        let now = Instant::now();
        let next = (first + depth).min(last + 1);
        writer.pace = Pace::Replies { next, last };
        for number in first..next {
            writer.send(port, number, now);
        }
    });
}

/// Sends the numbers from `first` to `last`, `rate` a second, whether they are answered or not.
pub(in crate::scenario) fn at_rate<B: Writes>(fleet: &Fleet<B>, first: u64, last: u64, rate: f64) {
    on_writer(fleet, move |writer, _| {
        let arrivals = Arrivals::new(Instant::now(), rate, last + 1 - first);
        writer.pace = Pace::Times {
            next: first,
            arrivals,
        };
    });
}

fn on_writer<B: Writes>(fleet: &Fleet<B>, job: impl FnOnce(&mut Writer, &mut Port) + Clone + Send + 'static) {
    fleet.post(move |behaviour, port| {
        if port.clients().contains(&WRITER) {
            job.clone()(behaviour.writer(), port);
        }
    });
}
