//! Writes one row update, in either notation; the only place that spells them.

use super::shape::{Notation, Outcome, Shape};
use crate::datum::{self, Datum, uuid_text};
use crate::ids::ColumnIdx;
use crate::schema::TableSchema;
use crate::store::Row;
use ovsdb_wire::write::Members;

/// Appends `lead` and the update of one row as `"UUID":{…}`, or nothing when the shape shows nothing of it.
///
/// An insert, initial or modification needs `new`, a deletion or modification needs `old`. `lead` is the
/// comma after the row before, or what opens the table. Returns whether something was appended.
pub(super) fn write(
    out: &mut Vec<u8>,
    lead: &[u8],
    shape: &Shape,
    schema: &TableSchema,
    outcome: Outcome,
    old: Option<&Row>,
    new: Option<&Row>,
) -> bool {
    if !shape.select.has(outcome) {
        return false;
    }
    let change = match (outcome, old, new) {
        (Outcome::Initial | Outcome::Insert, _, Some(new)) => Change::Appears(new),
        (Outcome::Modify, Some(old), Some(new)) => Change::Changes(old, new),
        (Outcome::Delete, Some(old), _) => Change::Disappears(old),
        _ => unreachable!("the outcome names the versions of the row that exist"),
    };
    if let Change::Changes(old, new) = change
        && !shape
            .shown(Outcome::Modify)
            .any(|column| old.get(column) != new.get(column))
    {
        return false;
    }
    let uuid = old.or(new).expect("one version exists").uuid();
    out.extend_from_slice(lead);
    out.push(b'"');
    uuid_text::write(&uuid, out);
    out.extend_from_slice(b"\":");
    let writer = Writer {
        shape,
        schema,
        outcome,
    };
    match shape.notation {
        Notation::V1 => writer.v1(out, change),
        Notation::V2 => writer.v2(out, change),
    }
    true
}

/// The versions of a row that its update is written from.
#[derive(Clone, Copy)]
enum Change<'r> {
    Appears(&'r Row),
    Changes(&'r Row, &'r Row),
    Disappears(&'r Row),
}

struct Writer<'s> {
    shape: &'s Shape,
    schema: &'s TableSchema,
    outcome: Outcome,
}

impl Writer<'_> {
    /// `<row-update>`: `old` has the columns that changed, or all of a deleted row; `new` has all.
    fn v1(&self, out: &mut Vec<u8>, change: Change<'_>) {
        let mut update = Members::begin(out);
        match change {
            Change::Appears(new) => self.columns(update.key("new"), new, &|_| true),
            Change::Changes(old, new) => {
                let is_changed = |column| old.get(column) != new.get(column);
                self.columns(update.key("old"), old, &is_changed);
                self.columns(update.key("new"), new, &|_| true);
            }
            Change::Disappears(old) => self.columns(update.key("old"), old, &|_| true),
        }
        update.end();
    }

    /// `<row-update2>`: defaults are left out of a new row, a modification is a difference.
    fn v2(&self, out: &mut Vec<u8>, change: Change<'_>) {
        match change {
            Change::Appears(new) => {
                out.extend_from_slice(match self.outcome {
                    Outcome::Initial => b"{\"initial\":",
                    _ => b"{\"insert\":",
                });
                let is_told = |column| new.get(column) != &self.schema.column(column).default;
                self.columns(out, new, &is_told);
                out.push(b'}');
            }
            Change::Changes(old, new) => {
                out.extend_from_slice(b"{\"modify\":");
                self.differences(out, old, new);
                out.push(b'}');
            }
            Change::Disappears(_) => out.extend_from_slice(b"{\"delete\":null}"),
        }
    }

    fn columns(&self, out: &mut Vec<u8>, row: &Row, is_told: &dyn Fn(ColumnIdx) -> bool) {
        let mut members = Members::begin(out);
        for column in self.shape.shown(self.outcome).filter(|column| is_told(*column)) {
            self.column(&mut members, column, row.get(column));
        }
        members.end();
    }

    fn differences(&self, out: &mut Vec<u8>, old: &Row, new: &Row) {
        let mut members = Members::begin(out);
        for column in self.shape.shown(Outcome::Modify) {
            let (old, new) = (old.get(column), new.get(column));
            if old != new {
                let diff = datum::diff(old, new, &self.schema.column(column).ty);
                self.column(&mut members, column, &diff);
            }
        }
        members.end();
    }

    fn column(&self, members: &mut Members<'_>, column: ColumnIdx, datum: &Datum) {
        let column = self.schema.column(column);
        datum::print::write(datum, members.key(&column.name));
    }
}
