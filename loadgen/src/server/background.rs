//! Servers that were started and have left for the background, where nobody would measure or end them.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Ends all processes that name a directory of a trial in their command lines, and gives how many there were.
pub(super) fn end(directory: &Path) -> usize {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let own = std::process::id();
    let named = numbers.filter(|number| {
        let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let names = memchr::memmem::find(&line, directory.as_os_str().as_bytes()).is_some();
        names && u32::try_from(*number) != Ok(own) && is_server(*number)
    });
    named
        .filter_map(Pid::from_raw)
        .filter(|pid| kill_process(*pid, Signal::TERM).is_ok())
        .count()
}

/// Whether a process has left the one that has started it, as janitors have not.
fn is_server(number: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    parent.is_some_and(|parent| parent.trim() != std::process::id().to_string())
}
