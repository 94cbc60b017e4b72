//! Values, transactions, commits and records.

use std::sync::Arc;

use bumpalo::Bump;
use ovsdb_engine::commit::record::{self, Annotations};
use ovsdb_engine::commit::{Replay, Snapshot};
use ovsdb_engine::condition::Condition;
use ovsdb_engine::datum::{self, Datum};
use ovsdb_engine::ids::{ColumnIdx, TableId};
use ovsdb_engine::monitor;
use ovsdb_engine::schema::Schema;
use ovsdb_engine::store::Store;
use ovsdb_engine::txn::Program;
use ovsdb_storage::record::{Digest, Encoder, Entry, Front, Magic};
use ovsdb_wire::value::Value;
use uuid::Uuid;

use crate::fixture;
use crate::path::Run;
use crate::random::Random;
use crate::site::{Site, Size, uuid_set};

/// Elements of the sets that are parsed, printed and compared: the ports of a large group.
const ELEMENTS: usize = 100;
/// Transactions that are compiled beforehand and executed in turns, so that each changes what another has written.
const PROGRAMS: usize = 64;

fn column(schema: &Schema, table: &str, column: &str) -> (TableId, ColumnIdx) {
    let table = schema.table_named(table).expect("the schema has the table");
    let column = schema
        .table(table)
        .column_named(column)
        .expect("the schema has the column");
    (table, column)
}

/// The type of a group's ports, and a set of as many uuids, as JSON.
fn ports(seed: u64) -> (Arc<Schema>, String, Datum) {
    let schema = fixture::schema();
    let mut random = Random::new(seed);
    let uuids: Vec<Uuid> = (0..ELEMENTS).map(|_| random.uuid()).collect();
    let text = uuid_set(&uuids);
    let arena = Bump::new();
    let (table, ports) = column(&schema, "Group", "ports");
    let ty = &schema.table(table).column(ports).ty;
    let datum = datum::parse(&fixture::json(&text, &arena), ty, None).expect("a set of uuids");
    (schema, text, datum)
}

/// Parses a set of a hundred references from a JSON value.
pub(crate) fn datum_parse(_: Size) -> Run {
    let (schema, text, _) = ports(7);
    let (table, ports) = column(&schema, "Group", "ports");
    let mut arena = Bump::new();
    Box::new(move || {
        arena.reset();
        let value = fixture::json(&text, &arena);
        let ty = &schema.table(table).column(ports).ty;
        datum::parse(&value, ty, None).expect("a set of uuids").len() as u64
    })
}

/// Prints it.
pub(crate) fn datum_print(_: Size) -> Run {
    let (_, _, datum) = ports(7);
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        datum::print::write(&datum, &mut out);
        out.len() as u64
    })
}

/// Finds the one element that it has more.
pub(crate) fn datum_diff(_: Size) -> Run {
    let (schema, _, old) = ports(7);
    let (table, ports) = column(&schema, "Group", "ports");
    let one = Datum::set_from_sorted(vec![datum::Atom::Uuid(Uuid::from_u128(1))]);
    let new = datum::merge::union(&old, &one);
    Box::new(move || {
        let ty = &schema.table(table).column(ports).ty;
        datum::diff(&old, &new, ty).len() as u64
    })
}

