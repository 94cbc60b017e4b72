//! Forking, and waiting for the child to say that it has started.

use super::{MODULE, cleanup};
use crate::errors::strerror;
use crate::vlog;
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use std::fs;
use std::io::{self, PipeWriter, Read, Write};

/// On which side of a fork we are.
pub(super) enum Forked {
    /// The child has started.
    Parent { child: Pid },
    /// By which the child is to say that it has started, see [`tell_started`].
    Child(PipeWriter),
}

/// A child that ended before it had started, other than by an error of which it told the user.
pub(super) struct DiedEarly {
    pub(super) child: Pid,
    pub(super) status: WaitStatus,
}

/// A forked process has only the thread that forked, while locks that others held stay locked for ever.
pub(super) fn assert_single_threaded() {
    let threads = fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(1);
    assert_eq!(threads, 1, "a process with threads must not become a daemon");
}

/// Forks. The parent waits until the child has started; if the child ends with an error instead, so does the
/// parent.
#[allow(unsafe_code)]
pub(super) fn fork_and_wait() -> Result<Forked, DiedEarly> {
    assert_single_threaded();
    let (mut reader, writer) = match io::pipe() {
        Ok(ends) => ends,
        Err(error) => vlog::fatal(
            MODULE,
            format_args!("failed to create pipe ({})", strerror(&error)),
        ),
    };
    // SAFETY: the process has one thread, asserted above, so that the child finds no lock held and no
    // structure half changed, and may do whatever the parent may.
    let forked = match unsafe { nix::unistd::fork() } {
        Ok(forked) => forked,
        Err(error) => vlog::fatal(MODULE, format_args!("fork failed ({})", error.desc())),
    };
    let ForkResult::Parent { child } = forked else {
        drop(reader);
        return Ok(Forked::Child(writer));
    };
    cleanup::forget();
    drop(writer);
    let mut byte = [0];
    if reader.read_exact(&mut byte).is_ok() {
        return Ok(Forked::Parent { child });
    }
    match wait_for(child) {
        WaitStatus::Exited(_, code) if code != 0 => std::process::exit(code),
        status => {
            let text = super::monitor::status_text(status);
            log::error!(target: MODULE, "fork child died before signaling startup ({text})");
            Err(DiedEarly { child, status })
        }
    }
}

/// Waits for the end of `child`.
pub(super) fn wait_for(child: Pid) -> WaitStatus {
    loop {
        match waitpid(child, None) {
            Ok(status) => return status,
            Err(Errno::EINTR) => {}
            Err(error) => vlog::fatal(MODULE, format_args!("waitpid failed ({})", error.desc())),
        }
    }
}

/// Releases the parent.
pub(super) fn tell_started(mut pipe: PipeWriter) {
    match pipe.write_all(&[0]) {
        Ok(()) => {}
        // Whoever waited has been killed meanwhile; the daemon is none the worse for it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => vlog::fatal(MODULE, format_args!("pipe write failed ({})", strerror(&error))),
    }
}
