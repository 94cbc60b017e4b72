//! The rows of a database: one working version that one writer changes, and views of it for everyone.
//!
//! A transaction is bracketed by [`Store::begin`] and either [`Store::finish`], which makes it the next
//! commit, or [`Store::undo`], which leaves no trace. In between every change goes through one function,
//! so that rows, indexes and reference counts cannot disagree. [`Store::rollback`] takes back finished
//! commits that could not be made durable, by the same function.
//!
//! ```text
//!   Store (working version) ──finish──► ChangeSet ──► log, history, monitors
//!        │ view()
//!        ▼
//!   View (tables as of a commit) ◄── workers, compaction, sessions that lag
//! ```
//!
//! Indexes are shared by all versions and may hold too much, never too little: see `index`.

mod change;
mod history;
mod hot;
mod index;
mod moves;
mod row;
mod strong;
mod table;
mod tree;
mod verify;
mod view;

pub use change::{ChangeSet, NetChanges, RowChange, TableChanges};
pub use history::History;
pub use row::Row;
pub use table::{Over, Places, RowBlock, RowBlockId, TableView};
pub use view::View;

use crate::datum::{Atom, Datum};
use crate::hash::{HashMap, HashSet};
use crate::ids::{ColumnIdx, CommitSeq, RowSlot, TableId};
use crate::limits::{JOURNAL_KEEP_ROWS, VIEWS_KNOWN_MAX};
use crate::schema::Schema;
use hot::Building;
use moves::DeadEntries;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use strong::StrongRefs;
use table::{HotIndex, TableIndexes};
use uuid::Uuid;
use view::ViewInner;

/// The single writer's version of a database.
#[derive(Debug)]
pub struct Store {
    epoch: u64,
    schema: Arc<Schema>,
    /// Last finished commit and its id.
    seq: CommitSeq,
    txn_id: Uuid,
    /// Whether views show the id.
    tells_ids: bool,
    tables: Vec<TableView>,
    /// Slots without a row, by table; an entry may be stale and is checked when taken. A slot that the
    /// open transaction emptied comes here when the transaction ends, so that no slot changes its row
    /// within one commit.
    free: Vec<Vec<u32>>,
    /// First slot never used, by table.
    fresh: Vec<u32>,
    strong: StrongRefs,
    /// For each table, who may hold weak references to its rows.
    weak_columns: Vec<Vec<(TableId, ColumnIdx, Over)>>,
    txn: Option<Journal>,
    /// The journal of the last small transaction, empty, for the room in it.
    spare: Journal,
    dead: DeadEntries,
    views: VecDeque<Weak<ViewInner>>,
    /// Hot indexes under construction, in the order in which they were asked for.
    building: VecDeque<Building>,
    /// Some table has been scanned so often that an index is wanted.
    index_wish: Arc<AtomicBool>,
}

/// What the open transaction has touched.
#[derive(Debug, Default)]
struct Journal {
    touched: Vec<Touched>,
    places: HashMap<(TableId, RowSlot), usize>,
    /// Rows from before the transaction that it has removed.
    removed: HashSet<(TableId, Uuid)>,
    /// Length of `Store::dead` when the transaction began.
    dead_len: usize,
}

/// A slot that the open transaction changed, and what it held before.
#[derive(Clone, Debug)]
pub struct Touched {
    pub table: TableId,
    pub slot: RowSlot,
    pub old: Option<Row>,
}

impl Store {
    /// An empty database. `txn_id` identifies the state that is opened, commit 0.
    pub fn new(schema: Arc<Schema>, epoch: u64, txn_id: Uuid) -> Store {
        let seq = CommitSeq(0);
        let count = schema.tables.len();
        let index_wish = Arc::new(AtomicBool::new(false));
        let store = Store {
            epoch,
            seq,
            txn_id,
            tells_ids: true,
            tables: schema
                .tables
                .iter()
                .map(|table| TableView::new(table, seq, &index_wish))
                .collect(),
            free: vec![Vec::new(); count],
            fresh: vec![0; count],
            strong: StrongRefs::new(&schema),
            weak_columns: weak_columns(&schema),
            txn: None,
            spare: Journal::default(),
            dead: DeadEntries::default(),
            views: VecDeque::new(),
            building: VecDeque::new(),
            index_wish,
            schema,
        };
        for (table, column, over) in store.weak_columns.iter().flatten() {
            let indexes: &TableIndexes = &store.tables[table.at()].indexes;
            let mut hot = indexes.hot.write();
            if !hot.iter().any(|hot| hot.column == *column && hot.over == *over) {
                let index = Default::default();
                hot.push(Arc::new(HotIndex {
                    column: *column,
                    over: *over,
                    valid_from: AtomicU64::new(seq.0),
                    index,
                }));
            }
        }
        store
    }

    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// See [`View::epoch`].
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Last finished commit.
    pub fn seq(&self) -> CommitSeq {
        self.seq
    }

