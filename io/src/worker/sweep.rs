//! Who is to be looked after next: every connection in turn, a few at each tick.
//!
//! Ten thousand connections take milliseconds to look at, for which nobody else is to wait; and none of them is in such a
//! hurry. As long as they are few, each is looked at in every tick.

use crate::limits::{SWEEP_CONNECTIONS_MIN, SWEEP_TICKS};
use crate::runtime::ConnId;
use crate::tally::Holdings;

/// One look at every connection.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Not looked at yet. Those that are gone are known to whoever looks.
    rest: Vec<ConnId>,
    /// How many are looked at in one tick.
    share: usize,
    holdings: Holdings,
}

impl Sweep {
    /// The connections to look at in this tick. `all` of them are asked for when a sweep begins.
    pub(crate) fn next(&mut self, all: impl Iterator<Item = ConnId>) -> Vec<ConnId> {
        if self.rest.is_empty() {
            self.rest = all.collect();
            self.share = self.rest.len().div_ceil(SWEEP_TICKS).max(SWEEP_CONNECTIONS_MIN);
        }
        self.rest.split_off(self.rest.len().saturating_sub(self.share))
    }

    /// Adds what one of them holds.
    pub(crate) fn add(&mut self, monitors: usize, requests: usize, backlog_bytes: usize) {
        self.holdings.monitors += monitors;
        self.holdings.requests += requests;
        self.holdings.backlog_bytes += backlog_bytes;
    }

    /// What all hold together, if this was the last tick of the sweep.
    pub(crate) fn finish(&mut self) -> Option<Holdings> {
        self.rest.is_empty().then(|| std::mem::take(&mut self.holdings))
    }
}

#[cfg(test)]
mod tests {
    use super::Sweep;
    use crate::limits::{SWEEP_CONNECTIONS_MIN, SWEEP_TICKS};
    use crate::runtime::ConnId;
    use crate::tally::Holdings;
    use std::collections::HashSet;

    fn ids(count: usize) -> impl Iterator<Item = ConnId> {
        (0..count as u32).map(ConnId::numbered)
    }

    #[test]
    fn few_connections_are_looked_at_in_every_tick_and_many_in_some() {
        for (count, ticks) in [
            (0, 1),
            (SWEEP_CONNECTIONS_MIN, 1),
            (SWEEP_CONNECTIONS_MIN * 2, 2),
            (SWEEP_CONNECTIONS_MIN * 20, SWEEP_TICKS),
        ] {
            let mut sweep = Sweep::default();
            for _ in 0..2 {
                let mut seen = HashSet::new();
                for tick in 1..=ticks {
                    for conn in sweep.next(ids(count)) {
                        assert!(seen.insert(conn), "each once");
                        sweep.add(1, 2, 3);
                    }
                    let whole = Holdings {
                        monitors: count,
                        requests: 2 * count,
                        backlog_bytes: 3 * count,
                    };
                    assert_eq!(sweep.finish(), (tick == ticks).then_some(whole));
                }
                assert_eq!(seen.len(), count);
            }
        }
    }
}
