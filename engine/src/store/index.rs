//! A superset index: key → slots that held the key in some live version of the table.
//!
//! Readers on any thread ask for candidates and verify each against their own view, so one index serves
//! all views at once. The one writer adds an entry when a row gains the key; when the row loses it, the
//! entry is marked with the commit that did so and goes when no view before that commit is alive.

use crate::hash::{HashMap, KeyedWell};
use crate::ids::{CommitSeq, RowSlot};
use crate::limits::{INDEX_SHARDS, INDEX_SLOTS_SCANNED_MAX};
use hashbrown::HashTable;
use parking_lot::RwLock;
use std::hash::{BuildHasher, Hash};

/// `dead_since` of an entry that the working version needs.
const LIVE: u64 = u64::MAX;

/// Keys are stored by hash only: equality is the reader's check.
#[derive(Debug)]
pub struct Index {
    hasher: KeyedWell,
    shards: [RwLock<HashTable<Bucket>>; INDEX_SHARDS],
}

#[derive(Debug)]
struct Bucket {
    hash: u64,
    slots: Slots,
}

/// Slots, each with the commit since which views do not need it. Most keys have one row, and there is a bucket for each
/// row and index, so the others are boxed.
#[expect(clippy::box_collection, reason = "a bucket has room for one pointer")]
#[derive(Debug)]
enum Slots {
    One(u32, u64),
    /// Up to [`INDEX_SLOTS_SCANNED_MAX`], which a table would take several times as much for.
    Few(Box<Vec<(u32, u64)>>),
    Many(Box<HashMap<u32, u64>>),
}

const _: () = assert!(size_of::<Bucket>() == 24);

impl Default for Index {
    fn default() -> Index {
        Index {
            hasher: Default::default(),
            shards: std::array::from_fn(|_| RwLock::default()),
        }
    }
}

impl Index {
    pub fn hash(&self, key: &impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Makes `slot` a candidate for `hash`, also when it had been marked dead.
    pub fn add(&self, hash: u64, slot: RowSlot) {
        let mut shard = self.shard(hash).write();
        match shard.find_mut(hash, |bucket| bucket.hash == hash) {
            Some(bucket) => bucket.slots.set(slot.0, LIVE),
            None => {
                let bucket = Bucket {
                    hash,
                    slots: Slots::One(slot.0, LIVE),
                };
                shard.insert_unique(hash, bucket, |bucket| bucket.hash);
            }
        }
    }

    /// Notes that views from `since` on do not need `slot` under `hash`.
    pub fn mark_dead(&self, hash: u64, slot: RowSlot, since: CommitSeq) {
        let mut shard = self.shard(hash).write();
        if let Some(bucket) = shard.find_mut(hash, |bucket| bucket.hash == hash) {
            bucket.slots.set(slot.0, since.0);
        }
    }

    /// Removes the entry if it is still marked as of `since`; a later life or death of it wins.
    pub fn purge(&self, hash: u64, slot: RowSlot, since: CommitSeq) {
        let mut shard = self.shard(hash).write();
        if let Ok(mut found) = shard.find_entry(hash, |bucket| bucket.hash == hash)
            && found.get_mut().slots.purge(slot.0, since.0)
        {
            found.remove();
        }
    }

    /// Appends the candidates for `hash` to `found`.
    pub fn candidates(&self, hash: u64, found: &mut Vec<RowSlot>) {
        let shard = self.shard(hash).read();
        match shard
            .find(hash, |bucket| bucket.hash == hash)
            .map(|bucket| &bucket.slots)
        {
            None => {}
            Some(Slots::One(slot, _)) => found.push(RowSlot(*slot)),
            Some(Slots::Few(slots)) => found.extend(slots.iter().map(|(slot, _)| RowSlot(*slot))),
            Some(Slots::Many(slots)) => found.extend(slots.keys().map(|slot| RowSlot(*slot))),
        }
    }

    /// How many candidates there are for `hash`.
    pub fn count(&self, hash: u64) -> usize {
        let shard = self.shard(hash).read();
        match shard
            .find(hash, |bucket| bucket.hash == hash)
            .map(|bucket| &bucket.slots)
        {
            None => 0,
            Some(Slots::One(..)) => 1,
            Some(Slots::Few(slots)) => slots.len(),
            Some(Slots::Many(slots)) => slots.len(),
        }
    }

    /// The first candidate for `hash` that `accept` confirms, for keys with few rows each.
    pub fn find<T>(&self, hash: u64, mut accept: impl FnMut(RowSlot) -> Option<T>) -> Option<T> {
        let shard = self.shard(hash).read();
        match &shard.find(hash, |bucket| bucket.hash == hash)?.slots {
            Slots::One(slot, _) => accept(RowSlot(*slot)),
            Slots::Few(slots) => slots.iter().find_map(|(slot, _)| accept(RowSlot(*slot))),
            Slots::Many(slots) => slots.keys().find_map(|slot| accept(RowSlot(*slot))),
        }
    }

    fn shard(&self, hash: u64) -> &RwLock<HashTable<Bucket>> {
        // The table inside uses the low and the top bits; these lie between.
        &self.shards[(hash >> 40) as usize % INDEX_SHARDS]
    }
}

impl Slots {
    fn set(&mut self, slot: u32, dead_since: u64) {
        match self {
            Slots::One(one, mark) if *one == slot => *mark = dead_since,
            Slots::One(one, mark) => {
                *self = Slots::Few(Box::new(vec![(*one, *mark), (slot, dead_since)]));
            }
            Slots::Few(slots) => match slots.iter().position(|(known, _)| *known == slot) {
                Some(at) => slots[at].1 = dead_since,
                None if slots.len() < INDEX_SLOTS_SCANNED_MAX => {
                    slots.reserve_exact(1);
                    slots.push((slot, dead_since));
                }
                None => {
                    let mut many: HashMap<u32, u64> = slots.drain(..).collect();
                    many.insert(slot, dead_since);
                    *self = Slots::Many(Box::new(many));
                }
            },
            Slots::Many(slots) => {
                slots.insert(slot, dead_since);
            }
        }
    }

