//! Finds out whether the kernel grants us a working ring.
//!
//! Old kernels, `kernel.io_uring_disabled` and the seccomp profiles of container runtimes refuse one, some of
//! them only at `io_uring_enter`; so the probe sets up a small ring and sends a no-op around it. It leaves
//! nothing behind.

use super::driver::Driver;
use io_uring::{IoUring, opcode};
use std::io;
use std::str::FromStr;

/// Which driver the operator wants (`--io`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoChoice {
    /// What was measured to be cheaper, which is epoll (ARCHITECTURE.md, "Network").
    #[default]
    Auto,
    Uring,
    Epoll,
}

impl FromStr for IoChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<IoChoice, String> {
        match text {
            "auto" => Ok(IoChoice::Auto),
            "uring" => Ok(IoChoice::Uring),
            "epoll" => Ok(IoChoice::Epoll),
            _ => Err(format!("--io: \"{text}\" is not one of auto, uring, epoll")),
        }
    }
}

/// `--io=uring` was asked for and the kernel does not grant a ring.
#[derive(Debug, thiserror::Error)]
#[error("--io=uring: the kernel does not grant an io_uring ({0})")]
pub struct RingRefused(io::Error);

impl IoChoice {
    /// Probes where the choice asks for a ring. The log says what is used.
    pub fn resolve(self) -> Result<Driver, RingRefused> {
        let driver = match self {
            IoChoice::Auto | IoChoice::Epoll => Driver::Epoll,
            IoChoice::Uring => probe_ring().map(|()| Driver::Uring).map_err(RingRefused)?,
        };
        log::debug!(target: "runtime", "using {driver} for connections");
        Ok(driver)
    }
}

/// Sets up a ring of two entries, sends one no-op around it and drops the ring again.
pub fn probe_ring() -> io::Result<()> {
    let mut ring = IoUring::new(2)?;
    submit_no_op(&mut ring)?;
    let submitted = ring.submit_and_wait(1)?;
    match (submitted, ring.completion().next()) {
        (1, Some(completion)) if completion.result() >= 0 => Ok(()),
        (_, Some(completion)) => Err(io::Error::from_raw_os_error(-completion.result())),
        (_, None) => Err(io::Error::other("the ring swallowed a no-op")),
    }
}

#[allow(unsafe_code)]
fn submit_no_op(ring: &mut IoUring) -> io::Result<()> {
    let no_op = opcode::Nop::new().build();
    // SAFETY: a no-op refers to no memory and no descriptor, so nothing has to outlive it.
    let pushed = unsafe { ring.submission().push(&no_op) };
    pushed.map_err(|_| io::Error::other("a fresh ring is full"))
}
