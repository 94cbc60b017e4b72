//! Bodies of messages, each distinct list of pieces once per notification round.
//!
//! Two conditions that let the same rows through, and two specs that show the same tables the same way,
//! get the same body, however different they are otherwise.

use super::gather::Gather;
use super::lists::Lists;
use bytes::Bytes;
use std::hash::Hash;

/// A body of the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BodyId(u32);

/// Bodies by the list of pieces they are made of.
#[derive(Debug)]
pub(super) struct Bodies<K> {
    lists: Lists<K>,
    segments: Vec<Vec<Bytes>>,
}

impl<K> Default for Bodies<K> {
    fn default() -> Bodies<K> {
        Bodies {
            lists: Lists::default(),
            segments: Vec::new(),
        }
    }
}

impl<K: Copy + Eq + Hash> Bodies<K> {
    /// The body made of `list`, gathered by `gather` if it is the first of its kind.
    pub(super) fn of_list(&mut self, list: &[K], gather: impl FnOnce(&mut Gather)) -> BodyId {
        let number = self.lists.number(list);
        if number as usize == self.segments.len() {
            let mut segments = Gather::default();
            gather(&mut segments);
            self.segments.push(segments.finish());
        }
        BodyId(number)
    }

    pub(super) fn segments(&self, id: BodyId) -> &[Bytes] {
        &self.segments[id.0 as usize]
    }

    /// Number of distinct bodies.
    pub(super) fn len(&self) -> usize {
        self.segments.len()
    }
}
