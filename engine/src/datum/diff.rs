//! Differences between two values of a column: `update2`'s `modify` and the log's `_is_diff` records.
//!
//! Of a column that holds at most one element the difference is the new value. Otherwise it is the set of
//! elements in one of the two only; for maps, keys of one side only with that side's value, and changed
//! keys with the new value. Applying it to the old value toggles those elements.

use super::Datum;
use super::edit::{Edit, edited};
use super::elements::{Element, Elements, Slices};
use super::walk::{Cursor, Difference, differences};
use crate::error::{OvsdbError, Result, Tag};
use crate::schema::ColumnType;

/// What must be applied to `old` to get `new`. Linear in their size, less what they share.
pub fn diff(old: &Datum, new: &Datum, ty: &ColumnType) -> Datum {
    if !ty.is_composite() {
        return new.clone();
    }
    if ty.is_map() {
        Datum::Map(diff_elements(old.pairs(), new.pairs()))
    } else {
        Datum::from_set(diff_elements(old.atoms(), new.atoms()))
    }
}

/// The value that `diff` makes of `old`; `ovsdb error` if its size does not suit the column.
pub fn apply_diff(old: &Datum, diff: &Datum, ty: &ColumnType) -> Result<Datum> {
    if !ty.is_composite() {
        return Ok(diff.clone());
    }
    let new = if ty.is_map() {
        Datum::Map(toggle(old.pairs(), diff.pairs()))
    } else {
        Datum::from_set(toggle(old.atoms(), diff.atoms()))
    };
    if new.len() < ty.n_min as usize || new.len() > ty.n_max as usize {
        // The spelling is upstream's.
        return Err(OvsdbError::new(Tag::Ovsdb, "Datum crated by diff has size error"));
    }
    Ok(new)
}

fn diff_elements<E: Element>(old: Slices<'_, E>, new: Slices<'_, E>) -> Elements<E> {
    let mut out = Vec::new();
    differences(old, new, &mut |difference| {
        let (Difference::Old(element) | Difference::New(element) | Difference::Changed(element)) = difference;
        out.push(element.clone());
        true
    });
    Elements::from_sorted(out)
}

fn toggle<E: Element>(old: Slices<'_, E>, diff: Slices<'_, E>) -> Elements<E> {
    let mut cursor = Cursor::new(old);
    let mut edits = Vec::with_capacity(diff.len());
    for element in diff {
        edits.push(match cursor.seek(element.key()) {
            Some(known) if known == element => Edit::Remove(element.key()),
            _ => Edit::Put(element),
        });
    }
    edited(old, &edits)
}
