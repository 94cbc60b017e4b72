//! Echoes at given times, by which a client learns how long the server answers nobody.

use std::ops::Range;
use std::time::Instant;

use crate::fleet::{Port, Request};
use crate::scenario::parts::arrivals::Arrivals;

/// Some clients that send echoes in turn.
#[derive(Clone, Debug)]
pub(in crate::scenario) struct Echoes {
    clients: Range<usize>,
    arrivals: Arrivals,
    sent: usize,
}

/// The tag of their replies.
pub(in crate::scenario) const TAG: u32 = u32::MAX;

impl Echoes {
    /// `rate` a second from `from` on, without end.
    pub(in crate::scenario) fn new(clients: Range<usize>, rate: f64, from: Instant) -> Echoes {
        Echoes {
            clients,
            arrivals: Arrivals::new(from, rate, u64::MAX),
            sent: 0,
        }
    }

    /// To be called in each turn.
    pub(in crate::scenario) fn turn(&mut self, port: &mut Port, now: Instant) -> Option<Instant> {
        while let Some(intended) = self.arrivals.take(now) {
            let client = self.clients.start + self.sent % self.clients.len();
            self.sent += 1;
            port.request(
                client,
                Request {
                    method: "echo",
                    params: "[]",
                    tag: TAG,
                    expected: r#""result":[]"#,
                    intended,
                },
            );
        }
        self.arrivals.next()
    }
}
