//! The log record of a commit: one JSON object that holds what changed in persistent columns.
//!
//! Readable and written by all versions of upstream (`file.c`, `ovsdb_file_txn_to_json`): inserts omit
//! columns with their default value, modifications hold changed columns only, as differences if `_is_diff`
//! is set, and a deleted row is `null`. `_uuid`, `_version` and ephemeral columns are never written.
//!
//! Upstream before 3.3 misreads some of the differences that it writes itself: one with more elements than the column
//! may have is refused, and one of a default that is not empty is taken for the whole value. A record with
//! such a difference holds whole values throughout, which all versions read alike.

use crate::datum::{self, Datum, print, uuid_text};
use crate::limits::{RECORD_BYTES_PER_ROW, RECORD_SAMPLE_ROWS};
use crate::schema::{ColumnSchema, Schema, TableSchema};
use crate::store::{Row, RowChange, TableChanges};
use ovsdb_wire::write::{self, Members};
use sha1::{Digest, Sha1};

/// The body of a log record and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// A JSON object and a line feed.
    pub body: Vec<u8>,
    /// SHA-1 of `body`, as the record's header has it and as transaction ids are chained by.
    pub sha1: [u8; 20],
}

impl Record {
    /// Wraps a complete body and hashes it.
    pub fn new(body: Vec<u8>) -> Record {
        let sha1 = Sha1::digest(&body).into();
        Record { body, sha1 }
    }
}

/// What a record says besides the rows.
#[derive(Clone, Copy, Debug)]
pub struct Annotations<'a> {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    pub comment: Option<&'a str>,
    /// Whether modified columns may be written as differences; off for readers before 2.15.
    pub column_diff: bool,
}

/// Makes the record of a commit; `None` if nothing persistent changed.
pub fn write(schema: &Schema, changes: &[TableChanges], annotations: &Annotations<'_>) -> Option<Record> {
    let rows: usize = changes.iter().map(|table| table.rows.len()).sum();
    let mut body = Vec::with_capacity(RECORD_BYTES_PER_ROW * (rows.min(RECORD_SAMPLE_ROWS) + 1));
    let mut annotations = *annotations;
    annotations.column_diff =
        annotations.column_diff && write_tables(schema, changes, Notation::Differences, &mut body).is_ok();
    if !annotations.column_diff {
        body.clear();
        write_tables(schema, changes, Notation::Values, &mut body).expect("whole values are never misread");
    }
    if body.len() == 1 {
        return None;
    }
    end(&annotations, &mut body);
    Some(Record::new(body))
}

/// Completes a body that has all its tables.
pub(super) fn end(annotations: &Annotations<'_>, body: &mut Vec<u8>) {
    annotations.write(body);
    body.extend_from_slice(b"}\n");
}

/// How modified columns are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    Differences,
    Values,
}

/// Some versions of upstream would misread a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misread;

/// Appends the beginning of a record's object, up to its last table.
fn write_tables(
    schema: &Schema,
    changes: &[TableChanges],
    notation: Notation,
    body: &mut Vec<u8>,
) -> Result<(), Misread> {
    body.push(b'{');
    for table in changes {
        write_table(schema.table(table.table), table, notation, body)?;
    }
    Ok(())
}

impl Annotations<'_> {
    /// Appends the members to an object that may have others before.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if let Some(comment) = self.comment {
            write_key("_comment", out);
            write::string(out, comment);
        }
        if self.column_diff {
            write_key("_is_diff", out);
            write::boolean(out, true);
        }
        write_key("_date", out);
        write::integer(out, self.now_ms);
    }
}

/// Appends a member's name to an object, after a comma unless the object has just been opened.
pub(super) fn write_key(name: &str, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write::string(out, name);
    out.push(b':');
}

/// Appends the quoted uuid that names a row, as [`write_key`] does.
pub(super) fn write_row_key(row: uuid::Uuid, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    uuid_text::write(&row, out);
    out.extend_from_slice(b"\":");
}

/// Appends `TABLE:{`, which [`write_row_key`] goes on with.
pub(super) fn begin_table(schema: &TableSchema, out: &mut Vec<u8>) {
    write_key(&schema.name, out);
    out.push(b'{');
}

/// Appends `TABLE:{…}`, or nothing if no row has persistent changes.
pub(super) fn write_table(
    schema: &TableSchema,
    changes: &TableChanges,
    notation: Notation,
    out: &mut Vec<u8>,
) -> Result<(), Misread> {
    let start = out.len();
    begin_table(schema, out);
    let rows_start = out.len();
    for (at, change) in changes.rows.iter().enumerate() {
        if at == RECORD_SAMPLE_ROWS {
            // Moving tens of megabytes as they grow would cost as much as writing them.
            let written = out.len() - rows_start;
            out.reserve(written / at * (changes.rows.len() - at) * 9 / 8);
        }
        write_change(schema, change, notation, out)?;
    }
    if out.len() == rows_start {
        out.truncate(start);
    } else {
        out.push(b'}');
    }
    Ok(())
}

fn write_change(
    schema: &TableSchema,
    change: &RowChange,
    notation: Notation,
    out: &mut Vec<u8>,
) -> Result<(), Misread> {
    match (&change.old, &change.new) {
        (_, None) => {
            write_row_key(change.uuid, out);
            write::null(out);
        }
        (None, Some(new)) => {
            write_row_key(change.uuid, out);
            write_inserted(schema, new, out);
        }
        (Some(old), Some(new)) => write_modified(schema, old, new, notation, out)?,
    }
    Ok(())
}

/// Appends the row as an object of its persistent columns that differ from their defaults.
pub(super) fn write_inserted(schema: &TableSchema, row: &Row, out: &mut Vec<u8>) {
    let mut members = Members::begin(out);
    for idx in schema.declared_idxs() {
        let column = schema.column(idx);
        if column.persistent && *row.get(idx) != column.default {
            print::write_exact(row.get(idx), members.key(&column.name));
        }
    }
    members.end();
}

fn write_modified(
    schema: &TableSchema,
    old: &Row,
    new: &Row,
    notation: Notation,
    out: &mut Vec<u8>,
) -> Result<(), Misread> {
    let start = out.len();
    write_row_key(new.uuid(), out);
    let mut members = Members::begin(out);
    let mut is_empty = true;
    for idx in schema.declared_idxs() {
        let column = schema.column(idx);
        let (old, new) = (old.get(idx), new.get(idx));
        if !column.persistent || old == new {
            continue;
        }
        is_empty = false;
        let out = members.key(&column.name);
        match notation {
            Notation::Values => print::write_exact(new, out),
            Notation::Differences => {
                let difference = datum::diff(old, new, &column.ty);
                if is_misread(column, old, &difference) {
                    return Err(Misread);
                }
                print::write_exact(&difference, out);
            }
        }
    }
    members.end();
    if is_empty {
        out.truncate(start);
    }
    Ok(())
}

/// Whether upstream before 3.3 would read something else than `difference` from `old` (`file.c`,
/// `ovsdb_file_update_row_from_json`).
fn is_misread(column: &ColumnSchema, old: &Datum, difference: &Datum) -> bool {
    let n_max = column.ty.n_max as usize;
    n_max > 1 && (difference.len() > n_max || (!column.default.is_empty() && *old == column.default))
}
