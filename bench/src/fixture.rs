//! What several paths begin with: parsed text, a loaded store.

use std::sync::Arc;

use bumpalo::Bump;
use ovsdb_engine::rbac::Client;
use ovsdb_engine::schema::{self, Schema};
use ovsdb_engine::store::Store;
use ovsdb_engine::txn::{self, Committed, Context, Outcome, Program};
use ovsdb_wire::strict;
use ovsdb_wire::value::Value;
use uuid::Uuid;

use crate::random::Random;
use crate::site::{SCHEMA, Site};

/// Reads JSON of a fixture.
pub(crate) fn json<'a>(text: &'a str, arena: &'a Bump) -> Value<'a> {
    strict::parse(text.as_bytes(), arena).expect("the fixtures are JSON")
}

pub(crate) fn schema() -> Arc<Schema> {
    let arena = Bump::new();
    Arc::new(schema::parse(&json(SCHEMA, &arena)).expect("the schema is good"))
}

/// Compiles operations given as a JSON array.
pub(crate) fn compile(schema: &Arc<Schema>, ops: &str, random: &mut Random) -> Program {
    let arena = Bump::new();
    let ops = json(ops, &arena).as_array().expect("operations are an array");
    Program::compile(schema, ops, &mut || random.uuid())
}

/// Executes a program that is to succeed and returns its commit and the length of its reply.
pub(crate) fn execute(store: &mut Store, program: &Program, random: &mut Random) -> (Committed, usize) {
    let mut context = Context {
        now_ms: 1_700_000_000_000,
        elapsed_ms: 0,
        read_only: false,
        reserved: false,
        client: Client::ROOT,
        owns_lock: &|_| true,
        version: &mut || random.uuid(),
        column_diff: true,
        nonce: Uuid::nil(),
    };
    match txn::execute(store, program, &mut context) {
        Outcome::Finished {
            reply,
            commit: Some(commit),
        } => (commit, reply.len()),
        other => panic!("a transaction of the fixtures failed: {other:?}"),
    }
}

/// A store that holds the site.
pub(crate) fn store(site: &Site) -> Store {
    let schema = schema();
    let mut random = Random::new(3);
    let mut store = Store::new(Arc::clone(&schema), 1, Uuid::nil());
    for ops in site.load() {
        let program = compile(&schema, &ops, &mut random);
        execute(&mut store, &program, &mut random);
        store.maintain();
        while store.is_building() {
            store.build_step();
        }
    }
    store
}
