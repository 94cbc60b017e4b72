//! Moves a row's index entries from its old keys to its new ones, and buries those that no view needs.

use super::index::Index;
use super::row::Row;
use super::table::{HotIndex, TableIndexes};
use crate::datum::Datum;
use crate::ids::{CommitSeq, RowSlot, TableId};
use std::collections::VecDeque;

/// Index entries that no view from a given commit on needs, in order of commit.
#[derive(Debug, Default)]
pub(super) struct DeadEntries {
    entries: VecDeque<(CommitSeq, DeadEntry)>,
}

#[derive(Debug)]
struct DeadEntry {
    table: TableId,
    index: IndexRef,
    hash: u64,
    slot: RowSlot,
}

/// An index of a table, the last two by their place among their like, which they keep.
#[derive(Clone, Copy, Debug)]
enum IndexRef {
    Uuid,
    Unique(u32),
    Hot(u32),
}

const _: () = assert!(
    size_of::<(CommitSeq, DeadEntry)>() == 32,
    "deleting a million rows makes some millions of them"
);

impl DeadEntries {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets all but the first `len`, whose entries live again.
    pub(super) fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
    }

    /// Notes in the indexes that the row at `place` was `old` and is `new`. Versions from commit `since` on do
    /// not need the entries that it loses.
    pub(super) fn move_entries(
        &mut self,
        indexes: &TableIndexes,
        place: (TableId, RowSlot),
        old: Option<&Row>,
        new: Option<&Row>,
        since: CommitSeq,
    ) {
        let (table, slot) = place;
        let mut moves = Moves {
            table,
            slot,
            since,
            dead: &mut self.entries,
        };
        let uuid_of = |row: &Row| indexes.uuid.hash(&row.uuid());
        moves.key(&indexes.uuid, IndexRef::Uuid, old.map(uuid_of), new.map(uuid_of));
        for (at, unique) in (0..).zip(&indexes.unique) {
            let (old, new) = (
                old.map(|row| unique.hash_of(row)),
                new.map(|row| unique.hash_of(row)),
            );
            moves.key(&unique.index, IndexRef::Unique(at), old, new);
        }
        for (at, hot) in (0..).zip(indexes.hot.read().iter()) {
            moves.atoms(
                hot,
                IndexRef::Hot(at),
                old.map(|row| row.get(hot.column)),
                new.map(|row| row.get(hot.column)),
            );
        }
    }

    /// Removes from the indexes what views from `oldest` on do not need.
    pub(super) fn bury<'i>(&mut self, oldest: CommitSeq, indexes: impl Fn(TableId) -> &'i TableIndexes) {
        while self.entries.front().is_some_and(|(since, _)| *since <= oldest) {
            let (since, entry) = self.entries.pop_front().expect("just seen");
            indexes(entry.table).with(entry.index, |index| index.purge(entry.hash, entry.slot, since));
        }
    }
}

impl TableIndexes {
    fn with(&self, index: IndexRef, act: impl FnOnce(&Index)) {
        match index {
            IndexRef::Uuid => act(&self.uuid),
            IndexRef::Unique(at) => act(&self.unique[at as usize].index),
            IndexRef::Hot(at) => act(&self.hot.read()[at as usize].index),
        }
    }
}

/// Moves one row's entries from its old keys to its new ones.
struct Moves<'s> {
    table: TableId,
    slot: RowSlot,
    since: CommitSeq,
    dead: &'s mut VecDeque<(CommitSeq, DeadEntry)>,
}

impl Moves<'_> {
    fn key(&mut self, index: &Index, place: IndexRef, old: Option<u64>, new: Option<u64>) {
        if old == new {
            return;
        }
        if let Some(hash) = new {
            index.add(hash, self.slot);
        }
        if let Some(hash) = old {
            self.lose(index, place, hash);
        }
    }

    fn atoms(&mut self, hot: &HotIndex, place: IndexRef, old: Option<&Datum>, new: Option<&Datum>) {
        if old == new {
            return;
        }
        hot.over.gained(new, old, &mut |atom| {
            if !new.is_some_and(|new| hot.over.covers(new, atom)) {
                self.lose(&hot.index, place, hot.index.hash(atom));
            }
        });
        hot.over.gained(old, new, &mut |atom| {
            hot.index.add(hot.index.hash(atom), self.slot);
        });
    }

    fn lose(&mut self, index: &Index, place: IndexRef, hash: u64) {
        index.mark_dead(hash, self.slot, self.since);
        self.dead.push_back((
            self.since,
            DeadEntry {
                table: self.table,
                index: place,
                hash,
                slot: self.slot,
            },
        ));
    }
}
