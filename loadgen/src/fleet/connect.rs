//! Sockets of clients.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ovsdb_io::net::{Active, Host, Remote};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::error::{Failure, Result};

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// Reads `tcp:HOST:PORT` or `unix:FILE`; a name is looked up once.
    pub fn parse(text: &str) -> Result<Address> {
        let usage = |reason: String| Failure::Usage(format!("--server {text}: {reason}"));
        match Remote::from_str(text) {
            Ok(Remote::Active(Active::Tcp(Host::Address(address)))) => Ok(Address::Tcp(address)),
            Ok(Remote::Active(Active::Tcp(Host::Name(name, port)))) => {
                let mut found = (name.as_str(), port)
                    .to_socket_addrs()
                    .map_err(|error| Failure::Server(format!("--server {text}: {error}")))?;
                let address = found
                    .next()
                    .ok_or_else(|| usage("the name has no address".to_owned()))?;
                Ok(Address::Tcp(address))
            }
            Ok(Remote::Active(Active::Unix(path))) => Ok(Address::Unix(path)),
            Ok(Remote::Active(Active::Tls(_))) => Err(usage("connections by TLS are not made".to_owned())),
            Ok(_) => Err(usage(
                "this is nothing to connect to; use tcp:HOST:PORT or unix:FILE".to_owned(),
            )),
            Err(error) => Err(usage(format!("{error}; use tcp:HOST:PORT or unix:FILE"))),
        }
    }

    fn domain(&self) -> Domain {
        match self {
            Address::Tcp(address) => Domain::for_address(*address),
            Address::Unix(_) => Domain::UNIX,
        }
    }

    fn socket_address(&self) -> std::io::Result<SockAddr> {
        match self {
            Address::Tcp(address) => Ok((*address).into()),
            Address::Unix(path) => SockAddr::unix(path),
        }
    }

    /// Begins to connect; the socket becomes writable when that has succeeded or failed.
    pub(super) fn begin(&self) -> std::io::Result<Socket> {
        let socket = Socket::new(self.domain(), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        if let Address::Tcp(_) = self {
            socket.set_tcp_nodelay(true)?;
            // Ends by a reset: thousands of closed connections would keep their ports for a minute.
            socket.set_linger(Some(Duration::ZERO))?;
        }
        match socket.connect(&self.socket_address()?) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                Err(error)
            }
            _ => Ok(socket),
        }
    }

    /// A blocking connection.
    pub fn connect(&self) -> std::io::Result<Socket> {
        let socket = Socket::new(self.domain(), Type::STREAM, None)?;
        socket.connect(&self.socket_address()?)?;
        if let Address::Tcp(_) = self {
            socket.set_tcp_nodelay(true)?;
        }
        Ok(socket)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "tcp:{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
