//! The elements of a set or the pairs of a map: ascending, distinct, shared between versions of a row.
//!
//! ```text
//!  few:   Arc<[E]>                       one object
//!  many:  Arc<[ chunk, chunk, … ]>       chunk = Arc<[E]> of a few hundred elements
//! ```
//!
//! A change copies the chunks that it touches and the list of chunks: one element of 50,000 costs about 12 KB
//! instead of 1.2 MB, in every version that history and views keep. Two versions are compared by skipping
//! the chunks that they share.

use super::{Atom, Pair};
use crate::limits::{DATUM_CHUNK_ELEMENTS_MAX, DATUM_FLAT_ELEMENTS_MAX};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An atom of a set, or a pair of a map.
pub trait Element: Clone + Eq + Hash {
    /// What elements are ordered by and distinct in.
    fn key(&self) -> &Atom;

    /// Bytes of memory outside of the element itself.
    fn heap_bytes(&self) -> usize;
}

impl Element for Atom {
    fn key(&self) -> &Atom {
        self
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Atom::String(text) => text.heap_bytes(),
            _ => 0,
        }
    }
}

impl Element for Pair {
    fn key(&self) -> &Atom {
        Pair::key(self)
    }

    /// As if the key were not shared.
    fn heap_bytes(&self) -> usize {
        Pair::KEY_BYTES + self.key().heap_bytes() + self.value().heap_bytes()
    }
}

/// Elements in ascending order of their distinct keys. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Elements<E>(Repr<E>);

#[derive(Clone, Debug)]
enum Repr<E> {
    /// At least one element.
    Flat(Arc<[E]>),
    /// Nothing at all, which takes no object, or more elements than are kept flat.
    Chunked(Option<Arc<Chunks<E>>>),
}

#[derive(Debug)]
struct Chunks<E> {
    /// None of them empty.
    list: Vec<Arc<[E]>>,
    /// Elements of all chunks.
    len: usize,
}

/// A look at elements wherever they are kept; as cheap to pass as a slice.
#[derive(Debug)]
pub struct Slices<'a, E> {
    /// Empty if there are chunks.
    pub(super) flat: &'a [E],
    pub(super) chunks: &'a [Arc<[E]>],
    len: usize,
}

/// Iterates in ascending order of key.
#[derive(Clone, Debug)]
pub struct Iter<'a, E> {
    front: std::slice::Iter<'a, E>,
    chunks: std::slice::Iter<'a, Arc<[E]>>,
    len: usize,
}

impl<E: Element> Elements<E> {
    pub const EMPTY: Elements<E> = Elements(Repr::Chunked(None));

    /// Takes elements that are ascending and distinct by key already.
    pub fn from_sorted(elements: Vec<E>) -> Elements<E> {
        debug_assert!(elements.windows(2).all(|pair| pair[0].key() < pair[1].key()));
        match elements.len() {
            0 => Elements::EMPTY,
            len if len <= DATUM_FLAT_ELEMENTS_MAX => Elements(Repr::Flat(elements.into())),
            _ => {
                let mut list = Vec::new();
                push_chunks(&mut list, elements);
                Elements::from_chunks(list)
            }
        }
    }

    /// Takes chunks of which none is empty and whose elements are ascending and distinct by key.
    pub(super) fn from_chunks(list: Vec<Arc<[E]>>) -> Elements<E> {
        let len: usize = list.iter().map(|chunk| chunk.len()).sum();
        if len <= DATUM_FLAT_ELEMENTS_MAX {
            return Elements::from_sorted(list.iter().flat_map(|chunk| chunk.iter().cloned()).collect());
        }
        Elements(Repr::Chunked(Some(Arc::new(Chunks { list, len }))))
    }

    pub fn slices(&self) -> Slices<'_, E> {
        match &self.0 {
            Repr::Flat(elements) => Slices::flat(elements),
            Repr::Chunked(None) => Slices::flat(&[]),
            Repr::Chunked(Some(chunks)) => Slices {
                flat: &[],
                chunks: &chunks.list,
                len: chunks.len,
            },
        }
    }

    pub fn len(&self) -> usize {
        self.slices().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn iter(&self) -> Iter<'_, E> {
        self.slices().iter()
    }

    /// True if both are one object in memory. False says nothing.
    pub fn ptr_eq(&self, other: &Elements<E>) -> bool {
        match (&self.0, &other.0) {
            (Repr::Flat(a), Repr::Flat(b)) => Arc::ptr_eq(a, b),
            (Repr::Chunked(Some(a)), Repr::Chunked(Some(b))) => Arc::ptr_eq(a, b),
            (Repr::Chunked(None), Repr::Chunked(None)) => true,
            _ => false,
        }
    }
}

