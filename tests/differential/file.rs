//! The files of both servers: their records one by one, and what both tools find in both of them.

use std::fs;
use std::path::Path;

use ovsdb_harness::Peer;
use ovsdb_harness::command::run_ok;
use serde_json::{Map, Value, json};

use crate::compare;
use crate::contents::{Contents, Row, apply_difference};
use crate::names::Names;
use crate::schema::{self, Schema, Table};
use crate::twins::Files;

/// Compares what the records of both files do, from those on that are known to be there.
pub(crate) fn compare_records(schema: &Schema, names: &mut Names, files: &Files, known: Known) {
    let ours = effects(schema, &files.ours);
    let theirs = effects(schema, &files.theirs);
    let (ours, theirs) = (&ours[known.ours..], &theirs[known.theirs..]);
    for (at, (a, b)) in ours.iter().zip(theirs).enumerate() {
        if let Err(difference) = compare::equal(names, a, b) {
            panic!("record {at}\nours   {a}\ntheirs {b}\n{difference}");
        }
    }
    assert_eq!(
        ours.len(),
        theirs.len(),
        "the files have different numbers of records"
    );
}

/// How many records with an effect each file has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    ours: usize,
    theirs: usize,
}

impl Known {
    /// What is there now.
    pub(crate) fn all(schema: &Schema, files: &Files) -> Known {
        Known {
            ours: effects(schema, &files.ours).len(),
            theirs: effects(schema, &files.theirs).len(),
        }
    }
}

/// Compares what each tool finds in each file.
pub(crate) fn compare_dumps(schema: &Schema, names: &mut Names, files: &Files) {
    let query = query(schema);
    let dump = |peer: Peer, file: &Path| -> Value {
        let found = run_ok(
            files
                .scratch
                .command(peer.tool())
                .arg("query")
                .arg(file)
                .arg(query.to_string()),
        );
        plain(serde_json::from_str(&found.stdout).expect("a tool prints JSON"))
    };
    let theirs_by_theirs = dump(Peer::Packaged, &files.theirs);
    for (peer, file) in [(Peer::Ours, &files.ours), (Peer::Packaged, &files.ours)] {
        let found = dump(peer, file);
        if let Err(difference) = compare::equal(names, &found, &theirs_by_theirs) {
            panic!("{peer:?} in our file, theirs in their file: {difference}");
        }
    }
    let theirs_by_ours = dump(Peer::Ours, &files.theirs);
    let same = &mut Names::default();
    if let Err(difference) = compare::equal(same, &theirs_by_ours, &theirs_by_theirs) {
        panic!("both in their file: {difference}");
    }
}

/// A value with its integral reals as integers: our tool parses what the engine writes before it prints it, and then
/// `1e+15` is an integer as it is for every reader of upstream's JSON.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() && real.fract() == 0.0 && real.abs() < 1e18 => json!(real as i64),
            _ => Value::Number(number),
        },
        Value::Array(elements) => elements.into_iter().map(plain).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, plain(value)))
            .collect(),
        other => other,
    }
}

/// Each tool compacts the file of the other server.
pub(crate) fn compact_by_tools(files: &Files) {
    for (peer, file) in [(Peer::Packaged, &files.ours), (Peer::Ours, &files.theirs)] {
        run_ok(files.scratch.command(peer.tool()).arg("compact").arg(file));
    }
}

/// Selects everything that is kept in a file. `_version` is not.
fn query(schema: &Schema) -> Value {
    let select = |table: &Table| {
        let kept = table.columns.iter().filter(|column| !column.ephemeral);
        let columns: Vec<&str> = kept.map(|column| column.name.as_str()).collect();
        json!({"op": "select", "table": table.name, "where": [], "columns": columns})
    };
    [json!(schema::DATABASE)]
        .into_iter()
        .chain(schema.tables.iter().map(select))
        .collect()
}

/// What each record of a file does: the rows that it changes as they are afterwards, and its comment. Records that
/// change nothing are left out: upstream writes some for weak references that lead nowhere (COMPAT.md).
fn effects(schema: &Schema, file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("a database file is text");
    let mut contents = Contents::default();
    let mut effects = Vec::new();
    let mut rest = text.as_str();
    while let Some((header, after)) = rest.split_once('\n') {
        let words: Vec<&str> = header.split(' ').collect();
        assert_eq!(words[..2], ["OVSDB", "JSON"], "{header}");
        let length: usize = words[2].parse().expect("a header has a length");
        let (body, next) = after.split_at(length);
        let record: Value = serde_json::from_str(body).expect("a record is JSON");
        if effects.is_empty() {
            effects.push(record);
        } else {
            effects.extend(effect(schema, &mut contents, &record));
        }
        rest = next;
    }
    effects
}

/// Applies a record as later versions than 3.1.0 do: differences are relative to whatever the row has.
fn effect(schema: &Schema, contents: &mut Contents, record: &Value) -> Option<Value> {
    let members = record.as_object().expect("a record is an object");
    assert!(record["_date"].is_i64(), "a record has a date");
    let is_diff = record
        .get("_is_diff")
        .is_some_and(|is_diff| *is_diff == json!(true));
    let mut effect = Map::new();
    for (name, rows) in members.iter().filter(|(name, _)| !name.starts_with('_')) {
        let table = schema.table(name);
        let held = contents.tables.entry(name.clone()).or_default();
        let mut changed = Map::new();
        for (uuid, columns) in rows.as_object().expect("a table's changes are an object") {
            let before = held.remove(uuid);
            let Some(columns) = columns.as_object() else {
                assert!(before.is_some(), "{name} {uuid} is deleted and not there");
                changed.insert(uuid.clone(), Value::Null);
                continue;
            };
            let after = changed_row(table, before.as_ref(), columns, is_diff);
            if before.as_ref() != Some(&after) {
                changed.insert(uuid.clone(), Value::Object(after.clone()));
            }
            held.insert(uuid.clone(), after);
        }
        if !changed.is_empty() {
            effect.insert(name.clone(), Value::Object(changed));
        }
    }
    if effect.is_empty() {
        return None;
    }
    // What a snapshot says is for each server to choose.
    let comment = record
        .get("_comment")
        .filter(|comment| !comment.to_string().contains("compact"));
    effect.extend(comment.map(|comment| (String::from("_comment"), comment.clone())));
    Some(Value::Object(effect))
}

fn changed_row(table: &Table, before: Option<&Row>, columns: &Row, is_diff: bool) -> Row {
    let kept = table.declared().iter().filter(|column| !column.ephemeral);
    kept.map(|column| {
        let default = column.ty.default();
        let held = before.map_or(&default, |row| &row[&column.name]);
        let value = match columns.get(&column.name) {
            None => held.clone(),
            Some(difference) if is_diff && before.is_some() => apply_difference(&column.ty, held, difference),
            Some(value) => value.clone(),
        };
        (column.name.clone(), value)
    })
    .collect()
}
