//! A version of the whole database: cheap to take, immutable, readable by any thread.

use super::change::{NetBuilder, NetChanges, RowChange};
use super::row::Row;
use super::table::TableView;
use super::tree::Tree;
use crate::ids::{CommitSeq, RowSlot, TableId};
use crate::schema::Schema;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// A database as of one commit.
#[derive(Clone, Debug)]
pub struct View {
    pub(super) inner: Arc<ViewInner>,
}

#[derive(Debug)]
pub(super) struct ViewInner {
    pub(super) epoch: u64,
    pub(super) schema: Arc<Schema>,
    pub(super) seq: CommitSeq,
    pub(super) txn_id: Uuid,
    pub(super) tables: Box<[TableView]>,
    pub(super) index_wish: Arc<AtomicBool>,
}

impl View {
    /// Distinguishes databases of the same name over conversions and re-additions.
    pub fn epoch(&self) -> u64 {
        self.inner.epoch
    }

    pub fn schema(&self) -> &Arc<Schema> {
        &self.inner.schema
    }

    pub fn seq(&self) -> CommitSeq {
        self.inner.seq
    }

    /// Id of the commit that this version is as of.
    pub fn txn_id(&self) -> Uuid {
        self.inner.txn_id
    }

    pub fn table(&self, table: TableId) -> &TableView {
        &self.inner.tables[table.at()]
    }

    /// Number of rows of all tables.
    pub fn rows_count(&self) -> usize {
        self.inner.tables.iter().map(TableView::len).sum()
    }

    /// True, once, after scans of this or another version have asked for an index: then the writer is to be told.
    pub fn take_index_wish(&self) -> bool {
        let wish = &self.inner.index_wish;
        wish.load(Ordering::Relaxed) && wish.swap(false, Ordering::Relaxed)
    }

    /// The net changes that lead from `older` to this view; both must be of one epoch.
    ///
    /// Costs what differs: subtrees that both views share are skipped.
    pub fn diff(&self, older: &View) -> NetChanges {
        assert_eq!(
            self.epoch(),
            older.epoch(),
            "views of different epochs have no common slots"
        );
        let mut net = NetBuilder::default();
        for table in self.schema().table_ids() {
            let (old, new) = (&older.table(table).rows, &self.table(table).rows);
            Tree::diff(old, new, &Row::ptr_eq, &mut |slot, old, new| {
                diff_slot(&mut net, table, RowSlot(slot), old, new);
            });
        }
        net.finish()
    }
}

fn diff_slot(net: &mut NetBuilder, table: TableId, slot: RowSlot, old: Option<&Row>, new: Option<&Row>) {
    match (old, new) {
        (Some(a), Some(b)) if a.uuid() == b.uuid() => {
            net.add(
                table,
                &RowChange {
                    uuid: a.uuid(),
                    slot,
                    old: Some(a.clone()),
                    new: Some(b.clone()),
                },
            );
        }
        _ => {
            if let Some(row) = old {
                net.add(
                    table,
                    &RowChange {
                        uuid: row.uuid(),
                        slot,
                        old: Some(row.clone()),
                        new: None,
                    },
                );
            }
            if let Some(row) = new {
                net.add(
                    table,
                    &RowChange {
                        uuid: row.uuid(),
                        slot,
                        old: None,
                        new: Some(row.clone()),
                    },
                );
            }
        }
    }
}