/// An agent's condition on ports: twelve clauses.
fn clauses(size: Size) -> (Arc<Schema>, String, TableId) {
    let site = Site::new(size);
    let schema = fixture::schema();
    let (table, _) = column(&schema, "Port", "datapath");
    let datapaths = site.datapaths.iter().cycle().take(10);
    let clauses: Vec<String> = datapaths
        .map(|datapath| format!(r#"["datapath","==",["uuid","{datapath}"]]"#))
        .chain([
            r#"["type","==","patch"]"#.to_owned(),
            format!(r#"["node","==",["uuid","{}"]]"#, site.nodes[0]),
        ])
        .collect();
    (schema, format!("[{}]", clauses.join(",")), table)
}

fn parse_clauses<'a>(text: &'a str, arena: &'a Bump) -> &'a [Value<'a>] {
    let value = ovsdb_wire::strict::parse(text.as_bytes(), arena).expect("the fixtures are JSON");
    value.as_array().expect("a condition is an array")
}

pub(crate) fn condition_parse(size: Size) -> Run {
    let (schema, text, table) = clauses(size);
    let mut arena = Bump::new();
    Box::new(move || {
        arena.reset();
        let clauses = parse_clauses(&text, &arena);
        monitor::check_condition(clauses, schema.table(table)).expect("the condition is good");
        clauses.len() as u64
    })
}

/// Evaluates it on all ports.
pub(crate) fn condition_match(size: Size) -> Run {
    let (schema, text, table) = clauses(size);
    let arena = Bump::new();
    let condition = Condition::parse_monitor(parse_clauses(&text, &arena), schema.table(table));
    let condition = condition.expect("the condition is good");
    let store = fixture::store(&Site::new(Size { flows: 0, ..size }));
    Box::new(move || {
        let ports = store.table(table).iter();
        ports
            .filter(|(_, row)| condition.matches_any(|column| row.get(column)))
            .count() as u64
    })
}

pub(crate) fn compile_report(size: Size) -> Run {
    compile(Site::new(size).report_ops(0, 4))
}

pub(crate) fn compile_port_add(size: Size) -> Run {
    compile(Site::new(size).port_add_ops(0, 20_000, &mut Random::new(5)))
}

/// From parsed operations to a program.
fn compile(ops: String) -> Run {
    let schema = fixture::schema();
    let mut random = Random::new(8);
    // The value lives as long as the process: a run has nothing to do with parsing.
    let arena: &'static Bump = Box::leak(Box::new(Bump::new()));
    let text: &'static str = String::leak(ops);
    let ops = fixture::json(text, arena)
        .as_array()
        .expect("operations are an array");
    Box::new(move || {
        let program = Program::compile(&schema, ops, &mut || random.uuid());
        u64::from(program.is_read_only())
    })
}

/// A store and programs that are executed on it in turns.
struct Transactions {
    store: Store,
    programs: Vec<Program>,
    next: usize,
    random: Random,
}

impl Transactions {
    fn new(size: Size, ops: impl Fn(&Site, usize) -> String) -> Transactions {
        let site = Site::new(size);
        let store = fixture::store(&site);
        let mut random = Random::new(9);
        let programs = (0..PROGRAMS)
            .map(|at| fixture::compile(store.schema(), &ops(&site, at), &mut random))
            .collect();
        Transactions {
            store,
            programs,
            next: 0,
            random,
        }
    }

    fn execute(&mut self) -> usize {
        let program = &self.programs[self.next % PROGRAMS];
        self.next += 1;
        let (commit, reply) = fixture::execute(&mut self.store, program, &mut self.random);
        commit.changes.tables.len() + reply
    }
}

/// An agent's report: execution, commit passes, record.
pub(crate) fn execute_report(size: Size) -> Run {
    let mut transactions = Transactions::new(size, |site, at| {
        site.report_ops(at % site.states.len().min(PROGRAMS / 2), at as u64 + 1)
    });
    Box::new(move || transactions.execute() as u64)
}

/// A port claimed and released.
pub(crate) fn execute_claim(size: Size) -> Run {
    let mut transactions = Transactions::new(size, |site, at| {
        site.claim_ops(at / 2 % site.ports.len(), at % 2 == 1)
    });
    Box::new(move || transactions.execute() as u64)
}

/// A new port with its flows; the store grows by it.
pub(crate) fn execute_port_add(size: Size) -> Run {
    let site = Site::new(size);
    let mut store = fixture::store(&site);
    let (mut random, mut at) = (Random::new(10), 20_000);
    let mut programs: Vec<Program> = Vec::new();
    Box::new(move || {
        if programs.is_empty() {
            programs = (0..PROGRAMS)
                .map(|_| {
                    at += 1;
                    let ops = site.port_add_ops(at % site.datapaths.len(), at, &mut random);
                    fixture::compile(store.schema(), &ops, &mut random)
                })
                .collect();
        }
        let program = programs.pop().expect("some have just been made");
        let (commit, reply) = fixture::execute(&mut store, &program, &mut random);
        (commit.changes.tables.len() + reply) as u64
    })
}

/// A report as [`execute_report`] does it, and the version that is published after each.
pub(crate) fn publish_report(size: Size) -> Run {
    let mut transactions = Transactions::new(size, |site, at| {
        site.report_ops(at % site.states.len().min(PROGRAMS / 2), at as u64 + 1)
    });
    let mut published = Some(transactions.store.view());
    Box::new(move || {
        transactions.execute();
        // The old version goes when the new one is there.
        let view = transactions.store.view();
        transactions.store.maintain();
        published.replace(view).map_or(0, |old| old.seq().0)
    })
}

/// From the changes of a new port to framed bytes.
pub(crate) fn record_encode(size: Size) -> Run {
    let site = Site::new(size);
    let mut store = fixture::store(&site);
    let mut random = Random::new(11);
    let ops = site.port_add_ops(0, 20_000, &mut random);
    let program = fixture::compile(store.schema(), &ops, &mut random);
    let (commit, _) = fixture::execute(&mut store, &program, &mut random);
    let mut encoder = Encoder::default();
    Box::new(move || {
        let annotations = Annotations {
            now_ms: 1_700_000_000_000,
            comment: Some("northd"),
            column_diff: true,
        };
        let record = record::write(store.schema(), &commit.changes.tables, &annotations)
            .expect("a new port is persistent");
        let entry = Entry {
            body: &record.body,
            sha1: Digest(record.sha1),
        };
        let mut written = 0;
        let encoded: Result<(), ()> = encoder.encode(Magic::Standalone, Front::Durable, &[entry], |piece| {
            written += piece.len() as u64;
            Ok(())
        });
        assert!(encoded.is_ok(), "nothing here fails");
        written
    })
}

/// Reads the record of a report back, as a server does that opens a file.
pub(crate) fn record_replay(size: Size) -> Run {
    let site = Site::new(size);
    let mut store = fixture::store(&site);
    let state = site.states[0];
    let bodies = [1, 3].map(|diff| {
        format!(
            "{{\"Node_State\":{{\"{state}\":{{\"nb_cfg\":{diff}}}}},\"_is_diff\":true,\"_date\":1700000000000}}\n"
        )
    });
    let mut random = Random::new(12);
    let mut arena = Bump::new();
    let mut count = 0;
    Box::new(move || {
        arena.reset();
        count += 1;
        let body = &bodies[count % 2];
        let sha1 = Digest::of(body.as_bytes());
        let value = fixture::json(body, &arena);
        let mut replay = Replay {
            version: &mut || random.uuid(),
            converting: false,
        };
        let changes = replay
            .apply(&mut store, &value, &sha1.0)
            .expect("the record is good");
        store.maintain();
        changes.seq.0
    })
}

/// Writes the whole database as one record.
pub(crate) fn snapshot(size: Size) -> Run {
    let mut store = fixture::store(&Site::new(size));
    let view = store.view();
    let mut out = Vec::new();
    Box::new(move || {
        let mut snapshot = Snapshot::new(view.clone(), "compacted", 1_700_000_000_000, true);
        let mut bytes = 0;
        out.clear();
        while snapshot.next_chunk(&mut out) {
            bytes += out.len() as u64;
            out.clear();
        }
        bytes
    })
}
