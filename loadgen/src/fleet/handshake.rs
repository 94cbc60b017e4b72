//! The requests by which a client of upstream's library introduces itself (`lib/ovsdb-cs.c`): the schema and a
//! monitor of `_Server`, then awareness of changes and the monitor of the data, from the last transaction it knows.

use std::fmt::Write;

use crate::fold::{SERVER_MONITOR_ID, uuid_text};

/// Asks for the schema of `_Server`.
pub(super) const GET_SCHEMA: (&str, &str) = ("get_schema", r#"["_Server"]"#);

/// Asks whether the server lives.
pub(super) const ECHO: (&str, &str) = ("echo", "[]");

/// Asks to be told of changes of databases instead of being disconnected.
pub(super) const CHANGE_AWARE: (&str, &str) = ("set_db_change_aware", "[true]");

/// The method after which a client does not monitor any more what it has asked for at first.
pub(super) const CHANGE_CONDITIONS: &str = "monitor_cond_change";

/// Monitors `_Server`.
pub(super) fn server_monitor() -> (&'static str, String) {
    let columns = r#"["name","model","connected","leader","schema","cid","index"]"#;
    let params = format!(r#"["_Server",{SERVER_MONITOR_ID},{{"Database":[{{"columns":{columns}}}]}}]"#);
    ("monitor_cond", params)
}

/// Monitors the data from `last_id` on.
pub(super) fn data_monitor(database: &str, requests: &str, last_id: u128) -> (&'static str, String) {
    let mut params = String::with_capacity(requests.len() + 128);
    write!(
        params,
        r#"["{database}",["monid","{database}"],{requests},"{}"]"#,
        uuid_text(last_id)
    )
    .expect("a string takes everything");
    ("monitor_cond_since", params)
}
