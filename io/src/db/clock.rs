//! The time that engine is told.

use ovsdb_engine::sequencer::Now;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Wall clock and a monotonic clock that is one for the whole process.
pub(crate) fn now() -> Now {
    Now {
        wall_ms: wall_ms(),
        monotonic_ms: monotonic_ms(),
    }
}

/// Milliseconds since the process looked at its clock first.
pub(crate) fn monotonic_ms() -> u64 {
    START.elapsed().as_millis() as u64
}

/// Milliseconds since 1970, 0 for clocks set before.
pub(crate) fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}
