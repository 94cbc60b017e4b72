//! Registers descriptors with the thread's epoll.

use nix::sys::signalfd::SignalFd;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// An owner of one open descriptor: it names the same one until it is dropped, and closes it then.
pub(crate) trait OwnsDescriptor: AsRawFd {}

impl OwnsDescriptor for OwnedFd {}
impl OwnsDescriptor for SignalFd {}

/// Waits for `owner`'s descriptor on the present thread's runtime.
#[allow(unsafe_code)]
pub(crate) fn register<T: OwnsDescriptor>(owner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: what is asked for is that the descriptor stays open and the same while it is registered. The
    // `AsyncFd` owns its owner and takes the descriptor out of epoll before it drops it; that the owner keeps it
    // until then is the promise of `OwnsDescriptor`.
    Ok(unsafe { AsyncFd::register(owner)? })
}
