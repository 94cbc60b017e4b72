//! A JSON-RPC connection that waits: requests out, replies and notifications in, echoes answered on the way.

use bumpalo::Bump;
use ovsdb::cli::options::TlsOptions;
use ovsdb::cli::{Fatal, Result};
use ovsdb_io::messages;
use ovsdb_io::net::{Active, Host, Passive, Remote, RemoteError, bind_unix, connect_unix};
use ovsdb_io::tls;
use ovsdb_wire::frame::{Framer, Scan};
use ovsdb_wire::message::{self, Message};
use ovsdb_wire::parse::Parser;
use ovsdb_wire::value::Value;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Bytes asked for in one read: large replies take few calls, and a small client little memory.
const READ_BYTES: usize = 256 << 10;

/// What connections by TLS are secured with; one for the program, as there is one command line.
static TLS: LazyLock<tls::Context> = LazyLock::new(tls::Context::default);

/// Takes over what the command line says of TLS; what is wrong with it is logged, and needed only by `ssl:`.
pub fn secure(options: &TlsOptions) -> Result<()> {
    TLS.configure(options.sources()?.settings());
    Ok(())
}

/// One connection to a server.
pub struct Connection {
    receiver: Receiver,
    sender: Sender,
    input: Vec<u8>,
    framer: Framer,
    parser: Parser,
}

/// The sending half of a connection, for any thread.
#[derive(Clone)]
pub struct Sender {
    /// The remote, as the user gave it.
    name: Arc<str>,
    output: Output,
    /// Requests sent; the id of the next one. Locked while a message is written, so that each stays whole.
    requests: Arc<Mutex<i64>>,
}

/// What a connection is read from.
enum Receiver {
    Plain(Arc<File>),
    Tls(tls::Reader),
}

/// What a connection is written to.
#[derive(Clone)]
enum Output {
    Plain(Arc<File>),
    Tls(tls::Writer),
}

impl Output {
    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Plain(socket) => (&**socket).write_all(bytes),
            Output::Tls(writer) => writer.clone().write_all(bytes),
        }
    }
}

/// What answers a request.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    Result(Value<'a>),
    Error(Value<'a>),
}

impl Connection {
    /// Connects to an active remote, or waits for one connection on a passive one.
    pub fn open(remote: &str) -> Result<Connection> {
        Ok(Connection::new(remote, open(remote)?))
    }

    /// [`Connection::open`] for one of several remotes: the error is the system's, for the log.
    pub fn try_open(remote: &str) -> io::Result<Connection> {
        match remote.parse() {
            Ok(Remote::Active(active)) => Ok(Connection::new(remote, connect(remote, &active)?)),
            _ => Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)),
        }
    }

    fn new(remote: &str, (receiver, output): (Receiver, Output)) -> Connection {
        Connection {
            receiver,
            sender: Sender {
                name: remote.into(),
                output,
                requests: Arc::default(),
            },
            input: Vec::new(),
            framer: Framer::new(),
            parser: Parser::new(),
        }
    }

    /// The remote, as the user gave it.
    pub fn name(&self) -> &str {
        &self.sender.name
    }

    /// The half that sends.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Waits for the next message that is not an echo; those are answered.
    pub fn receive<'a>(&mut self, arena: &'a Bump) -> io::Result<Message<'a>> {
        loop {
            let text = match self.framer.scan(&self.input) {
                Ok(Scan::Text { end, flags }) => Some((end, flags)),
                Ok(Scan::Incomplete) => None,
                Err(error) => return Err(self.bad_input(&format!("error parsing stream: {error}"))),
            };
            let Some((end, flags)) = text else {
                self.read()?;
                continue;
            };
            let text = arena.alloc_slice_copy(&self.input[..end]);
            self.input.drain(..end);
            let value = self
                .parser
                .parse(text, flags, arena)
                .map_err(|error| self.bad_input(&format!("error parsing stream: {error}")))?;
            let message = message::classify(value)
                .map_err(|error| self.bad_input(&format!("received bad JSON-RPC message: {error}")))?;
            if messages::are_wanted() {
                messages::tell_received(self.name(), &message);
            }
            match message {
                Message::Request {
                    id,
                    method: "echo",
                    params,
                } => {
                    let mut out = Vec::new();
                    message::write_reply(&mut out, &id, |out| {
                        ovsdb_wire::write::value(out, &Value::Array(params));
                    });
                    self.sender.write(&out)?;
                }
                message => return Ok(message),
            }
        }
    }

    fn bad_input(&self, what: &str) -> io::Error {
        log::warn!(target: "jsonrpc", "{}: {what}", self.name());
        if let Some(content) =
            tls::Content::guess(&self.input).filter(|content| *content != tls::Content::JsonRpc)
        {
            log::warn!(target: "jsonrpc", "{}: received {content} data on JSON-RPC channel", self.name());
        }
        io::Error::from_raw_os_error(libc::EPROTO)
    }

    fn read(&mut self) -> io::Result<()> {
        let start = self.input.len();
        self.input.resize(start + READ_BYTES, 0);
        let room = &mut self.input[start..];
        let got = match &mut self.receiver {
            Receiver::Plain(socket) => (&**socket).read(room),
            Receiver::Tls(reader) => reader.read(room),
        };
        self.input.truncate(start + got.as_ref().map_or(0, |&got| got));
        match got {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "End of file")),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a request and waits for its answer; whatever else arrives is dropped.
    pub fn request<'a>(
        &mut self,
        arena: &'a Bump,
        method: &str,
        params: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<Reply<'a>> {
        let ours = Value::Integer(self.sender.send(method, params)?);
        loop {
            match self.receive(arena)? {
                Message::Reply { id, result } if id == ours => return Ok(Reply::Result(result)),
                Message::Error { id, error } if id == ours => return Ok(Reply::Error(error)),
                _ => {}
            }
        }
    }

    /// [`Connection::request`] whose failure ends the program.
    pub fn call<'a>(
        &mut self,
        arena: &'a Bump,
        method: &str,
        params: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Value<'a>> {
        match self.request(arena, method, params) {
            Ok(Reply::Result(result)) => Ok(result),
            Ok(Reply::Error(error)) => {
                let mut text = Vec::new();
                ovsdb_wire::write::value_sorted(&mut text, &error);
                let text = String::from_utf8_lossy(&text);
                Err(Fatal::new(format!("transaction returned error: {text}")))
            }
            Err(error) => Err(Fatal::with_io("transaction failed", &error)),
        }
    }
}

