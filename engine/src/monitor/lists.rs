//! Distinct lists of small items, each with a number.

use crate::hash::Keyed;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hash};
use std::ops::Range;

/// Numbers for lists, from 0 in order of first appearance.
#[derive(Debug)]
pub(super) struct Lists<K> {
    hasher: Keyed,
    /// The lists one after another.
    items: Vec<K>,
    ranges: Vec<Range<usize>>,
    numbers: HashTable<u32>,
}

impl<K> Default for Lists<K> {
    fn default() -> Lists<K> {
        Lists {
            hasher: Default::default(),
            items: Vec::new(),
            ranges: Vec::new(),
            numbers: HashTable::new(),
        }
    }
}

impl<K: Copy + Eq + Hash> Lists<K> {
    /// The number of `list`, which is [`Lists::len`] as it was before if the list is new.
    pub(super) fn number(&mut self, list: &[K]) -> u32 {
        let hash = self.hasher.hash_one(list);
        let (items, ranges) = (&self.items, &self.ranges);
        let known = self
            .numbers
            .find(hash, |number| items[ranges[*number as usize].clone()] == *list);
        if let Some(number) = known {
            return *number;
        }
        let number = u32::try_from(self.ranges.len()).expect("memory ends before 2^32 lists");
        let start = self.items.len();
        self.items.extend_from_slice(list);
        self.ranges.push(start..self.items.len());
        let (hasher, items, ranges) = (&self.hasher, &self.items, &self.ranges);
        self.numbers.insert_unique(hash, number, |number| {
            hasher.hash_one(&items[ranges[*number as usize].clone()])
        });
        number
    }

    pub(super) fn get(&self, number: u32) -> &[K] {
        &self.items[self.ranges[number as usize].clone()]
    }

    /// Forgets all lists and keeps the room for others.
    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.ranges.clear();
        self.numbers.clear();
    }

    /// Number of distinct lists.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }
}
