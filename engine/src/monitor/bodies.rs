//! Bodies of messages, each distinct list of pieces once per notification round.
//!
//! Two conditions that let the same rows through, and two specs that show the same tables the same way,
//! get the same body, however different they are otherwise.

use super::gather::Gather;
use bytes::Bytes;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hash};
use std::ops::Range;

/// A body of the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BodyId(u32);

/// Bodies by the list of ids they are made of.
#[derive(Debug)]
pub(super) struct Bodies<K> {
    hasher: foldhash::fast::RandomState,
    /// The lists one after another.
    items: Vec<K>,
    bodies: Vec<Body>,
    ids: HashTable<BodyId>,
}

#[derive(Debug)]
struct Body {
    list: Range<usize>,
    segments: Vec<Bytes>,
}

impl<K> Default for Bodies<K> {
    fn default() -> Bodies<K> {
        Bodies {
            hasher: Default::default(),
            items: Vec::new(),
            bodies: Vec::new(),
            ids: HashTable::new(),
        }
    }
}

impl<K: Copy + Eq + Hash> Bodies<K> {
    /// The body made of `list`, gathered by `gather` if it is the first of its kind.
    pub(super) fn of_list(&mut self, list: &[K], gather: impl FnOnce(&mut Gather)) -> BodyId {
        let hash = self.hasher.hash_one(list);
        let (items, bodies) = (&self.items, &self.bodies);
        let known = self
            .ids
            .find(hash, |id| items[bodies[id.at()].list.clone()] == *list);
        if let Some(id) = known {
            return *id;
        }
        let mut segments = Gather::default();
        gather(&mut segments);
        let start = self.items.len();
        self.items.extend_from_slice(list);
        let id = BodyId(u32::try_from(self.bodies.len()).expect("fewer bodies than monitors"));
        self.bodies.push(Body {
            list: start..self.items.len(),
            segments: segments.finish(),
        });
        let (hasher, items, bodies) = (&self.hasher, &self.items, &self.bodies);
        self.ids.insert_unique(hash, id, |id| {
            hasher.hash_one(&items[bodies[id.at()].list.clone()])
        });
        id
    }

    pub(super) fn segments(&self, id: BodyId) -> &[Bytes] {
        &self.bodies[id.at()].segments
    }

    /// Number of distinct bodies.
    pub(super) fn len(&self) -> usize {
        self.bodies.len()
    }
}

impl BodyId {
    fn at(self) -> usize {
        self.0 as usize
    }
}