impl<E: Element> Default for Elements<E> {
    fn default() -> Elements<E> {
        Elements::EMPTY
    }
}

/// Structural: how two equal sets came about, and so where their chunks end, does not matter.
impl<E: Element> PartialEq for Elements<E> {
    fn eq(&self, other: &Elements<E>) -> bool {
        if self.ptr_eq(other) {
            return true;
        }
        match (&self.0, &other.0) {
            (Repr::Flat(a), Repr::Flat(b)) => a == b,
            _ => self.len() == other.len() && super::walk::differs(self.slices(), other.slices()).is_none(),
        }
    }
}

impl<E: Element> Eq for Elements<E> {}

impl<E: Element> Hash for Elements<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        self.iter().for_each(|element| element.hash(state));
    }
}

impl<'a, E: Element> Slices<'a, E> {
    pub(super) fn flat(flat: &'a [E]) -> Slices<'a, E> {
        Slices {
            flat,
            chunks: &[],
            len: flat.len(),
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn iter(&self) -> Iter<'a, E> {
        Iter {
            front: self.flat.iter(),
            chunks: self.chunks.iter(),
            len: self.len,
        }
    }

    pub fn first(&self) -> Option<&'a E> {
        self.iter().next()
    }

    /// Bytes of the objects that hold the elements, but for those that also hold elements of `base`.
    pub(super) fn heap_bytes_beside(&self, base: Slices<'_, E>) -> usize {
        if !self.flat.is_empty() {
            return if std::ptr::eq(self.flat, base.flat) {
                0
            } else {
                slice_bytes(self.flat)
            };
        }
        if std::ptr::eq(self.chunks, base.chunks) {
            return 0;
        }
        let is_shared = |chunk: &Arc<[E]>| {
            let begun = base
                .chunks
                .partition_point(|other| other[0].key() <= chunk[0].key());
            begun > 0 && Arc::ptr_eq(chunk, &base.chunks[begun - 1])
        };
        let own = self.chunks.iter().filter(|chunk| !is_shared(chunk));
        size_of_val(self.chunks) + own.map(|chunk| slice_bytes(chunk)).sum::<usize>()
    }

    /// The element with this key.
    pub fn get(&self, key: &Atom) -> Option<&'a E> {
        let slice = if self.chunks.is_empty() {
            self.flat
        } else {
            let at = self.chunks.partition_point(|chunk| chunk[0].key() <= key);
            &*self.chunks[at.checked_sub(1)?]
        };
        let at = slice.binary_search_by(|element| element.key().cmp(key)).ok()?;
        Some(&slice[at])
    }
}

impl<E> Clone for Slices<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Slices<'_, E> {}

impl<'a, E: Element> IntoIterator for Slices<'a, E> {
    type Item = &'a E;
    type IntoIter = Iter<'a, E>;

    fn into_iter(self) -> Iter<'a, E> {
        self.iter()
    }
}

impl<'a, E> Iterator for Iter<'a, E> {
    type Item = &'a E;

    fn next(&mut self) -> Option<&'a E> {
        loop {
            if let Some(element) = self.front.next() {
                self.len -= 1;
                return Some(element);
            }
            self.front = self.chunks.next()?.iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl<E> ExactSizeIterator for Iter<'_, E> {}

/// Bytes of a shared slice, its two counters and what its elements hold.
fn slice_bytes<E: Element>(slice: &[E]) -> usize {
    2 * size_of::<usize>() + size_of_val(slice) + slice.iter().map(Element::heap_bytes).sum::<usize>()
}

/// Appends elements as chunks of about equal size, none larger than allowed.
pub(super) fn push_chunks<E: Element>(list: &mut Vec<Arc<[E]>>, elements: Vec<E>) {
    if elements.len() <= DATUM_CHUNK_ELEMENTS_MAX {
        if !elements.is_empty() {
            list.push(elements.into());
        }
        return;
    }
    // Three quarters full, so that the next elements find room.
    let count = elements.len().div_ceil(DATUM_CHUNK_ELEMENTS_MAX * 3 / 4);
    let size = elements.len().div_ceil(count);
    let mut elements = elements.into_iter();
    while elements.len() > 0 {
        list.push(elements.by_ref().take(size).collect());
    }
}
