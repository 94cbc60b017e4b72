//! Row updates of one notification round, each written once and shared by every message that shows it.

use super::shape::Outcome;
use super::spec::ShapeId;
use crate::hash::HashMap;
use crate::limits::SLICE_CHUNK_BYTES;
use bytes::Bytes;

/// A written row update of the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SliceId(u32);

/// Identifies a row update: what is shown, which changed row of the shape's table, as what.
pub(super) type SliceKey = (ShapeId, u32, Outcome);

/// Row updates in chunks of memory that live as long as a message refers to them.
#[derive(Debug, Default)]
pub(super) struct Slices {
    sealed: Vec<Bytes>,
    open: Vec<u8>,
    places: Vec<Place>,
    known: HashMap<SliceKey, Option<SliceId>>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    chunk: u32,
    start: usize,
    end: usize,
}

impl Slices {
    /// The row update with this key, written by `write` if it is the first time; `None` if nothing is shown.
    ///
    /// `write` appends `,"UUID":{…}` and says whether it did.
    pub(super) fn row(&mut self, key: SliceKey, write: impl FnOnce(&mut Vec<u8>) -> bool) -> Option<SliceId> {
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let start = self.open.len();
        let slice = write(&mut self.open).then(|| {
            let place = Place {
                chunk: self.sealed.len() as u32,
                start,
                end: self.open.len(),
            };
            self.places.push(place);
            SliceId(self.places.len() as u32 - 1)
        });
        self.known.insert(key, slice);
        if self.open.len() >= SLICE_CHUNK_BYTES {
            self.seal();
        }
        slice
    }

    /// Number of row updates written.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Makes everything written so far readable.
    pub(super) fn seal(&mut self) {
        if !self.open.is_empty() {
            self.sealed.push(Bytes::from(std::mem::take(&mut self.open)));
        }
    }

    /// The text of a sealed slice, with its leading comma.
    pub(super) fn text(&self, id: SliceId) -> &[u8] {
        let place = self.places[id.0 as usize];
        &self.sealed[place.chunk as usize][place.start..place.end]
    }

    /// A share of a sealed slice, with its leading comma.
    pub(super) fn share(&self, id: SliceId) -> Bytes {
        let place = self.places[id.0 as usize];
        self.sealed[place.chunk as usize].slice(place.start..place.end)
    }
}
