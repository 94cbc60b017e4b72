//! Hash functions and the tables built on them: all of this crate, and no other ones.
//!
//! Names and UUIDs come from clients, who must not be able to choose such as collide. So hashes are keyed, by a key
//! that the process brings from outside like all of its entropy: [`set_key`]. A program that brings none gets one
//! from the clock and the layout of its memory. With a fixed key the same work does the same steps in every run,
//! which is what the counts of the performance gate rest on.
//!
//! Each hasher besides has a seed of its own, no secret: a table that is filled in the order of another would
//! otherwise find all its places taken in turn.

use std::cell::Cell;
use std::hash::BuildHasher;
use std::sync::OnceLock;

use foldhash::{SharedSeed, fast, quality};

/// A hash map under the key of the process.
pub type HashMap<K, V> = hashbrown::HashMap<K, V, Keyed>;
/// A hash set under the key of the process.
pub type HashSet<K> = hashbrown::HashSet<K, Keyed>;

static KEY: OnceLock<Key> = OnceLock::new();

#[derive(Debug)]
struct Key {
    number: Option<u64>,
    seeds: SharedSeed,
}

/// Distance between the seeds of two hashers of a thread: odd, so that they come back after 2^64 only, and far
/// from any pattern (2^64 divided by the golden ratio).
const SEED_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

thread_local! {
    static NEXT_SEED: Cell<u64> = const { Cell::new(SEED_STEP) };
}

/// Sets the key of the process, before its first table.
///
/// # Panics
///
/// If there are tables under another key already.
pub fn set_key(number: u64) {
    let key = KEY.get_or_init(|| Key {
        number: Some(number),
        seeds: SharedSeed::from_u64(number),
    });
    assert!(
        key.number == Some(number),
        "the key of hashes comes before the first table"
    );
}

#[inline]
fn seeds() -> &'static SharedSeed {
    let key = KEY.get_or_init(|| Key {
        number: None,
        seeds: SharedSeed::global_random().clone(),
    });
    &key.seeds
}

/// Makes hashers for tables in memory.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    seed: u64,
}

impl Default for Keyed {
    #[inline]
    fn default() -> Keyed {
        Keyed {
            seed: NEXT_SEED.with(|next| next.replace(next.get().wrapping_add(SEED_STEP))),
        }
    }
}

impl BuildHasher for Keyed {
    type Hasher = fast::FoldHasher<'static>;

    #[inline]
    fn build_hasher(&self) -> Self::Hasher {
        fast::FoldHasher::with_seed(self.seed, seeds())
    }
}

/// Makes hashers whose every bit depends on the whole input, for those who use less than all bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyedWell(Keyed);

impl BuildHasher for KeyedWell {
    type Hasher = quality::FoldHasher<'static>;

    #[inline]
    fn build_hasher(&self) -> Self::Hasher {
        quality::FoldHasher::with_seed(self.0.seed, seeds())
    }
}

#[cfg(test)]
mod tests {
    use super::{Keyed, KeyedWell};
    use std::hash::BuildHasher;

    #[test]
    fn hashers_agree_with_themselves_only() {
        let (one, other) = (Keyed::default(), Keyed::default());
        assert_eq!(one.hash_one(1), one.hash_one(1));
        assert_ne!(one.hash_one(1), other.hash_one(1));
        let (one, other) = (KeyedWell::default(), KeyedWell::default());
        assert_eq!(one.hash_one("a"), one.hash_one("a"));
        assert_ne!(one.hash_one("a"), other.hash_one("a"));
    }
}
