//! One row: an immutable, shared array of datums, `_uuid` first, `_version` second.
//!
//! ```text
//!   Row ──► count, Layout { which columns hold something } , datums of those columns
//! ```
//!
//! Most columns of most rows are empty sets and maps, and there are millions of rows, so those are not kept: a logical
//! flow has 9 of its 13 columns and takes 256 bytes instead of 384, a port binding takes a third.

use crate::datum::{Atom, Datum};
use crate::ids::ColumnIdx;
use triomphe::{Arc, HeaderWithLength, ThinArc};
use uuid::Uuid;

/// A row as of some commit. Cloning shares it; a change makes a new row.
#[derive(Clone, Debug)]
pub struct Row(ThinArc<Layout, Datum>);

/// Columns at the beginning of a row of which those that hold something are kept. Later ones are kept in any case.
const SPARSE: usize = 23;

/// Which columns are kept. Each row has one representation only, so that equal rows have equal layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// For each of the first columns its place among what is kept, or one of the marks below.
    places: [u8; SPARSE],
    /// Of the first columns.
    kept: u8,
}

/// Marks in a layout; none of them is a place.
const EMPTY_SET_MARK: u8 = u8::MAX;
const EMPTY_MAP_MARK: u8 = u8::MAX - 1;
const NO_COLUMN_MARK: u8 = u8::MAX - 2;
const _: () = assert!(size_of::<Layout>() == 24 && SPARSE < NO_COLUMN_MARK as usize);

static EMPTY_SET: Datum = Datum::EMPTY_SET;
static EMPTY_MAP: Datum = Datum::EMPTY_MAP;

impl Layout {
    fn of(columns: &[Datum]) -> Layout {
        let mut layout = Layout {
            places: [NO_COLUMN_MARK; SPARSE],
            kept: 0,
        };
        for (place, datum) in layout.places.iter_mut().zip(columns) {
            *place = match datum {
                Datum::Set(set) if set.is_empty() => EMPTY_SET_MARK,
                Datum::Map(map) if map.is_empty() => EMPTY_MAP_MARK,
                _ => {
                    layout.kept += 1;
                    layout.kept - 1
                }
            };
        }
        layout
    }

    /// Whether the column number `at` is among those that are kept.
    fn keeps(&self, at: usize) -> bool {
        self.places.get(at).is_none_or(|place| *place < NO_COLUMN_MARK)
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
        if usize::from(layout.kept) < columns.len().min(SPARSE) {
            let mut at = 0;
            columns.retain(|_| {
                at += 1;
                layout.keeps(at - 1)
            });
        }
        Row::of_kept(layout, columns)
    }

    fn of_kept(layout: Layout, kept: Vec<Datum>) -> Row {
        let header = HeaderWithLength::new(layout, kept.len());
        Row(Arc::into_thin(Arc::from_header_and_vec(header, kept)))
    }

    fn layout(&self) -> &Layout {
        &self.0.header.header
    }

    #[inline]
    pub fn get(&self, column: ColumnIdx) -> &Datum {
        let (layout, kept, at) = (self.layout(), &self.0.slice, column.at());
        let Some(place) = layout.places.get(at) else {
            return &kept[usize::from(layout.kept) + at - SPARSE];
        };
        match *place {
            EMPTY_SET_MARK => &EMPTY_SET,
            EMPTY_MAP_MARK => &EMPTY_MAP,
            NO_COLUMN_MARK => panic!("a row has the columns of its table"),
            place => &kept[usize::from(place)],
        }
    }

    /// All columns in schema order.
    pub fn columns(&self) -> impl Iterator<Item = &Datum> {
        let (layout, kept) = (self.layout(), &self.0.slice);
        let first = layout.places.iter().filter_map(|place| match *place {
            EMPTY_SET_MARK => Some(&EMPTY_SET),
            EMPTY_MAP_MARK => Some(&EMPTY_MAP),
            NO_COLUMN_MARK => None,
            place => Some(&kept[usize::from(place)]),
        });
        first.chain(&kept[usize::from(layout.kept)..])
    }

    /// A copy of all columns in schema order.
    pub fn to_columns(&self) -> Vec<Datum> {
        let mut columns = Vec::with_capacity(SPARSE + self.0.slice.len());
        columns.extend(self.columns().cloned());
        columns
    }