impl Sender {
    /// Sends a request and returns its id; `params` writes an array.
    pub fn send(&self, method: &str, params: impl FnOnce(&mut Vec<u8>)) -> io::Result<i64> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let id = *requests;
        *requests += 1;
        let mut out = Vec::new();
        message::write_request(&mut out, &Value::Integer(id), method, params);
        self.write_whole(&out)?;
        Ok(id)
    }

    /// Sends a message that is complete.
    fn write(&self, message: &[u8]) -> io::Result<()> {
        let _requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_whole(message)
    }

    fn write_whole(&self, message: &[u8]) -> io::Result<()> {
        if messages::are_wanted() {
            messages::tell_sent(&self.name, message);
        }
        self.output.write_all(message)
    }
}

fn open(remote: &str) -> Result<(Receiver, Output)> {
    match remote.parse() {
        Ok(Remote::Active(active)) => connect(remote, &active)
            .map_err(|error| Fatal::with_io(format!("failed to connect to \"{remote}\""), &error)),
        Ok(Remote::Passive(passive)) => accept(remote, &passive),
        Ok(Remote::Column(_)) | Err(RemoteError::Scheme(_)) => Err(Fatal::with_io(
            format!("failed to connect or listen to \"{remote}\""),
            &io::Error::from_raw_os_error(libc::EAFNOSUPPORT),
        )),
        Err(error) => Err(Fatal::new(error.to_string())),
    }
}

/// Both halves of a connection that is not secured.
fn plain(socket: OwnedFd) -> (Receiver, Output) {
    let socket = Arc::new(File::from(socket));
    (Receiver::Plain(Arc::clone(&socket)), Output::Plain(socket))
}

/// Both halves of one that is.
fn secured((reader, writer): (tls::Reader, tls::Writer)) -> (Receiver, Output) {
    (Receiver::Tls(reader), Output::Tls(writer))
}

fn connect(remote: &str, active: &Active) -> io::Result<(Receiver, Output)> {
    match active {
        Active::Unix(path) => Ok(plain(connect_unix(path)?)),
        Active::Tcp(host) => Ok(plain(connect_tcp(host)?)),
        Active::Tls(host) => {
            // Without keys there is no use in a connection, whether there is a server or not.
            tls::configured(&TLS)?;
            tls::connect(&TLS, connect_tcp(host)?, remote, &host.server_name()).map(secured)
        }
    }
}

fn connect_tcp(host: &Host) -> io::Result<OwnedFd> {
    let stream = match host {
        Host::Address(address) => TcpStream::connect(address)?,
        Host::Name(name, port) => TcpStream::connect((name.as_str(), *port))?,
    };
    stream.set_nodelay(true)?;
    Ok(stream.into())
}

/// Listens on a passive remote until one client has come.
fn accept(remote: &str, passive: &Passive) -> Result<(Receiver, Output)> {
    let listener = listen(passive)
        .map_err(|error| Fatal::with_io(format!("failed to connect or listen to \"{remote}\""), &error))?;
    log::info!(target: "ovsdb_client", "{remote}: waiting for connection...");
    let failed = |error| Fatal::with_io(format!("failed to accept connection on \"{remote}\""), &error);
    let (socket, _) = listener.accept().map_err(failed)?;
    if let Passive::Unix(path) = passive {
        // Nobody else can be served.
        if let Err(error) = std::fs::remove_file(path) {
            log::warn!(target: "ovsdb_client", "{}: {error}", path.display());
        }
    }
    match passive {
        Passive::Tls(_) => tls::accept(&TLS, socket.into(), remote)
            .map(secured)
            .map_err(failed),
        Passive::Tcp(_) | Passive::Unix(_) | Passive::Inherited(_) => Ok(plain(socket.into())),
    }
}

fn listen(passive: &Passive) -> io::Result<Socket> {
    let socket = match passive {
        Passive::Unix(path) => Socket::from(bind_unix(path)?),
        Passive::Tcp(address) | Passive::Tls(address) => bind_tcp(*address)?,
        Passive::Inherited(_) => {
            return Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT));
        }
    };
    socket.listen(1)?;
    Ok(socket)
}

fn bind_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}
