//! One row: an immutable, shared array of datums, `_uuid` first, `_version` second.
//!
//! ```text
//!   Row ──► count, Layout { which columns hold something } , datums of those columns
//! ```
//!
//! Most columns of most rows are empty sets and maps, and there are millions of rows, so those are not kept: a logical
//! flow has 9 of its 13 columns and takes 256 bytes instead of 384, a port binding takes a third.

use crate::datum::Datum;
use crate::ids::ColumnIdx;
use triomphe::ThinArc;
use uuid::Uuid;

/// A row as of some commit. Cloning shares it; a change makes a new row.
#[derive(Clone, Debug)]
pub struct Row(ThinArc<Layout, Datum>);

/// Which columns are kept. Each row has one representation only, so that equal rows have equal layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Of the first [`BITS`] columns those that hold something, and so are kept. Later ones are kept in any case.
    kept: u64,
    /// Of those that are not kept the empty maps; the others are empty sets.
    maps: u64,
    /// Of all columns.
    count: u32,
}

const BITS: usize = u64::BITS as usize;

static EMPTY_SET: Datum = Datum::EMPTY_SET;
static EMPTY_MAP: Datum = Datum::EMPTY_MAP;

impl Layout {
    fn of(columns: &[Datum]) -> Layout {
        let mut layout = Layout {
            kept: 0,
            maps: 0,
            count: columns.len() as u32,
        };
        for (at, datum) in columns.iter().enumerate().take(BITS) {
            if !datum.is_empty() {
                layout.kept |= 1 << at;
            } else if datum.is_map() {
                layout.maps |= 1 << at;
            }
        }
        layout
    }

    /// Place of the column number `at` among those that are kept, or what is empty in its stead.
    #[inline]
    fn place(self, at: usize) -> Result<usize, &'static Datum> {
        if at >= BITS {
            return Ok(self.kept.count_ones() as usize + at - BITS);
        }
        let bit = 1 << at;
        if self.kept & bit != 0 {
            Ok((self.kept & (bit - 1)).count_ones() as usize)
        } else if self.maps & bit != 0 {
            Err(&EMPTY_MAP)
        } else {
            Err(&EMPTY_SET)
        }
    }
}

impl Row {
    /// Makes a row of all its columns in schema order; the first must be its uuid.
    pub fn new(mut columns: Vec<Datum>) -> Row {
        assert!(
            columns.first().and_then(Datum::as_uuid).is_some(),
            "column 0 of a row is its _uuid"
        );
        let layout = Layout::of(&columns);
        let mut at = 0;
        columns.retain(|_| {
            at += 1;
            layout.place(at - 1).is_ok()
        });
        Row(ThinArc::from_header_and_iter(layout, columns.into_iter()))
    }

    #[inline]
    pub fn get(&self, column: ColumnIdx) -> &Datum {
        let layout = self.0.header.header;
        assert!(
            column.at() < layout.count as usize,
            "a row has the columns of its table"
        );
        match layout.place(column.at()) {
            Ok(place) => &self.0.slice[place],
            Err(empty) => empty,
        }
    }

    /// Number of columns.
    pub fn columns_count(&self) -> usize {
        self.0.header.header.count as usize
    }

    /// All columns in schema order.
    pub fn columns(&self) -> impl Iterator<Item = &Datum> {
        (0..self.columns_count() as u16).map(|at| self.get(ColumnIdx(at)))
    }

    /// A copy of all columns in schema order.
    pub fn to_columns(&self) -> Vec<Datum> {
        self.columns().cloned().collect()
    }

    /// True if all columns are equal.
    pub fn has_columns_of(&self, other: &Row) -> bool {
        self.0.header.header == other.0.header.header && self.0.slice == other.0.slice
    }

    pub fn uuid(&self) -> Uuid {
        self.0.slice[0].as_uuid().expect("checked by Row::new")
    }

    /// True if both are the same version of the same row, which is decided without looking inside.
    pub fn ptr_eq(&self, other: &Row) -> bool {
        std::ptr::eq(self.0.slice.as_ptr(), other.0.slice.as_ptr())
    }

    /// A copy with changes made by `edit`.
    #[must_use]
    pub fn with(&self, edit: impl FnOnce(&mut Vec<Datum>)) -> Row {
        let mut columns = self.to_columns();
        edit(&mut columns);
        Row::new(columns)
    }

    /// Size in memory in bytes, for budgets, without what allocation adds.
    pub fn approx_bytes(&self) -> usize {
        self.own_bytes() + self.0.slice.iter().map(Datum::heap_bytes).sum::<usize>()
    }

    /// Bytes of memory that keeping the row beside its earlier version `base` costs: what did not change is
    /// shared.
    pub fn approx_bytes_beside(&self, base: &Row) -> usize {
        let columns = self.columns().zip(base.columns());
        self.own_bytes()
            + columns
                .map(|(datum, base)| datum.heap_bytes_beside(base))
                .sum::<usize>()
    }

    fn own_bytes(&self) -> usize {
        size_of::<Layout>() + size_of_val(&self.0.slice)
    }
}

#[cfg(test)]
mod tests {
    use super::Row;
    use crate::datum::{Atom, Datum};
    use crate::ids::ColumnIdx;
    use uuid::Uuid;

    fn uuid(number: u128) -> Datum {
        Datum::One(Atom::Uuid(Uuid::from_u128(number)))
    }

    #[test]
    fn what_is_not_kept_reads_as_it_was_given() {
        for count in [2, 13, 63, 64, 65, 66, 130] {
            for pattern in 0..27_usize {
                let column = |at: usize| match (at * 7 + pattern) % (2 + pattern) {
                    0 => Datum::EMPTY_SET,
                    1 => Datum::EMPTY_MAP,
                    2 => Datum::map_from_sorted(vec![(Atom::Integer(1), Atom::Integer(at as i64))]),
                    _ => Datum::One(Atom::Integer(at as i64)),
                };
                let columns: Vec<Datum> = [uuid(1), uuid(2)]
                    .into_iter()
                    .chain((2..count).map(column))
                    .collect();
                let row = Row::new(columns.clone());
                assert_eq!(row.to_columns(), columns);
                assert_eq!(row.columns_count(), count);
                assert_eq!(row.uuid(), Uuid::from_u128(1));
                for (at, datum) in columns.iter().enumerate() {
                    assert_eq!(row.get(ColumnIdx(at as u16)), datum, "column {at} of {count}");
                }
                assert!(row.has_columns_of(&Row::new(columns.clone())));
                assert!(row.ptr_eq(&row.clone()) && !row.ptr_eq(&Row::new(columns.clone())));
                for at in 2..count {
                    let changed = row.with(|columns| {
                        columns[at] = if columns[at].is_empty() {
                            uuid(3)
                        } else {
                            Datum::EMPTY_SET
                        };
                    });
                    assert!(!row.has_columns_of(&changed));
                    assert_eq!(changed.get(ColumnIdx(1)), &uuid(2));
                }
            }
        }
    }
}
