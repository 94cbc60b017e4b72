//! One table as of some version: its rows and the indexes that all versions share.

use super::index::Index;
use super::row::Row;
use super::tree::{self, Tree};
use crate::datum::{Atom, Datum, merge};
use crate::ids::{ColumnIdx, CommitSeq, RowSlot};
use crate::limits::{HOT_INDEX_ROWS_MIN, HOT_INDEX_SCANS_MIN, TREE_FANOUT};
use crate::schema::TableSchema;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use uuid::Uuid;

/// A table inside a view or inside the working version. Cloning shares everything.
#[derive(Clone, Debug)]
pub struct TableView {
    pub(super) rows: Tree<Row>,
    pub(super) len: usize,
    /// The commit after which the table looked like this; indexes younger than it do not serve it.
    pub(super) as_of: CommitSeq,
    pub(super) indexes: Arc<TableIndexes>,
}

/// Indexes of one table, shared by all its versions.
#[derive(Debug)]
pub(super) struct TableIndexes {
    pub(super) uuid: Index,
    /// The schema's `indexes`, in its order.
    pub(super) unique: Vec<UniqueIndex>,
    /// Never less: each keeps its place.
    pub(super) hot: RwLock<Vec<Arc<HotIndex>>>,
    /// Full scans that an index would have spared, by column; the writer looks and resets.
    pub(super) scans: Box<[Scans]>,
    /// Set when some column of some table has been scanned often enough.
    index_wish: Arc<AtomicBool>,
}

/// Scans for rows by an atom of a column, and for rows with something in it.
#[derive(Debug, Default)]
pub(super) struct Scans {
    keys: AtomicU32,
    presence: AtomicU32,
}

#[derive(Debug)]
pub(super) struct UniqueIndex {
    pub(super) columns: Vec<ColumnIdx>,
    pub(super) index: Index,
}

/// An index on the atoms of one column.
#[derive(Debug)]
pub(super) struct HotIndex {
    pub(super) column: ColumnIdx,
    pub(super) over: Over,
    /// Views before this commit may miss entries; all views do while the index is being built.
    pub(super) valid_from: AtomicU64,
    pub(super) index: Index,
}

/// Which atoms of a column an index covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Over {
    /// Elements of a set, keys of a map.
    Keys,
    /// Values of a map.
    Values,
    /// [`Over::PRESENT`] where there is any element or pair.
    Presence,
}

impl Scans {
    /// The count that an index of a kind is built after; weak references' values are indexed from the start.
    pub(super) fn of(&self, over: Over) -> &AtomicU32 {
        match over {
            Over::Presence => &self.presence,
            Over::Keys | Over::Values => &self.keys,
        }
    }
}

impl TableIndexes {
    /// True if some index covers the column.
    pub(super) fn has(&self, column: ColumnIdx) -> bool {
        let is_hot = |hot: &Arc<HotIndex>| hot.column == column;
        self.unique.iter().any(|unique| unique.columns.contains(&column))
            || self.hot.read().iter().any(is_hot)
    }
}

impl TableView {
    pub(super) fn new(schema: &TableSchema, as_of: CommitSeq, index_wish: &Arc<AtomicBool>) -> TableView {
        let unique = schema
            .indexes
            .iter()
            .map(|columns| UniqueIndex {
                columns: columns.clone(),
                index: Index::default(),
            })
            .collect();
        let indexes = TableIndexes {
            uuid: Index::default(),
            unique,
            hot: RwLock::default(),
            scans: schema.columns.iter().map(|_| Scans::default()).collect(),
            index_wish: Arc::clone(index_wish),
        };
        TableView {
            rows: Tree::default(),
            len: 0,
            as_of,
            indexes: Arc::new(indexes),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn at(&self, slot: RowSlot) -> Option<&Row> {
        self.rows.get(slot.0)
    }

    /// The row with this `_uuid`.
    pub fn get(&self, uuid: Uuid) -> Option<(RowSlot, &Row)> {
        let index = &self.indexes.uuid;
        index.find(index.hash(&uuid), |slot| {
            let row = self.at(slot)?;
            (row.uuid() == uuid).then_some((slot, row))
        })
    }

    /// All rows in order of slot.
    pub fn iter(&self) -> impl Iterator<Item = (RowSlot, &Row)> {
        self.iter_from(RowSlot(0))
    }

    /// Rows from `first` on; lets a long scan be cut into steps.
    pub fn iter_from(&self, first: RowSlot) -> impl Iterator<Item = (RowSlot, &Row)> {
        let rows: tree::Iter<'_, Row> = self.rows.iter_from(first.0);
        rows.map(|(slot, row)| (RowSlot(slot), row))
    }

    /// The rows in order of slot, in blocks that other versions of the table may share.
    pub fn blocks(&self) -> impl Iterator<Item = RowBlock<'_>> {
        self.rows.leaves().map(RowBlock)
    }

    /// The first block from the slot `next` on, which becomes the slot behind it: for a look at all in steps.
    pub fn next_block(&self, next: &mut u64) -> Option<RowBlock<'_>> {
        self.rows.next_leaf(next).map(RowBlock)
    }

