//! New versions of ordered elements from old ones.

use super::Atom;
use super::elements::{Element, Elements, Slices, push_chunks};
use super::walk::find;
use crate::limits::DATUM_CHUNK_ELEMENTS_MIN;
use std::sync::Arc;

/// A change of one element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit<'a, E> {
    /// Adds the element, or puts it in the place of that with the same key.
    Put(&'a E),
    /// Removes the element with this key, if there is one.
    Remove(&'a Atom),
}

impl<E: Element> Edit<'_, E> {
    fn key(&self) -> &Atom {
        match self {
            Edit::Put(element) => element.key(),
            Edit::Remove(key) => key,
        }
    }
}

/// Applies `edits`, which ascend by distinct keys, to `old`. Chunks without an edit are shared with the result.
pub(super) fn edited<E: Element>(old: Slices<'_, E>, mut edits: &[Edit<'_, E>]) -> Elements<E> {
    let mut out = Vec::new();
    if old.chunks.is_empty() {
        edit_slice(old.flat, edits, &mut out);
        return Elements::from_sorted(out);
    }
    let mut chunks = old.chunks;
    let mut list = Vec::with_capacity(chunks.len() + 1);
    while let Some(edit) = edits.first()
        && !chunks.is_empty()
    {
        // Where the key belongs: the last chunk that begins at or before it, or else the first.
        let begun = chunks.partition_point(|chunk| chunk[0].key() <= edit.key());
        let (before, from) = chunks.split_at(begun.saturating_sub(1));
        list.extend_from_slice(before);
        let (chunk, after) = from.split_first().expect("the place is that of a chunk");
        let count = match after.first() {
            Some(next) => edits.partition_point(|edit| edit.key() < next[0].key()),
            None => edits.len(),
        };
        let (own_edits, later_edits) = edits.split_at(count);
        edit_slice(chunk, own_edits, &mut out);
        push_edited(&mut list, &mut out);
        (chunks, edits) = (after, later_edits);
    }
    list.extend_from_slice(chunks);
    Elements::from_chunks(list)
}

/// Moves `out` to the end of `list`; what has become small is joined with what precedes it.
fn push_edited<E: Element>(list: &mut Vec<Arc<[E]>>, out: &mut Vec<E>) {
    if out.len() < DATUM_CHUNK_ELEMENTS_MIN
        && !out.is_empty()
        && let Some(previous) = list.pop()
    {
        out.splice(..0, previous.iter().cloned());
    }
    push_chunks(list, std::mem::take(out));
}

fn edit_slice<E: Element>(mut old: &[E], edits: &[Edit<'_, E>], out: &mut Vec<E>) {
    out.reserve(old.len() + edits.len());
    for edit in edits {
        let (before, after) = match find(old, edit.key()) {
            Ok(at) => (&old[..at], &old[at + 1..]),
            Err(at) => old.split_at(at),
        };
        out.extend_from_slice(before);
        if let Edit::Put(element) = edit {
            out.push((*element).clone());
        }
        old = after;
    }
    out.extend_from_slice(old);
}
