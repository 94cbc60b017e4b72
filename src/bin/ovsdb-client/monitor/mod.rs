//! `monitor`, `monitor-cond`, `monitor-cond-since`: contents of tables, then each change, until killed.

mod print;
mod request;

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result, input, program, time};
use ovsdb_engine::datum::uuid_text;
use ovsdb_engine::monitor;
use ovsdb_engine::schema::{Schema, TableSchema};
use ovsdb_io::daemon;
use ovsdb_io::unixctl::Commands;
use ovsdb_wire::message::Message;
use ovsdb_wire::value::Value;
use ovsdb_wire::write::{self, Items, Members};
use std::sync::Arc;
use uuid::Uuid;

use crate::Session;
use crate::background::{Background, Gate};
use crate::connection::Sender;
use crate::inspect::fetch_schema;
use crate::server::Opened;
use crate::transact::send_db_change_aware;
use print::Output;
use request::Monitored;

/// Which of the three methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// `monitor`, answered by `update` (RFC 7047 §4.1.5).
    V1,
    /// `monitor_cond`, answered by `update2`.
    V2,
    /// `monitor_cond_since` this transaction, answered by `update3`.
    V3(Uuid),
}

pub fn monitor(session: &Session<'_>, mut opened: Opened<'_>) -> Result<()> {
    let schema = fetch_schema(&mut opened.connection, &opened.database)?;
    let operands = opened.operands;
    run(session, opened, &schema, Version::V1, operands, None)
}

pub fn monitor_cond(session: &Session<'_>, opened: Opened<'_>) -> Result<()> {
    let operands = opened.operands;
    conditional(session, opened, Version::V2, operands)
}

pub fn monitor_cond_since(session: &Session<'_>, opened: Opened<'_>) -> Result<()> {
    let (last_id, operands) = match opened.operands {
        [first, rest @ ..] => match uuid_text::parse(first.as_bytes()) {
            Some(id) => (id, rest),
            None => (Uuid::nil(), opened.operands),
        },
        [] => (Uuid::nil(), opened.operands),
    };
    conditional(session, opened, Version::V3(last_id), operands)
}

fn conditional(
    session: &Session<'_>,
    mut opened: Opened<'_>,
    version: Version,
    operands: &[String],
) -> Result<()> {
    let [condition, operands @ ..] = operands else {
        return crate::check_count("monitor-cond", operands, 2, 3);
    };
    let [table, ..] = operands else {
        return crate::check_count("monitor-cond", operands, 2, 3);
    };
    let schema = fetch_schema(&mut opened.connection, &opened.database)?;
    let found = schema
        .table_named(table)
        .map(|id| schema.table(id))
        .ok_or_else(|| {
            Fatal::new(format!(
                "{} does not have a table named \"{table}\"",
                opened.database
            ))
        })?;
    let arena = Bump::new();
    let condition = input::parse_json(condition, &arena)?;
    check_condition(&condition, found)?;
    run(session, opened, &schema, version, operands, Some(&condition))
}

/// Refuses a condition that the server would refuse.
fn check_condition(condition: &Value<'_>, table: &TableSchema) -> Result<()> {
    match condition {
        Value::Array(clauses) => {
            monitor::check_condition(clauses, table)?;
            Ok(())
        }
        other => Err(ovsdb_engine::error::OvsdbError::syntax(other, "array expected").into()),
    }
}

