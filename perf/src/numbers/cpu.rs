//! Processor time of another process.

use std::fs;
use std::time::Duration;

/// Time that all threads of a process have spent on a processor, user and system, from the scheduler's own books
/// (nanoseconds; the ticks of /proc/PID/stat are too coarse for short measurements).
pub(super) fn used(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the server runs");
    let nanoseconds: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    assert!(nanoseconds > 0, "this kernel keeps no scheduler statistics");
    Duration::from_nanos(nanoseconds)
}