    /// The block that the row at `slot` is or would be in.
    pub fn block_at(&self, slot: RowSlot) -> Option<RowBlock<'_>> {
        self.rows.leaf_at(slot.0).map(RowBlock)
    }

    /// Calls `found` for every row whose `column` contains `atom` as an element or key.
    ///
    /// Returns false, without a call, when no index serves the column in this version; the caller scans,
    /// and says so by [`TableView::note_scan`].
    pub fn lookup(&self, column: ColumnIdx, atom: &Atom, found: &mut dyn FnMut(RowSlot, &Row)) -> bool {
        self.lookup_over(column, Over::Keys, atom, found)
    }

    /// [`TableView::lookup`] over keys, values or presence.
    pub fn lookup_over(
        &self,
        column: ColumnIdx,
        over: Over,
        atom: &Atom,
        found: &mut dyn FnMut(RowSlot, &Row),
    ) -> bool {
        if column == ColumnIdx::UUID && over == Over::Keys {
            if let Atom::Uuid(uuid) = atom
                && let Some((slot, row)) = self.get(*uuid)
            {
                found(slot, row);
            }
            return true;
        }
        let Some(hot) = self.hot_index(column, over) else {
            return false;
        };
        let mut slots = Vec::new();
        hot.index.candidates(hot.index.hash(atom), &mut slots);
        slots.sort_unstable();
        for slot in slots {
            if let Some(row) = self.at(slot)
                && over.covers(row.get(column), atom)
            {
                found(slot, row);
            }
        }
        true
    }

    /// Calls `found` for every row whose columns of the schema's index number `index` equal `key`.
    pub fn lookup_unique(&self, index: usize, key: &[&Datum], found: &mut dyn FnMut(RowSlot, &Row)) {
        let unique = &self.indexes.unique[index];
        let mut slots = Vec::new();
        unique.index.candidates(unique.index.hash(&key), &mut slots);
        slots.sort_unstable();
        for slot in slots {
            if let Some(row) = self.at(slot)
                && unique
                    .columns
                    .iter()
                    .zip(key)
                    .all(|(column, datum)| row.get(*column) == *datum)
            {
                found(slot, row);
            }
        }
    }

    /// How many rows [`TableView::lookup_over`] would look at, at most; `None` without an index.
    ///
    /// More than there are if other versions of the table have others.
    pub fn candidates_count(&self, column: ColumnIdx, over: Over, atom: &Atom) -> Option<usize> {
        if column == ColumnIdx::UUID && over == Over::Keys {
            return Some(1);
        }
        let hot = self.hot_index(column, over)?;
        Some(hot.index.count(hot.index.hash(atom)))
    }

    /// Counts a scan that an index on `column` would have spared, so that the writer may build one for the next.
    ///
    /// `weight` is 1 for a query of which nothing is known, more for one that others are likely to repeat.
    pub fn note_scan(&self, column: ColumnIdx, over: Over, weight: u32) {
        let scans = self.indexes.scans[column.at()].of(over);
        let before = scans.fetch_add(weight, Ordering::Relaxed);
        if self.len >= HOT_INDEX_ROWS_MIN && before.saturating_add(weight) >= HOT_INDEX_SCANS_MIN {
            self.indexes.index_wish.store(true, Ordering::Relaxed);
        }
    }

    fn hot_index(&self, column: ColumnIdx, over: Over) -> Option<Arc<HotIndex>> {
        let hot = self.indexes.hot.read();
        hot.iter()
            .find(|hot| hot.column == column && hot.over == over && hot.serves(self.as_of))
            .cloned()
    }
}

