//! Signals that end the process.
//!
//! They are blocked from the start and read by the control thread, so that they take effect between two steps
//! and never inside one. Child processes get them unblocked by the standard library. Whoever starts the process with
//! one of them ignored, as `nohup` does and a shell for what it runs in the background, has it ignored for good
//! (upstream `lib/fatal-signal.c`).

use super::cleanup;
use crate::readiness::register;
use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::alarm;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use tokio::io::unix::AsyncFd;

/// Signals that end the process in an orderly way.
const FATAL: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGALRM];

/// Those of them that are not ignored. An ignored signal that is blocked would be read all the same.
fn fatal_set() -> SigSet {
    FATAL.into_iter().filter(|signal| !is_ignored(*signal)).collect()
}

#[allow(unsafe_code)]
fn is_ignored(signal: Signal) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call changes nothing; it fills `action`, which lives until it has returned and is
    // made of integers and pointers, so that it is valid as zeros as well.
    let action = unsafe {
        libc::sigaction(signal as i32, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Has SIGALRM end the process in so many seconds, also if it was ignored until now.
pub fn end_after(seconds: u32) {
    take_default(Signal::SIGALRM);
    alarm::set(seconds);
}

/// Blocks the signals in this thread and all that it will start.
pub(super) fn block() {
    if let Err(error) = fatal_set().thread_block() {
        log::warn!(target: "fatal_signal", "cannot block signals: {}", error.desc());
    }
}

/// Gives crash signals back their plain meaning. Rust's handler, which tells of overflown stacks, swallows the
/// first one that another process sends, but operators and tests crash a daemon with just that.
pub(super) fn let_crashes_crash() {
    take_default(Signal::SIGSEGV);
    take_default(Signal::SIGBUS);
}

#[allow(unsafe_code)]
fn take_default(of: Signal) {
    // SAFETY: the default action runs no code of ours, so nothing of it can be unsafe in a handler.
    if let Err(error) = unsafe { signal(of, SigHandler::SigDfl) } {
        log::warn!(target: "fatal_signal", "cannot reset {}: {}", of.as_str(), error.desc());
    }
}

/// The signals that arrive. There is one of these in a process, after [`super::start`].
#[derive(Debug)]
pub struct Signals(AsyncFd<SignalFd>);

impl Signals {
    /// To be called on the control thread, before other threads are started.
    pub fn open() -> io::Result<Signals> {
        block();
        let descriptor = SignalFd::with_flags(&fatal_set(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Signals(register(descriptor)?))
    }

    /// Waits for the next signal.
    pub async fn next(&self) -> io::Result<Signal> {
        loop {
            let mut ready = self.0.readable().await?;
            match self.0.get_ref().read_signal()? {
                Some(info) => {
                    let number = i32::try_from(info.ssi_signo).expect("signals have small numbers");
                    return Ok(Signal::try_from(number)?);
                }
                None => ready.clear_ready(),
            }
        }
    }
}

/// Removes what must not outlive the process and ends it by `signal`, so that its parent sees by what it ended.
pub fn die_of(signal: Signal) -> ! {
    let name = signal_name(signal);
    log::warn!(target: "fatal_signal", "terminating with signal {} ({name})", signal as i32);
    cleanup::run();
    let unblocked = SigSet::from(signal).thread_unblock();
    if unblocked.and_then(|()| raise(signal)).is_err() {
        log::warn!(target: "fatal_signal", "cannot raise the signal");
    }
    // The signal has ended the process unless something is wrong; then this says what it should have been.
    std::process::exit(128 + signal as i32)
}

/// What strsignal(3) calls `signal`.
pub fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::SIGHUP => "Hangup",
        Signal::SIGINT => "Interrupt",
        Signal::SIGQUIT => "Quit",
        Signal::SIGILL => "Illegal instruction",
        Signal::SIGTRAP => "Trace/breakpoint trap",
        Signal::SIGABRT => "Aborted",
        Signal::SIGBUS => "Bus error",
        Signal::SIGFPE => "Floating point exception",
        Signal::SIGKILL => "Killed",
        Signal::SIGUSR1 => "User defined signal 1",
        Signal::SIGSEGV => "Segmentation fault",
        Signal::SIGUSR2 => "User defined signal 2",
        Signal::SIGPIPE => "Broken pipe",
        Signal::SIGALRM => "Alarm clock",
        Signal::SIGTERM => "Terminated",
        Signal::SIGXCPU => "CPU time limit exceeded",
        Signal::SIGXFSZ => "File size limit exceeded",
        other => other.as_str(),
    }
}
