//! An outgoing connection that is kept alive: made, handed to a worker, and made again after it ended.

use super::listener::set_dscp;
use super::reconnect::{Action, End, Reconnect, State};
use super::remote::{Active, Host};
use super::unix_socket::connect_unix;
use crate::errors::strerror;
use crate::runtime::{ConnMeta, Security, Transport, Workers};
use crate::tls;
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};

/// Tells a [`Dial`] that its connection has ended. Of any thread; told when the worker's handler learns of it.
#[derive(Clone, Debug)]
pub struct Ended(UnboundedSender<Event>);

#[derive(Debug)]
enum Event {
    Ended { end: End, idle_ms: u64 },
    BackoffMax(u64),
}

impl Ended {
    /// The connection ended like this; the peer was last heard of `idle_ms` ago.
    pub fn tell(&self, end: End, idle_ms: u64) {
        if self.0.send(Event::Ended { end, idle_ms }).is_err() {
            log::debug!(target: "reconnect", "a connection outlived its remote");
        }
    }
}

/// What is to be known of an outgoing connection (status of a Manager or Connection row).
#[derive(Clone, Debug)]
pub struct DialStatus {
    pub state: State,
    pub since_connect: Option<Duration>,
    pub since_disconnect: Option<Duration>,
    /// Text of the last error, if there was one.
    pub last_error: Option<String>,
}

#[derive(Debug)]
struct Known {
    state: State,
    connected: Option<Instant>,
    disconnected: Option<Instant>,
    last_error: Option<String>,
}

/// Keeps one outgoing connection. Dropping it stops that; a connection that is up stays with its worker.
#[derive(Debug)]
pub struct Dial {
    task: AbortHandle,
    events: UnboundedSender<Event>,
    known: Arc<Mutex<Known>>,
}

impl Dial {
    /// Starts connecting to `active`, written `target`; each connection is handed to the least loaded of
    /// `workers` as one of `remote`. Those of `ssl:` are secured by `tls`. To be called on the control thread.
    pub fn start(
        target: &str,
        active: Active,
        dscp: u8,
        workers: Workers,
        remote: u64,
        tls: &Arc<tls::Context>,
    ) -> Dial {
        let (events, inbox) = unbounded_channel();
        let known = Arc::new(Mutex::new(Known {
            state: State::Void,
            connected: None,
            disconnected: None,
            last_error: None,
        }));
        let dialer = Dialer {
            target: target.to_owned(),
            active,
            dscp,
            workers,
            remote,
            tls: Arc::clone(tls),
            known: Arc::clone(&known),
            clock: Instant::now(),
            attempts: Cell::new(0),
        };
        let task = spawn_local(dialer.run(inbox)).abort_handle();
        Dial { task, events, known }
    }

    /// By which the handler tells that the connection ended.
    pub fn ended(&self) -> Ended {
        Ended(self.events.clone())
    }

    /// The longest wait between attempts, in milliseconds (`max_backoff`); 0 is the default.
    pub fn set_backoff_max(&self, backoff_max_ms: u64) {
        if self.events.send(Event::BackoffMax(backoff_max_ms)).is_err() {
            log::debug!(target: "reconnect", "the task of a remote has ended");
        }
    }

    pub fn status(&self) -> DialStatus {
        let known = self.known.lock();
        DialStatus {
            state: known.state,
            since_connect: known.connected.map(|at| at.elapsed()),
            since_disconnect: known.disconnected.map(|at| at.elapsed()),
            last_error: known.last_error.clone(),
        }
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Dialer {
    target: String,
    active: Active,
    dscp: u8,
    workers: Workers,
    remote: u64,
    tls: Arc<tls::Context>,
    known: Arc<Mutex<Known>>,
    clock: Instant,
    /// Attempts over TCP so far.
    attempts: Cell<usize>,
}

impl Dialer {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).expect("a process lives less than 500 million years")
    }

