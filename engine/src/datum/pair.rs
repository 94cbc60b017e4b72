//! Pairs of maps. The keys of a map are few words that come again in row after row (`stage-name`, `source`), so a pair
//! shares its key with others instead of holding it.
//!
//! ```text
//!   Pair ──► key: Arc<Atom>, one for many pairs      8 bytes instead of 24
//!        └── value: Atom
//! ```
//!
//! Sharing is nobody's promise: each thread remembers the keys that it has seen last, and makes another object for one
//! that it does not know. Two pairs are equal if their keys are, whether these are shared or not.

use super::Atom;
use crate::hash::Keyed;
use crate::limits::MAP_KEYS_REMEMBERED;
use std::cell::RefCell;
use std::hash::BuildHasher;
use triomphe::Arc;

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    key: Arc<Atom>,
    value: Atom,
}

const _: () = assert!(size_of::<Pair>() == 32);

impl Pair {
    /// Bytes of the object that holds a key, its counter among them.
    pub(super) const KEY_BYTES: usize = size_of::<Atom>() + size_of::<usize>();

    pub fn new(key: Atom, value: Atom) -> Pair {
        Pair {
            key: shared(key),
            value,
        }
    }

    pub fn key(&self) -> &Atom {
        &self.key
    }

    pub fn value(&self) -> &Atom {
        &self.value
    }

    /// Key and value.
    pub fn split(&self) -> (&Atom, &Atom) {
        (&self.key, &self.value)
    }
}

/// The keys that this thread has seen last, each at a place that its hash decides.
struct Remembered {
    hasher: Keyed,
    keys: Box<[Option<Arc<Atom>>]>,
}

thread_local! {
    static REMEMBERED: RefCell<Remembered> = RefCell::new(Remembered {
        hasher: Keyed::default(),
        keys: vec![None; MAP_KEYS_REMEMBERED].into(),
    });
}

/// The object of a key, an old one if it is remembered.
fn shared(key: Atom) -> Arc<Atom> {
    REMEMBERED.with_borrow_mut(|remembered| {
        let place = remembered.hasher.hash_one(&key) as usize % MAP_KEYS_REMEMBERED;
        match &mut remembered.keys[place] {
            Some(known) if **known == key => Arc::clone(known),
            place => Arc::clone(place.insert(Arc::new(key))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Atom, Pair};
    use crate::datum::Str;

    #[test]
    fn pairs_share_keys_that_come_again() {
        let pair = |key: &str, value| Pair::new(Atom::String(Str::new(key)), Atom::Integer(value));
        let [a, b, other] = [pair("source", 1), pair("source", 2), pair("stage-name", 1)];
        assert!(std::ptr::eq(a.key(), b.key()) && !std::ptr::eq(a.key(), other.key()));
        assert!(a != b && a != other && a == pair("source", 1));
    }
}
