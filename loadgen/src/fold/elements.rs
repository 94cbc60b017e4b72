//! The elements of a set or the pairs of a map, and a digest of them.
//!
//! An address set of a large site has tens of thousands of elements and grows by one at a time, so that the next
//! version of a large one shares all but what changes with the last, and so does its digest.

use std::collections::BTreeMap;

use rpds::HashTrieMap;
use twox_hash::XxHash3_128;

/// Pairs up to which they are copied: that is cheaper, and takes less memory.
const FEW: usize = 64;

/// Pairs of texts by their first; an element of a set is paired with the empty text.
#[derive(Clone, Debug)]
pub(super) struct Elements {
    pairs: Pairs,
    /// The sum of the pairs' hashes: equal for equal pairs, whatever the way that led to them.
    digest: u128,
}

#[derive(Clone, Debug)]
enum Pairs {
    Few(BTreeMap<Box<str>, Box<str>>),
    Many(HashTrieMap<Box<str>, Box<str>>),
}

impl Elements {
    pub(super) fn new() -> Elements {
        Elements {
            pairs: Pairs::Few(BTreeMap::new()),
            digest: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.pairs {
            Pairs::Few(pairs) => pairs.is_empty(),
            Pairs::Many(pairs) => pairs.is_empty(),
        }
    }

    pub(super) fn digest(&self) -> u128 {
        self.digest
    }

    /// The pairs, in no particular order.
    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = (&str, &str)> + '_> {
        match &self.pairs {
            Pairs::Few(pairs) => Box::new(pairs.iter().map(|(key, value)| (&**key, &**value))),
            Pairs::Many(pairs) => Box::new(pairs.iter().map(|(key, value)| (&**key, &**value))),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let value = match &self.pairs {
            Pairs::Few(pairs) => pairs.get(key),
            Pairs::Many(pairs) => pairs.get(key),
        };
        value.map(|value| &**value)
    }

    /// Takes the pair away if it is there, and puts it in the place of any other with its key if it is not.
    pub(super) fn toggle(&mut self, key: Box<str>, value: Box<str>) {
        let known = self.get(&key);
        let is_there = known == Some(&*value);
        if let Some(known) = known {
            self.digest = self.digest.wrapping_sub(hash(&key, known));
        }
        if is_there {
            match &mut self.pairs {
                Pairs::Few(pairs) => {
                    pairs.remove(&key);
                }
                Pairs::Many(pairs) => {
                    pairs.remove_mut(&key);
                }
            }
            return;
        }
        self.digest = self.digest.wrapping_add(hash(&key, &value));
        match &mut self.pairs {
            Pairs::Few(pairs) => {
                pairs.insert(key, value);
            }
            Pairs::Many(pairs) => pairs.insert_mut(key, value),
        }
        if let Pairs::Few(pairs) = &mut self.pairs
            && pairs.len() > FEW
        {
            self.pairs = Pairs::Many(std::mem::take(pairs).into_iter().collect());
        }
    }
}

fn hash(key: &str, value: &str) -> u128 {
    let mut text = Vec::with_capacity(key.len() + value.len() + 1);
    text.extend_from_slice(key.as_bytes());
    // In no JSON text.
    text.push(0);
    text.extend_from_slice(value.as_bytes());
    XxHash3_128::oneshot(&text)
}