    async fn run(self, mut inbox: UnboundedReceiver<Event>) {
        let mut fsm = Reconnect::new(self.target.clone(), self.now_ms());
        fsm.enable(self.now_ms());
        loop {
            self.known.lock().state = fsm.state();
            match fsm.run(self.now_ms()) {
                Action::Connect => {
                    fsm.connecting(self.now_ms());
                    self.known.lock().state = fsm.state();
                    self.attempt(&mut fsm).await;
                }
                Action::Disconnect => self.ended(&mut fsm, &End::Dropped, 0),
                Action::Wait(deadline_ms) => {
                    let left_ms = deadline_ms.map(|deadline_ms| deadline_ms.saturating_sub(self.now_ms()));
                    let event = match left_ms {
                        // An event that is taken out is not lost: `recv` may be cancelled.
                        Some(left_ms) => match timeout(Duration::from_millis(left_ms), inbox.recv()).await {
                            Ok(event) => event,
                            Err(_elapsed) => continue,
                        },
                        None => inbox.recv().await,
                    };
                    match event {
                        Some(Event::Ended { end, idle_ms }) => self.ended(&mut fsm, &end, idle_ms),
                        Some(Event::BackoffMax(backoff_max_ms)) => fsm.set_backoff_max(backoff_max_ms),
                        None => return,
                    }
                }
            }
        }
    }

    /// One attempt, from `Connecting` to `Active` or `Backoff`.
    async fn attempt(&self, fsm: &mut Reconnect) {
        let result = match fsm.run(self.now_ms()) {
            Action::Wait(Some(deadline_ms)) => {
                let left = Duration::from_millis(deadline_ms.saturating_sub(self.now_ms()));
                timeout(left, self.connect()).await
            }
            // The time was up before the attempt began.
            Action::Wait(None) | Action::Connect | Action::Disconnect => {
                return sleep(Duration::from_millis(1)).await;
            }
        };
        match result {
            Ok(Ok(connected)) => {
                fsm.connected(self.now_ms());
                {
                    let mut known = self.known.lock();
                    known.connected = Some(Instant::now());
                    known.state = fsm.state();
                }
                let meta = ConnMeta {
                    name: self.target.clone(),
                    transport: connected.transport,
                    peer: connected.peer,
                    remote: self.remote,
                    peer_name: None,
                };
                let worker = self.workers.least_loaded();
                worker.adopt(connected.socket, meta, connected.security);
            }
            Ok(Err(error)) => self.ended(fsm, &End::Error(error), 0),
            Err(_elapsed) => self.ended(fsm, &End::Dropped, 0),
        }
    }

    fn ended(&self, fsm: &mut Reconnect, end: &End, idle_ms: u64) {
        let now_ms = self.now_ms();
        let was_active = fsm.state() == State::Active;
        fsm.disconnected(end, now_ms.saturating_sub(idle_ms), now_ms);
        let mut known = self.known.lock();
        if was_active {
            known.disconnected = Some(Instant::now());
        }
        known.last_error = match end {
            End::Error(error) => Some(strerror(error)),
            End::Eof => Some("End of file".to_owned()),
            End::Dropped if was_active => known.last_error.take(),
            End::Dropped => Some(strerror(&io::Error::from_raw_os_error(libc::ETIMEDOUT))),
        };
        known.state = fsm.state();
    }

    async fn connect(&self) -> io::Result<Connected> {
        match &self.active {
            Active::Unix(path) => Ok(Connected {
                socket: connect_unix(path)?,
                transport: Transport::Unix,
                peer: None,
                security: Security::Plain,
            }),
            Active::Tcp(host) => {
                let (stream, address) = self.connect_tcp(host).await?;
                Connected::over_tcp(stream, address, Security::Plain)
            }
            Active::Tls(host) => {
                let (stream, address) = self.connect_tcp(host).await?;
                let session = tls::shake_hands(&self.tls, &stream, &self.target, &host.server_name()).await?;
                Connected::over_tcp(stream, address, Security::Established(Box::new(session)))
            }
        }
    }

