//! A small blocking JSON-RPC client (RFC 7047 §4), for tests that look at single messages.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::text::Scan;
use crate::wait::DEADLINE;

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Remote {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Remote {
    /// In the notation of the command-line tools: `tcp:IP:PORT` or `unix:PATH`.
    pub fn target(&self) -> String {
        match self {
            Remote::Tcp(address) => format!("tcp:{address}"),
            Remote::Unix(path) => format!("unix:{}", path.display()),
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    unread: Vec<u8>,
    scanned: Scan,
    next_id: u64,
    /// Notifications that came while a reply was awaited.
    notifications: VecDeque<Value>,
    /// Replies that came while another one was awaited.
    replies: VecDeque<Value>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A reply: the result, or the error of the reply's `error` member.
pub type Reply = Result<Value, Value>;

impl Client {
    /// Connects, or says why not.
    pub fn try_connect(remote: &Remote) -> io::Result<Client> {
        let stream = match remote {
            Remote::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Remote::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        Ok(Client {
            stream,
            unread: Vec::new(),
            scanned: Scan::default(),
            next_id: 0,
            notifications: VecDeque::new(),
            replies: VecDeque::new(),
        })
    }

    /// Connects; panics when that fails.
    pub fn connect(remote: &Remote) -> Client {
        Client::try_connect(remote)
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", remote.target()))
    }

    /// Connects to the unix socket `path`.
    pub fn unix(path: &Path) -> Client {
        Client::connect(&Remote::Unix(path.to_path_buf()))
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Sends a request and gives its id.
    pub fn try_send(&mut self, method: &str, params: Value) -> io::Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({"id": id, "method": method, "params": params});
        self.send_raw(request.to_string().as_bytes())?;
        Ok(id)
    }

    /// Sends a request and gives its id; panics when the connection is gone.
    pub fn send(&mut self, method: &str, params: Value) -> u64 {
        self.try_send(method, params)
            .expect("the server takes the request")
    }

    /// The reply to request `id`; `Err` of the outer result when the connection ends first.
    pub fn try_reply(&mut self, id: u64) -> io::Result<Reply> {
        loop {
            if let Some(at) = self.replies.iter().position(|reply| reply["id"] == json!(id)) {
                let mut reply = self.replies.remove(at).expect("the position was just found");
                let error = reply["error"].take();
                return Ok(if error.is_null() {
                    Ok(reply["result"].take())
                } else {
                    Err(error)
                });
            }
            let message = self.next_message(DEADLINE)?;
            self.file(message)?;
        }
    }

    /// The reply to request `id`; panics when the connection ends first.
    pub fn reply(&mut self, id: u64) -> Reply {
        self.try_reply(id)
            .unwrap_or_else(|error| panic!("no reply to request {id}: {error}"))
    }

    /// Sends a request and waits for its reply.
    pub fn call(&mut self, method: &str, params: Value) -> Reply {
        let id = self.send(method, params);
        self.reply(id)
    }

    /// Runs a transaction and gives its array of results. Panics when the request as a whole is refused.
    pub fn transact(&mut self, database: &str, operations: Value) -> Vec<Value> {
        self.try_transact(database, operations)
            .expect("the server answers the transaction")
    }

    /// Runs a transaction; `Err` when the connection ends before the reply.
    pub fn try_transact(&mut self, database: &str, operations: Value) -> io::Result<Vec<Value>> {
        let Value::Array(mut params) = operations else {
            panic!("operations are an array")
        };
        params.insert(0, json!(database));
        let id = self.try_send("transact", Value::Array(params))?;
        match self.try_reply(id)? {
            Ok(Value::Array(results)) => Ok(results),
            other => panic!("the reply to a transaction is an array of results, not {other:?}"),
        }
    }

    /// The next notification, answering echo requests on the way. `None` when none comes within `limit`.
    pub fn notification(&mut self, limit: Duration) -> Option<Value> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(notification) = self.notifications.pop_front() {
                return Some(notification);
            }
            let message = self
                .next_message(deadline.saturating_duration_since(Instant::now()))
                .ok()?;
            self.file(message).ok()?;
        }
    }

    /// The next message whatever it is. `UnexpectedEof` when the server has closed, `TimedOut` after `limit`.
    pub fn next_message(&mut self, limit: Duration) -> io::Result<Value> {
        let text = self.next_text(limit)?;
        serde_json::from_slice(&text).map_err(io::Error::from)
    }

    /// The text of the next message, not parsed.
    pub fn next_text(&mut self, limit: Duration) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(end) = self.scanned.end_of_text(&self.unread) {
                let text: Vec<u8> = self.unread.drain(..end).collect();
                self.scanned = Scan::default();
                return Ok(text);
            }
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.read_some(remaining)?;
        }
    }

    /// Waits until something has come that has not been read, and reads no more of it than a piece.
    pub fn expect_something(&mut self) {
        if self.unread.is_empty() {
            self.read_some(DEADLINE).expect("something comes");
        }
    }

    /// Waits until the server closes the connection. Panics when it has not after [`DEADLINE`].
    pub fn expect_closed(&mut self) {
        loop {
            match self.next_message(DEADLINE) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    panic!("the server keeps the connection")
                }
                Err(_) => return,
            }
        }
    }

    /// A second hand on the sending side, for a thread that sends while this one reads, or does not.
    pub fn sender(&self) -> Box<dyn Write + Send> {
        match &self.stream {
            Stream::Tcp(stream) => Box::new(stream.try_clone().expect("a socket can be opened twice")),
            Stream::Unix(stream) => Box::new(stream.try_clone().expect("a socket can be opened twice")),
        }
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub fn close_sending_side(&self) {
        let result = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        result.expect("an open connection can be half closed");
    }

    /// Files a message: a reply or a notification is kept, an echo request is answered.
    fn file(&mut self, message: Value) -> io::Result<()> {
        if message["method"] == "echo" {
            let answer = json!({"id": message["id"], "result": message["params"], "error": null});
            return self.send_raw(answer.to_string().as_bytes());
        }
        if message.get("method").is_some() {
            self.notifications.push_back(message);
        } else {
            self.replies.push_back(message);
        }
        Ok(())
    }

    fn read_some(&mut self, limit: Duration) -> io::Result<()> {
        let mut chunk = [0; 65536];
        let read = match &mut self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(Some(limit))?;
                stream.read(&mut chunk)
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(Some(limit))?;
                stream.read(&mut chunk)
            }
        };
        match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.unread.extend_from_slice(&chunk[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::ErrorKind::TimedOut.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}
