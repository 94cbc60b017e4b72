//! Sockets that listen for clients.

use super::inherited::inherited_listener;
use super::remote::{Passive, Scheme, session_name};
use super::unix_socket::bind_unix;
use crate::daemon::cleanup;
use crate::errors::strerror;
use crate::limits::{ACCEPT_BATCH, ACCEPT_PAUSE_MS, LISTEN_BACKLOG};
use crate::readiness::register;
use crate::runtime::{ConnMeta, Security, Transport, Workers};
use crate::tls;
use crate::vlog::RateLimit;
use log::Level;
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, acceptfrom_with};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::task::{AbortHandle, spawn_local};

/// A network that is down is told of five times a second otherwise.
static ACCEPT_FAILURES: RateLimit = RateLimit::new(1, 5);

/// Number of the next unix client that has no name of its own.
static NEXT_UNIX: AtomicU64 = AtomicU64::new(0);

/// A socket that listens. Dropping it closes the socket and removes its file, if it has one.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    bound: Bound,
    /// What connections are secured with, if they are.
    tls: Option<Arc<tls::Context>>,
}

/// Why a socket does not listen.
#[derive(Debug)]
pub struct ListenError {
    /// What failed, and the module of the log that upstream says it in.
    module: &'static str,
    text: String,
    pub error: io::Error,
}

impl ListenError {
    fn new(module: &'static str, text: String, error: io::Error) -> ListenError {
        ListenError { module, text, error }
    }

    /// Says what failed.
    pub fn log(&self) {
        log::error!(target: self.module, "{}", self.text);
    }
}

/// What a listener occupies beside its socket.
#[derive(Debug)]
struct Bound {
    /// The remote as the operator wrote it, for the log.
    target: String,
    port: Option<u16>,
    file: Option<PathBuf>,
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Some(path) = &self.file {
            cleanup::remove_file_now(path);
        }
    }
}

impl Listener {
    /// Opens `passive`, which was written `target`, with the given DSCP (0 to 63) for its connections; those of
    /// `pssl:` are secured by `tls`.
    pub fn open(
        target: &str,
        passive: &Passive,
        dscp: u8,
        tls: &Arc<tls::Context>,
    ) -> Result<Listener, ListenError> {
        match passive {
            Passive::Tcp(address) => Listener::open_tcp(target, *address, dscp),
            Passive::Tls(address) => Ok(Listener {
                tls: Some(Arc::clone(tls)),
                ..Listener::open_tcp(target, *address, dscp)?
            }),
            Passive::Unix(path) => Listener::open_unix(target, path.clone()),
            Passive::Inherited(number) => {
                let unfit = |error: io::Error| {
                    let text = format!("{target}: not a listening socket ({})", strerror(&error));
                    ListenError::new("stream_unix", text, error)
                };
                let socket = inherited_listener(*number).map_err(unfit)?;
                rustix::io::ioctl_fionbio(&socket, true).map_err(|error| unfit(error.into()))?;
                Ok(Listener {
                    socket,
                    bound: Bound {
                        target: target.to_owned(),
                        port: None,
                        file: None,
                    },
                    tls: None,
                })
            }
        }
    }

