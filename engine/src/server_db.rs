//! The `_Server` database (`ovsdb-server`(5)): one row for each database of the process, itself included.
//!
//! An ordinary database in memory, written by the server only: what is to change in it is an ordinary
//! transaction.

use crate::datum::{Atom, Datum};
use crate::schema::{self, Schema};
use crate::store::{Row, View};
use crate::txn::Program;
use bumpalo::Bump;
use ovsdb_wire::{strict, write};
use std::sync::Arc;
use uuid::Uuid;

/// Name of the database.
pub const NAME: &str = "_Server";

/// The schema that clients expect, by their version 1.2.0.
pub fn schema() -> Arc<Schema> {
    const TEXT: &str = r#"{
        "name": "_Server", "version": "1.2.0", "cksum": "3009684573 744",
        "tables": {"Database": {"columns": {
            "name": {"type": "string"},
            "model": {"type": {"key": {"type": "string",
                "enum": ["set", ["standalone", "clustered", "relay"]]}}},
            "connected": {"type": "boolean"},
            "leader": {"type": "boolean"},
            "schema": {"type": {"key": "string", "min": 0}},
            "cid": {"type": {"key": "uuid", "min": 0}},
            "sid": {"type": {"key": "uuid", "min": 0}},
            "index": {"type": {"key": "integer", "min": 0}}}}}}"#;
    let arena = Bump::new();
    let value = strict::parse(TEXT.as_bytes(), &arena).expect("the text above is JSON");
    Arc::new(schema::parse(&value).expect("the text above is a schema"))
}

/// The transaction that gives a standalone database its row, with the `_uuid` given.
pub fn put(schema: &Arc<Schema>, name: &str, schema_json: &str, uuid: Uuid) -> Program {
    let mut text = Vec::new();
    let mut ops = write::Items::begin(&mut text);
    delete_op(ops.item(), name);
    let mut op = write::Members::begin(ops.item());
    write::string(op.key("op"), "insert");
    write::string(op.key("table"), "Database");
    let mut row = write::Members::begin(op.key("row"));
    write::string(row.key("name"), name);
    write::string(row.key("model"), "standalone");
    write::boolean(row.key("connected"), true);
    write::boolean(row.key("leader"), true);
    write::string(row.key("schema"), schema_json);
    row.end();
    op.end();
    ops.end();
    compile(schema, &text, uuid)
}

/// The transaction that gives the row of a database another schema.
pub fn set_schema(schema: &Arc<Schema>, name: &str, schema_json: &str) -> Program {
    let mut text = Vec::new();
    let mut ops = write::Items::begin(&mut text);
    let mut op = write::Members::begin(ops.item());
    write::string(op.key("op"), "update");
    write::string(op.key("table"), "Database");
    write_where(op.key("where"), name);
    let mut row = write::Members::begin(op.key("row"));
    write::string(row.key("schema"), schema_json);
    row.end();
    op.end();
    ops.end();
    compile(schema, &text, Uuid::nil())
}

/// Whether `view` lists a database with this schema.
pub fn lists(view: &View, name: &str, schema_json: &str) -> bool {
    let table = view
        .schema()
        .table_named("Database")
        .expect("it is in the schema");
    let columns = view.schema().table(table);
    let is = |row: &Row, column, text| {
        let column = columns.column_named(column).expect("it is in the schema");
        matches!(row.get(column), Datum::One(Atom::String(value)) if value.as_str() == text)
    };
    let mut rows = view.table(table).iter();
    rows.any(|(_, row)| is(row, "name", name) && is(row, "schema", schema_json))
}

/// The transaction that removes the row of a database.
pub fn remove(schema: &Arc<Schema>, name: &str) -> Program {
    let uuid = Uuid::nil();
    let mut text = Vec::new();
    let mut ops = write::Items::begin(&mut text);
    delete_op(ops.item(), name);
    ops.end();
    compile(schema, &text, uuid)
}

fn delete_op(out: &mut Vec<u8>, name: &str) {
    let mut op = write::Members::begin(out);
    write::string(op.key("op"), "delete");
    write::string(op.key("table"), "Database");
    write_where(op.key("where"), name);
    op.end();
}

fn write_where(out: &mut Vec<u8>, name: &str) {
    let mut clauses = write::Items::begin(out);
    let mut clause = write::Items::begin(clauses.item());
    write::string(clause.item(), "name");
    write::string(clause.item(), "==");
    write::string(clause.item(), name);
    clause.end();
    clauses.end();
}

fn compile(schema: &Arc<Schema>, text: &[u8], uuid: Uuid) -> Program {
    let arena = Bump::new();
    let value = strict::parse(text, &arena).expect("written by us");
    let ops = value.as_array().expect("an array was written");
    Program::compile(schema, ops, &mut || uuid)
}
