//! Sockets of clients.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ovsdb_io::net::{Active, Host, Remote};
use ovsdb_io::tls;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::error::{Failure, Result};

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Tls(Secured),
    Unix(PathBuf),
}

/// A server that is reached by TLS.
#[derive(Clone, Debug)]
pub struct Secured {
    pub address: SocketAddr,
    /// What it is asked for.
    pub host: String,
    /// By what its clients are known.
    pub context: Arc<tls::Context>,
}

impl PartialEq for Secured {
    fn eq(&self, other: &Secured) -> bool {
        self.address == other.address && self.host == other.host && Arc::ptr_eq(&self.context, &other.context)
    }
}

impl Eq for Secured {}

impl Address {
    /// Reads `tcp:HOST:PORT`, `ssl:HOST:PORT` or `unix:FILE`; a name is looked up once. `settings` are for `ssl:`.
    pub fn parse(text: &str, settings: tls::Settings) -> Result<Address> {
        let usage = |reason: String| Failure::Usage(format!("--server {text}: {reason}"));
        match Remote::from_str(text) {
            Ok(Remote::Active(Active::Tcp(host))) => Ok(Address::Tcp(look_up(text, &host)?)),
            Ok(Remote::Active(Active::Tls(host))) => {
                let files = [&settings.private_key, &settings.certificate, &settings.ca_cert];
                if files.iter().any(|file| file.is_none()) {
                    let needed = "TLS needs --private-key, --certificate and --ca-cert";
                    return Err(usage(needed.to_owned()));
                }
                Address::tls(look_up(text, &host)?, host.server_name(), settings)
                    .map_err(|failure| usage(failure.to_string()))
            }
            Ok(Remote::Active(Active::Unix(path))) => Ok(Address::Unix(path)),
            Ok(_) => Err(usage(
                "this is nothing to connect to; use tcp:HOST:PORT, ssl:HOST:PORT or unix:FILE".to_owned(),
            )),
            Err(error) => Err(usage(format!(
                "{error}; use tcp:HOST:PORT, ssl:HOST:PORT or unix:FILE"
            ))),
        }
    }

    /// A server that is reached by TLS with these keys, which must be usable.
    pub fn tls(address: SocketAddr, host: String, settings: tls::Settings) -> Result<Address> {
        let context = Arc::new(tls::Context::default());
        context.configure(settings);
        context
            .configs()
            .map_err(|tls::Unconfigured(missing)| Failure::Usage(missing.join("; ")))?;
        Ok(Address::Tls(Secured {
            address,
            host,
            context,
        }))
    }

    fn domain(&self) -> Domain {
        match self {
            Address::Tcp(address) | Address::Tls(Secured { address, .. }) => Domain::for_address(*address),
            Address::Unix(_) => Domain::UNIX,
        }
    }

    fn socket_address(&self) -> std::io::Result<SockAddr> {
        match self {
            Address::Tcp(address) | Address::Tls(Secured { address, .. }) => Ok((*address).into()),
            Address::Unix(path) => SockAddr::unix(path),
        }
    }

    /// Begins to connect; the socket becomes writable when that has succeeded or failed.
    pub(super) fn begin(&self) -> std::io::Result<Socket> {
        let socket = Socket::new(self.domain(), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        if !matches!(self, Address::Unix(_)) {
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
        if !matches!(self, Address::Unix(_)) {
            socket.set_tcp_nodelay(true)?;
        }
        Ok(socket)
    }
}

/// The address of a host; a name is looked up.
fn look_up(text: &str, host: &Host) -> Result<SocketAddr> {
    let (name, port) = match host {
        Host::Address(address) => return Ok(*address),
        Host::Name(name, port) => (name.as_str(), *port),
    };
    let mut found = (name, port)
        .to_socket_addrs()
        .map_err(|error| Failure::Server(format!("--server {text}: {error}")))?;
    found
        .next()
        .ok_or_else(|| Failure::Usage(format!("--server {text}: the name has no address")))
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "tcp:{address}"),
            Address::Tls(secured) => write!(f, "ssl:{}", secured.address),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