    fn open_tcp(target: &str, address: SocketAddr, dscp: u8) -> Result<Listener, ListenError> {
        let suffix = target.split_once(':').map_or(target, |(_, suffix)| suffix);
        let step = |what: &'static str| {
            move |error: io::Error| {
                let text = format!("{suffix}: {what}: {}", strerror(&error));
                ListenError::new("socket_util", text, error)
            }
        };
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
            .map_err(step("socket"))?;
        socket.set_nonblocking(true).map_err(step("set_nonblocking"))?;
        socket
            .set_reuse_address(true)
            .map_err(step("setsockopt(SO_REUSEADDR)"))?;
        socket.bind(&address.into()).map_err(step("bind"))?;
        set_dscp(&socket, address, dscp).map_err(step("set_dscp"))?;
        socket.listen(LISTEN_BACKLOG).map_err(step("listen"))?;
        let bound = socket.local_addr().map_err(step("getsockname"))?;
        let port = bound.as_socket().map(|bound| bound.port());
        if address.port() == 0
            && let Some(port) = port
        {
            log::info!(target: "socket_util", "{suffix}: listening on port {port}");
        }
        let bound = Bound {
            target: target.to_owned(),
            port,
            file: None,
        };
        Ok(Listener {
            socket: socket.into(),
            bound,
            tls: None,
        })
    }

    fn open_unix(target: &str, path: PathBuf) -> Result<Listener, ListenError> {
        let failed = |text: String, error: io::Error| {
            ListenError::new("stream_unix", format!("{text}: {}", strerror(&error)), error)
        };
        let socket =
            bind_unix(&path).map_err(|error| failed(format!("{}: binding failed", path.display()), error))?;
        cleanup::add_file(&path);
        let bound = Bound {
            target: target.to_owned(),
            port: None,
            file: Some(path),
        };
        rustix::io::ioctl_fionbio(&socket, true)
            .and_then(|()| rustix::net::listen(&socket, LISTEN_BACKLOG))
            .map_err(|error| failed(format!("{target}: listen"), error.into()))?;
        Ok(Listener {
            socket,
            bound,
            tls: None,
        })
    }

    /// The TCP port it listens on, also when the kernel chose it.
    pub fn bound_port(&self) -> Option<u16> {
        self.bound.port
    }

    /// Accepts for ever, handing each connection to the least loaded worker; `remote` is passed on with it.
    /// To be called on the control thread.
    pub fn serve(self, workers: Workers, remote: u64) -> io::Result<Serving> {
        let socket = Rc::new(register(self.socket)?);
        let target = self.bound.target.clone();
        let accepting = accept_for_ever(Rc::clone(&socket), target, workers, remote, self.tls);
        let task = spawn_local(accepting);
        Ok(Serving {
            task: task.abort_handle(),
            socket,
            bound: self.bound,
        })
    }
}

/// A listener that is being served. Dropping it ends that at once, so that its address can be used again;
/// connections that were accepted stay.
#[derive(Debug)]
pub struct Serving {
    task: AbortHandle,
    socket: Rc<AsyncFd<OwnedFd>>,
    bound: Bound,
}

impl Serving {
    /// As [`Listener::bound_port`].
    pub fn bound_port(&self) -> Option<u16> {
        self.bound.port
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The task gives up its share of the socket only when it is scheduled next; a socket that is shut
        // down does not listen any more.
        if let Err(error) = rustix::net::shutdown(self.socket.get_ref(), Shutdown::Both) {
            log::debug!(target: "socket_util", "{}: shutdown: {error}", self.bound.target);
        }
        self.task.abort();
    }
}

