//! Processor time and memory of the server, and of the machine's sockets, from /proc.

use std::fs;
use std::time::Duration;

/// Bytes that the buffers of this machine's TCP connections take.
pub fn socket_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/sockstat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem");
    let pages: u64 = words.nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// A process of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub pid: u32,
}

impl Process {
    /// This program.
    pub fn this() -> Process {
        Process {
            pid: std::process::id(),
        }
    }

    /// Time that all its threads have spent on a processor, user and system, from the scheduler's own books: the
    /// ticks of /proc/PID/stat are too coarse. `None` once the process has ended.
    pub fn cpu(self) -> Option<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).ok()?;
        let nanoseconds = tasks
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
            .sum();
        Some(Duration::from_nanos(nanoseconds))
    }

    /// Resident memory in bytes.
    pub fn resident(self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// The most memory that was ever resident, in bytes.
    pub fn resident_peak(self) -> Option<u64> {
        self.status("VmHWM:")
    }

    fn status(self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib << 10)
    }
}
