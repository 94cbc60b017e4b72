//! Set arithmetic on datums: what the mutators `insert` and `delete` and the functions `includes` and
//! `excludes` are made of, and what an index gains by a change.
//!
//! Cost follows the smaller side (times a logarithm), plus a copy of what the result does not share.

use super::edit::{Edit, edited};
use super::elements::{Element, Slices};
use super::walk::{Cursor, Difference, differences};
use super::{Atom, Datum};

/// `a` with the elements of `b` that it lacks; a key of both keeps the value it has in `a`. Returns `a`
/// itself, shared, if nothing is added. Both are sets or both are maps.
pub fn union(a: &Datum, b: &Datum) -> Datum {
    if a.is_map() {
        let edits = additions(a.pairs(), b.pairs());
        if edits.is_empty() {
            a.clone()
        } else {
            Datum::Map(edited(a.pairs(), &edits))
        }
    } else {
        let edits = additions(a.atoms(), b.atoms());
        if edits.is_empty() {
            a.clone()
        } else {
            Datum::from_set(edited(a.atoms(), &edits))
        }
    }
}

/// `a` without the elements of `b`: pairs where both are maps (key and value must agree), keys where `b` is
/// a set. Returns `a` itself, shared, if nothing is removed.
pub fn subtract(a: &Datum, b: &Datum) -> Datum {
    if a.is_map() {
        let edits = if b.is_map() {
            removals(a.pairs(), b.pairs().iter().map(|pair| (pair.key(), Some(pair))))
        } else {
            removals(a.pairs(), b.atoms().iter().map(|key| (key, None)))
        };
        if edits.is_empty() {
            a.clone()
        } else {
            Datum::Map(edited(a.pairs(), &edits))
        }
    } else {
        let edits = removals(a.atoms(), b.atoms().iter().map(|atom| (atom, None)));
        if edits.is_empty() {
            a.clone()
        } else {
            Datum::from_set(edited(a.atoms(), &edits))
        }
    }
}

/// True if every element of `b` is in `a`; of maps, with the same value.
pub fn includes_all(a: &Datum, b: &Datum) -> bool {
    if b.len() > a.len() {
        return false;
    }
    if a.is_map() {
        contains_all(a.pairs(), b.pairs())
    } else {
        contains_all(a.atoms(), b.atoms())
    }
}

/// True if no element is in both; of maps, a key counts as shared only with the same value.
pub fn excludes_all(a: &Datum, b: &Datum) -> bool {
    let (large, small) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if a.is_map() {
        contains_none(large.pairs(), small.pairs())
    } else {
        contains_none(large.atoms(), small.atoms())
    }
}

/// Calls `each` for every element or key of `new` that is none of `old`, ascending.
pub fn gained_keys<'a>(old: &'a Datum, new: &'a Datum, each: &mut dyn FnMut(&'a Atom)) {
    if new.is_map() {
        differences(old.pairs(), new.pairs(), &mut |difference| {
            if let Difference::New(pair) = difference {
                each(pair.key());
            }
            true
        });
    } else {
        differences(old.atoms(), new.atoms(), &mut |difference| {
            if let Difference::New(atom) = difference {
                each(atom);
            }
            true
        });
    }
}

/// Calls `each` for the value of every pair of `new` that is none of `old`, ascending by key.
pub fn gained_values<'a>(old: &'a Datum, new: &'a Datum, each: &mut dyn FnMut(&'a Atom)) {
    differences(old.pairs(), new.pairs(), &mut |difference| {
        if let Difference::New(pair) | Difference::Changed(pair) = difference {
            each(pair.value());
        }
        true
    });
}

fn additions<'a, E: Element>(a: Slices<'a, E>, b: Slices<'a, E>) -> Vec<Edit<'a, E>> {
    let mut cursor = Cursor::new(a);
    let missing = b.iter().filter(|element| cursor.seek(element.key()).is_none());
    missing.map(Edit::Put).collect()
}

/// Removals of the elements of `a` with the keys given, or only of those equal to the element beside the key.
fn removals<'a, E: Element + 'a>(
    a: Slices<'a, E>,
    gone: impl Iterator<Item = (&'a Atom, Option<&'a E>)>,
) -> Vec<Edit<'a, E>> {
    let mut cursor = Cursor::new(a);
    let present = gone.filter(|(key, element)| match (cursor.seek(key), element) {
        (Some(known), Some(element)) => known == *element,
        (known, _) => known.is_some(),
    });
    present.map(|(key, _)| Edit::Remove(key)).collect()
}

fn contains_all<E: Element>(large: Slices<'_, E>, small: Slices<'_, E>) -> bool {
    let mut cursor = Cursor::new(large);
    small
        .iter()
        .all(|element| cursor.seek(element.key()) == Some(element))
}

fn contains_none<E: Element>(large: Slices<'_, E>, small: Slices<'_, E>) -> bool {
    let mut cursor = Cursor::new(large);
    small
        .iter()
        .all(|element| cursor.seek(element.key()) != Some(element))
}
