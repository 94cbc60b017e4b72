//! Differences between two values of a column: `update2`'s `modify` and the log's `_is_diff` records.
//!
//! Of a column that holds at most one element the difference is the new value. Otherwise it is the set of
//! elements in one of the two only; for maps, keys of one side only with that side's value, and changed
//! keys with the new value. Applying it to the old value toggles those elements.

use super::Datum;
use super::element::{Element, find};
use crate::error::{OvsdbError, Result, Tag};
use crate::schema::ColumnType;
use std::cmp::Ordering;

/// What must be applied to `old` to get `new`. Linear in their size.
pub fn diff(old: &Datum, new: &Datum, ty: &ColumnType) -> Datum {
    if !ty.is_composite() {
        return new.clone();
    }
    match (ty.is_map(), old.ptr_eq(new)) {
        (true, true) => Datum::EMPTY_MAP,
        (false, true) => Datum::EMPTY_SET,
        (true, false) => Element::datum(diff_elements(old.pairs(), new.pairs())),
        (false, false) => Element::datum(diff_elements(old.atoms(), new.atoms())),
    }
}

/// The value that `diff` makes of `old`; `ovsdb error` if its size does not suit the column.
pub fn apply_diff(old: &Datum, diff: &Datum, ty: &ColumnType) -> Result<Datum> {
    if !ty.is_composite() {
        return Ok(diff.clone());
    }
    let new = if ty.is_map() {
        Element::datum(toggle(old.pairs(), diff.pairs()))
    } else {
        Element::datum(toggle(old.atoms(), diff.atoms()))
    };
    if new.len() < ty.n_min as usize || new.len() > ty.n_max as usize {
        // The spelling is upstream's.
        return Err(OvsdbError::new(Tag::Ovsdb, "Datum crated by diff has size error"));
    }
    Ok(new)
}

fn diff_elements<E: Element>(mut old: &[E], mut new: &[E]) -> Vec<E> {
    let mut out = Vec::new();
    while let ([old_first, old_rest @ ..], [new_first, new_rest @ ..]) = (old, new) {
        // Most elements are in both, and that is the cheaper thing to ask.
        if old_first == new_first {
            (old, new) = (old_rest, new_rest);
            continue;
        }
        match old_first.key().cmp(new_first.key()) {
            Ordering::Less => {
                out.push(old_first.clone());
                old = old_rest;
            }
            Ordering::Greater => {
                out.push(new_first.clone());
                new = new_rest;
            }
            Ordering::Equal => {
                out.push(new_first.clone());
                (old, new) = (old_rest, new_rest);
            }
        }
    }
    out.extend_from_slice(old);
    out.extend_from_slice(new);
    out
}

fn toggle<E: Element>(mut old: &[E], diff: &[E]) -> Vec<E> {
    let mut out = Vec::with_capacity(old.len() + diff.len());
    for element in diff {
        match find(old, element.key()) {
            Ok(at) => {
                out.extend_from_slice(&old[..at]);
                if old[at] != *element {
                    out.push(element.clone());
                }
                old = &old[at + 1..];
            }
            Err(at) => {
                out.extend_from_slice(&old[..at]);
                out.push(element.clone());
                old = &old[at..];
            }
        }
    }
    out.extend_from_slice(old);
    out
}
