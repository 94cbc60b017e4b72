//! Waiting for a condition with a deadline, instead of sleeping and hoping.

use std::time::{Duration, Instant};

/// Longest wait for anything that should take milliseconds. Generous, because the machine that runs the tests may be
/// building at the same time; a test that needs it fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(5);

/// Polls `condition` until it gives a value. Panics, naming `what`, when [`DEADLINE`] has passed.
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_within(DEADLINE, what, condition)
}

/// Polls `condition` until it gives a value. Panics, naming `what`, when `limit` has passed.
pub fn until_within<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        std::thread::sleep(POLL);
    }
}
