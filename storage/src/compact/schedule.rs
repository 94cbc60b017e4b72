//! When a log is due for compaction: upstream's rule (`storage.c`), as a function of time and growth.

use crate::limits::{
    COMPACT_AFTER_MS_MAX, COMPACT_AFTER_MS_MIN, COMPACT_BYTES_MIN, COMPACT_GROWTH_MIN, COMPACT_RECORDS_MIN,
    COMPACT_RETRY_DIVISOR,
};
use crate::log::Growth;

/// The next compaction of one log. Times are monotonic milliseconds of the caller's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Not before; `≤ latest_ms` until a failure moves it.
    earliest_ms: u64,
    /// From here on however little there is to gain.
    latest_ms: u64,
}

impl Schedule {
    /// The schedule of a log opened, or compacted, at `now_ms`; `random` is any random number.
    pub fn new(now_ms: u64, random: u64) -> Schedule {
        let earliest_ms = now_ms + COMPACT_AFTER_MS_MIN + random % COMPACT_AFTER_MS_MIN;
        Schedule {
            earliest_ms,
            latest_ms: now_ms + COMPACT_AFTER_MS_MAX,
        }
    }

    /// The schedule after a compaction that failed at `now_ms`.
    #[must_use]
    pub fn retried(self, now_ms: u64, random: u64) -> Schedule {
        let after_ms = COMPACT_AFTER_MS_MIN / COMPACT_RETRY_DIVISOR;
        Schedule {
            earliest_ms: now_ms + after_ms + random % after_ms,
            ..self
        }
    }

    /// Is a log that has grown by `growth` to be compacted now?
    pub fn is_due(&self, now_ms: u64, growth: &Growth) -> bool {
        if now_ms < self.earliest_ms {
            false
        } else if now_ms < self.latest_ms {
            growth.records >= COMPACT_RECORDS_MIN
                && growth.bytes > COMPACT_BYTES_MIN
                && growth.bytes / COMPACT_GROWTH_MIN > growth.base
        } else {
            growth.records > 0
        }
    }

    /// Before this there is no need to ask [`Schedule::is_due`].
    pub fn earliest_ms(&self) -> u64 {
        self.earliest_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60 * 1000;
    const MB: u64 = 1024 * 1024;

    #[test]
    fn compaction_is_due_as_upstream_has_it() {
        let grown = Growth {
            records: 100,
            bytes: 20 * MB + 2,
            base: 10 * MB,
        };
        let cases = [
            ("too early", 15 * MINUTE - 1, grown, false),
            ("grown", 15 * MINUTE, grown, true),
            ("few records", 15 * MINUTE, Growth { records: 99, ..grown }, false),
            (
                "not doubled",
                15 * MINUTE,
                Growth {
                    bytes: 20 * MB,
                    ..grown
                },
                false,
            ),
            (
                "small",
                15 * MINUTE,
                Growth {
                    bytes: 10 * MB,
                    base: 1,
                    ..grown
                },
                false,
            ),
            (
                "a day",
                24 * 60 * MINUTE,
                Growth {
                    records: 1,
                    bytes: 2,
                    base: 1,
                },
                true,
            ),
            (
                "a quiet day",
                24 * 60 * MINUTE,
                Growth {
                    records: 0,
                    bytes: 1,
                    base: 1,
                },
                false,
            ),
        ];
        let schedule = Schedule::new(1000, 5 * MINUTE);
        for (case, after_ms, growth, due) in cases {
            assert_eq!(schedule.is_due(1000 + after_ms, &growth), due, "{case}");
        }
        let retried = schedule.retried(20 * MINUTE, 3 * MINUTE / 2);
        assert!(!retried.is_due(21 * MINUTE + MINUTE / 2 - 1, &grown));
        assert!(retried.is_due(21 * MINUTE + MINUTE / 2, &grown));
    }
}
