//! A listening socket that the process was started with (`pfd:FD`).

use rustix::net::SocketType;
use rustix::net::sockopt::{socket_acceptconn, socket_type};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// A duplicate of descriptor `number`, which must be a listening stream socket.
#[allow(unsafe_code)]
pub(super) fn inherited_listener(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: the borrow lives for this function only. Whether the number is an open descriptor is answered
    // by the kernel (EBADF), and nothing in this process closes descriptors that it was started with.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    if socket_type(borrowed)? != SocketType::STREAM || !socket_acceptconn(borrowed)? {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(borrowed, 3)?)
}
