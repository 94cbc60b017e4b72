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
    /// Ids of the kept commits up to `indexed`. Clients that resume ask for ids, which is rare beside commits, and
    /// each commit would cost two misses of the processor's cache here; so what is new is entered when somebody asks.
    by_id: HashMap<Uuid, CommitSeq>,
    indexed: CommitSeq,
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
            by_id: HashMap::default(),
            indexed: base,
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
        assert_eq!(
            set.seq,
            inner.last().next(),
            "commit sequence numbers have no gaps"
        );
        inner.bytes += set.bytes;
        inner.sets.push_back(set);
        while inner.bytes > bytes_max && inner.sets.len() > 1 {
            let gone = inner.sets.pop_front().expect("more than one is kept");
            inner.bytes -= gone.bytes;
            if gone.seq <= inner.indexed && inner.by_id.get(&gone.txn_id) == Some(&gone.seq) {
                inner.by_id.remove(&gone.txn_id);
            }
            inner.base = (gone.seq, gone.txn_id);
        }
    }

    /// The commit that had this transaction id, if its successors are all still known.
    pub fn find(&self, txn_id: Uuid) -> Option<CommitSeq> {
        let inner = self.inner.read();
        if inner.indexed == inner.last() {
            return inner.find(txn_id);
        }
        drop(inner);
        let mut inner = self.inner.write();
        inner.enter_ids();
        inner.find(txn_id)
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

impl Inner {
    fn last(&self) -> CommitSeq {
        self.sets.back().map_or(self.base.0, |last| last.seq)
    }

    /// Completes `by_id`.
    fn enter_ids(&mut self) {
        let Inner {
            sets, base, by_id, ..
        } = self;
        // Commits that went before anybody asked are in nothing.
        let known = self.indexed.0.saturating_sub(base.0.0);
        by_id.extend(sets.iter().skip(known as usize).map(|set| (set.txn_id, set.seq)));
        self.indexed = self.last();
    }

    /// What has the id, if all ids have been entered.
    fn find(&self, txn_id: Uuid) -> Option<CommitSeq> {
        let (base, base_id) = self.base;
        self.by_id
            .get(&txn_id)
            .copied()
            .or_else(|| (txn_id == base_id).then_some(base))
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangeSet, History};
    use crate::ids::CommitSeq;
    use crate::limits::HISTORY_BYTES_MIN;
    use std::sync::Arc;
    use uuid::Uuid;

    /// Commits of which four are kept.
    const BYTES: usize = HISTORY_BYTES_MIN / 4;

    fn push(history: &History, seq: u64) {
        let set = ChangeSet {
            seq: CommitSeq(seq),
            txn_id: id(seq),
            tables: Arc::default(),
            bytes: BYTES,
        };
        history.push(Arc::new(set), 0);
    }

    fn id(seq: u64) -> Uuid {
        Uuid::from_u128(u128::from(seq) + 1)
    }

    #[test]
    fn ids_are_found_from_the_base_on_whenever_they_are_asked_for() {
        for asked_every in 1..12 {
            let history = History::new(CommitSeq(0), id(0), usize::MAX);
            for last in 0..30 {
                if last > 0 {
                    push(&history, last);
                }
                if last % asked_every != 0 {
                    continue;
                }
                let base = last.saturating_sub(4);
                for seq in 0..40 {
                    let expected = (base..=last).contains(&seq).then_some(CommitSeq(seq));
                    assert_eq!(history.find(id(seq)), expected, "{seq} of {base} to {last}");
                }
            }
        }
    }
}