    /// Id of the last finished commit.
    pub fn txn_id(&self) -> Uuid {
        self.txn_id
    }

    /// Declares which state commit 0 is, after the rows of a file have been read into the store.
    pub fn set_origin(&mut self, txn_id: Uuid) {
        // Index entries are let go by commit number, so none may wait for a number of the old count.
        self.maintain();
        assert!(
            self.dead.len() == 0,
            "no view is older than the state that is opened"
        );
        self.seq = CommitSeq(0);
        self.txn_id = txn_id;
    }

    /// From now on views have the zero id, as upstream's standalone databases do: nobody can resume.
    pub fn keep_ids_secret(&mut self) {
        self.tells_ids = false;
    }

    /// The table as the open transaction sees it.
    pub fn table(&self, table: TableId) -> &TableView {
        &self.tables[table.at()]
    }

    /// Opens a transaction.
    pub fn begin(&mut self) {
        assert!(self.txn.is_none(), "one transaction at a time");
        self.strong.settle();
        self.txn = Some(Journal {
            dead_len: self.dead.len(),
            ..std::mem::take(&mut self.spare)
        });
    }

    /// Makes room for the changes of so many rows.
    pub fn expect(&mut self, rows: usize) {
        let journal = self.journal();
        journal.touched.reserve(rows);
        journal.places.reserve(rows);
    }

    /// Adds a row; its `_uuid` must be new to the table.
    pub fn insert(&mut self, table: TableId, row: Row) -> RowSlot {
        let slot = self.take_slot(table);
        self.change(table, slot, Some(row));
        slot
    }

    /// Adds a row outside of a transaction, to a store that nobody else has seen yet; see
    /// [`commit::Load`](crate::commit::Load). Its `_uuid` must be new to the table.
    pub(crate) fn load(&mut self, table: TableId, row: Row) {
        debug_assert!(self.txn.is_none() && self.seq == CommitSeq(0));
        let slot = self.take_slot(table);
        self.apply(table, slot, Some(row), self.seq.next());
    }

    /// Makes what was loaded the first commit.
    pub(crate) fn finish_load(&mut self, txn_id: Uuid) {
        self.strong.settle();
        self.seq = self.seq.next();
        self.txn_id = txn_id;
    }

    /// True if every row that is strongly referenced exists.
    pub(crate) fn has_targets_of_strong_refs(&self) -> bool {
        self.strong
            .referenced()
            .all(|(table, uuid)| self.table(table).get(uuid).is_some())
    }

    /// True if a column of the table holds weak references.
    pub(crate) fn has_weak_refs(&self, table: TableId) -> bool {
        self.weak_columns
            .iter()
            .flatten()
            .any(|(holder, _, _)| *holder == table)
    }

    /// True if rows of the table can be referred to weakly.
    pub fn may_be_weakly_referenced(&self, table: TableId) -> bool {
        !self.weak_columns[table.at()].is_empty()
    }

    /// Puts a new version of the row at `slot`.
    pub fn replace(&mut self, table: TableId, slot: RowSlot, row: Row) {
        debug_assert_eq!(self.table(table).at(slot).map(Row::uuid), Some(row.uuid()));
        self.change(table, slot, Some(row));
    }

    /// Gives the row at `slot`, of which the open transaction has made a new version, another `_version`.
    pub fn set_version(&mut self, table: TableId, slot: RowSlot, version: Uuid) {
        debug_assert!(self.before(table, slot).is_some(), "the row has been touched");
        let view = &mut self.tables[table.at()];
        let row = view.rows.get_mut(slot.0).expect("there is a row at the slot");
        // What the transaction has made nobody else has, so no second copy of it is needed.
        if view.indexes.has(ColumnIdx::VERSION) || !row.set_version(version) {
            let version = Datum::One(Atom::Uuid(version));
            let row = row.with(&[(ColumnIdx::VERSION, version)]);
            self.replace(table, slot, row);
        }
    }

    /// Removes the row at `slot`.
    pub fn remove(&mut self, table: TableId, slot: RowSlot) {
        self.change(table, slot, None);
        if let Some(uuid) = self
            .before(table, slot)
            .and_then(|touched| touched.old.as_ref())
            .map(Row::uuid)
        {
            self.journal().removed.insert((table, uuid));
        }
    }

    /// Slots that the open transaction touched, in order of first touch, with what they held before.
    pub fn touched(&self) -> &[Touched] {
        self.txn.as_ref().map_or(&[], |journal| &journal.touched)
    }

    /// What the slot held before the open transaction; `None` if it has not been touched.
    pub fn before(&self, table: TableId, slot: RowSlot) -> Option<&Touched> {
        let journal = self.txn.as_ref()?;
        journal
            .places
            .get(&(table, slot))
            .map(|place| &journal.touched[*place])
    }