/// Rows of a block by their places in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places(u32);

const _: () = assert!(TREE_FANOUT == u32::BITS as usize);

impl Places {
    /// Wherever there is a row.
    pub const ALL: Places = Places(u32::MAX);

    pub fn insert(&mut self, place: u32) {
        self.0 |= 1 << place;
    }

    /// The same places without those that `keep` does not want.
    #[must_use]
    pub fn filtered(self, mut keep: impl FnMut(u32) -> bool) -> Places {
        let kept = self.iter().filter(|place| keep(*place));
        Places(kept.fold(0, |bits, place| bits | 1 << place))
    }

    /// Ascending.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let place = (rest != 0).then(|| rest.trailing_zeros())?;
            rest &= rest - 1;
            Some(place)
        })
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn contains(self, place: u32) -> bool {
        self.0 & 1 << place != 0
    }

    /// True if all of `other` are among these.
    pub fn covers(self, other: Places) -> bool {
        other.0 & !self.0 == 0
    }

    #[must_use]
    pub fn union(self, other: Places) -> Places {
        Places(self.0 | other.0)
    }
}

/// Some rows of a table with neighbouring slots, the same in all versions in which none of them changed.
#[derive(Clone, Copy, Debug)]
pub struct RowBlock<'v>(&'v tree::Leaf<Row>);

/// Reserves the identity of a [`RowBlock`] without keeping its rows.
#[derive(Debug)]
pub struct RowBlockId(Weak<[Option<Row>; TREE_FANOUT]>);

impl<'v> RowBlock<'v> {
    /// The row at a place, if there is one.
    pub fn row(self, place: u32) -> Option<&'v Row> {
        self.0[place as usize].as_ref()
    }

    /// A number that no other block has while this one or its id is alive.
    pub fn address(self) -> usize {
        Arc::as_ptr(self.0).addr()
    }

    pub fn id(self) -> RowBlockId {
        RowBlockId(Arc::downgrade(self.0))
    }
}

impl RowBlockId {
    /// True while some version of the table has the block.
    ///
    /// Its rows stay the same as long as that is so: a block that is not shared any more, and so could be
    /// changed in place, moves to another address then, because this reference to it exists.
    pub fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Over {
    /// What an index over presence has for a value that is not empty.
    pub const PRESENT: Atom = Atom::Boolean(true);

    /// True if `datum` has `atom` among the atoms that this kind of index covers.
    pub(super) fn covers(self, datum: &Datum, atom: &Atom) -> bool {
        match self {
            Over::Keys => datum.contains_key(atom),
            Over::Values => datum.values().any(|value| value == atom),
            Over::Presence => !datum.is_empty(),
        }
    }

    /// Calls `each` for every covered atom of the elements or pairs that `new` has and `old` has not.
    ///
    /// Both are walked once side by side, so a change of one element of many costs few calls. For values an
    /// atom may come more than once, and may be the value of another pair of `old`.
    pub fn gained(self, old: Option<&Datum>, new: Option<&Datum>, each: &mut dyn FnMut(&Atom)) {
        let Some(new) = new else { return };
        let Some(old) = old else {
            return match self {
                Over::Keys => new.keys().for_each(each),
                Over::Values => new.values().for_each(each),
                Over::Presence if new.is_empty() => {}
                Over::Presence => each(&Over::PRESENT),
            };
        };
        match self {
            Over::Keys => merge::gained_keys(old, new, each),
            Over::Values => merge::gained_values(old, new, each),
            Over::Presence if !old.is_empty() || new.is_empty() => {}
            Over::Presence => each(&Over::PRESENT),
        }
    }
}

impl HotIndex {
    /// True if a version as of that commit finds all its rows.
    fn serves(&self, as_of: CommitSeq) -> bool {
        self.valid_from.load(Ordering::Acquire) <= as_of.0
    }
}

impl UniqueIndex {
    pub(super) fn hash_of(&self, row: &Row) -> u64 {
        let key: Vec<&Datum> = self.columns.iter().map(|column| row.get(*column)).collect();
        self.index.hash(&&key[..])
    }
}
