//! `lock`, `steal`, `unlock`: one request, then what the server has to say about it, until killed.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result, program};
use ovsdb_wire::message::Message;
use ovsdb_wire::value::Value;
use ovsdb_wire::write;

use crate::Session;
use crate::server::Opened;

/// Sends `method` for the lock that the operand names.
pub fn lock(session: &Session<'_>, mut opened: Opened<'_>, method: &str) -> Result<()> {
    let [lock] = opened.operands else {
        return crate::check_count(method, opened.operands, 1, 1);
    };
    let name = opened.connection.name().to_owned();
    let failed = |error| Fatal::with_io(format!("{name}: receive failed"), &error);
    let id = opened
        .connection
        .send(method, |out| {
            out.push(b'[');
            write::string(out, lock);
            out.push(b']');
        })
        .map_err(failed)?;
    loop {
        let arena = Bump::new();
        let mut out = Vec::new();
        match opened.connection.receive(&arena).map_err(failed)? {
            Message::Reply { id: answered, result } if answered == Value::Integer(id) => {
                session.style.write_json(&result, &mut out);
            }
            Message::Error { id: answered, error } if answered == Value::Integer(id) => {
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
            _ => {}
        }
        program::print(&out)?;
    }
}
