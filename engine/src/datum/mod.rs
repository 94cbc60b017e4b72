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
mod element;
pub mod merge;
pub mod parse;
pub mod print;
pub mod str;
pub mod uuid_text;

pub use atom::{Atom, Real};
pub use convert::convert;
pub use diff::{apply_diff, diff};
pub use parse::{Shape, Symbols, parse, parse_atom, parse_relaxed, parse_shape, parse_unconstrained};
pub use str::Str;

use crate::schema::ColumnType;
use std::cmp::Ordering;
use std::sync::Arc;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Set {
    atoms: Option<Arc<[Atom]>>,
}

/// Pairs with distinct keys in ascending order of key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Map {
    pairs: Option<Arc<[(Atom, Atom)]>>,
}

impl Datum {
    pub const EMPTY_SET: Datum = Datum::Set(Set { atoms: None });
    pub const EMPTY_MAP: Datum = Datum::Map(Map { pairs: None });

    /// Makes a set of atoms that are ascending and distinct already.
    pub fn set_from_sorted(atoms: Vec<Atom>) -> Datum {
        debug_assert!(atoms.windows(2).all(|pair| pair[0] < pair[1]));
        match <[Atom; 1]>::try_from(atoms) {
            Ok([atom]) => Datum::One(atom),
            Err(atoms) if atoms.is_empty() => Datum::EMPTY_SET,
            Err(atoms) => Datum::Set(Set {
                atoms: Some(atoms.into()),
            }),
        }
    }

    /// Makes a map of pairs that are ascending and distinct by key already.
    pub fn map_from_sorted(pairs: Vec<(Atom, Atom)>) -> Datum {
        debug_assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0));
        if pairs.is_empty() {
            Datum::EMPTY_MAP
        } else {
            Datum::Map(Map {
                pairs: Some(pairs.into()),
            })
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
            Datum::Set(set) => set.as_slice().len(),
            Datum::Map(map) => map.as_slice().len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of a set or the keys of a map, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &Atom> {
        let (atoms, pairs): (&[Atom], &[(Atom, Atom)]) = match self {
            Datum::One(atom) => (std::slice::from_ref(atom), &[]),
            Datum::Set(set) => (set.as_slice(), &[]),
            Datum::Map(map) => (&[], map.as_slice()),
        };
        atoms.iter().chain(pairs.iter().map(|(key, _)| key))
    }

    /// The values of a map in the order of their keys; nothing for a set.
    pub fn values(&self) -> impl Iterator<Item = &Atom> {
        self.pairs().iter().map(|(_, value)| value)
    }

    pub fn is_map(&self) -> bool {
        matches!(self, Datum::Map(_))
    }

    /// The pairs of a map, ascending by key; empty for anything else.
    pub fn pairs(&self) -> &[(Atom, Atom)] {
        match self {
            Datum::Map(map) => map.as_slice(),
            _ => &[],
        }
    }

    /// The atoms of a set; empty for a map.
    pub fn atoms(&self) -> &[Atom] {
        match self {
            Datum::One(atom) => std::slice::from_ref(atom),
            Datum::Set(set) => set.as_slice(),
            Datum::Map(_) => &[],
        }
    }

    /// True if `atom` is an element of the set or a key of the map.
    pub fn contains_key(&self, atom: &Atom) -> bool {
        match self {
            Datum::Map(map) => map.as_slice().binary_search_by(|(key, _)| key.cmp(atom)).is_ok(),
            _ => self.atoms().binary_search(atom).is_ok(),
        }
    }

    /// The value of `key` in a map.
    pub fn value_of(&self, key: &Atom) -> Option<&Atom> {
        let pairs = self.pairs();
        pairs
            .binary_search_by(|(k, _)| k.cmp(key))
            .ok()
            .map(|at| &pairs[at].1)
    }

    /// True if both are one object in memory, which is decided without looking inside. False says nothing.
    pub fn ptr_eq(&self, other: &Datum) -> bool {
        match (self, other) {
            (Datum::Set(a), Datum::Set(b)) => same_object(a.atoms.as_ref(), b.atoms.as_ref()),
            (Datum::Map(a), Datum::Map(b)) => same_object(a.pairs.as_ref(), b.pairs.as_ref()),
            _ => false,
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

impl Set {
    pub fn as_slice(&self) -> &[Atom] {
        self.atoms.as_deref().unwrap_or(&[])
    }
}

impl Map {
    pub fn as_slice(&self) -> &[(Atom, Atom)] {
        self.pairs.as_deref().unwrap_or(&[])
    }
}

fn same_object<T>(a: Option<&Arc<[T]>>, b: Option<&Arc<[T]>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