    /// True if a row with this uuid was in the table before the open transaction, which removed it.
    pub fn was_removed(&self, table: TableId, uuid: Uuid) -> bool {
        self.txn
            .as_ref()
            .is_some_and(|journal| journal.removed.contains(&(table, uuid)))
    }

    /// Strong references to the row from other rows. A row need not exist to be referenced.
    pub fn strong_refs(&self, table: TableId, uuid: Uuid) -> u32 {
        self.strong.count(table, uuid)
    }

    /// Rows whose count of strong references the open transaction changed, with the count before.
    pub fn strong_changes(&self) -> Vec<(TableId, Uuid, u32)> {
        self.strong.changes()
    }

    /// Calls `found(table, column, over, slot)` for every row that holds a weak reference to the row.
    pub fn weak_sources(
        &self,
        target: TableId,
        uuid: Uuid,
        found: &mut dyn FnMut(TableId, ColumnIdx, Over, RowSlot),
    ) {
        let atom = Atom::Uuid(uuid);
        for (table, column, over) in &self.weak_columns[target.at()] {
            let is_indexed = self
                .table(*table)
                .lookup_over(*column, *over, &atom, &mut |slot, _| {
                    found(*table, *column, *over, slot);
                });
            assert!(
                is_indexed,
                "columns with weak references are indexed from the start"
            );
        }
    }

    /// Takes back all changes of the open transaction and closes it.
    pub fn undo(&mut self) {
        let mut journal = self.txn.take().expect("a transaction is open");
        // What the transaction lost comes back to life; what it gained is in no version from `seq` on.
        self.dead.truncate(journal.dead_len);
        for entry in journal.touched.drain(..).rev() {
            if entry.old.is_none() {
                self.free[entry.table.at()].push(entry.slot.0);
            }
            self.apply(entry.table, entry.slot, entry.old, self.seq);
        }
        self.keep_room(journal);
    }

    /// What the open transaction would change, rows that are the same version as before left out.
    ///
    /// In ascending order of table, within a table in order of first touch.
    pub fn net_changes(&self) -> Vec<TableChanges> {
        let mut tables: Vec<TableChanges> = Vec::new();
        for (at, entry) in self.touched().iter().enumerate() {
            let new = self.table(entry.table).at(entry.slot);
            let uuid = match (&entry.old, new) {
                (None, None) => continue,
                (Some(old), Some(new)) if old.ptr_eq(new) => continue,
                (Some(row), _) | (None, Some(row)) => row.uuid(),
            };
            let is_of = |changes: &TableChanges| changes.table == entry.table;
            let place = tables.iter().rposition(is_of).unwrap_or_else(|| {
                let others = self.touched()[at..].iter();
                tables.push(TableChanges {
                    table: entry.table,
                    rows: Vec::with_capacity(others.filter(|other| other.table == entry.table).count()),
                });
                tables.len() - 1
            });
            tables[place].rows.push(RowChange {
                uuid,
                slot: entry.slot,
                old: entry.old.clone(),
                new: new.cloned(),
            });
        }
        tables.sort_by_key(|changes| changes.table);
        tables
    }

    /// Closes the transaction as the next commit, with the given id.
    ///
    /// A transaction without [net changes](Store::net_changes) would still count as a commit, so the caller
    /// looks first.
    pub fn finish(&mut self, txn_id: Uuid) -> ChangeSet {
        let tables = self.net_changes();
        self.finish_as(txn_id, tables)
    }

    /// [`Store::finish`] for a caller that has the net changes already.
    pub fn finish_as(&mut self, txn_id: Uuid, tables: Vec<TableChanges>) -> ChangeSet {
        let journal = self.txn.take().expect("a transaction is open");
        self.seq = self.seq.next();
        self.txn_id = txn_id;
        for entry in &journal.touched {
            if self.table(entry.table).at(entry.slot).is_none() {
                self.free[entry.table.at()].push(entry.slot.0);
            }
        }
        self.keep_room(journal);
        ChangeSet::new(self.seq, txn_id, tables)
    }

    /// Keeps what a closed transaction has allocated for the next one, unless it is much.
    fn keep_room(&mut self, mut journal: Journal) {
        if journal.touched.capacity() > JOURNAL_KEEP_ROWS {
            return;
        }
        journal.touched.clear();
        journal.places.clear();
        journal.removed = HashSet::default();
        self.spare = journal;
    }

    /// True if the open transaction would change some row.
    pub fn has_net_changes(&self) -> bool {
        self.touched().iter().any(
            |entry| match (&entry.old, self.table(entry.table).at(entry.slot)) {
                (None, None) => false,
                (Some(old), Some(new)) => !old.ptr_eq(new),
                _ => true,
            },
        )
    }

