//! Pass 6: no two rows have equal values in the columns of a declared index (RFC 7047 §3.2, `indexes`).
//!
//! Checked on the state after the transaction, so two rows may swap their values.

use crate::datum::{Datum, print};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, RowSlot, TableId};
use crate::schema::{AtomicType, TableSchema};
use crate::store::{Row, Store};

/// Fails if a row that the transaction inserted or changed has the key of another.
pub(super) fn check(store: &Store) -> Result<()> {
    for touched in store.touched() {
        let table = store.schema().table(touched.table);
        let Some(new) = store.table(touched.table).at(touched.slot) else {
            continue;
        };
        for (number, index) in table.indexes.iter().enumerate() {
            if touched.old.as_ref().is_some_and(|old| are_equal(old, new, index)) {
                continue;
            }
            let key: Vec<&Datum> = index.iter().map(|column| new.get(*column)).collect();
            let mut other = None;
            store
                .table(touched.table)
                .lookup_unique(number, &key, &mut |slot, row| {
                    if slot != touched.slot {
                        other = Some((slot, row.clone()));
                    }
                });
            if let Some(other) = other {
                let conflict = Conflict {
                    store,
                    id: touched.table,
                    table,
                    index,
                };
                return Err(conflict.error(other, (touched.slot, new.clone())));
            }
        }
    }
    Ok(())
}

struct Conflict<'c> {
    store: &'c Store,
    id: TableId,
    table: &'c TableSchema,
    index: &'c [ColumnIdx],
}

impl Conflict<'_> {
    fn error(&self, a: (RowSlot, Row), b: (RowSlot, Row)) -> Box<OvsdbError> {
        // The greater row comes first, so that the text does not depend on the order of execution.
        let (first, second) = if compare(self.table, &a.1, &b.1).is_lt() {
            (b, a)
        } else {
            (a, b)
        };
        let text = format!(
            "Transaction causes multiple rows in \"{}\" table to have identical values ({}) for index on \
             {}.  First row, with UUID {}, {}.  Second row, with UUID {}, {}.",
            self.table.name,
            self.values(&first.1),
            self.columns(),
            first.1.uuid(),
            self.history(&first),
            second.1.uuid(),
            self.history(&second),
        );
        OvsdbError::new(Tag::ConstraintViolation, text)
    }

    fn history(&self, (slot, new): &(RowSlot, Row)) -> String {
        let unmodified =
            "existed in the database before this transaction and was not modified by the transaction";
        let Some(touched) = self.store.before(self.id, *slot) else {
            return unmodified.to_owned();
        };
        match &touched.old {
            None => "was inserted by this transaction".to_owned(),
            Some(old) if old.has_columns_of(new) => unmodified.to_owned(),
            Some(old) if are_equal(old, new, self.index) => {
                "existed in the database before this transaction, which modified some of the row's \
                 columns but not any columns in this index"
                    .to_owned()
            }
            Some(old) => format!(
                "had the following index values before the transaction: {}",
                self.values(old)
            ),
        }
    }

    /// The values of the index's columns in upstream's string notation, as an English list.
    fn values(&self, row: &Row) -> String {
        english_list(self.index.iter().map(|column| {
            let mut text = Vec::new();
            print::write_text(row.get(*column), &self.table.column(*column).ty, &mut text);
            String::from_utf8(text).expect("a datum is printed in UTF-8")
        }))
    }

    fn columns(&self) -> String {
        let names = self.index.iter().map(|column| &self.table.column(*column).name);
        let plural = if self.index.len() > 1 { "s" } else { "" };
        format!(
            "column{plural} {}",
            english_list(names.map(|name| format!("\"{name}\"")))
        )
    }
}

fn are_equal(a: &Row, b: &Row, columns: &[ColumnIdx]) -> bool {
    columns.iter().all(|column| a.get(*column) == b.get(*column))
}

/// Order of rows by all columns that hold no uuids, in order of name.
fn compare(table: &TableSchema, a: &Row, b: &Row) -> std::cmp::Ordering {
    let is_uuid = |column: ColumnIdx| {
        let ty = &table.column(column).ty;
        ty.key.atomic == AtomicType::Uuid
            || ty
                .value
                .as_ref()
                .is_some_and(|value| value.atomic == AtomicType::Uuid)
    };
    table
        .declared_idxs()
        .filter(|column| !is_uuid(*column))
        .map(|column| a.get(column).cmp(b.get(column)))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// `a`, `a and b`, `a, b, and c`.
fn english_list(items: impl ExactSizeIterator<Item = String>) -> String {
    let count = items.len();
    let mut text = String::new();
    for (at, item) in items.enumerate() {
        text.push_str(match at {
            0 => "",
            _ if at < count - 1 => ", ",
            _ if count > 2 => ", and ",
            _ => " and ",
        });
        text.push_str(&item);
    }
    text
}
