//! Row updates of one notification round, each written once and shared by every message that shows it.

use super::gather::Gather;
use super::shape::Outcome;
use super::spec::ShapeId;
use crate::hash::HashMap;
use crate::limits::{GATHER_BYTES_MIN, SLICE_CHUNK_BYTES};
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
        let slice = self.add(write);
        self.known.insert(key, slice);
        slice
    }

    /// [`Slices::row`] for one that comes once.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) -> Option<SliceId> {
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
        if self.open.len() >= SLICE_CHUNK_BYTES {
            // Others will follow. Most are much shorter than what is over here.
            let next = Vec::with_capacity(SLICE_CHUNK_BYTES + SLICE_CHUNK_BYTES / 16);
            self.sealed
                .push(Bytes::from(std::mem::replace(&mut self.open, next)));
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

    /// Appends sealed slices one after another, each with its leading comma. Those that lie side by side are one piece.
    pub(super) fn gather(&self, ids: &[SliceId], gather: &mut Gather) {
        let mut ids = ids.iter().map(|id| self.places[id.0 as usize]).peekable();
        while let Some(mut place) = ids.next() {
            while let Some(next) = ids.next_if(|next| next.chunk == place.chunk && next.start == place.end) {
                place.end = next.end;
            }
            let chunk = &self.sealed[place.chunk as usize];
            if place.end - place.start < GATHER_BYTES_MIN {
                gather.copy(&chunk[place.start..place.end]);
            } else {
                gather.share(chunk.slice(place.start..place.end));
            }
        }
    }
}