    async fn connect_tcp(&self, host: &Host) -> io::Result<(TcpStream, SocketAddr)> {
        let mut addresses: Vec<SocketAddr> = match host {
            Host::Address(address) => vec![*address],
            // On a thread of its own, which the attempt does not wait for beyond its time.
            Host::Name(name, port) => tokio::net::lookup_host((name.as_str(), *port)).await?.collect(),
        };
        // An address that does not answer takes all the time of an attempt, so each begins with another one.
        let count = addresses.len();
        addresses.rotate_left(self.attempts.replace(self.attempts.get().wrapping_add(1)) % count.max(1));
        let mut failure = io::Error::from_raw_os_error(libc::EHOSTUNREACH);
        for address in addresses {
            match self.connect_to(address).await {
                Ok(stream) => return Ok((stream, address)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn connect_to(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        set_dscp(&socket, address, self.dscp)?;
        let socket = TcpSocket::from_std_stream(socket.into());
        socket.connect(address).await
    }
}

/// A connection that was made.
struct Connected {
    socket: OwnedFd,
    transport: Transport,
    peer: Option<SocketAddr>,
    security: Security,
}

impl Connected {
    fn over_tcp(stream: TcpStream, peer: SocketAddr, security: Security) -> io::Result<Connected> {
        Ok(Connected {
            socket: stream.into_std()?.into(),
            transport: Transport::Tcp,
            peer: Some(peer),
            security,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Remote;
    use crate::runtime::{Closed, Config, ConnId, Driver, Handler, Outgoing, run};
    use bytes::Bytes;
    use std::io::Read;
    use std::net::{Shutdown, TcpListener};

    /// Greets whom it is connected to, and tells when that ends.
    struct Caller(Arc<Mutex<Option<Ended>>>);

    impl Handler for Caller {
        fn opened(&mut self, io: &mut dyn Outgoing, conn: ConnId, meta: ConnMeta) {
            io.send(
                conn,
                Bytes::from(format!("{} calling {}", meta.remote, meta.name)),
            );
        }
        fn received(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, _buffer: &mut Vec<u8>) {}
        fn closed(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, reason: Closed) {
            assert!(matches!(reason, Closed::Peer));
            self.0.lock().as_ref().unwrap().tell(End::Eof, 0);
        }
        fn blocked(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) {}
        fn drained(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) {}
        fn woken(&mut self, _io: &mut dyn Outgoing) {}
        fn tick(&mut self, _io: &mut dyn Outgoing, _now_ms: u64) {}
        fn turn_end(&mut self, _io: &mut dyn Outgoing) {}
    }

    fn active(target: &str) -> Active {
        match target.parse() {
            Ok(Remote::Active(active)) => active,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_connection_that_ends_is_made_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("tcp:localhost:{}", listener.local_addr().unwrap().port());
        let ended = Arc::new(Mutex::new(None));
        let config = Config {
            threads: 1,
            driver: Driver::Epoll,
        };
        run(
            &config,
            |_, _| Caller(Arc::clone(&ended)),
            |workers| async {
                let dial = Dial::start(&target, active(&target), 48, workers, 7, &Arc::default());
                *ended.lock() = Some(dial.ended());
                let expected = format!("7 calling {target}");
                let peer = move || {
                    for _ in 0..2 {
                        let (mut caller, _) = listener.accept().unwrap();
                        let mut greeting = vec![0; expected.len()];
                        caller.read_exact(&mut greeting).unwrap();
                        assert_eq!(greeting, expected.as_bytes());
                        caller.shutdown(Shutdown::Write).unwrap();
                        assert_eq!(caller.read(&mut [0]).unwrap(), 0);
                    }
                };
                tokio::task::spawn_blocking(peer).await.unwrap();
                let status = dial.status();
                assert!(status.since_connect.is_some() && status.since_disconnect.is_some());
                assert_eq!(status.last_error.as_deref(), Some("End of file"));
            },
        )
        .unwrap();
    }

    #[test]
    fn failures_are_told() {
        let config = Config {
            threads: 1,
            driver: Driver::Epoll,
        };
        run(
            &config,
            |_, _| Caller(Arc::default()),
            |workers| async move {
                let cases = [
                    ("tcp:127.0.0.1:1", "Connection refused"),
                    ("unix:/nonexistent/socket", "No such file or directory"),
                    ("ssl:127.0.0.1:1", "Connection refused"),
                ];
                for (target, error) in cases {
                    let dial = Dial::start(target, active(target), 48, workers.clone(), 0, &Arc::default());
                    while dial.status().last_error.is_none() {
                        sleep(Duration::from_millis(1)).await;
                    }
                    assert_eq!(dial.status().last_error.as_deref(), Some(error), "{target}");
                    assert_eq!(dial.status().state, State::Backoff);
                }
            },
        )
        .unwrap();
    }
}
