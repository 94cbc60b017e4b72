//! What sets and maps have in common for merging: elements in ascending order of a key.

use super::{Atom, Datum};

/// An atom of a set, or a pair of a map.
pub(super) trait Element: Clone + Eq {
    fn key(&self) -> &Atom;

    /// Makes the datum of elements that are ascending and distinct by key already.
    fn datum(elements: Vec<Self>) -> Datum;
}

impl Element for Atom {
    fn key(&self) -> &Atom {
        self
    }

    fn datum(elements: Vec<Atom>) -> Datum {
        Datum::set_from_sorted(elements)
    }
}

impl Element for (Atom, Atom) {
    fn key(&self) -> &Atom {
        &self.0
    }

    fn datum(elements: Vec<(Atom, Atom)>) -> Datum {
        Datum::map_from_sorted(elements)
    }
}

/// Finds `key`, or the place where it would be, looking at about 2·log2(distance) elements: cheap both for
/// a few keys in a large datum and for many keys side by side.
pub(super) fn find<E: Element>(elements: &[E], key: &Atom) -> Result<usize, usize> {
    let mut bound = 1;
    while bound <= elements.len() && elements[bound - 1].key() < key {
        bound *= 2;
    }
    let from = bound / 2;
    let to = bound.min(elements.len());
    match elements[from..to].binary_search_by(|element| element.key().cmp(key)) {
        Ok(at) => Ok(from + at),
        Err(at) => Err(from + at),
    }
}
