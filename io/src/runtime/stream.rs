//! A connected socket under either driver.
//!
//! Sends go straight to the descriptor and never wait, so they are the same for both. The descriptor is in
//! blocking mode on the ring, because the kernel answers a posted read on a nonblocking one with EAGAIN
//! instead of waiting, and nonblocking under epoll; direct calls pass MSG_DONTWAIT in either case.

use super::driver::Driver;
use super::handler::Transport;
use crate::limits::SOCKET_UNSENT_BYTES;
use crate::readiness::register;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown, sendmsg};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use tokio::io::unix::AsyncFd;

pub(super) enum Stream {
    /// Any stream socket: the ring's read and writev do not look at the address family.
    Ring(tokio_uring::net::TcpStream),
    Ready(AsyncFd<OwnedFd>),
}

impl Stream {
    pub(super) fn new(driver: Driver, socket: OwnedFd, transport: Transport) -> io::Result<Stream> {
        if transport == Transport::Tcp {
            let socket = socket2::SockRef::from(&socket);
            socket.set_tcp_nodelay(true)?;
            socket.set_tcp_notsent_lowat(SOCKET_UNSENT_BYTES)?;
        }
        Ok(match driver {
            Driver::Uring => {
                rustix::io::ioctl_fionbio(&socket, false)?;
                Stream::Ring(tokio_uring::net::TcpStream::from_std(socket.into()))
            }
            Driver::Epoll => {
                rustix::io::ioctl_fionbio(&socket, true)?;
                Stream::Ready(register(socket)?)
            }
        })
    }

    /// Hands the kernel as many of `slices` as it takes now, and says how many bytes that was. `WouldBlock`
    /// when it takes none.
    pub(super) fn send_now(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            match sendmsg(self, slices, &mut SendAncillaryBuffer::default(), flags) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Whether the peer has ended its side, whatever it has sent before.
    pub(super) fn has_peer_left(&self) -> bool {
        let mut socket = [PollFd::new(self, PollFlags::RDHUP)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // A failure is found again by whoever reads.
        poll(&mut socket, Some(&now)).is_ok_and(|count| count > 0)
    }

    /// Ends both directions, which also ends whatever operation is waiting on the socket. A socket that the
    /// peer has already torn down is as ended as we want it.
    pub(super) fn shutdown(&self) {
        if let Err(error) = rustix::net::shutdown(self, Shutdown::Both) {
            log::debug!(target: "runtime", "shutdown of a socket: {error}");
        }
    }
}

impl AsFd for Stream {
    #[allow(unsafe_code)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Ready(socket) => socket.get_ref().as_fd(),
            // SAFETY: the descriptor belongs to `socket`, which closes it only when dropped, and the borrow
            // keeps `self` and so `socket` alive.
            Stream::Ring(socket) => unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) },
        }
    }
}
