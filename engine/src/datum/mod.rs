//! Values of columns (RFC 7047 §5.1).
//!
//! A [`Datum`] is sorted, free of duplicates and within the cardinality of its column; equality is
//! structural. Its type is not stored: the column's schema knows it.
//!
//! ```text
//!  JSON ─► parse (checked against the column) ─► Datum ─► print ─► JSON, or text for people
//!                                                 │ ▲
//!                             diff, merge ────────┘ └──── apply_diff, merge
//! ```

pub mod atom;
pub mod constraint;
pub mod convert;
pub mod diff;
mod edit;
mod elements;
pub mod merge;
mod pair;
pub mod parse;
pub mod print;
pub mod str;
pub mod uuid_text;
mod walk;

pub use atom::{Atom, Real};
pub use convert::convert;
pub use diff::{apply_diff, diff};
pub use elements::{Element, Elements, Iter, Slices};
pub use pair::Pair;
pub use parse::{
    Shape, Symbols, check_len, parse, parse_atom, parse_relaxed, parse_shape, parse_unconstrained,
};
pub use str::Str;

use crate::schema::ColumnType;
use std::cmp::Ordering;

/// Value of one column of one row: 24 bytes, small scalars inline, larger contents shared.
///
/// A column without value type holds `One` when it has exactly one element and `Set` otherwise; a column
/// with value type always holds `Map`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Datum {
    One(Atom),
    Set(Set),
    Map(Map),
}

const _: () = assert!(size_of::<Datum>() == 24);

/// Zero, or two and more, distinct atoms of one type in ascending order.
pub type Set = Elements<Atom>;

/// Pairs with distinct keys in ascending order of key.
pub type Map = Elements<Pair>;

impl Datum {
    pub const EMPTY_SET: Datum = Datum::Set(Set::EMPTY);
    pub const EMPTY_MAP: Datum = Datum::Map(Map::EMPTY);

    /// Makes a set of atoms that are ascending and distinct already.
    pub fn set_from_sorted(atoms: Vec<Atom>) -> Datum {
        match <[Atom; 1]>::try_from(atoms) {
            Ok([atom]) => Datum::One(atom),
            Err(atoms) => Datum::Set(Set::from_sorted(atoms)),
        }
    }

    /// Makes a map of pairs that are ascending and distinct by key already.
    pub fn map_from_sorted(pairs: Vec<(Atom, Atom)>) -> Datum {
        let pairs = pairs.into_iter().map(|(key, value)| Pair::new(key, value));
        Datum::Map(Map::from_sorted(pairs.collect()))
    }

    /// Makes the datum of a column without value type, whatever the number of its elements.
    fn from_set(set: Set) -> Datum {
        match set.slices().first() {
            Some(atom) if set.len() == 1 => Datum::One(atom.clone()),
            _ => Datum::Set(set),
        }
    }

    /// What a column of this type holds when nothing is said: `n_min` default atoms or pairs (RFC 7047 §5.2.1).
    pub fn default_of(ty: &ColumnType) -> Datum {
        match (ty.n_min, &ty.value) {
            (0, None) => Datum::EMPTY_SET,
            (0, Some(_)) => Datum::EMPTY_MAP,
            (_, None) => Datum::One(ty.key.atomic.default_atom()),
            (_, Some(value)) => {
                Datum::map_from_sorted(vec![(ty.key.atomic.default_atom(), value.atomic.default_atom())])
            }
        }
    }

    /// Number of elements or pairs.
    pub fn len(&self) -> usize {
        match self {
            Datum::One(_) => 1,
            Datum::Set(set) => set.len(),
            Datum::Map(map) => map.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of a set or the keys of a map, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &Atom> {
        let pairs = self.pairs().iter().map(Pair::key);
        self.atoms().iter().chain(pairs)
    }

    /// The values of a map in the order of their keys; nothing for a set.
    pub fn values(&self) -> impl Iterator<Item = &Atom> {
        self.pairs().iter().map(Pair::value)
    }

    pub fn is_map(&self) -> bool {
        matches!(self, Datum::Map(_))
    }

    /// The pairs of a map, ascending by key; empty for anything else.
    pub fn pairs(&self) -> Slices<'_, Pair> {
        match self {
            Datum::Map(map) => map.slices(),
            _ => Slices::flat(&[]),
        }
    }

    /// The atoms of a set, ascending; empty for a map.
    pub fn atoms(&self) -> Slices<'_, Atom> {
        match self {
            Datum::One(atom) => Slices::flat(std::slice::from_ref(atom)),
            Datum::Set(set) => set.slices(),
            Datum::Map(_) => Slices::flat(&[]),
        }
    }

    /// True if `atom` is an element of the set or a key of the map.
    pub fn contains_key(&self, atom: &Atom) -> bool {
        match self {
            Datum::One(only) => only == atom,
            Datum::Set(set) => set.slices().get(atom).is_some(),
            Datum::Map(map) => map.slices().get(atom).is_some(),
        }
    }

    /// The value of `key` in a map.
    pub fn value_of(&self, key: &Atom) -> Option<&Atom> {
        self.pairs().get(key).map(Pair::value)
    }

    /// True if both are one object in memory, which is decided without looking inside. False says nothing.
    pub fn ptr_eq(&self, other: &Datum) -> bool {
        match (self, other) {
            (Datum::Set(a), Datum::Set(b)) => a.ptr_eq(b),
            (Datum::Map(a), Datum::Map(b)) => a.ptr_eq(b),
            _ => false,
        }
    }

    /// Bytes of memory outside of the datum itself.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Datum::One(atom) => atom.heap_bytes(),
            Datum::Set(set) => set.slices().heap_bytes_beside(Slices::flat(&[])),
            Datum::Map(map) => map.slices().heap_bytes_beside(Slices::flat(&[])),
        }
    }

    /// Bytes of memory outside of the datum itself that keeping it beside its earlier version `base` costs:
    /// what did not change is shared.
    pub fn heap_bytes_beside(&self, base: &Datum) -> usize {
        match self {
            Datum::One(_) if self == base => 0,
            Datum::One(atom) => atom.heap_bytes(),
            Datum::Set(set) => set.slices().heap_bytes_beside(base.atoms()),
            Datum::Map(map) => map.slices().heap_bytes_beside(base.pairs()),
        }
    }

    /// The uuid of a one-element uuid datum.
    pub fn as_uuid(&self) -> Option<uuid::Uuid> {
        match self {
            Datum::One(Atom::Uuid(uuid)) => Some(*uuid),
            _ => None,
        }
    }
}

/// Upstream's order (`ovsdb_datum_compare_3way`), which `select` sorts by: number of elements, then keys,
/// then values.
impl Ord for Datum {
    fn cmp(&self, other: &Datum) -> Ordering {
        if let (Datum::One(a), Datum::One(b)) = (self, other) {
            return a.cmp(b);
        }
        self.len()
            .cmp(&other.len())
            .then_with(|| self.keys().cmp(other.keys()))
            .then_with(|| self.values().cmp(other.values()))
            .then_with(|| self.is_map().cmp(&other.is_map()))
    }
}

impl PartialOrd for Datum {
    fn partial_cmp(&self, other: &Datum) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
