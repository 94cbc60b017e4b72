//! Records and what replaying them gives.

use super::{Db, parse_schema, uuid_number};
use crate::commit::{Decoded, Load, Replay, Snapshot, convert};
use crate::error::Result;
use crate::limits::{DRAFT_HASH_BYTES, LIGHT_OPERATIONS_MAX};
use crate::store::{ChangeSet, Store};
use crate::txn::next_txn_id;
use bumpalo::Bump;
use ovsdb_wire::strict;
use sha1::{Digest, Sha1};
use uuid::Uuid;

/// Applies a record's body as the reader of a file does.
pub(super) fn replay(db: &mut Db, body: &[u8], converting: bool) -> Result<ChangeSet> {
    let arena = Bump::new();
    let value = strict::parse(body.trim_ascii_end(), &arena).unwrap();
    let mut counter = 1 << 64;
    let mut version = || {
        counter += 1;
        uuid_number(counter)
    };
    let mut replay = Replay {
        version: &mut version,
        converting,
    };
    let changes = replay.apply(&mut db.store, &value, &Sha1::digest(body).into());
    db.store.verify();
    db.store.maintain();
    db.store.build_step();
    changes
}

/// The body of a whole-database record.
pub(super) fn snapshot(store: &mut Store) -> Vec<u8> {
    let mut snapshot = Snapshot::new(store.view(), "compacting database online", 12, true);
    let (mut body, mut chunk) = (Vec::new(), Vec::new());
    while snapshot.next_chunk(&mut chunk) {
        body.append(&mut chunk);
    }
    body
}

fn body_of(db: &mut Db, ops: &str) -> Option<String> {
    let done = db.transact(ops);
    assert!(!done.reply.contains("error"), "{}", done.reply);
    done.record.map(|record| String::from_utf8(record.body).unwrap())
}

