//! `wait`: until a database is there, connected to its cluster, or gone.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result};
use ovsdb_io::net::reconnect::{Action, End, Reconnect};
use ovsdb_wire::message::Message;
use ovsdb_wire::value::Value;
use ovsdb_wire::write::{self, Items, Members};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::check_count;
use crate::connection::Connection;
use crate::server::{default_remote, write_name_clause};

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Added,
    Connected,
    Removed,
}

/// Waits until the server says so, connecting as often as it takes.
pub fn wait(operands: &[String]) -> Result<()> {
    check_count("wait", operands, 2, 3)?;
    let [server @ .., database, state] = operands else {
        return check_count("wait", operands, 2, 3);
    };
    let state = match state.as_str() {
        "added" => State::Added,
        "connected" => State::Connected,
        "removed" => State::Removed,
        _ => return Err(Fatal::new(format!("{state}: unknown state"))),
    };
    let remote = server.first().cloned().unwrap_or_else(default_remote);
    let clock = Instant::now();
    let now_ms = || u64::try_from(clock.elapsed().as_millis()).expect("nobody waits for 500 million years");
    let mut reconnect = Reconnect::new(remote.clone(), now_ms());
    reconnect.enable(now_ms());
    loop {
        if let Action::Wait(Some(until_ms)) = reconnect.run(now_ms()) {
            sleep(Duration::from_millis(until_ms.saturating_sub(now_ms())));
        }
        reconnect.connecting(now_ms());
        let end = match Connection::try_open(&remote) {
            Ok(mut connection) => {
                reconnect.connected(now_ms());
                match ask(&mut connection, database, state) {
                    Ok(answer) => return answer,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => End::Eof,
                    Err(error) => End::Error(error),
                }
            }
            Err(error) => End::Error(error),
        };
        reconnect.disconnected(&end, now_ms(), now_ms());
    }
}

/// Has the server answer when `database` is in `state`. The outer error is that of the connection.
fn ask(connection: &mut Connection, database: &str, state: State) -> io::Result<Result<()>> {
    let aware = connection
        .sender()
        .send("set_db_change_aware", |out| out.extend_from_slice(b"[true]"))?;
    let waiting = connection
        .sender()
        .send("transact", |out| write_wait(database, state, out))?;
    loop {
        let arena = Bump::new();
        match connection.receive(&arena)? {
            Message::Error { id, error } if id == Value::Integer(aware) => {
                let (name, text) = (connection.name(), compact(&error));
                return Ok(Err(Fatal::new(format!(
                    "{name}: set_db_change_aware failed ({text})"
                ))));
            }
            Message::Error { id, error } if id == Value::Integer(waiting) => {
                let text = compact(&error);
                return Ok(Err(Fatal::new(format!("transaction returned error: {text}"))));
            }
            Message::Reply { id, result } if id == Value::Integer(waiting) => {
                return Ok(check_results(&result));
            }
            _ => {}
        }
    }
}

fn compact(value: &Value<'_>) -> String {
    let mut text = Vec::new();
    write::value_sorted(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

/// Refuses the results of a transaction if one of its operations failed.
pub fn check_results(result: &Value<'_>) -> Result<()> {
    let results = result
        .as_array()
        .ok_or_else(|| Fatal::new("result is not array"))?;
    for result in results {
        let object = result
            .as_object()
            .ok_or_else(|| Fatal::new("result array element is not object"))?;
        if object.get("error").is_some() {
            return Err(Fatal::new(format!(
                "server returned error reply: {}",
                compact(result)
            )));
        }
    }
    Ok(())
}

/// Writes the transaction that waits: for a row with `connected`, for any row, or for none.
fn write_wait(database: &str, state: State, out: &mut Vec<u8>) {
    let mut params = Items::begin(out);
    write::string(params.item(), "_Server");
    let mut op = Members::begin(params.item());
    write::string(op.key("op"), "wait");
    write::string(op.key("table"), "Database");
    write_name_clause(database, op.key("where"));
    let (columns, rows) = match state {
        State::Connected => (r#"["connected"]"#, r#"[{"connected":true}]"#),
        State::Added => ("[]", "[{}]"),
        State::Removed => ("[]", "[]"),
    };
    op.key("columns").extend_from_slice(columns.as_bytes());
    write::string(op.key("until"), "==");
    op.key("rows").extend_from_slice(rows.as_bytes());
    op.end();
    params.end();
}
