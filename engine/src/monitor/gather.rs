//! Joins pieces of a message: small ones are copied together, large ones shared.

use crate::limits::{GATHER_BYTES_MIN, SLICE_CHUNK_BYTES};
use bytes::Bytes;

/// A gather list under construction.
#[derive(Debug, Default)]
pub(super) struct Gather {
    segments: Vec<Bytes>,
    copied: Vec<u8>,
}

impl Gather {
    /// Appends text by copying it.
    pub(super) fn copy(&mut self, text: &[u8]) {
        self.copied.extend_from_slice(text);
    }

    /// The buffer that copied text goes to, from the last shared piece on.
    pub(super) fn copied(&mut self) -> &mut Vec<u8> {
        &mut self.copied
    }

    /// Closes the segment of copied text once it is long, so that long messages are not moved as they grow.
    pub(super) fn settle(&mut self) {
        if self.copied.len() >= SLICE_CHUNK_BYTES {
            self.flush();
        }
    }

    /// Appends a piece that others hold too.
    pub(super) fn share(&mut self, piece: Bytes) {
        if piece.len() < GATHER_BYTES_MIN {
            self.copied.extend_from_slice(&piece);
        } else {
            self.flush();
            self.segments.push(piece);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.segments
    }

    fn flush(&mut self) {
        if !self.copied.is_empty() {
            self.segments.push(Bytes::from(std::mem::take(&mut self.copied)));
        }
    }
}
