//! Clients that monitor the same know the same after the same transaction, at each moment and not only in the end.
//!
//! A server says with first contents and with `update3` after which transaction (`monitor_cond_since`). A wrong or
//! missing update is noticed by that even where a later one covers it up. Servers that do not tell transactions apart
//! send zeros, which say nothing.

use std::collections::{HashMap, VecDeque};

use crate::limits::MOMENTS_COMPARED_MAX;

/// What a client monitors, by its hash, and the transaction.
type Moment = (u128, u128);

/// What was known when, by clients of one thread.
#[derive(Debug, Default)]
pub(super) struct Moments {
    digests: HashMap<Moment, u128>,
    /// The oldest are forgotten first.
    order: VecDeque<Moment>,
}

impl Moments {
    /// Whether this is what all others knew who monitored the same at that transaction, as far as is remembered.
    pub(super) fn agree(&mut self, requests: u128, transaction: u128, digest: u128) -> bool {
        if transaction == 0 {
            return true;
        }
        let moment = (requests, transaction);
        if let Some(known) = self.digests.get(&moment) {
            return *known == digest;
        }
        if self.order.len() >= MOMENTS_COMPARED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.digests.remove(&oldest);
        }
        self.digests.insert(moment, digest);
        self.order.push_back(moment);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{MOMENTS_COMPARED_MAX, Moments};

    #[test]
    fn only_equal_requests_at_equal_transactions_must_agree() {
        let mut moments = Moments::default();
        assert!(moments.agree(1, 10, 100));
        assert!(moments.agree(1, 10, 100));
        assert!(!moments.agree(1, 10, 101));
        assert!(moments.agree(2, 10, 101));
        assert!(moments.agree(1, 11, 101));
        assert!(moments.agree(1, 0, 5) && moments.agree(1, 0, 6));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut moments = Moments::default();
        for transaction in 1..=MOMENTS_COMPARED_MAX as u128 + 1 {
            assert!(moments.agree(1, transaction, 0));
        }
        assert_eq!(moments.digests.len(), MOMENTS_COMPARED_MAX);
        assert!(moments.agree(1, 1, 7));
    }
}
