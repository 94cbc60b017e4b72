//! `transact` and `query`: one transaction, its results as JSON.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result, input, program};
use ovsdb_io::daemon;
use ovsdb_wire::value::Value;
use ovsdb_wire::write::{self, Items};

use crate::background::Background;
use crate::connection::Connection;
use crate::server::Need;
use crate::{Session, check_count, server};

/// Runs the transaction that is the last operand.
pub fn transact(session: &Session<'_>, operands: &[String]) -> Result<()> {
    check_count("transact", operands, 1, 2)?;
    let arena = Bump::new();
    let transaction = parse(operands, &arena)?;
    let results = execute(session, operands, &arena, &transaction, Ending::Plain)?;
    print(session, &results)
}

/// Runs the transaction with an `abort` at its end, whose own result is not shown.
pub fn query(session: &Session<'_>, operands: &[String]) -> Result<()> {
    check_count("query", operands, 1, 2)?;
    let arena = Bump::new();
    let transaction = parse(operands, &arena)?;
    let results = execute(session, operands, &arena, &transaction, Ending::Abort)?;
    let ops = transaction
        .as_array()
        .map_or(0, |items| items.len().saturating_sub(1));
    match results {
        Value::Array([shown @ .., last]) if shown.len() == ops && is_aborted(last) => {
            print(session, &Value::Array(shown))
        }
        results => print(session, &results),
    }
}

/// What is added to the transaction that the user gave.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Plain,
    Abort,
}

fn parse<'a>(operands: &'a [String], arena: &'a Bump) -> Result<Value<'a>> {
    let text = operands.last().expect("the number of operands was checked");
    input::parse_json(text, arena)
}

fn execute<'a>(
    session: &Session<'_>,
    operands: &[String],
    arena: &'a Bump,
    transaction: &Value<'_>,
    ending: Ending,
) -> Result<Value<'a>> {
    let Some(params @ [Value::String(database), ..]) = transaction.as_array() else {
        return Err(Fatal::new("not a valid OVSDB query"));
    };
    let mut opened = server::open(
        operands,
        1,
        Need::ThisDatabase(database),
        session.is_leader_only(),
    )?;
    if session.options.db_change_aware {
        send_db_change_aware(session, &mut opened.connection)?;
    }
    let mut background = Background::start(&session.options.daemon, daemon::Output::StdoutAndStderr);
    background.take_signals()?;
    background.complete();
    opened.connection.call(arena, "transact", |out| {
        let mut items = Items::begin(out);
        for param in params {
            write::value(items.item(), param);
        }
        if ending == Ending::Abort {
            items.item().extend_from_slice(br#"{"op":"abort"}"#);
        }
        items.end();
    })
}

/// Has the server keep the connection, and tell, when databases change.
pub fn send_db_change_aware(session: &Session<'_>, connection: &mut Connection) -> Result<()> {
    use crate::connection::Reply;
    if session.options.no_db_change_aware {
        return Ok(());
    }
    let arena = Bump::new();
    let name = connection.name().to_owned();
    let reply = connection
        .request(&arena, "set_db_change_aware", |out| {
            out.extend_from_slice(b"[true]")
        })
        .map_err(|error| Fatal::with_io(format!("{name}: error setting db_change_aware"), &error))?;
    match reply {
        Reply::Error(error) if session.options.db_change_aware => {
            let mut text = Vec::new();
            write::value(&mut text, &error);
            let text = String::from_utf8_lossy(&text);
            Err(Fatal::new(format!("{name}: set_db_change_aware failed ({text})")))
        }
        _ => Ok(()),
    }
}

fn is_aborted(result: &Value<'_>) -> bool {
    result.as_object().and_then(|result| result.get("error")) == Some(Value::String("aborted"))
}

fn print(session: &Session<'_>, results: &Value<'_>) -> Result<()> {
    let mut out = Vec::new();
    session.style.write_json(results, &mut out);
    program::print(&out)
}
