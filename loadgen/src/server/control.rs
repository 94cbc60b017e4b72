//! One blocking connection, for what is not measured: filling the database, looking at it, finding out what it is.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::Socket;

use crate::error::{Failure, Result};
use crate::fleet::scanner::{Kind, Scanner};
use crate::fleet::{Address, echo};
use crate::fold::shorten;
use crate::server::secured::Secured;

/// Silence after which the connection is made anew: it does not answer the server's probes meanwhile, and five seconds
/// is the shortest time after which a server gives up on that.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// Bytes of parameters below which a request is one write, and one segment.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// A connection to a server.
#[derive(Debug)]
pub struct Control {
    address: Address,
    stream: Stream,
    unread: Vec<u8>,
    next_id: u64,
    used: Instant,
    /// Longest wait for an answer.
    patience: Duration,
}

impl Control {
    /// Connects and makes sure that an OVSDB server answers.
    pub fn connect(address: &Address, patience: Duration) -> Result<Control> {
        let mut control = Control::open(address, patience)?;
        control.databases()?;
        Ok(control)
    }

    /// Connects to anything that talks JSON-RPC.
    pub fn open(address: &Address, patience: Duration) -> Result<Control> {
        let stream = open(address, patience)?;
        Ok(Control {
            address: address.clone(),
            stream,
            unread: Vec::new(),
            next_id: 0,
            used: Instant::now(),
            patience,
        })
    }

    /// The names of the server's databases.
    pub fn databases(&mut self) -> Result<Vec<String>> {
        let names = self.call("list_dbs", "[]")?;
        let names = names.as_array().into_iter().flatten();
        Ok(names
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect())
    }

    /// The schema of a database.
    pub fn schema(&mut self, database: &str) -> Result<Value> {
        self.call("get_schema", &json!([database]).to_string())
    }

    /// Executes operations, given in JSON without the outer brackets, and gives their results. Any error is a failure.
    pub fn transact(&mut self, database: &str, operations: &str) -> Result<Vec<Value>> {
        let result = self.call("transact", &format!(r#"["{database}",{operations}]"#))?;
        let Value::Array(results) = result else {
            return Err(Failure::Wrong(format!("results that are no array: {result}")));
        };
        match results.iter().find(|result| !result["error"].is_null()) {
            Some(error) => Err(Failure::Wrong(format!(
                "{error} in answer to {}",
                shorten(operations.as_bytes())
            ))),
            None => Ok(results),
        }
    }

    /// Calls a method and gives its result.
    pub fn call(&mut self, method: &str, params: &str) -> Result<Value> {
        let text = self.call_raw(method, params)?;
        let mut reply: Value = serde_json::from_slice(&text)
            .map_err(|error| Failure::Wrong(format!("a reply that is no JSON: {error}")))?;
        Ok(reply["result"].take())
    }

    /// Calls a method and gives the whole reply, which says of no error.
    pub fn call_raw(&mut self, method: &str, params: &str) -> Result<Vec<u8>> {
        if self.used.elapsed() > IDLE_MAX {
            self.stream = open(&self.address, self.patience)?;
            self.unread.clear();
        }
        self.next_id += 1;
        let id = self.next_id;
        let head = format!(r#"{{"id":{id},"method":"{method}","params":"#);
        if params.len() < COPIED_BYTES_MAX {
            self.write(format!("{head}{params}}}").as_bytes())?;
        } else {
            // What is measured is how long the server takes, not a copy of tens of megabytes.
            for part in [&head, params, "}"] {
                self.write(part.as_bytes())?;
            }
        }
        loop {
            let (kind, text) = self.receive(method)?;
            match kind {
                Kind::Reply { id: found, is_error } if found == id => {
                    if is_error {
                        return Err(Failure::Wrong(format!(
                            "{method} was refused: {}",
                            shorten(&text)
                        )));
                    }
                    self.used = Instant::now();
                    return Ok(text);
                }
                Kind::Echo => self.write(echo::answer(&text)?.as_bytes())?,
                _ => {}
            }
        }
    }

    fn write(&mut self, text: &[u8]) -> Result<()> {
        let address = &self.address;
        let written = match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(text),
            Stream::Tls(secured) => secured.write_all(text),
        };
        written.map_err(|error| Failure::Lost(format!("lost {address}: {error}")))
    }

    fn receive(&mut self, method: &str) -> Result<(Kind, Vec<u8>)> {
        let mut scanner = Scanner::default();
        let mut looked = 0;
        let mut chunk = vec![0; crate::limits::READ_BYTES];
        loop {
            if let Some(end) = scanner.scan(&self.unread[looked..]) {
                let rest = self.unread.split_off(looked + end);
                let text = std::mem::replace(&mut self.unread, rest);
                let mut kind = Kind::Unreadable;
                scanner.finish(|envelope| kind = envelope.kind());
                return Ok((kind, text));
            }
            looked = self.unread.len();
            let lost = |reason: &str| Failure::Lost(format!("lost {}: {reason}", self.address));
            let read = match &mut self.stream {
                Stream::Plain(socket) => socket.read(&mut chunk).inspect(|read| {
                    self.unread.extend_from_slice(&chunk[..*read]);
                }),
                Stream::Tls(secured) => secured.read(&mut self.unread, &mut chunk),
            };
            match read {
                Ok(0) => return Err(lost("it closed the connection")),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(silent(
                        &self.address,
                        &format!("the answer to {method}"),
                        self.patience,
                    ));
                }
                Err(error) => return Err(lost(&error.to_string())),
            }
        }
    }
}

/// What a connection is read from and written to.
#[derive(Debug)]
enum Stream {
    Plain(Socket),
    Tls(Secured),
}

/// The failure of a server that listens and says nothing.
fn silent(address: &Address, awaited: &str, patience: Duration) -> Failure {
    let seconds = patience.as_secs_f64();
    Failure::Lost(format!(
        "{address} is silent: {awaited} has not come in {seconds} seconds (--patience)"
    ))
}

fn open(address: &Address, patience: Duration) -> Result<Stream> {
    let unreachable = |error: std::io::Error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => silent(address, "a connection", patience),
        _ => Failure::Server(format!("cannot reach {address}: {error}")),
    };
    let socket = address.connect().map_err(unreachable)?;
    socket.set_read_timeout(Some(patience)).map_err(unreachable)?;
    match address {
        Address::Tcp(_) | Address::Unix(_) => Ok(Stream::Plain(socket)),
        Address::Tls(secured) => {
            let made = Secured::connect(&secured.context, socket, &secured.host);
            made.map(Stream::Tls).map_err(unreachable)
        }
    }
}
