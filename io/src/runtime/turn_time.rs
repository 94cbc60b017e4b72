//! How long turns take: the worker's longest step as a metric, and a line in the log for what operators grep for.

use super::start::Shared;
use crate::limits::TURN_LONG_MS;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Processor time of this thread is asked for at most once in this time, as it costs a system call.
const USAGE_INTERVAL: Duration = Duration::from_millis(500);

/// Measures the turns of one worker.
pub(super) struct TurnTime {
    shared: Arc<Shared>,
    /// When `user_ms` and `system_ms` were asked for.
    asked: Instant,
    user_ms: i64,
    system_ms: i64,
}

impl TurnTime {
    pub(super) fn new(shared: Arc<Shared>) -> TurnTime {
        let (user_ms, system_ms) = processor_ms();
        TurnTime {
            shared,
            asked: Instant::now(),
            user_ms,
            system_ms,
        }
    }

    /// A turn, or one more chunk of sends, has taken from `since` until now.
    pub(super) fn took(&mut self, since: Instant) {
        let now = Instant::now();
        let took = now.duration_since(since);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.shared.longest_turn_us.fetch_max(micros, Ordering::Relaxed);
        let is_long = took >= Duration::from_millis(TURN_LONG_MS);
        if !is_long && now.duration_since(self.asked) < USAGE_INTERVAL {
            return;
        }
        let (user_ms, system_ms) = processor_ms();
        if is_long {
            // Of the time since the last question, which the long turn has most of.
            log::warn!(
                target: "timeval",
                "Unreasonably long {}ms poll interval ({}ms user, {}ms system)",
                took.as_millis(),
                user_ms - self.user_ms,
                system_ms - self.system_ms
            );
        }
        (self.asked, self.user_ms, self.system_ms) = (now, user_ms, system_ms);
    }
}

/// Processor time of the present thread: in the program, in the kernel.
fn processor_ms() -> (i64, i64) {
    let milliseconds = |time: TimeVal| time.num_milliseconds();
    match getrusage(UsageWho::RUSAGE_THREAD) {
        Ok(usage) => (milliseconds(usage.user_time()), milliseconds(usage.system_time())),
        Err(_) => (0, 0),
    }
}
