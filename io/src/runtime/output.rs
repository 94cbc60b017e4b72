//! Bytes on their way to one socket, in order, as shared slices.

use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Slots that an empty queue keeps allocated; a longer one (after a large answer) is given back.
const KEEP_SLICES: usize = 16;

/// Queue of slices not yet taken by the socket.
///
/// `bytes` = sum of the lengths in `slices` + length of `tail`; no slice is empty.
#[derive(Debug, Default)]
pub(super) struct Output {
    slices: VecDeque<Bytes>,
    /// Copied texts that follow `slices`, gathered in one buffer until they are needed as a slice.
    tail: BytesMut,
    bytes: usize,
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, slice: Bytes) {
        if slice.is_empty() {
            return;
        }
        self.seal();
        self.bytes += slice.len();
        self.slices.push_back(slice);
    }

    pub(super) fn push_copy(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    /// Turns the copied texts into a slice.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.slices.push_back(self.tail.split().freeze());
        }
    }

    /// Fills `gather` from the front of the queue and says how many slices that are.
    pub(super) fn gather<'a>(&'a mut self, gather: &mut [IoSlice<'a>]) -> usize {
        self.seal();
        let mut filled = 0;
        for (place, slice) in gather.iter_mut().zip(&self.slices) {
            *place = IoSlice::new(slice);
            filled += 1;
        }
        filled
    }

    /// How many slices there are to gather.
    pub(super) fn slice_count(&self) -> usize {
        self.slices.len() + usize::from(!self.tail.is_empty())
    }

    /// Removes the first `sent` bytes.
    pub(super) fn consume(&mut self, mut sent: usize) {
        assert!(sent <= self.bytes, "the kernel took more than was offered");
        self.bytes -= sent;
        self.seal();
        while sent > 0 {
            let first = self.slices.front_mut().expect("bytes counts what slices hold");
            if first.len() > sent {
                first.advance(sent);
                break;
            }
            sent -= first.len();
            self.slices.pop_front();
        }
        if self.bytes == 0 {
            self.release();
        }
    }

    /// The first slices of the queue, shared, for an operation that must own them. They stay queued until
    /// `consume`.
    pub(super) fn share_front(&mut self, slices_max: usize) -> Vec<Bytes> {
        self.seal();
        self.slices.iter().take(slices_max).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.bytes = 0;
        self.slices.clear();
        self.tail.clear();
        self.release();
    }

    /// Gives back memory that an idle connection should not hold.
    fn release(&mut self) {
        if self.slices.capacity() > KEEP_SLICES {
            self.slices = VecDeque::new();
        }
        self.tail = BytesMut::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(output: &mut Output) -> Vec<u8> {
        let mut gather = [IoSlice::new(&[]); 16];
        let filled = output.gather(&mut gather);
        gather[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn order_is_kept_between_shared_and_copied() {
        let mut output = Output::default();
        output.push_copy(b"ab");
        output.push_copy(b"cd");
        output.push(Bytes::from_static(b"ef"));
        output.push(Bytes::new());
        output.push_copy(b"gh");
        assert_eq!(output.len(), 8);
        assert_eq!(output.slice_count(), 3);
        assert_eq!(gathered(&mut output), b"abcdefgh");
        output.consume(3);
        assert_eq!(gathered(&mut output), b"defgh");
        output.push_copy(b"ij");
        output.consume(1);
        assert_eq!(gathered(&mut output), b"efghij");
        assert_eq!(output.share_front(1), vec![Bytes::from_static(b"ef")]);
        output.consume(6);
        assert!(output.is_empty());
        assert_eq!(gathered(&mut output), b"");
    }
}
