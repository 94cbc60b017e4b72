//! Limits how often a message is repeated (upstream `VLOG_*_RL`).

use super::honours_rate_limits;
use parking_lot::Mutex;
use std::time::Instant;

/// One site's budget of messages: so many per minute, so many at once. When it is used up, messages are dropped
/// and counted, and the next one that passes is preceded by a line with the count.
#[derive(Debug)]
pub struct RateLimit {
    per_minute: u32,
    burst: u32,
    spent: Mutex<Option<Spent>>,
}

#[derive(Debug)]
struct Spent {
    /// Messages that may pass, at `at`.
    budget: f64,
    at: Instant,
    dropped: Option<Dropped>,
}

#[derive(Clone, Copy, Debug)]
struct Dropped {
    count: u32,
    first: Instant,
    last: Instant,
}

impl RateLimit {
    pub const fn new(per_minute: u32, burst: u32) -> RateLimit {
        RateLimit {
            per_minute,
            burst,
            spent: Mutex::new(None),
        }
    }

    /// Whether a message of `module` at `level` may be logged now.
    pub fn allows(&self, module: &str, level: log::Level) -> bool {
        if level > log::max_level() {
            return false;
        }
        match self.admit(module) {
            Err(()) => false,
            Ok(told) => {
                if let Some(told) = told {
                    log::log!(target: module, level, "{told}");
                }
                true
            }
        }
    }

    /// Takes one message of `module` from the budget, or refuses it. What is to be told first of those that were
    /// dropped, if any were.
    pub(super) fn admit(&self, module: &str) -> Result<Option<String>, ()> {
        if !honours_rate_limits(module) {
            return Ok(None);
        }
        let now = Instant::now();
        let dropped = self.withdraw(now)?;
        Ok(dropped.map(|Dropped { count, first, last }| {
            let (first, last) = (
                now.duration_since(first).as_secs(),
                now.duration_since(last).as_secs(),
            );
            format!(
                "Dropped {count} log messages in last {first} seconds (most recently, {last} seconds ago) \
                 due to excessive rate"
            )
        }))
    }

    /// Takes one message from the budget; what was dropped since the last one that passed.
    fn withdraw(&self, now: Instant) -> Result<Option<Dropped>, ()> {
        let mut spent = self.spent.lock();
        let full = f64::from(self.burst);
        let spent = spent.get_or_insert(Spent {
            budget: full,
            at: now,
            dropped: None,
        });
        let earned = now.duration_since(spent.at).as_secs_f64() * f64::from(self.per_minute) / 60.0;
        spent.budget = (spent.budget + earned).min(full);
        spent.at = now;
        if spent.budget < 1.0 {
            let dropped = spent.dropped.get_or_insert(Dropped {
                count: 0,
                first: now,
                last: now,
            });
            dropped.count += 1;
            dropped.last = now;
            return Err(());
        }
        spent.budget -= 1.0;
        Ok(spent.dropped.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_and_the_rest_is_counted() {
        let limit = RateLimit::new(60, 5);
        let begin = Instant::now();
        let passed = (0..8).filter(|_| limit.withdraw(begin).is_ok()).count();
        assert_eq!(passed, 5);
        let later = begin + Duration::from_millis(1500);
        let dropped = limit.withdraw(later).unwrap().unwrap();
        assert_eq!(
            (dropped.count, later.duration_since(dropped.first)),
            (3, Duration::from_millis(1500))
        );
        assert!(limit.withdraw(later).is_err());
        assert!(limit.withdraw(begin + Duration::from_secs(60)).unwrap().is_some());
    }
}
