//! Values of columns (RFC 7047 §5.1).
//!
//! A [`Datum`] is sorted, free of duplicates and within the cardinality of its column; equality is
//! structural. Its type is not stored: the column's schema knows it.

pub mod atom;
pub mod str;

pub use atom::{Atom, Real};
pub use str::Str;

use std::sync::Arc;

/// Value of one column of one row: 24 bytes, small scalars inline, larger contents shared.
///
/// A column without value type holds `One` when it has exactly one element and `Set` otherwise; a column
/// with value type always holds `Map`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    One(Atom),
    Set(Set),
    Map(Map),
}

const _: () = assert!(size_of::<Datum>() == 24);

/// Zero, or two and more, distinct atoms of one type in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set {
    atoms: Option<Arc<[Atom]>>,
}

/// Pairs with distinct keys in ascending order of key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// The uuid of a one-element uuid datum.
    pub fn as_uuid(&self) -> Option<uuid::Uuid> {
        match self {
            Datum::One(Atom::Uuid(uuid)) => Some(*uuid),
            _ => None,
        }
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
