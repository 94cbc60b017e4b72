//! `query` and `transact`: one transaction on a database file.

use bumpalo::Bump;
use ovsdb::cli::{Result, input, program};
use ovsdb::database_file::{self, DatabaseFile};
use ovsdb_engine::error::{OvsdbError, Tag};
use ovsdb_engine::rbac::Client;
use ovsdb_engine::store::Store;
use ovsdb_engine::txn::{self, Committed, Context, Outcome, Program};
use ovsdb_storage::log::Access;
use ovsdb_storage::record::{Digest, Entry};
use ovsdb_wire::value::Value;
use ovsdb_wire::{strict, write};
use std::path::Path;
use uuid::Uuid;

/// Executes the transaction on what the file holds, and leaves the file as it is.
pub fn query(db: &Path, transaction: &str, role: &str) -> Result<()> {
    let mut file = database_file::read(db, Access::ReadOnly)?;
    let arena = Bump::new();
    let request = input::parse_json(transaction, &arena)?;
    let (reply, _) = execute(&mut file.store, &request, role);
    print_sorted(&reply)
}

/// Executes the transaction and adds it to the file; it is durable before its results are printed.
pub fn transact(db: &Path, transaction: &str, role: &str) -> Result<()> {
    let DatabaseFile { mut store, reader } = database_file::read(db, Access::ReadWrite)?;
    let mut writer = reader.into_writer()?;
    let arena = Bump::new();
    let request = input::parse_json(transaction, &arena)?;
    let (mut reply, commit) = execute(&mut store, &request, role);
    if let Some(record) = commit.and_then(|commit| commit.record) {
        let entry = Entry {
            body: &record.body,
            sha1: Digest(record.sha1),
        };
        if let Err(error) = writer.append(&[entry]).and_then(|()| writer.sync()) {
            let mut failed = OvsdbError::new(Tag::IoError, error.details.clone());
            failed.io_error = error.io_error();
            txn::append_error(&mut reply, &failed);
        }
    }
    print_sorted(&reply)
}

/// Executes a request, `[NAME, OP…]`; the reply is what a server would answer.
fn execute(store: &mut Store, request: &Value<'_>, role: &str) -> (Vec<u8>, Option<Box<Committed>>) {
    let ops = match request {
        Value::Array([Value::String(name), ops @ ..]) if *name == store.schema().name => ops,
        Value::Array(_) => {
            return (
                error_reply(request, "database name expected as first parameter"),
                None,
            );
        }
        _ => return (error_reply(request, "array expected"), None),
    };
    match run(store, ops, role) {
        Outcome::Finished { reply, commit } => (reply, commit.map(Box::new)),
        Outcome::Waiting { .. } => (waiting_reply(store, ops, role), None),
    }
}

fn run(store: &mut Store, ops: &[Value<'_>], role: &str) -> Outcome {
    let program = Program::compile(store.schema(), ops, &mut Uuid::new_v4);
    let mut context = Context {
        now_ms: jiff::Timestamp::now().as_millisecond(),
        elapsed_ms: 0,
        read_only: false,
        reserved: store.schema().name.starts_with('_'),
        client: Client { role, id: None },
        owns_lock: &|_| false,
        version: &mut Uuid::new_v4,
        column_diff: true,
        nonce: Uuid::new_v4(),
    };
    txn::execute(store, &program, &mut context)
}

fn error_reply(request: &Value<'_>, details: &str) -> Vec<u8> {
    let mut reply = Vec::new();
    OvsdbError::syntax(request, details).write(&mut reply);
    reply
}

/// The reply to a transaction with an unsatisfied `wait`, for which nothing can ever change here: the
/// results of the operations before it, an error for it, `null` for those after it.
fn waiting_reply(store: &mut Store, ops: &[Value<'_>], role: &str) -> Vec<u8> {
    let abort = [("op", Value::String("abort"))];
    let abort = Value::Object(ovsdb_wire::value::Object::from_distinct(&abort));
    let mut waits = (0..ops.len()).filter(|&at| {
        let op = ops[at].as_object().and_then(|op| op.get("op"));
        op == Some(Value::String("wait"))
    });
    let waiting = waits
        .find(|&at| matches!(run(store, &ops[..=at], role), Outcome::Waiting { .. }))
        .expect("the transaction waits in one of its operations");
    let mut aborted = ops[..waiting].to_vec();
    aborted.push(abort);
    let Outcome::Finished { reply, .. } = run(store, &aborted, role) else {
        panic!("what precedes the first unsatisfied wait does not wait");
    };
    let arena = Bump::new();
    let results = strict::parse(&reply, &arena).expect("the engine writes JSON");
    let results = results.as_array().expect("a reply is an array");
    let mut out = Vec::new();
    let mut items = write::Items::begin(&mut out);
    for result in &results[..waiting] {
        write::value(items.item(), result);
    }
    items
        .item()
        .extend_from_slice(br#"{"details":"triggers not supported","error":"not supported"}"#);
    for _ in waiting + 1..ops.len() {
        write::null(items.item());
    }
    items.end();
    out
}

/// Prints a reply on one line, members sorted.
fn print_sorted(reply: &[u8]) -> Result<()> {
    let arena = Bump::new();
    let value = strict::parse(reply, &arena).expect("the engine writes JSON");
    let mut out = Vec::new();
    write::value_sorted(&mut out, &value);
    out.push(b'\n');
    program::print(&out)
}
