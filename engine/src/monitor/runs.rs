//! Rows that go together in one notification round: those that concern the same conditions alike.
//!
//! A large commit changes many rows for the same reason, such as the flows of one datapath. They are told
//! to the same clients, so they are looked up, joined and handed on as one piece.

use super::gather::Gather;
use super::lists::Lists;
use super::slices::{SliceId, Slices};
use bytes::Bytes;

/// Row updates one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RunId(u32);

/// Distinct runs. They are collected first, while rows are matched and written, and then joined.
#[derive(Debug, Default)]
pub(super) struct Runs {
    lists: Lists<SliceId>,
    /// By run, once joined.
    segments: Vec<Vec<Bytes>>,
}

impl Runs {
    /// The run of these row updates; `None` if there are none.
    pub(super) fn of_slices(&mut self, slices: &[SliceId]) -> Option<RunId> {
        (!slices.is_empty()).then(|| RunId(self.lists.number(slices)))
    }

    /// Joins all runs; no more are made after that.
    pub(super) fn join(&mut self, slices: &mut Slices) {
        slices.seal();
        for number in 0..self.lists.len() as u32 {
            let mut gather = Gather::default();
            slices.gather(self.lists.get(number), &mut gather);
            self.segments.push(gather.finish());
        }
    }

    /// The text of a run; its first byte is a comma.
    pub(super) fn segments(&self, run: RunId) -> &[Bytes] {
        &self.segments[run.0 as usize]
    }
}
