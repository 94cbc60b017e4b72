//! Transactions as clients see them: text in, text out.

mod access;
mod cases;
mod light;
mod model;
mod persistence;
mod waiting;

use super::{Compiler, Context, Outcome, Program, execute};
use crate::commit::Record;
use crate::rbac::Client;
use crate::schema::{self, Schema};
use crate::store::{ChangeSet, Store};
use bumpalo::Bump;
use ovsdb_wire::strict;
use std::sync::Arc;
use uuid::Uuid;

/// A schema with every kind of table and column that transactions treat differently.
pub(super) const SCHEMA: &str = r#"{"name":"D","version":"1.0.0","tables":{
  "Root":{"isRoot":true,"indexes":[["name"],["x","y"]],"columns":{
    "name":{"type":"string"},
    "x":{"type":"integer"},
    "y":{"type":"integer"},
    "fixed":{"type":"integer","mutable":false},
    "ephemeral":{"type":"integer","ephemeral":true},
    "numbers":{"type":{"key":"integer","min":0,"max":3}},
    "reals":{"type":{"key":"real","min":0,"max":"unlimited"}},
    "options":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
    "children":{"type":{"key":{"type":"uuid","refTable":"Child"},"min":0,"max":"unlimited"}},
    "by_name":{"type":{"key":"string","value":{"type":"uuid","refTable":"Child"},"min":0,"max":"unlimited"}},
    "friends":{"type":{"key":{"type":"uuid","refTable":"Root","refType":"weak"},"min":0,"max":"unlimited"}},
    "titles":{"type":{"key":{"type":"uuid","refTable":"Root","refType":"weak"},"value":"string","min":0,"max":"unlimited"}},
    "named":{"type":{"key":"string","value":{"type":"uuid","refTable":"Root","refType":"weak"},"min":0,"max":"unlimited"}},
    "plain":{"type":{"key":"uuid","min":0,"max":"unlimited"}}}},
  "Child":{"columns":{
    "value":{"type":"integer"},
    "next":{"type":{"key":{"type":"uuid","refTable":"Child"},"min":0,"max":1}},
    "owner":{"type":{"key":{"type":"uuid","refTable":"Root","refType":"weak"},"min":0,"max":1}}}},
  "Needy":{"isRoot":true,"columns":{
    "of":{"type":{"key":{"type":"uuid","refTable":"Root","refType":"weak"}}}}},
  "Single":{"isRoot":true,"maxRows":1,"columns":{
    "color":{"type":{"key":{"type":"string","enum":["set",["red","blue"]]},"min":0,"max":1}},
    "small":{"type":{"key":{"type":"integer","minInteger":0,"maxInteger":9}}}}},
  "Bad":{"isRoot":true,"columns":{
    "positive":{"type":{"key":{"type":"integer","minInteger":1}}}}}}}"#;

/// A database under test, with all nondeterminism made from a counter.
pub(super) struct Db {
    pub(super) store: Store,
    counter: u128,
    pub(super) elapsed_ms: u64,
    pub(super) read_only: bool,
    pub(super) reserved: bool,
    pub(super) column_diff: bool,
    /// Whether programs are compiled as those of large messages are.
    pub(super) in_pieces: bool,
    /// Empty is the root role.
    pub(super) role: String,
    pub(super) client_id: Option<String>,
}

/// What one transaction did.
pub(super) struct Done {
    /// The result array, or `waiting DEADLINE TABLES`.
    pub(super) reply: String,
    pub(super) changes: Option<ChangeSet>,
    pub(super) record: Option<Record>,
}

pub(super) fn parse_schema(text: &str) -> Arc<Schema> {
    let arena = Bump::new();
    let value = strict::parse(text.as_bytes(), &arena).unwrap();
    Arc::new(schema::parse(&value).unwrap())
}

/// The `n`-th uuid that a [`Db`] makes.
pub(super) fn uuid_number(n: u128) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000 | n)
}

impl Db {
    pub(super) fn new() -> Db {
        Db::with_schema(&parse_schema(SCHEMA))
    }

    pub(super) fn with_schema(schema: &Arc<Schema>) -> Db {
        Db {
            store: Store::new(Arc::clone(schema), 0, Uuid::nil()),
            counter: 0,
            elapsed_ms: 0,
            read_only: false,
            reserved: false,
            column_diff: true,
            in_pieces: false,
            role: String::new(),
            client_id: None,
        }
    }

