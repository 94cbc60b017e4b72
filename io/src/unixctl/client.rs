//! The client side, for tools: one command, waiting for its answer.

use crate::errors::strerror;
use crate::limits::CONTROL_MESSAGE_BYTES;
use crate::net::connect_unix;
use bumpalo::Bump;
use ovsdb_wire::frame::{Framer, Scan};
use ovsdb_wire::message::{self, Message};
use ovsdb_wire::strict;
use ovsdb_wire::value::Value;
use ovsdb_wire::write::{self, Items};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Why a command gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The server could not be asked.
    #[error("{}", strerror(.0))]
    Io(#[from] io::Error),
    /// It answered with an error.
    #[error("{0}")]
    Command(String),
    /// It answered something else.
    #[error("bad answer from the server")]
    Protocol,
}

/// Sends `command` with `arguments` to the control socket at `path` and waits for what it prints.
pub fn call(path: &Path, command: &str, arguments: &[&str]) -> Result<String, Refused> {
    let mut stream = UnixStream::from(connect_unix(path)?);
    let mut request = Vec::new();
    message::write_request(&mut request, &Value::Integer(0), command, |out| {
        let mut items = Items::begin(out);
        for argument in arguments {
            write::string(items.item(), argument);
        }
        items.end();
    });
    stream.write_all(&request)?;

    let mut framer = Framer::with_limit(CONTROL_MESSAGE_BYTES);
    let mut unread = Vec::new();
    let mut chunk = [0; 4096];
    let end = loop {
        match framer.scan(&unread).map_err(|_| Refused::Protocol)? {
            Scan::Text { end, .. } => break end,
            Scan::Incomplete => match stream.read(&mut chunk)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => unread.extend_from_slice(&chunk[..count]),
            },
        }
    };
    let arena = Bump::new();
    let value = strict::parse(&unread[..end], &arena).map_err(|_| Refused::Protocol)?;
    let text = |value: Value<'_>| value.as_str().map(str::to_owned).ok_or(Refused::Protocol);
    match message::classify(value) {
        Ok(Message::Reply { result, .. }) => text(result),
        Ok(Message::Error { error, .. }) => Err(Refused::Command(text(error)?)),
        Ok(Message::Request { .. } | Message::Notification { .. }) | Err(_) => Err(Refused::Protocol),
    }
}