    /// True if nothing is left.
    fn purge(&mut self, slot: u32, dead_since: u64) -> bool {
        match self {
            Slots::One(one, mark) => *one == slot && *mark == dead_since,
            Slots::Few(slots) => {
                slots.retain(|entry| *entry != (slot, dead_since));
                if let [(slot, mark)] = slots[..] {
                    *self = Slots::One(slot, mark);
                }
                false
            }
            Slots::Many(slots) => {
                if slots.get(&slot) == Some(&dead_since) {
                    slots.remove(&slot);
                }
                match slots.iter().next() {
                    None => true,
                    Some((slot, mark)) if slots.len() == 1 => {
                        *self = Slots::One(*slot, *mark);
                        false
                    }
                    Some(_) => false,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Index;
    use crate::ids::{CommitSeq, RowSlot};
    use crate::limits::INDEX_SLOTS_SCANNED_MAX;

    fn found(index: &Index, hash: u64) -> Vec<u32> {
        let mut slots = Vec::new();
        index.candidates(hash, &mut slots);
        let mut slots: Vec<u32> = slots.iter().map(|slot| slot.0).collect();
        slots.sort_unstable();
        slots
    }

    #[test]
    fn dead_entries_stay_until_purged() {
        let index = Index::default();
        let hash = index.hash(&"key");
        index.add(hash, RowSlot(1));
        index.add(hash, RowSlot(2));
        index.mark_dead(hash, RowSlot(1), CommitSeq(5));
        assert_eq!(found(&index, hash), [1, 2]);
        index.purge(hash, RowSlot(1), CommitSeq(5));
        assert_eq!(found(&index, hash), [2]);
        index.mark_dead(hash, RowSlot(2), CommitSeq(6));
        index.purge(hash, RowSlot(2), CommitSeq(6));
        assert!(found(&index, hash).is_empty());
    }

    #[test]
    fn any_number_of_slots_comes_and_goes() {
        let index = Index::default();
        let hash = index.hash(&"key");
        let count = 3 * INDEX_SLOTS_SCANNED_MAX as u32;
        for present in 1..=count {
            index.add(hash, RowSlot(present));
            index.add(hash, RowSlot(present));
            assert_eq!(found(&index, hash), (1..=present).collect::<Vec<_>>());
            assert_eq!(index.count(hash), present as usize);
        }
        for gone in 1..=count {
            index.mark_dead(hash, RowSlot(gone), CommitSeq(7));
            index.purge(hash, RowSlot(gone), CommitSeq(6));
            assert_eq!(found(&index, hash).first(), Some(&gone));
            index.purge(hash, RowSlot(gone), CommitSeq(7));
            assert_eq!(found(&index, hash), (gone + 1..=count).collect::<Vec<_>>());
            let last = index.find(hash, |slot| (slot.0 == count).then_some(slot));
            assert_eq!(last.is_some(), gone < count);
        }
        for present in 1..=INDEX_SLOTS_SCANNED_MAX as u32 {
            index.add(hash, RowSlot(present));
        }
        for gone in (1..=INDEX_SLOTS_SCANNED_MAX as u32).rev() {
            index.mark_dead(hash, RowSlot(gone), CommitSeq(8));
            index.purge(hash, RowSlot(gone), CommitSeq(8));
            assert_eq!(found(&index, hash), (1..gone).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_revived_entry_survives_the_purge_of_its_earlier_death() {
        let index = Index::default();
        let hash = index.hash(&"key");
        index.add(hash, RowSlot(1));
        index.mark_dead(hash, RowSlot(1), CommitSeq(5));
        index.add(hash, RowSlot(1));
        index.purge(hash, RowSlot(1), CommitSeq(5));
        assert_eq!(found(&index, hash), [1]);
        index.mark_dead(hash, RowSlot(1), CommitSeq(9));
        index.purge(hash, RowSlot(1), CommitSeq(5));
        assert_eq!(found(&index, hash), [1]);
    }
}
