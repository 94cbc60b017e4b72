//! The process that starts the daemon again when it has crashed.

use super::fork::{self, DiedEarly, Forked};
use super::signals::signal_name;
use super::{MODULE, title};
use crate::vlog;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io::PipeWriter;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Least time between two restarts.
const RESTART_INTERVAL: Duration = Duration::from_secs(10);

/// Signals that mean a crash.
const CRASHES: [Signal; 9] = [
    Signal::SIGABRT,
    Signal::SIGALRM,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGPIPE,
    Signal::SIGSEGV,
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
];

/// What has become of the daemon.
enum Watched {
    Lives(Pid),
    Died(Pid, WaitStatus),
}

/// Watches over the daemon `child`: ends the process when it ends, starts it again when it crashes. Returns only in
/// a new daemon, with what it is to say that it has started.
pub(super) fn watch(child: Pid) -> PipeWriter {
    vlog::set_subprogram_name(Some("monitor"));
    let mut watched = Watched::Lives(child);
    let mut health = "healthy".to_owned();
    let mut crashes = 0;
    let mut last_restart: Option<Instant> = None;
    loop {
        let (pid, status) = match watched {
            Watched::Died(pid, status) => (pid, status),
            Watched::Lives(pid) => {
                title::set(&format!("monitoring pid {pid} ({health})"));
                (pid, wait_without_log_file(pid))
            }
        };
        let text = status_text(status);
        let WaitStatus::Signaled(_, signal, dumped) = status else {
            exit_after(pid, &text)
        };
        if !CRASHES.contains(&signal) {
            exit_after(pid, &text);
        }
        crashes += 1;
        health = format!("{crashes} crashes: pid {pid} died, {text}");
        if dumped {
            disable_core_dumps();
        }
        if let Some(last) = last_restart
            && let Some(wait) = RESTART_INTERVAL.checked_sub(last.elapsed())
        {
            log::warn!(target: MODULE, "{health}, waiting until 10 seconds since last restart");
            sleep(wait);
        }
        last_restart = Some(Instant::now());
        log::error!(target: MODULE, "{health}, restarting");
        watched = match fork::fork_and_wait() {
            Ok(Forked::Child(pipe)) => {
                title::restore();
                vlog::set_subprogram_name(None);
                return pipe;
            }
            Ok(Forked::Parent { child }) => Watched::Lives(child),
            Err(DiedEarly { child, status }) => Watched::Died(child, status),
        };
    }
}

/// Waits for the daemon's end without keeping its log file open, which may be rotated meanwhile.
fn wait_without_log_file(child: Pid) -> WaitStatus {
    vlog::close_log_file();
    let status = fork::wait_for(child);
    if let Err(error) = vlog::reopen_log_file() {
        log::warn!(target: MODULE, "cannot open the log file again: {}", crate::errors::strerror(&error));
    }
    status
}

fn exit_after(pid: Pid, text: &str) -> ! {
    log::info!(target: MODULE, "pid {pid} died, {text}, exiting");
    std::process::exit(0)
}

/// One core dump is enough to look at.
fn disable_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        log::warn!(target: MODULE, "failed to disable core dumps: {error}");
    }
}

/// How a process ended, as upstream says it.
pub(super) fn status_text(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exit status {code}"),
        WaitStatus::Signaled(_, signal, dumped) => {
            let core = if dumped { ", core dumped" } else { "" };
            format!("killed ({}){core}", signal_name(signal))
        }
        WaitStatus::Stopped(_, signal) => format!("stopped ({})", signal_name(signal)),
        other => format!("terminated abnormally ({other:?})"),
    }
}