async fn accept_for_ever(
    socket: Rc<AsyncFd<OwnedFd>>,
    target: String,
    workers: Workers,
    remote: u64,
    tls: Option<Arc<tls::Context>>,
) {
    let scheme = if tls.is_some() { Scheme::Tls } else { Scheme::Tcp };
    let mut out_of_descriptors = false;
    loop {
        let mut ready = match socket.readable().await {
            Ok(ready) => ready,
            Err(error) => return log::error!(target: "socket_util", "{target}: {}", strerror(&error)),
        };
        for _ in 0..ACCEPT_BATCH {
            match accept(socket.get_ref(), remote, scheme) {
                Ok((connection, meta)) => {
                    if out_of_descriptors {
                        out_of_descriptors = false;
                        log::info!(target: "stream", "{target}: accepting connections again");
                    }
                    match security(tls.as_deref()) {
                        Ok(security) => workers.least_loaded().adopt(connection, meta, security),
                        Err(unconfigured) => unconfigured.log(),
                    }
                }
                Err(Errno::AGAIN) => {
                    ready.clear_ready();
                    break;
                }
                // A client that has gone before we came is no reason to wait.
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    if !out_of_descriptors {
                        out_of_descriptors = true;
                        log::warn!(
                            target: "stream",
                            "{target}: accept failed: {}; accepting no connections until some have ended",
                            strerror(&error.into())
                        );
                    }
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                    break;
                }
                Err(error) => {
                    if ACCEPT_FAILURES.allows("stream", Level::Warn) {
                        log::warn!(target: "stream", "{target}: accept failed: {}", strerror(&error.into()));
                    }
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                    break;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// What the next connection is secured with. Certificates that have changed are read by this.
fn security(tls: Option<&tls::Context>) -> Result<Security, tls::Unconfigured> {
    Ok(match tls {
        None => Security::Plain,
        Some(context) => Security::Accept(context.accepting()?),
    })
}

fn accept(listener: &OwnedFd, remote: u64, scheme: Scheme) -> rustix::io::Result<(OwnedFd, ConnMeta)> {
    let (socket, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
    let (name, transport) = match peer {
        Some(peer) => (session_name(scheme, peer), Transport::Tcp),
        None => (unix_client_name(), Transport::Unix),
    };
    Ok((
        socket,
        ConnMeta {
            name,
            transport,
            peer,
            remote,
            peer_name: None,
        },
    ))
}

/// A name for a client of a unix socket that has none of its own.
pub fn unix_client_name() -> String {
    format!("unix#{}", NEXT_UNIX.fetch_add(1, Ordering::Relaxed))
}

/// Sets the DSCP of a socket's packets.
pub(super) fn set_dscp(socket: &Socket, address: SocketAddr, dscp: u8) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let field = u32::from(dscp) << 2;
    if address.is_ipv4() {
        socket.set_tos_v4(field)
    } else {
        socket.set_tclass_v6(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Remote;
    use crate::runtime::{Closed, Config, ConnId, Driver, Handler, Outgoing, run};
    use bytes::Bytes;
    use std::io::Read;
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    /// Tells each client its name.
    struct Greeter;

    impl Handler for Greeter {
        fn opened(&mut self, io: &mut dyn Outgoing, conn: ConnId, meta: ConnMeta) {
            io.send(conn, Bytes::from(format!("{} {}\n", meta.remote, meta.name)));
            io.close(conn);
        }
        fn received(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, _buffer: &mut Vec<u8>) {}
        fn closed(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, _reason: Closed) {}
        fn blocked(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) {}

        fn drained(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) {}
        fn woken(&mut self, _io: &mut dyn Outgoing) {}
        fn tick(&mut self, _io: &mut dyn Outgoing, _now_ms: u64) {}
        fn turn_end(&mut self, _io: &mut dyn Outgoing) {}
    }

    fn open(target: &str) -> io::Result<Listener> {
        let Ok(Remote::Passive(passive)) = target.parse() else {
            panic!("{target}")
        };
        Listener::open(target, &passive, 48, &Arc::default()).map_err(|failure| failure.error)
    }

    fn read_all(mut client: impl Read) -> String {
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn clients_are_accepted_and_the_address_is_free_again_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.sock");
        let config = Config {
            threads: 2,
            driver: Driver::Epoll,
        };
        run(
            &config,
            |_, _| Greeter,
            |workers| async move {
                let first = open("ptcp:0:127.0.0.1")
                    .unwrap()
                    .serve(workers.clone(), 7)
                    .unwrap();
                let port = first.bound_port().unwrap();
                let target = format!("ptcp:{port}:127.0.0.1");
                assert_eq!(open(&target).unwrap_err().kind(), io::ErrorKind::AddrInUse);
                let client = move || {
                    for _ in 0..200 {
                        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
                        let expected = format!("7 tcp:{}\n", client.local_addr().unwrap());
                        assert_eq!(read_all(client), expected);
                    }
                };
                tokio::task::spawn_blocking(client).await.unwrap();
                drop(first);
                let _second = open(&target).unwrap().serve(workers.clone(), 8).unwrap();

                let punix = format!("punix:{}", path.display());
                let third = open(&punix).unwrap().serve(workers.clone(), 9).unwrap();
                drop(third);
                assert!(!path.exists());
                let _fourth = open(&punix).unwrap().serve(workers, 10).unwrap();
                let client = move || {
                    let greeting = read_all(UnixStream::connect(path).unwrap());
                    assert!(greeting.starts_with("10 unix#"), "{greeting}");
                };
                tokio::task::spawn_blocking(client).await.unwrap();
            },
        )
        .unwrap();
    }
}