    /// Takes back finished commits, given newest first, down to the commit before the oldest of them.
    pub fn rollback<'c>(&mut self, newest_first: impl Iterator<Item = &'c ChangeSet>, before: Uuid) {
        assert!(self.txn.is_none(), "a transaction is open");
        for set in newest_first {
            assert_eq!(set.seq, self.seq, "commits are taken back in order");
            for table in set.tables.iter().rev() {
                for change in table.rows.iter().rev() {
                    if change.old.is_none() {
                        self.free[table.table.at()].push(change.slot.0);
                    }
                    self.apply(table.table, change.slot, change.old.clone(), self.seq.next());
                }
            }
            self.seq = CommitSeq(set.seq.0 - 1);
        }
        self.txn_id = before;
    }

    /// The database as of the last finished commit.
    pub fn view(&mut self) -> View {
        assert!(self.txn.is_none(), "a transaction is open");
        for table in &mut self.tables {
            table.as_of = self.seq;
        }
        let inner = ViewInner {
            epoch: self.epoch,
            schema: Arc::clone(&self.schema),
            seq: self.seq,
            txn_id: if self.tells_ids { self.txn_id } else { Uuid::nil() },
            tables: self.tables.clone().into(),
            index_wish: Arc::clone(&self.index_wish),
        };
        let view = View {
            inner: Arc::new(inner),
        };
        self.views.push_back(Arc::downgrade(&view.inner));
        view
    }

    /// Lets go of index entries that no living view needs, and begins indexes that scans have asked for.
    ///
    /// Bounded work; call it once for each group.
    pub fn maintain(&mut self) {
        assert!(self.txn.is_none(), "a transaction is open");
        while self.views.front().is_some_and(|view| view.strong_count() == 0) {
            self.views.pop_front();
        }
        // Behind one old view thousands of short-lived ones would pile up.
        if self.views.len() > VIEWS_KNOWN_MAX {
            self.views.retain(|view| view.strong_count() > 0);
        }
        let oldest = self
            .views
            .front()
            .and_then(Weak::upgrade)
            .map_or(self.seq, |view| view.seq);
        self.dead.bury(oldest, |table| &self.tables[table.at()].indexes);
        if self.index_wish.swap(false, Ordering::Relaxed) {
            self.begin_hot_indexes();
        }
    }

    fn journal(&mut self) -> &mut Journal {
        self.txn.as_mut().expect("changes happen inside a transaction")
    }

    fn take_slot(&mut self, table: TableId) -> RowSlot {
        while let Some(slot) = self.free[table.at()].pop() {
            let slot = RowSlot(slot);
            let was_used = |touched: &Touched| touched.old.is_some();
            if self.table(table).at(slot).is_none() && !self.before(table, slot).is_some_and(was_used) {
                return slot;
            }
        }
        let fresh = &mut self.fresh[table.at()];
        *fresh += 1;
        RowSlot(*fresh - 1)
    }

    fn change(&mut self, table: TableId, slot: RowSlot, new: Option<Row>) {
        let old = self.apply(table, slot, new, self.seq.next());
        let journal = self.journal();
        if let hashbrown::hash_map::Entry::Vacant(place) = journal.places.entry((table, slot)) {
            place.insert(journal.touched.len());
            journal.touched.push(Touched { table, slot, old });
        }
    }

    /// The one place where a row of the working version changes. Versions from commit `since` on do not need
    /// the index entries that the slot loses. Returns what the slot held.
    fn apply(&mut self, table: TableId, slot: RowSlot, new: Option<Row>, since: CommitSeq) -> Option<Row> {
        let view = &mut self.tables[table.at()];
        let old = view.rows.set(slot.0, new.clone());
        match (&old, &new) {
            (None, Some(_)) => view.len += 1,
            (Some(_), None) => view.len -= 1,
            _ => {}
        }
        let (dead, indexes) = (&mut self.dead, &view.indexes);
        dead.move_entries(indexes, (table, slot), old.as_ref(), new.as_ref(), since);
        self.strong.row_changed(table, old.as_ref(), new.as_ref());
        old
    }
}

fn weak_columns(schema: &Schema) -> Vec<Vec<(TableId, ColumnIdx, Over)>> {
    let mut columns = vec![Vec::new(); schema.tables.len()];
    for table in schema.table_ids() {
        for column in schema.table(table).declared_idxs() {
            let ty = &schema.table(table).column(column).ty;
            if let Some(target) = ty.key.weak_target() {
                columns[target.at()].push((table, column, Over::Keys));
            }
            if let Some(target) = ty.value.as_ref().and_then(|value| value.weak_target()) {
                columns[target.at()].push((table, column, Over::Values));
            }
        }
    }
    columns
}
