//! Cuts the body of a snapshot, which comes in windows, into records of their own that hold some of its rows.
//!
//! ```text
//!  {"_date":1,"A":{"u1":{…},"u2":{…}},"B":{"u3":{…},"u4":{…}}}
//!  ──► {"_date":1,"A":{"u1":{…},"u2":{…}},"B":{"u3":{…}}}   and   {"B":{"u4":{…}}}
//! ```
//!
//! A cut is where `},"`, 36 characters of a uuid and `":{` follow each other. Within a JSON string a quote has a
//! backslash before it, so this is a member that follows an object, and since the values of columns are never
//! objects, it is a row that follows a row. Nothing rests on that: each record is parsed as a whole, so a cut
//! elsewhere makes two that are not JSON, and the reader of the records checks that each ends in the table
//! with which the next begins.

use crate::limits::SNAPSHOT_PIECE_BYTES;
use memchr::memmem;
use std::ops::Range;

/// Between two rows, or between the last row of a table and the next table.
const BETWEEN: &[u8] = b"},\"";
/// After the name of a row or table.
const OPENS: &[u8] = b"\":{";
const UUID_BYTES: usize = 36;

/// Some rows of a snapshot as a record of their own.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: Vec<u8>,
    /// The name of the table that the snapshot is in at the end of the piece, as it stands in the text.
    pub(super) last_table: Range<usize>,
}

/// A snapshot being cut.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// The record under construction.
    text: Vec<u8>,
    /// Up to where no cut was found.
    searched: usize,
}

impl Cutter {
    /// Takes the next window of the body and hands out what is complete.
    pub(super) fn push(&mut self, window: &[u8], each: &mut dyn FnMut(Piece)) {
        self.text.extend_from_slice(window);
        while let Some(piece) = self.cut() {
            each(piece);
        }
    }

    /// The rest of the body, with its closing brace.
    pub(super) fn finish(self) -> Vec<u8> {
        self.text
    }

    fn cut(&mut self) -> Option<Piece> {
        let from = self.searched.max(SNAPSHOT_PIECE_BYTES);
        let unsearched = self.text.get(from..)?;
        let Some(at) = memmem::find_iter(unsearched, BETWEEN)
            .map(|at| from + at)
            .find(|at| is_row(&self.text[at + BETWEEN.len()..]))
        else {
            // What begins at the end may be the beginning of one.
            let ahead = BETWEEN.len() + UUID_BYTES + OPENS.len();
            self.searched = self.text.len().saturating_sub(ahead);
            return None;
        };
        let (row_end, row_start) = (at + 1, at + 2);
        let last_table = last_table(&self.text[..row_end])?;
        let name = &self.text[last_table.clone()];
        let rest = [b"{\"", name, OPENS, &self.text[row_start..]].concat();
        let mut text = std::mem::replace(&mut self.text, rest);
        self.searched = 0;
        text.truncate(row_end);
        text.extend_from_slice(b"}}");
        Some(Piece { text, last_table })
    }
}

/// True if a row's name and the beginning of its columns follow.
fn is_row(text: &[u8]) -> bool {
    text.get(UUID_BYTES..UUID_BYTES + OPENS.len()) == Some(OPENS)
        && text[..UUID_BYTES]
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Where the name of the last table stands whose rows have begun.
fn last_table(text: &[u8]) -> Option<Range<usize>> {
    let between = memmem::rfind_iter(text, BETWEEN).find_map(|at| table_at(text, at + BETWEEN.len()));
    // Before the first one there may be annotations.
    between.or_else(|| {
        memmem::find_iter(text, OPENS).find_map(|end| {
            let start = memchr::memrchr(b'"', &text[..end])? + 1;
            table_at(text, start)
        })
    })
}

/// The name of a table that begins at `start`, if one does.
fn table_at(text: &[u8], start: usize) -> Option<Range<usize>> {
    let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let len = text[start..].iter().position(|byte| !is_id(byte))?;
    text[start + len..]
        .starts_with(OPENS)
        .then_some(start..start + len)
}

#[cfg(test)]
mod tests {
    use super::{Cutter, Piece};
    use crate::limits::SNAPSHOT_PIECE_BYTES;
    use std::fmt::Write;

    /// A snapshot with rows of three tables, and texts made to look like cuts.
    fn snapshot(rows: usize) -> String {
        let trap = r#"}},\"00000000-0000-4000-8000-000000000000\":{\"x\":{},\""#;
        let mut text = format!(r#"{{"_comment":"{trap}","_date":17,"#);
        for (table, name) in ["A", "Empty", "C"].iter().enumerate() {
            write!(text, r#"{}"{name}":{{"#, if table > 0 { "," } else { "" }).unwrap();
            let count = if *name == "Empty" { 1 } else { rows };
            for row in 0..count {
                let comma = if row > 0 { "," } else { "" };
                write!(
                    text,
                    r#"{comma}"{table:08x}-0000-4000-8000-{row:012x}":{{"n":{row},"t":"{trap}","u":"}},"}}"#
                )
                .unwrap();
            }
            text.push('}');
        }
        text.push_str("}\n");
        text
    }

    /// Rows as `TABLE/UUID` of a record, in its order.
    fn rows(text: &[u8]) -> Vec<String> {
        let arena = bumpalo::Bump::new();
        let value = ovsdb_wire::strict::parse(text, &arena).expect("a piece is JSON");
        let mut found = Vec::new();
        for (table, rows) in value.as_object().unwrap().members() {
            for (uuid, _) in rows.as_object().iter().flat_map(|rows| rows.members()) {
                found.push(format!("{table}/{uuid}"));
            }
        }
        found
    }

    #[test]
    fn pieces_hold_the_rows_of_the_whole_in_order() {
        let text = snapshot(5000);
        for window in [1000, 4096, SNAPSHOT_PIECE_BYTES * 3] {
            let mut cutter = Cutter::default();
            let mut found = Vec::new();
            let mut pieces = 0;
            let mut take = |piece: Piece| {
                pieces += 1;
                let of_piece = rows(&piece.text);
                let name = String::from_utf8(piece.text[piece.last_table].to_vec()).unwrap();
                assert!(of_piece.last().unwrap().starts_with(&format!("{name}/")));
                found.extend(of_piece);
            };
            for window in text.as_bytes().chunks(window) {
                cutter.push(window, &mut take);
            }
            assert!(pieces > 3, "{pieces} pieces");
            found.extend(rows(&cutter.finish()));
            assert_eq!(found, rows(text.as_bytes()));
        }
    }
}
