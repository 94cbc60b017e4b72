//! The latest commits, bounded by memory, found by number or by transaction id.

use super::change::ChangeSet;
use crate::hash::HashMap;
use crate::ids::CommitSeq;
use crate::limits::{HISTORY_BYTES_MIN, HISTORY_BYTES_PER_ROW};
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// Published commits of one database. Shared: the publisher appends, workers read.
#[derive(Debug)]
pub struct History {
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Consecutive commits; the first follows `base`.
    sets: VecDeque<Arc<ChangeSet>>,
    /// The state before the oldest kept commit.
    base: (CommitSeq, Uuid),
    by_id: HashMap<Uuid, CommitSeq>,
    bytes: usize,
    /// Whatever the size of the database.
    bytes_max: usize,
}

impl History {
    /// An empty history that starts at the commit `base` with transaction id `base_id`.
    pub fn new(base: CommitSeq, base_id: Uuid, bytes_max: usize) -> History {
        let inner = Inner {
            sets: VecDeque::new(),
            base: (base, base_id),
            by_id: [(base_id, base)].into_iter().collect(),
            bytes: 0,
            bytes_max,
        };
        History {
            inner: RwLock::new(inner),
        }
    }

    /// Appends the next commit; the oldest go once the budget is exceeded, the newest always stays. A database of
    /// `rows_count` rows has a budget like its own size, so that a small one stays small.
    pub fn push(&self, set: Arc<ChangeSet>, rows_count: usize) {
        let mut inner = self.inner.write();
        let bytes_max = HISTORY_BYTES_MIN
            .max(rows_count * HISTORY_BYTES_PER_ROW)
            .min(inner.bytes_max);
        let last = inner.sets.back().map_or(inner.base.0, |last| last.seq);
        assert_eq!(set.seq, last.next(), "commit sequence numbers have no gaps");
        inner.bytes += set.bytes;
        inner.by_id.insert(set.txn_id, set.seq);
        inner.sets.push_back(set);
        while inner.bytes > bytes_max && inner.sets.len() > 1 {
            let gone = inner.sets.pop_front().expect("more than one is kept");
            inner.bytes -= gone.bytes;
            let (base_seq, base_id) = inner.base;
            if inner.by_id.get(&base_id) == Some(&base_seq) {
                inner.by_id.remove(&base_id);
            }
            inner.base = (gone.seq, gone.txn_id);
        }
    }

    /// The commit that had this transaction id, if its successors are all still known.
    pub fn find(&self, txn_id: Uuid) -> Option<CommitSeq> {
        self.inner.read().by_id.get(&txn_id).copied()
    }

    /// The commits after `seq` up to and including `until`, or `None` if some of them are gone.
    pub fn range(&self, seq: CommitSeq, until: CommitSeq) -> Option<Vec<Arc<ChangeSet>>> {
        let inner = self.inner.read();
        let skip = usize::try_from(seq.0.checked_sub(inner.base.0.0)?).ok()?;
        let count = usize::try_from(until.0.checked_sub(seq.0)?).ok()?;
        let sets: Vec<_> = inner.sets.iter().skip(skip).take(count).cloned().collect();
        (sets.len() == count).then_some(sets)
    }

    /// All commits that are kept, oldest first.
    pub fn sets(&self) -> Vec<Arc<ChangeSet>> {
        self.inner.read().sets.iter().cloned().collect()
    }

    /// Number of commits and rough bytes kept.
    pub fn size(&self) -> (usize, usize) {
        let inner = self.inner.read();
        (inner.sets.len(), inner.bytes)
    }
}
