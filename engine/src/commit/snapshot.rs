//! A whole database as one record, written piece by piece from a view while commits go on.

use super::record::{Annotations, write_inserted};
use crate::datum::uuid_text;
use crate::ids::{RowSlot, TableId};
use crate::limits::SNAPSHOT_CHUNK_BYTES;
use crate::store::View;
use ovsdb_wire::write;
use uuid::Uuid;

/// Writer of the record that replaces a database's history: all rows as inserts.
///
/// The last transaction id goes into `_comment`, where other servers ignore it and
/// [`Replay`](super::replay::Replay) finds it.
#[derive(Debug)]
pub struct Snapshot {
    view: View,
    comment: String,
    now_ms: i64,
    column_diff: bool,
    next: Next,
}

/// Where the writer is.
#[derive(Debug)]
enum Next {
    /// The opening brace and what is said besides the rows; then the first table.
    Start,
    /// A table from its first row on; then its rows, or the next table if it has none.
    Table(TableId),
    /// The row at a slot or the first after it; then the rows after it, at last the next table.
    Row(TableId, RowSlot),
    /// The closing brace; then nothing.
    End,
    Done,
}

impl Snapshot {
    /// `now_ms` is milliseconds since 1970, `column_diff` whether the file's records hold differences.
    pub fn new(view: View, comment: &str, now_ms: i64, column_diff: bool) -> Snapshot {
        Snapshot {
            comment: comment_with(comment, view.txn_id()),
            view,
            now_ms,
            column_diff,
            next: Next::Start,
        }
    }

    /// Appends the next piece of the record's body, about [`SNAPSHOT_CHUNK_BYTES`] of it; false, without
    /// appending, when the body is complete. The pieces end with the record's line feed.
    pub fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        let chunk_end = out.len() + SNAPSHOT_CHUNK_BYTES;
        if let Next::Done = self.next {
            return false;
        }
        while out.len() < chunk_end {
            self.next = match self.next {
                Next::Start => {
                    self.write_start(out);
                    self.table_or_end(0)
                }
                Next::Table(table) => self.begin_table(table, out),
                Next::Row(table, slot) => self.write_rows(table, slot, chunk_end, out),
                Next::End => {
                    out.extend_from_slice(b"}\n");
                    Next::Done
                }
                Next::Done => return true,
            };
        }
        true
    }

    fn table_or_end(&self, at: u16) -> Next {
        if usize::from(at) < self.view.schema().tables.len() {
            Next::Table(TableId(at))
        } else {
            Next::End
        }
    }

    fn write_start(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        let annotations = Annotations {
            now_ms: self.now_ms,
            comment: Some(&self.comment),
            column_diff: self.column_diff,
        };
        annotations.write(out);
    }

    fn begin_table(&self, table: TableId, out: &mut Vec<u8>) -> Next {
        let Some((slot, _)) = self.view.table(table).iter().next() else {
            return self.table_or_end(table.0 + 1);
        };
        out.push(b',');
        write::string(out, &self.view.schema().table(table).name);
        out.extend_from_slice(b":{");
        Next::Row(table, slot)
    }

    /// Writes rows until the chunk is full; `slot` is that of a row.
    fn write_rows(&self, table: TableId, slot: RowSlot, chunk_end: usize, out: &mut Vec<u8>) -> Next {
        let schema = self.view.schema().table(table);
        let mut rows = self.view.table(table).iter_from(slot).peekable();
        while let Some((_, row)) = rows.next() {
            out.push(b'"');
            uuid_text::write(&row.uuid(), out);
            out.extend_from_slice(b"\":");
            write_inserted(schema, row, out);
            let Some((next, _)) = rows.peek() else { break };
            out.push(b',');
            if out.len() >= chunk_end {
                return Next::Row(table, *next);
            }
        }
        out.push(b'}');
        self.table_or_end(table.0 + 1)
    }
}

const ID_PREFIX: &str = " (transaction ";
const ID_SUFFIX: &str = ")";

/// `text` with the transaction id of the state that a snapshot holds, if it is told.
fn comment_with(text: &str, txn_id: Uuid) -> String {
    if txn_id.is_nil() {
        return text.to_owned();
    }
    format!("{text}{ID_PREFIX}{txn_id}{ID_SUFFIX}")
}

/// The transaction id that a snapshot's comment ends with.
pub(super) fn txn_id_in_comment(comment: &str) -> Option<Uuid> {
    let (_, id) = comment.strip_suffix(ID_SUFFIX)?.rsplit_once(ID_PREFIX)?;
    uuid_text::parse(id.as_bytes())
}
