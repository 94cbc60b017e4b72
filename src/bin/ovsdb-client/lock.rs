//! `lock`, `steal`, `unlock`: one request, then what the server has to say about it, until killed.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result, program};
use ovsdb_io::daemon;
use ovsdb_io::errors::strerror;
use ovsdb_io::unixctl::Commands;
use ovsdb_wire::message::Message;
use ovsdb_wire::value::Value;
use ovsdb_wire::write;
use std::io;

use crate::Session;
use crate::background::Background;
use crate::connection::Sender;
use crate::server::Opened;

/// Sends `method` for the lock that the operand names.
pub fn lock(session: &Session<'_>, mut opened: Opened<'_>, method: &str) -> Result<()> {
    let [lock] = opened.operands else {
        return crate::check_count(method, opened.operands, 1, 1);
    };
    let name = opened.connection.name().to_owned();
    let failed = |error| Fatal::with_io(format!("{name}: receive failed"), &error);
    let mut background = Background::start(&session.options.daemon, daemon::Output::Stdout);
    let sender = opened.connection.sender().clone();
    background.control(move |commands| register(commands, &sender))?;
    send(opened.connection.sender(), method, lock).map_err(failed)?;
    loop {
        let arena = Bump::new();
        let mut out = Vec::new();
        match opened.connection.receive(&arena).map_err(failed)? {
            // All requests on this connection are about locks.
            Message::Reply { result, .. } => session.style.write_json(&result, &mut out),
            Message::Error { error, .. } => {
                let mut text = Vec::new();
                write::value_sorted(&mut text, &error);
                let text = String::from_utf8_lossy(&text);
                return Err(Fatal::new(format!("{name}: {method} failed ({text})")));
            }
            Message::Notification { method, params } => {
                out.extend_from_slice(method.as_bytes());
                out.push(b'\n');
                session.style.write_json(&Value::Array(params), &mut out);
            }
            Message::Request { .. } => {}
        }
        program::print(&out)?;
        background.complete();
    }
}

fn send(sender: &Sender, method: &str, lock: &str) -> io::Result<i64> {
    sender.send(method, |out| {
        out.push(b'[');
        write::string(out, lock);
        out.push(b']');
    })
}

/// Has the control socket send further requests.
fn register(commands: &mut Commands, sender: &Sender) {
    for method in ["lock", "steal", "unlock"] {
        let sender = sender.clone();
        commands.register(method, Some("LOCK"), 1..=1, move |arguments, answer| {
            match send(&sender, method, &arguments[0]) {
                Ok(_) => answer.done(),
                Err(error) => answer.error(strerror(&error)),
            }
        });
    }
}