fn run(
    session: &Session<'_>,
    mut opened: Opened<'_>,
    schema: &Schema,
    version: Version,
    operands: &[String],
    condition: Option<&Value<'_>>,
) -> Result<()> {
    let server = opened.connection.name().to_owned();
    let database = opened.database;
    let monitored = monitored_tables(&server, &database, schema, operands, condition)?;
    send_db_change_aware(session, &mut opened.connection)?;
    let method = match version {
        Version::V1 => "monitor",
        Version::V2 => "monitor_cond",
        Version::V3(_) => "monitor_cond_since",
    };
    let failed = |error| Fatal::with_io(format!("{server}: receive failed"), &error);
    let mut background = Background::start(&session.options.daemon, daemon::Output::StdoutAndStderr);
    let gate = Arc::new(Gate::default());
    let (for_commands, sender) = (Arc::clone(&gate), opened.connection.sender().clone());
    background.control(move |commands| register(commands, &for_commands, &sender))?;
    let id = opened
        .connection
        .sender()
        .send(method, |out| {
            write_params(&database, &monitored, condition, version, out)
        })
        .map_err(failed)?;
    let output = &mut Output::new(session.style, &monitored);
    loop {
        let arena = Bump::new();
        let message = opened.connection.receive(&arena).map_err(failed)?;
        gate.pass();
        output.time = session.options.timestamp.then(time::now);
        match message {
            Message::Reply { id: answered, result } if answered == Value::Integer(id) => match version {
                Version::V1 => output.initial(&result)?,
                Version::V2 => output.update2(&result)?,
                Version::V3(_) => output.initial3(&result)?,
            },
            Message::Error { id: answered, error } if answered == Value::Integer(id) => {
                let mut text = Vec::new();
                write::value_sorted(&mut text, &error);
                let text = String::from_utf8_lossy(&text);
                return Err(Fatal::new(format!("{server}: {method} failed ({text})")));
            }
            Message::Notification {
                method: "update",
                params: [Value::Null, updates],
            } => {
                output.update(updates)?;
            }
            Message::Notification {
                method: "update2",
                params: [Value::Null, updates],
            } if version == Version::V2 => {
                output.update2(updates)?;
            }
            Message::Notification {
                method: "update3",
                params: [Value::Null, Value::String(last_id), updates],
            } if matches!(version, Version::V3(_)) => {
                output.update3(last_id, updates)?;
            }
            Message::Notification {
                method: "monitor_canceled",
                ..
            } => {
                return Err(Fatal::new(format!("{server}: {database} database was removed")));
            }
            _ => {}
        }
        program::print(&std::mem::take(&mut output.text))?;
        background.complete();
    }
}

/// Adds the commands of the control socket.
fn register(commands: &mut Commands, gate: &Arc<Gate>, sender: &Sender) {
    let (to_close, to_open, sender) = (Arc::clone(gate), Arc::clone(gate), sender.clone());
    commands.register("ovsdb-client/block", Some(""), 0..=0, move |_, answer| {
        answer.text(if to_close.close() { "" } else { "already blocking" });
    });
    commands.register("ovsdb-client/unblock", Some(""), 0..=0, move |_, answer| {
        answer.text(if to_open.open() { "" } else { "already unblocked" });
    });
    let usage = Some("TABLE COND");
    commands.register(
        "ovsdb-client/cond_change",
        usage,
        2..=2,
        move |arguments, answer| match change_condition(&sender, &arguments[0], &arguments[1]) {
            Ok(()) => answer.text("condition changed"),
            Err(fatal) => answer.error(fatal),
        },
    );
}

/// Asks for the rows of `table` that match `condition`, JSON, instead of those asked for so far.
fn change_condition(sender: &Sender, table: &str, condition: &str) -> Result<()> {
    let arena = Bump::new();
    let condition = input::parse_json(condition, &arena)?;
    let sent = sender.send("monitor_cond_change", |out| {
        let mut params = Items::begin(out);
        write::null(params.item());
        write::null(params.item());
        let mut requests = Members::begin(params.item());
        let mut list = Items::begin(requests.key(table));
        let mut request = Members::begin(list.item());
        write::value(request.key("where"), &condition);
        request.end();
        list.end();
        requests.end();
        params.end();
    });
    sent.map(|_| ())
        .map_err(|error| Fatal::with_io("send failed", &error))
}

/// The table that the first operand names, with the columns that the others name, or all tables.
fn monitored_tables<'s>(
    server: &str,
    database: &str,
    schema: &'s Schema,
    operands: &[String],
    condition: Option<&Value<'_>>,
) -> Result<Vec<Monitored<'s>>> {
    let (name, groups) = operands
        .split_first()
        .expect("the number of operands was checked");
    if name == "ALL" {
        if condition.is_some() {
            return Err(Fatal::new("ALL tables are not allowed with condition"));
        }
        return schema
            .tables
            .iter()
            .map(|table| Monitored::parse(server, database, table, groups))
            .collect();
    }
    let id = schema.table_named(name).ok_or_else(|| {
        Fatal::new(format!(
            "{server}: {database} does not have a table named \"{name}\""
        ))
    })?;
    Ok(vec![Monitored::parse(
        server,
        database,
        schema.table(id),
        groups,
    )?])
}

fn write_params(
    database: &str,
    monitored: &[Monitored<'_>],
    condition: Option<&Value<'_>>,
    version: Version,
    out: &mut Vec<u8>,
) {
    let mut params = Items::begin(out);
    write::string(params.item(), database);
    write::null(params.item());
    let mut requests = Members::begin(params.item());
    for table in monitored {
        table.write_requests(condition, requests.key(&table.table.name));
    }
    requests.end();
    if let Version::V3(last_id) = version {
        write::string(params.item(), &last_id.to_string());
    }
    params.end();
}