    /// Compiles an array of operations.
    pub(super) fn compile(&mut self, ops: &str) -> Program {
        let arena = Bump::new();
        let value = strict::parse(ops.as_bytes(), &arena).unwrap_or_else(|_| panic!("not JSON: {ops}"));
        let counter = &mut self.counter;
        let mut entropy = || {
            *counter += 1;
            uuid_number(*counter)
        };
        Program::compile(self.store.schema(), value.as_array().unwrap(), &mut entropy)
    }

    /// Executes an array of operations.
    pub(super) fn transact(&mut self, ops: &str) -> Done {
        let arena = Bump::new();
        let value = strict::parse(ops.as_bytes(), &arena).unwrap_or_else(|_| panic!("not JSON: {ops}"));
        let counter = &mut self.counter;
        let mut entropy = || {
            *counter += 1;
            uuid_number(*counter)
        };
        let ops = value.as_array().unwrap();
        let program = if self.in_pieces {
            let mut compiler = Compiler::new(self.store.schema());
            let compiled = ops
                .chunks(2)
                .try_for_each(|piece| compiler.push(piece, &mut entropy));
            compiled.expect("nothing is wrong with the operations themselves");
            compiler.finish()
        } else {
            Program::compile(self.store.schema(), ops, &mut entropy)
        };
        let seq = self.store.seq();
        let mut context = Context {
            now_ms: 1_700_000_000_000,
            elapsed_ms: self.elapsed_ms,
            read_only: self.read_only,
            reserved: self.reserved,
            client: Client {
                role: &self.role,
                id: self.client_id.as_deref(),
            },
            owns_lock: &|name| name == "mine",
            version: &mut entropy,
            column_diff: self.column_diff,
            nonce: Uuid::max(),
        };
        let outcome = execute(&mut self.store, &program, &mut context);
        self.store.verify();
        match outcome {
            Outcome::Waiting {
                deadline_ms,
                executed,
            } => {
                assert_eq!(self.store.seq(), seq);
                let names = program.looked_at(executed).into_iter().map(|(id, row)| {
                    let name = &self.store.schema().table(id).name;
                    row.map_or_else(|| name.clone(), |row| format!("{name}/{row}"))
                });
                Done {
                    reply: format!("waiting {deadline_ms:?} {}", names.collect::<Vec<_>>().join(",")),
                    changes: None,
                    record: None,
                }
            }
            Outcome::Finished { reply, commit } => {
                let reply = String::from_utf8(reply).unwrap();
                strict::parse(reply.as_bytes(), &arena).unwrap_or_else(|_| panic!("not JSON: {reply}"));
                if program.is_read_only() {
                    let view = self.store.view();
                    assert_eq!(program.execute_on_view(&view), reply.as_bytes());
                }
                let (changes, record) = commit.map(|c| (c.changes, c.record)).unzip();
                assert_eq!(changes.is_some(), self.store.seq() != seq);
                Done {
                    reply,
                    changes,
                    record: record.flatten(),
                }
            }
        }
    }

    /// All rows with all columns but `_version`, sorted, for comparison.
    pub(super) fn contents(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for id in self.store.schema().table_ids() {
            let schema = self.store.schema().table(id);
            for (_, row) in self.store.table(id).iter() {
                let mut text = format!("{} {}", schema.name, row.uuid()).into_bytes();
                for column in schema.declared_idxs() {
                    text.extend_from_slice(format!(" {}=", schema.column(column).name).as_bytes());
                    crate::datum::print::write(row.get(column), &mut text);
                }
                rows.push(String::from_utf8(text).unwrap());
            }
        }
        rows.sort();
        rows
    }
}

/// `text` with the uuids of `Db` replaced by `<0>`, `<1>`, … in order of first appearance.
pub(super) fn anonymous(text: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("00000000-0000-4000-8000-") {
        out.push_str(&rest[..at]);
        let uuid = &rest[at..at + 36];
        let number = seen.iter().position(|known| *known == uuid).unwrap_or_else(|| {
            seen.push(uuid);
            seen.len() - 1
        });
        out.push_str(&format!("<{number}>"));
        rest = &rest[at + 36..];
    }
    out + rest
}
