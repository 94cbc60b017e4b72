//! Two ordered lists of elements side by side, and one with a list of keys: what comparing and merging are
//! made of. Shared chunks are skipped, so the cost of two versions of a large set follows what differs.

use super::Atom;
use super::elements::{Element, Slices};
use std::cmp::Ordering;
use std::sync::Arc;

/// Where two lists differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference<'a, E> {
    /// A key of the old list only.
    Old(&'a E),
    /// A key of the new list only.
    New(&'a E),
    /// A key of both with another value; this is the new element.
    Changed(&'a E),
}

/// Calls `each` for every difference in ascending order of key, until it returns false.
pub(super) fn differences<'a, E: Element>(
    old: Slices<'a, E>,
    new: Slices<'a, E>,
    each: &mut impl FnMut(Difference<'a, E>) -> bool,
) {
    let (mut old, mut new) = (Cursor::new(old), Cursor::new(new));
    loop {
        let (a, b) = (old.slice(), new.slice());
        if !a.is_empty() && std::ptr::eq(a, b) {
            old.advance(a.len());
            new.advance(b.len());
            continue;
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() && j < b.len() {
            // Most elements are in both, and that is the cheaper thing to ask.
            if a[i] == b[j] {
                i += 1;
                j += 1;
                continue;
            }
            let difference = match a[i].key().cmp(b[j].key()) {
                Ordering::Less => {
                    i += 1;
                    Difference::Old(&a[i - 1])
                }
                Ordering::Greater => {
                    j += 1;
                    Difference::New(&b[j - 1])
                }
                Ordering::Equal => {
                    i += 1;
                    j += 1;
                    Difference::Changed(&b[j - 1])
                }
            };
            if !each(difference) {
                return;
            }
        }
        match (a.is_empty(), b.is_empty()) {
            (true, true) => return,
            (false, true) => {
                if !a.iter().all(|element| each(Difference::Old(element))) {
                    return;
                }
                i = a.len();
            }
            (true, false) => {
                if !b.iter().all(|element| each(Difference::New(element))) {
                    return;
                }
                j = b.len();
            }
            (false, false) => {}
        }
        old.advance(i);
        new.advance(j);
    }
}

/// The first difference, if any.
pub(super) fn differs<'a, E: Element>(old: Slices<'a, E>, new: Slices<'a, E>) -> Option<Difference<'a, E>> {
    let mut found = None;
    differences(old, new, &mut |difference| {
        found = Some(difference);
        false
    });
    found
}

/// A place in a list of elements that only moves forward.
pub(super) struct Cursor<'a, E> {
    slices: Slices<'a, E>,
    /// Number of the chunk; a flat list counts as one chunk.
    chunk: usize,
    /// Element in the chunk; less than its length, or the chunk is behind the last.
    at: usize,
}

impl<'a, E: Element> Cursor<'a, E> {
    pub(super) fn new(slices: Slices<'a, E>) -> Cursor<'a, E> {
        Cursor {
            slices,
            chunk: 0,
            at: 0,
        }
    }

    /// The rest of the present chunk; empty at the end.
    fn slice(&self) -> &'a [E] {
        if self.slices.chunks.is_empty() {
            return &self.slices.flat[self.at..];
        }
        self.slices
            .chunks
            .get(self.chunk)
            .map_or(&[], |chunk| &chunk[self.at..])
    }

    /// Moves within the present chunk, and on to the next from its end.
    fn advance(&mut self, count: usize) {
        self.at += count;
        if let Some(chunk) = self.slices.chunks.get(self.chunk)
            && self.at == chunk.len()
        {
            self.chunk += 1;
            self.at = 0;
        }
    }

    /// Moves to the first element whose key is `key` or more, and returns it if it is `key`. Keys must ascend
    /// from call to call.
    pub(super) fn seek(&mut self, key: &Atom) -> Option<&'a E> {
        let later = self.slices.chunks.get(self.chunk..).unwrap_or_default();
        let is_behind = |chunk: &Arc<[E]>| chunk.last().is_none_or(|last| last.key() < key);
        if later.first().is_some_and(is_behind) {
            self.chunk += later.partition_point(is_behind);
            self.at = 0;
        }
        let slice = self.slice();
        match find(slice, key) {
            Ok(at) => {
                self.at += at;
                Some(&slice[at])
            }
            Err(at) => {
                self.advance(at);
                None
            }
        }
    }
}

/// Finds `key`, or the place where it would be, looking at about 2·log2(distance) elements: cheap both for
/// a few keys in many elements and for many keys side by side.
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
