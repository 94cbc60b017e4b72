//! Finding the rows that a `where` selects: by uuid, by a declared index, by a hot index, or by a scan.
//!
//! Every candidate is checked against the whole condition, so the choice decides the cost and nothing else.
//! Rows come in order of slot, or in the order of an index's slots, which depends on the rows alone.

use crate::condition::{Clause, Condition, Function};
use crate::datum::{Atom, Datum};
use crate::ids::{ColumnIdx, RowSlot};
use crate::limits::{HOT_INDEX_ROWS_MIN, SCAN_SHARE};
use crate::schema::{AtomicType, TableSchema};
use crate::store::{Over, Row, TableView};
use std::ops::ControlFlow;
use uuid::Uuid;

/// How to get at the candidates, cheapest first.
enum Plan<'c> {
    Nothing,
    Uuid(Uuid),
    /// Number of the declared index and the values of its columns.
    Unique(usize, Vec<&'c Datum>),
    /// Rows whose column contains an atom.
    Hot(ColumnIdx, &'c Atom),
    Scan,
}

/// Calls `found` for every row of `table` that matches, until it breaks.
pub(super) fn for_each_match(
    table: &TableView,
    schema: &TableSchema,
    condition: &Condition,
    found: &mut dyn FnMut(RowSlot, &Row) -> ControlFlow<()>,
) {
    let mut is_done = false;
    let mut candidate = |slot, row: &Row| {
        if !is_done && condition.matches_all(|column| row.get(column)) {
            is_done = found(slot, row).is_break();
        }
        is_done
    };
    match Plan::choose(table, schema, condition) {
        Plan::Nothing => {}
        Plan::Uuid(uuid) => {
            if let Some((slot, row)) = table.get(uuid) {
                candidate(slot, row);
            }
        }
        Plan::Unique(number, key) => {
            table.lookup_unique(number, &key, &mut |slot, row| {
                candidate(slot, row);
            });
        }
        Plan::Hot(column, atom) => {
            let is_indexed = table.lookup(column, atom, &mut |slot, row| {
                candidate(slot, row);
            });
            assert!(is_indexed, "an index is not lost while the table is borrowed");
        }
        Plan::Scan => {
            for (slot, row) in table.iter() {
                if candidate(slot, row) {
                    break;
                }
            }
        }
    }
}

/// The row that alone can match, if the condition names one.
pub(super) fn row_named(condition: &Condition) -> Option<Uuid> {
    equal_to(condition, ColumnIdx::UUID)?.as_uuid()
}

/// True if at most one row can match, which is found without a look at any other.
pub(super) fn is_direct(schema: &TableSchema, condition: &Condition) -> bool {
    let is_compared = |column: &ColumnIdx| equal_to(condition, *column).is_some();
    condition.is_false()
        || is_compared(&ColumnIdx::UUID)
        || schema.indexes.iter().any(|index| index.iter().all(is_compared))
}

/// Slots of the rows that match, for a caller that changes them.
pub(super) fn matching_slots(table: &TableView, schema: &TableSchema, condition: &Condition) -> Vec<RowSlot> {
    let mut slots = Vec::new();
    for_each_match(table, schema, condition, &mut |slot, _| {
        slots.push(slot);
        ControlFlow::Continue(())
    });
    slots
}

/// Number of rows that match.
pub(super) fn count(table: &TableView, schema: &TableSchema, condition: &Condition) -> usize {
    if condition.is_true() {
        return table.len();
    }
    let mut count = 0;
    for_each_match(table, schema, condition, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    });
    count
}

impl<'c> Plan<'c> {
    fn choose(table: &TableView, schema: &TableSchema, condition: &'c Condition) -> Plan<'c> {
        if condition.is_false() {
            return Plan::Nothing;
        }
        if let Some(uuid) = row_named(condition) {
            return Plan::Uuid(uuid);
        }
        for (number, index) in schema.indexes.iter().enumerate() {
            let key: Option<Vec<&Datum>> = index.iter().map(|column| equal_to(condition, *column)).collect();
            if let Some(key) = key {
                return Plan::Unique(number, key);
            }
        }
        // A hot index, the one that leaves the fewest rows.
        let mut best: Option<(usize, ColumnIdx, &Atom)> = None;
        let mut missing = Vec::new();
        for (column, atom) in condition.clauses().iter().filter_map(contained_atom) {
            match table.candidates_count(column, Over::Keys, atom) {
                None => missing.push(column),
                Some(count) if best.is_some_and(|(least, ..)| least <= count) => {}
                Some(count) => best = Some((count, column, atom)),
            }
        }
        if best.is_some_and(|(count, ..)| count < HOT_INDEX_ROWS_MIN) {
            missing.clear();
        }
        for column in missing {
            // An index on a boolean halves a scan at best.
            if schema.column(column).ty.key.atomic != AtomicType::Boolean {
                table.note_scan(column, Over::Keys, 1);
            }
        }
        match best {
            Some((count, column, atom)) if count <= table.len() / SCAN_SHARE => Plan::Hot(column, atom),
            _ => Plan::Scan,
        }
    }
}

/// What the condition says that `column` equals.
fn equal_to(condition: &Condition, column: ColumnIdx) -> Option<&Datum> {
    condition.clauses().iter().find_map(|clause| match clause {
        Clause::Compare {
            function: Function::Equal,
            column: compared,
            argument,
        } if *compared == column => Some(argument),
        _ => None,
    })
}

/// An element or key that a column must contain for the clause to hold.
fn contained_atom(clause: &Clause) -> Option<(ColumnIdx, &Atom)> {
    match clause {
        Clause::Compare {
            function: Function::Equal | Function::Includes,
            column,
            argument,
        } => Some((*column, argument.keys().next()?)),
        _ => None,
    }
}
