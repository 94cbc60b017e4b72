//! JSON-RPC messages in the log, for operators who ask for them (`vlog/set jsonrpc:dbg`; upstream `jsonrpc_log_msg`).
//!
//! Who may have something to tell asks [`are_wanted`] first, which is one comparison as long as nobody wants to know.

use bumpalo::Bump;
use ovsdb_wire::frame::{Framer, Scan};
use ovsdb_wire::message::{self, Message};
use ovsdb_wire::strict;
use ovsdb_wire::value::Value;
use ovsdb_wire::write;

const MODULE: &str = "jsonrpc";

#[derive(Clone, Copy)]
enum Direction {
    Received,
    Sent,
}

/// Whether messages go to the log.
pub fn are_wanted() -> bool {
    log::log_enabled!(target: MODULE, log::Level::Debug)
}

/// Tells of a message that came from `name`.
pub fn tell_received(name: &str, message: &Message<'_>) {
    tell(name, Direction::Received, message);
}

/// Tells of the messages to `name` that `bytes` hold, one behind the other, and gives back what belongs to one that is not
/// whole.
pub fn tell_sent<'b>(name: &str, mut bytes: &'b [u8]) -> &'b [u8] {
    let mut framer = Framer::new();
    loop {
        let end = match framer.scan(bytes) {
            Ok(Scan::Text { end, .. }) => end,
            Ok(Scan::Incomplete) => return bytes,
            // Only whoever begins to look in the middle of a message finds this.
            Err(_) => return &[],
        };
        let (text, rest) = bytes.split_at(end);
        bytes = rest;
        framer = Framer::new();
        let arena = Bump::new();
        match strict::parse(text, &arena).map(message::classify) {
            Ok(Ok(message)) => tell(name, Direction::Sent, &message),
            Ok(Err(_)) | Err(_) => {
                log::debug!(target: MODULE, "{name}: send {}", String::from_utf8_lossy(text));
            }
        }
    }
}

fn tell(name: &str, direction: Direction, message: &Message<'_>) {
    let mut text = Vec::new();
    let mut member = |name: &str, value: &Value<'_>| {
        text.extend_from_slice(name.as_bytes());
        write::value_sorted(&mut text, value);
    };
    let kind = match message {
        Message::Request { id, method, params } => {
            member(", method=", &Value::String(method));
            member(", params=", &Value::Array(params));
            member(", id=", id);
            "request"
        }
        Message::Notification { method, params } => {
            member(", method=", &Value::String(method));
            member(", params=", &Value::Array(params));
            "notification"
        }
        Message::Reply { id, result } => {
            member(", result=", result);
            member(", id=", id);
            "reply"
        }
        Message::Error { id, error } => {
            member(", error=", error);
            member(", id=", id);
            // Upstream makes an error as a reply, and only tells them apart when it receives one.
            match direction {
                Direction::Received => "error",
                Direction::Sent => "reply",
            }
        }
    };
    let verb = match direction {
        Direction::Received => "received",
        Direction::Sent => "send",
    };
    log::debug!(target: MODULE, "{name}: {verb} {kind}{}", String::from_utf8_lossy(&text));
}
