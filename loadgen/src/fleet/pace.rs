//! How many clients of a thread may be connecting at a time.
//!
//! At first as many as the user allows, all of them by default: that is the storm that a real site makes. A server with
//! a backlog of ten drops most of it, and the kernels' and the clients' timers then make of seconds minutes. So after
//! attempts have failed as many may connect as had got through in the meantime; each that gets through then makes room
//! for a little more, and each further crowd of failures halves the room, as congestion control does (RFC 5681).

use crate::limits::{CONNECTING_MIN, CROWD_MS};

/// The room for clients that connect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    max: f64,
    room: f64,
    /// Clients that got through since the last failure.
    through: usize,
    /// When the last crowd of failures began.
    failed_ms: Option<u64>,
}

impl Pace {
    pub(super) fn new(max: usize) -> Pace {
        let max = max as f64;
        Pace {
            max,
            room: max,
            through: 0,
            failed_ms: None,
        }
    }

    /// Whether one more may connect beside so many.
    pub(super) fn allows(&self, underway: usize) -> bool {
        (underway as f64) < self.room
    }

    /// A client is ready.
    pub(super) fn succeeded(&mut self) {
        self.through += 1;
        if self.failed_ms.is_some() {
            self.room = (self.room + 1.0 / self.room).min(self.max);
        }
    }

    /// An attempt failed because the server has too much to do.
    pub(super) fn failed(&mut self, now_ms: u64) {
        let room = match self.failed_ms {
            None => self.through as f64,
            Some(then_ms) if now_ms >= then_ms + CROWD_MS => self.room / 2.0,
            Some(_) => return,
        };
        self.room = room.max(CONNECTING_MIN as f64).min(self.max);
        self.failed_ms = Some(now_ms);
        self.through = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[test]
    fn all_connect_at_once_until_some_fail() {
        let mut pace = Pace::new(usize::MAX);
        assert!(pace.allows(1_000_000));
        (0..20).for_each(|_| pace.succeeded());
        for now_ms in [1000, 1000, 1500] {
            pace.failed(now_ms);
        }
        assert!(pace.allows(19) && !pace.allows(20));
        (0..21).for_each(|_| pace.succeeded());
        assert!(pace.allows(20) && !pace.allows(22));
        pace.failed(2000);
        assert!(pace.allows(10) && !pace.allows(11));
        (3..100).for_each(|second| pace.failed(second * 1000));
        assert!(pace.allows(3) && !pace.allows(4));
    }

    #[test]
    fn the_user_s_limit_holds() {
        let mut pace = Pace::new(2);
        pace.failed(0);
        (0..100).for_each(|_| pace.succeeded());
        assert!(pace.allows(1) && !pace.allows(2));
    }
}