/// Whatever becomes of the rows, the record is the one that is written without a draft.
#[test]
fn a_record_is_the_same_whether_written_ahead_or_not() {
    let long = "x".repeat(DRAFT_HASH_BYTES * 3 / 2);
    let root = |name: &str, more: &str| {
        format!(r#"{{"op":"insert","table":"Root","uuid-name":"{name}","row":{{"name":"{name}"{more}}}}}"#)
    };
    let child = |name: &str, more: &str| {
        format!(r#"{{"op":"insert","table":"Child","uuid-name":"{name}","row":{{"value":7{more}}}}}"#)
    };
    let update = |name: &str, row: &str| {
        format!(r#"{{"op":"update","table":"Root","where":[["name","==","{name}"]],"row":{row}}}"#)
    };
    let place = |at: u32| format!(r#","x":{at},"y":{at},"options":["map",[["long","{long}"]]]"#);
    let transactions: Vec<Vec<String>> = vec![
        // One table, long enough to be hashed as it grows.
        (0..5).map(|at| root(&format!("a{at}"), &place(at))).collect(),
        // Two tables, in either order.
        vec![
            root("b0", &format!(r#","children":["named-uuid","c0"]{}"#, place(10))),
            child("c0", ""),
            root("b1", r#","x":11,"ephemeral":4"#),
        ],
        vec![
            child("c1", ""),
            root("b2", r#","x":12,"children":["named-uuid","c1"]"#),
        ],
        // A row that is let go of by garbage collection, alone in its table and beside another.
        vec![root("d0", r#","x":20"#), child("c2", "")],
        vec![
            child("c3", ""),
            root("d1", r#","x":21,"children":["named-uuid","c4"]"#),
            child("c4", ""),
        ],
        // A row that is changed, or loses a weak reference, after it was inserted, and one that was there before.
        vec![
            root("e0", r#","x":30"#),
            update("e0", r#"{"y":5}"#),
            root("e1", r#","x":31"#),
        ],
        vec![
            root("f0", &format!(r#","x":40,"friends":["uuid","{A}"]"#)),
            root("f1", r#","x":41"#),
        ],
        vec![root("g0", r#","x":50"#), update("a1", r#"{"y":77}"#)],
        // One that goes again.
        vec![
            root("h0", r#","x":60"#),
            root("h1", r#","x":61"#),
            r#"{"op":"delete","table":"Root","where":[["name","==","h0"]]}"#.to_owned(),
        ],
        // Differences that would be misread.
        vec![root("i0", r#","x":70,"numbers":["set",[1,2,3]]"#)],
        vec![
            child("c5", ""),
            root("i1", r#","x":71,"children":["named-uuid","c5"]"#),
            update("i0", r#"{"numbers":["set",[4,5,6]]}"#),
        ],
        vec![r#"{"op":"comment","comment":"nothing"}"#.to_owned()],
    ];
    let mut twins = [Db::new(), Db::new()];
    twins[1].in_pieces = true;
    // Only large programs have drafts.
    let others = vec![r#"{"op":"comment","comment":"x"}"#; LIGHT_OPERATIONS_MAX].join(",");
    for operations in transactions {
        let ops = format!("[{others},{}]", operations.join(","));
        let [whole, pieces] = twins.each_mut().map(|db| db.transact(&ops));
        assert!(!whole.reply.contains("error"), "{}", whole.reply);
        assert_eq!(whole.reply, pieces.reply);
        assert!(whole.record == pieces.record, "{}", operations.last().unwrap());
        if let Some(record) = whole.record {
            assert_eq!(record.sha1, <[u8; 20]>::from(Sha1::digest(&record.body)));
        }
    }
    let [whole, pieces] = &twins;
    assert_eq!(whole.store.txn_id(), pieces.store.txn_id());
}

const A: &str = "00000000-0000-0000-0000-00000000000a";

#[test]
fn records_hold_changes_of_persistent_columns() {
    let mut db = Db::new();
    let insert = format!(
        r#"[{{"op":"comment","comment":"one"}},{{"op":"comment","comment":"two"}},
            {{"op":"insert","table":"Root","uuid":"{A}","row":{{"name":"n","ephemeral":3,"x":0,"numbers":["set",[1,2]],"options":["map",[["a","1"],["b","2"]]]}}}}]"#
    );
    assert_eq!(
        body_of(&mut db, &insert).unwrap(),
        format!(
            "{{\"Root\":{{\"{A}\":{{\"name\":\"n\",\"numbers\":[\"set\",[1,2]],\"options\":[\"map\",[[\"a\",\"1\"],[\"b\",\"2\"]]]}}}},\"_comment\":\"one\\ntwo\",\"_is_diff\":true,\"_date\":1700000000000}}\n"
        )
    );
    let id = db.store.txn_id();
    let update = r#"[{"op":"update","table":"Root","where":[],"row":{"numbers":["set",[2,3]],"options":["map",[["b","5"],["c","6"]]],"x":0,"y":7}}]"#;
    let body = body_of(&mut db, update).unwrap();
    assert_eq!(
        body,
        format!(
            "{{\"Root\":{{\"{A}\":{{\"numbers\":[\"set\",[1,3]],\"options\":[\"map\",[[\"a\",\"1\"],[\"b\",\"5\"],[\"c\",\"6\"]]],\"y\":7}}}},\"_is_diff\":true,\"_date\":1700000000000}}\n"
        )
    );
    assert_eq!(
        db.store.txn_id(),
        next_txn_id(id, &Sha1::digest(body.as_bytes()).into())
    );
    db.column_diff = false;
    let update = r#"[{"op":"update","table":"Root","where":[],"row":{"numbers":3}}]"#;
    assert_eq!(
        body_of(&mut db, update).unwrap(),
        format!("{{\"Root\":{{\"{A}\":{{\"numbers\":3}}}},\"_date\":1700000000000}}\n")
    );
    let id = db.store.txn_id();
    let ephemeral = r#"[{"op":"update","table":"Root","where":[],"row":{"ephemeral":4}}]"#;
    let done = db.transact(ephemeral);
    assert!(done.record.is_none() && done.changes.is_some());
    assert_ne!(db.store.txn_id(), id);
    let delete = r#"[{"op":"delete","table":"Root","where":[]}]"#;
    assert_eq!(
        body_of(&mut db, delete).unwrap(),
        format!("{{\"Root\":{{\"{A}\":null}},\"_date\":1700000000000}}\n")
    );
}

/// Fills an empty store with the rows of a snapshot; false if the rows are not what commit passes leave.
fn load(db: &mut Db, body: &[u8]) -> bool {
    let arena = Bump::new();
    let value = strict::parse(body.trim_ascii_end(), &arena).unwrap();
    let record = Decoded::new(db.store.schema(), &value, false).unwrap();
    let rows = record.into_new_rows(db.store.schema(), &mut || uuid_number(7));
    let Some((rows, txn_id)) = rows.unwrap() else {
        return false;
    };
    let mut load = Load::new(&mut db.store);
    load.add(rows).is_ok() && load.finish(txn_id.unwrap()).is_ok()
}

#[test]
fn a_loaded_snapshot_is_as_a_replayed_one() {
    let mut db = Db::new();
    db.transact(
        r#"[{"op":"insert","table":"Child","uuid-name":"c","row":{"value":3,"owner":["named-uuid","r"]}},
            {"op":"insert","table":"Root","uuid-name":"r","row":{"name":"a","x":1,"children":["named-uuid","c"]}},
            {"op":"insert","table":"Root","row":{"name":"b","x":2,"friends":["named-uuid","r"]}},
            {"op":"insert","table":"Needy","row":{"of":["named-uuid","r"]}},
            {"op":"insert","table":"Single","row":{"color":"red"}}]"#,
    );
    let body = snapshot(&mut db.store);
    let (mut loaded, mut replayed) = (Db::new(), Db::new());
    assert!(load(&mut loaded, &body));
    replay(&mut replayed, &body, false).unwrap();
    loaded.store.verify();
    assert_eq!(loaded.contents(), db.contents());
    assert_eq!(loaded.contents(), replayed.contents());
    assert_eq!(loaded.store.txn_id(), replayed.store.txn_id());
    let set = r#"[{"op":"delete","table":"Root","where":[["name","==","a"]]}]"#;
    assert_eq!(loaded.transact(set).reply, replayed.transact(set).reply);
    loaded.store.verify();
}

#[test]
fn a_snapshot_that_commit_passes_would_change_is_not_loaded() {
    let root = |uuid: u128, columns: &str| format!("\"{}\":{{{columns}}}", uuid_number(uuid));
    let nowhere = format!("[\"uuid\",\"{}\"]", uuid_number(99));
    for (tables, is_sound) in [
        (format!(r#""Root":{{{}}}"#, root(1, r#""name":"a""#)), true),
        (
            format!(r#""Root":{{{}}}"#, root(1, &format!(r#""children":{nowhere}"#))),
            false,
        ),
        (
            format!(r#""Root":{{{}}}"#, root(1, &format!(r#""friends":{nowhere}"#))),
            false,
        ),
        (
            format!(
                r#""Root":{{{},{}}}"#,
                root(1, r#""name":"a""#),
                root(2, r#""name":"a","x":1"#)
            ),
            false,
        ),
        (format!(r#""Child":{{{}}}"#, root(1, "")), false),
        (format!(r#""Single":{{{},{}}}"#, root(1, ""), root(2, "")), false),
        (format!(r#""Root":{{"{}":null}}"#, uuid_number(1)), false),
    ] {
        let comment = format!("\"_comment\":\"x (transaction {})\"", uuid_number(5));
        let body = format!("{{{tables},{comment}}}");
        assert_eq!(load(&mut Db::new(), body.as_bytes()), is_sound, "{body}");
    }
}

/// Upstream 3.1 refuses a difference that has more elements than its column may have, and takes one of a default that
/// is not empty for the whole value.
#[test]
fn differences_that_upstream_misreads_are_written_as_values() {
    let schema = r#"{"name":"D","tables":{"T":{"columns":{
        "few":{"type":{"key":"integer","min":0,"max":2}},
        "some":{"type":{"key":"integer","min":1,"max":3}},
        "many":{"type":{"key":"integer","min":0,"max":"unlimited"}}}}}}"#;
    let mut db = Db::with_schema(&parse_schema(schema));
    let row = r#"{"few":["set",[1,2]],"many":["set",[1,2,3]]}"#;
    body_of(
        &mut db,
        &format!(r#"[{{"op":"insert","table":"T","uuid":"{A}","row":{row}}}]"#),
    );
    for (row, record) in [
        (
            r#"{"few":["set",[2,3]],"many":4}"#,
            r#"{"few":["set",[1,3]],"many":["set",[1,2,3,4]]}"#,
        ),
        (
            r#"{"few":["set",[4,5]],"many":["set",[4,5]]}"#,
            r#"{"few":["set",[4,5]],"many":["set",[4,5]]}"#,
        ),
        (r#"{"some":["set",[0,1]]}"#, r#"{"some":["set",[0,1]]}"#),
        (r#"{"some":["set",[1,2]]}"#, r#"{"some":["set",[0,2]]}"#),
    ] {
        let update = format!(r#"[{{"op":"update","table":"T","where":[],"row":{row}}}]"#);
        let body = body_of(&mut db, &update).unwrap();
        let changes = format!("{{\"T\":{{\"{A}\":{record}}}");
        assert!(body.starts_with(&changes), "{row}: {body}");
        assert_eq!(body.contains("_is_diff"), row != record, "{row}: {body}");
    }
}

#[test]
fn bad_records_are_refused_with_upstreams_texts() {
    let row = |row: &str| format!("{{\"Root\":{{\"{A}\":{row}}}}}");
    for (record, error) in [
        ("[]".to_owned(), "syntax \"[]\": syntax error: object expected"),
        (
            r#"{"Nope":{}}"#.to_owned(),
            "syntax \"{\"Nope\":{}}\": unknown table: No table named Nope.",
        ),
        (
            r#"{"_date":"x"}"#.to_owned(),
            "syntax \"{\"_date\":\"x\"}\": unknown table: No table named _date.",
        ),
        (
            r#"{"_is_diff":1}"#.to_owned(),
            "syntax \"{\"_is_diff\":1}\": unknown table: No table named _is_diff.",
        ),
        (
            r#"{"Root":3}"#.to_owned(),
            "syntax \"3\": syntax error: object expected",
        ),
        (
            r#"{"Root":{"x":null}}"#.to_owned(),
            "syntax \"{\"x\":null}\": syntax error: \"x\" is not a valid UUID",
        ),
        (
            row("null"),
            "syntax error: transaction deletes row 00000000-0000-0000-0000-00000000000a that does not exist",
        ),
        (row("3"), "syntax \"3\": syntax error: row must be JSON object"),
        (
            row(r#"{"z":3}"#),
            "syntax \"{\"z\":3}\": unknown column: No column z in table Root.",
        ),
        (
            row(r#"{"x":"s"}"#),
            "syntax \"\"s\"\": syntax error: expected integer",
        ),
    ] {
        let mut db = Db::new();
        let refused = replay(&mut db, record.as_bytes(), false).unwrap_err();
        assert_eq!(refused.to_string(), error, "{record}");
        assert!(db.contents().is_empty());
        let tolerated = replay(&mut db, record.as_bytes(), true);
        assert_eq!(
            tolerated.is_ok(),
            matches!(refused.tag.text(), "unknown table" | "unknown column"),
            "{record}"
        );
    }
}

#[test]
fn replay_judges_existence_by_the_store() {
    let mut db = Db::new();
    // A record with `_is_diff` inserts absolute values where the row is new.
    let insert =
        format!(r#"{{"Root":{{"{A}":{{"numbers":["set",[1,2]],"x":1}}}},"_is_diff":true,"_comment":[3]}}"#);
    replay(&mut db, insert.as_bytes(), false).unwrap();
    let diff = format!(r#"{{"Root":{{"{A}":{{"numbers":["set",[1,2,5,6]],"x":2}}}},"_is_diff":true}}"#);
    replay(&mut db, diff.as_bytes(), false).unwrap();
    assert!(
        db.contents()[0].contains("numbers=[\"set\",[5,6]] "),
        "{:?}",
        db.contents()
    );
    let absolute = format!(r#"{{"Root":{{"{A}":{{"numbers":7}}}},"_is_diff":false}}"#);
    replay(&mut db, absolute.as_bytes(), false).unwrap();
    assert!(db.contents()[0].contains("numbers=7 "), "{:?}", db.contents());
    let too_many = format!(r#"{{"Root":{{"{A}":{{"numbers":["set",[1,2,3]]}}}},"_is_diff":true}}"#);
    assert!(replay(&mut db, too_many.as_bytes(), false).is_err());
}

#[test]
fn snapshots_restore_contents_and_transaction_id() {
    let mut db = Db::new();
    for n in 0..500 {
        let ops = format!(
            r#"[{{"op":"insert","table":"Child","uuid-name":"c","row":{{"value":{n}}}}},
                {{"op":"insert","table":"Root","row":{{"name":"{n}","x":{n},"children":["named-uuid","c"],"options":["map",[["k","{}"]]]}}}}]"#,
            "long ".repeat(300)
        );
        assert!(!db.transact(&ops).reply.contains("error"));
    }
    let body = snapshot(&mut db.store);
    assert!(body.len() > 2 * crate::limits::SNAPSHOT_CHUNK_BYTES && body.ends_with(b"}\n"));
    let mut restored = Db::new();
    replay(&mut restored, &body, false).unwrap();
    assert_eq!(restored.contents(), db.contents());
    assert_eq!(restored.store.txn_id(), db.store.txn_id());
    // Only a first record says what its id is.
    let mut other = Db::new();
    other.transact(r#"[{"op":"insert","table":"Single","row":{}}]"#);
    replay(&mut other, &body, false).unwrap();
    assert_ne!(other.store.txn_id(), db.store.txn_id());

    let mut empty = Db::new();
    let body = snapshot(&mut empty.store);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "{\"_comment\":\"compacting database online\",\"_is_diff\":true,\"_date\":12}\n"
    );
}

#[test]
fn conversion_keeps_what_both_schemas_have() {
    let schema = |columns: &str| {
        parse_schema(&format!(
            r#"{{"name":"D","version":"2.0.0","tables":{{"Root":{{"columns":{{{columns}}}}}}}}}"#
        ))
    };
    let mut db = Db::new();
    db.transact(&format!(
        r#"[{{"op":"insert","table":"Root","uuid":"{A}","row":{{"name":"n","x":5,"ephemeral":8,"numbers":["set",[1,2]]}}}},
            {{"op":"insert","table":"Single","row":{{}}}}]"#
    ));
    let view = db.store.view();
    let to = |columns: &str| convert(&view, schema(columns), 1, Uuid::max(), &mut || uuid_number(99));
    let store = to(
        r#""name":{"type":"string"},"x":{"type":"real"},"ephemeral":{"type":"integer"},"fresh":{"type":"boolean"},
           "numbers":{"type":{"key":"integer","min":0,"max":2}}"#,
    )
    .unwrap();
    store.verify();
    assert_eq!((store.seq().0, store.txn_id()), (0, Uuid::max()));
    let converted = Db { store, ..Db::new() };
    assert_eq!(
        converted.contents(),
        [
            format!("Root {A} ephemeral=8 fresh=false name=n numbers=[\"set\",[1,2]] x=5")
                .replace("name=n", "name=\"n\"")
        ]
    );
    let error = to(r#""numbers":{"type":{"key":"integer","min":0,"max":1}}"#).unwrap_err();
    assert_eq!(error.details, "set must have 0 to 1 members but 2 are present");
    let error = to(r#""name":{"type":"integer"}"#).unwrap_err();
    assert_eq!(error.details, "expected integer");
}

#[test]
fn conversion_ends_with_the_commit_passes() {
    let mut db = Db::new();
    db.transact(
        r#"[{"op":"insert","table":"Child","uuid-name":"c","row":{"value":3}},
            {"op":"insert","table":"Root","row":{"name":"a","x":1,"y":1,"children":["named-uuid","c"]}},
            {"op":"insert","table":"Root","row":{"name":"b","x":1,"y":2}}]"#,
    );
    let view = db.store.view();
    let to = |tables: &str| {
        let schema = parse_schema(&format!(
            r#"{{"name":"D","version":"2.0.0","tables":{{{tables}}}}}"#
        ));
        convert(&view, schema, 1, Uuid::max(), &mut || uuid_number(99))
    };
    let child = r#""Child":{"columns":{"value":{"type":"integer"}}}"#;
    // Nothing refers to the child any more.
    let store = to(&format!(
        r#"{child},"Root":{{"isRoot":true,"columns":{{"name":{{"type":"string"}}}}}}"#
    ))
    .unwrap();
    let names = store.schema().table_ids().map(|id| store.table(id).len());
    assert_eq!(names.collect::<Vec<_>>(), [0, 2]);
    let error = to(r#""Root":{"indexes":[["x"]],"columns":{"x":{"type":"integer"}}}"#).unwrap_err();
    assert!(error.details.contains("for index on column \"x\""), "{error}");
}
