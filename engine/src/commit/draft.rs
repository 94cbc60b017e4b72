//! The text of a record, written ahead for the rows that a large transaction inserts, while it is compiled.
//!
//! ```text
//!   compiled, by a background thread   insert  insert  insert …   ──►  pieces of rows
//!   drafted, by another one            text of each row, hashed as it grows
//!   executed, by the sequencer         the same rows, untouched?  ──►  the text is the record's
//! ```
//!
//! While a transaction is executed all others wait, while it is compiled nobody does. A table of which something is not as
//! it was inserted is written anew.

use super::record::{self, Annotations, Misread, Notation, Record};
use crate::ids::TableId;
use crate::limits::{DRAFT_HASH_BYTES, DRAFT_LONG_BYTES, DRAFT_ROOM_BYTES, RECORD_BYTES_PER_ROW};
use crate::schema::Schema;
use crate::store::{Row, TableChanges};
use parking_lot::Mutex;
use sha1::{Digest, Sha1};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the inserted rows of a program are in a record.
#[derive(Default)]
pub(crate) struct Draft {
    /// In order of the first row of each.
    tables: Vec<TableDraft>,
    /// Of the first table's text, as far as it has been hashed.
    hash: Sha1,
    hashed_bytes: usize,
}

/// The rows of one table.
struct TableDraft {
    table: TableId,
    /// `{"TABLE":{` and the rows.
    text: Vec<u8>,
}

/// A draft that is written while its program is compiled, for the first commit of that. If the commit has to be made
/// again, its record is written again.
pub struct Drafting {
    schema: Arc<Schema>,
    /// Rows that come next.
    pieces: Mutex<VecDeque<Vec<(TableId, Row)>>>,
    /// `None` once it has been taken.
    draft: Mutex<Option<Draft>>,
}

impl Drafting {
    pub(crate) fn new(schema: &Arc<Schema>) -> Drafting {
        Drafting {
            schema: Arc::clone(schema),
            pieces: Mutex::default(),
            draft: Mutex::new(Some(Draft::default())),
        }
    }

    /// Leaves rows to be written, which are inserted after all others.
    pub(crate) fn add(&self, rows: Vec<(TableId, Row)>) {
        if !rows.is_empty() {
            self.pieces.lock().push_back(rows);
        }
    }

    /// Writes the rows that are there, unless somebody else does.
    pub fn work(&self) {
        if let Some(mut draft) = self.draft.try_lock()
            && let Some(draft) = draft.as_mut()
        {
            self.write_pieces(draft);
        }
    }

    /// The draft of all rows.
    pub(crate) fn take(&self) -> Option<Draft> {
        let mut draft = self.draft.lock().take()?;
        self.write_pieces(&mut draft);
        Some(draft)
    }

    fn write_pieces(&self, draft: &mut Draft) {
        loop {
            let piece = self.pieces.lock().pop_front();
            let Some(piece) = piece else { return };
            for (table, row) in &piece {
                draft.insert(&self.schema, *table, row);
            }
        }
    }
}

impl std::fmt::Debug for Drafting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drafting").finish_non_exhaustive()
    }
}

impl Draft {
    /// Adds a row that is inserted after all others.
    fn insert(&mut self, schema: &Schema, table: TableId, row: &Row) {
        let known = self.tables.iter().position(|draft| draft.table == table);
        let at = known.unwrap_or_else(|| {
            let mut text = vec![b'{'];
            record::begin_table(schema.table(table), &mut text);
            self.tables.push(TableDraft { table, text });
            self.tables.len() - 1
        });
        let text = &mut self.tables[at].text;
        if text.len() >= DRAFT_LONG_BYTES && text.capacity() - text.len() < RECORD_BYTES_PER_ROW {
            text.reserve((3 * text.len()).max(DRAFT_ROOM_BYTES));
        }
        record::write_row_key(row.uuid(), text);
        record::write_inserted(schema.table(table), row, text);
        if at == 0 && text.len() - self.hashed_bytes >= DRAFT_HASH_BYTES {
            self.hash.update(&text[self.hashed_bytes..]);
            self.hashed_bytes = text.len();
        }
    }

    /// The record of a commit, as [`record::write`] makes it. `inserted` are the rows that were added to the draft, each
    /// with its table.
    pub(crate) fn finish<'r>(
        self,
        schema: &Schema,
        changes: &[TableChanges],
        inserted: impl Iterator<Item = (TableId, &'r Row)>,
        annotations: &Annotations<'_>,
    ) -> Option<Record> {
        let is_kept = are_kept(changes, inserted);
        if !is_kept.contains(&true) {
            return record::write(schema, changes, annotations);
        }
        self.finish_kept(schema, changes, &is_kept, annotations)
            .unwrap_or_else(|Misread| record::write(schema, changes, annotations))
    }

    /// The same if some of the tables are as in the draft.
    fn finish_kept(
        mut self,
        schema: &Schema,
        changes: &[TableChanges],
        is_kept: &[bool],
        annotations: &Annotations<'_>,
    ) -> Result<Option<Record>, Misread> {
        let notation = match annotations.column_diff {
            true => Notation::Differences,
            false => Notation::Values,
        };
        let mut body = vec![b'{'];
        let mut hash = Sha1::new();
        let mut hashed_bytes = 0;
        for (changes, is_kept) in changes.iter().zip(is_kept) {
            let Some(at) = self
                .tables
                .iter()
                .position(|draft| *is_kept && draft.table == changes.table)
            else {
                record::write_table(schema.table(changes.table), changes, notation, &mut body)?;
                continue;
            };
            let text = std::mem::take(&mut self.tables[at].text);
            if body.len() > 1 {
                body.push(b',');
                body.extend_from_slice(&text[1..]);
            } else {
                body = text;
                if at == 0 {
                    (hash, hashed_bytes) = (std::mem::take(&mut self.hash), self.hashed_bytes);
                }
            }
            body.push(b'}');
        }
        record::end(annotations, &mut body);
        hash.update(&body[hashed_bytes..]);
        let sha1 = hash.finalize().into();
        Ok(Some(Record { body, sha1 }))
    }
}

/// For each table whether its changes are the rows that were inserted, in this order and as they were.
fn are_kept<'r>(changes: &[TableChanges], inserted: impl Iterator<Item = (TableId, &'r Row)>) -> Vec<bool> {
    // How many rows have been found, as long as all were.
    let mut found = vec![Some(0); changes.len()];
    for (table, row) in inserted {
        let Ok(at) = changes.binary_search_by_key(&table, |changes| changes.table) else {
            continue;
        };
        let Some(count) = found[at] else { continue };
        let change = changes[at].rows.get(count);
        let is_row = change.is_some_and(|change| {
            let new = change.new.as_ref();
            change.old.is_none() && new.is_some_and(|new| new.ptr_eq(row))
        });
        found[at] = is_row.then_some(count + 1);
    }
    let counts = changes.iter().map(|changes| Some(changes.rows.len()));
    found
        .into_iter()
        .zip(counts)
        .map(|(found, count)| found == count)
        .collect()
}