    /// True if all columns are equal. Shared contents are recognised by pointer.
    pub fn has_columns_of(&self, other: &Row) -> bool {
        self.layout() == other.layout() && self.0.slice == other.0.slice
    }

    pub fn uuid(&self) -> Uuid {
        self.0.slice[0].as_uuid().expect("checked by Row::new")
    }

    /// True if both are the same version of the same row, which is decided without looking inside.
    pub fn ptr_eq(&self, other: &Row) -> bool {
        std::ptr::eq(self.0.slice.as_ptr(), other.0.slice.as_ptr())
    }

    /// A copy with other values in a few columns.
    #[must_use]
    pub fn with(&self, changes: &[(ColumnIdx, Datum)]) -> Row {
        let layout = self.layout();
        let stays = |(column, datum): &(ColumnIdx, Datum)| {
            layout.keeps(column.at()) && (!datum.is_empty() || column.at() >= SPARSE)
        };
        if !changes.iter().all(stays) {
            let mut columns = self.to_columns();
            for (column, datum) in changes {
                columns[column.at()] = datum.clone();
            }
            return Row::new(columns);
        }
        let place_of = |column: ColumnIdx| match layout.places.get(column.at()) {
            Some(place) => usize::from(*place),
            None => usize::from(layout.kept) + column.at() - SPARSE,
        };
        let kept = self.0.slice.iter().enumerate().map(|(place, datum)| {
            let change = changes
                .iter()
                .rev()
                .find(|(column, _)| place_of(*column) == place);
            change.map_or(datum, |(_, datum)| datum).clone()
        });
        Row(ThinArc::from_header_and_iter(*layout, kept))
    }

    /// Gives the row another `_version` if nobody else has it; false, and nothing is done, if somebody does.
    pub(super) fn set_version(&mut self, version: Uuid) -> bool {
        self.0.with_arc_mut(|row| {
            let Some(row) = Arc::get_mut(row) else {
                return false;
            };
            row.slice_mut()[ColumnIdx::VERSION.at()] = Datum::One(Atom::Uuid(version));
            true
        })
    }

    /// Size in memory in bytes, for budgets, without what allocation adds.
    pub fn approx_bytes(&self) -> usize {
        self.own_bytes() + self.0.slice.iter().map(Datum::heap_bytes).sum::<usize>()
    }

    /// Bytes of memory that keeping the row beside its earlier version `base` costs: what did not change is
    /// shared.
    pub fn approx_bytes_beside(&self, base: &Row) -> usize {
        let beside = |(datum, base): (&Datum, &Datum)| datum.heap_bytes_beside(base);
        let bytes: usize = if self.layout() == base.layout() {
            self.0.slice.iter().zip(&base.0.slice).map(beside).sum()
        } else {
            self.columns().zip(base.columns()).map(beside).sum()
        };
        self.own_bytes() + bytes
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
        for count in [2, 13, 22, 23, 24, 25, 300] {
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
                assert_eq!(row.columns().count(), count);
                assert_eq!(row.uuid(), Uuid::from_u128(1));
                for (at, datum) in columns.iter().enumerate() {
                    assert_eq!(row.get(ColumnIdx(at as u16)), datum, "column {at} of {count}");
                }
                assert!(row.has_columns_of(&Row::new(columns.clone())));
                assert!(row.ptr_eq(&row.clone()) && !row.ptr_eq(&Row::new(columns.clone())));
                for at in 2..count {
                    let other = if columns[at].is_empty() {
                        uuid(3)
                    } else {
                        Datum::EMPTY_SET
                    };
                    let other = if at % 3 == 0 { uuid(4) } else { other };
                    let mut expected = columns.clone();
                    expected[at] = other.clone();
                    let changed = row.with(&[(ColumnIdx(at as u16), other)]);
                    assert_eq!(changed.to_columns(), expected);
                    assert!(changed.has_columns_of(&Row::new(expected)));
                    assert!(!row.has_columns_of(&changed));
                    assert_eq!(changed.get(ColumnIdx(1)), &uuid(2));
                }
            }
        }
    }
}
