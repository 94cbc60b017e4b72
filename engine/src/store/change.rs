//! What commits changed: rows before and after.

use super::row::Row;
use crate::hash::HashMap;
use crate::ids::{CommitSeq, RowSlot, TableId};
use crate::limits::CHANGE_SET_BYTES;
use std::sync::Arc;
use uuid::Uuid;

/// One row before and after; never both absent, never the same version twice.
#[derive(Clone, Debug)]
pub struct RowChange {
    pub uuid: Uuid,
    /// Where the row is, or was when deleted.
    pub slot: RowSlot,
    pub old: Option<Row>,
    pub new: Option<Row>,
}

/// Changed rows of one table.
#[derive(Clone, Debug)]
pub struct TableChanges {
    pub table: TableId,
    pub rows: Vec<RowChange>,
}

/// The net changes of one commit.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    pub seq: CommitSeq,
    pub txn_id: Uuid,
    /// In ascending order of table, without empty entries.
    pub tables: Arc<[TableChanges]>,
    /// Rough memory in bytes that keeping this change set keeps alive.
    pub bytes: usize,
}

/// The net changes of a range of commits, each row at most once; what notifications are made from.
#[derive(Clone, Debug, Default)]
pub struct NetChanges {
    /// In ascending order of table, without empty entries.
    pub tables: Arc<[TableChanges]>,
}

impl ChangeSet {
    pub(super) fn new(seq: CommitSeq, txn_id: Uuid, tables: Vec<TableChanges>) -> ChangeSet {
        ChangeSet {
            seq,
            txn_id,
            bytes: CHANGE_SET_BYTES + approx_bytes(&tables),
            tables: tables.into(),
        }
    }
}

fn approx_bytes(tables: &[TableChanges]) -> usize {
    let rows = tables.iter().flat_map(|table| &table.rows);
    rows.map(|change| {
        let held = match (&change.old, &change.new) {
            // The old version is the new one of an earlier change, or of the view that history begins with.
            (Some(old), Some(new)) => new.approx_bytes_beside(old),
            (Some(row), None) | (None, Some(row)) => row.approx_bytes(),
            (None, None) => 0,
        };
        size_of::<RowChange>() + held
    })
    .sum()
}

impl NetChanges {
    /// Merges consecutive change sets: insert and delete vanish, delete and insert become a modification.
    pub fn merge(sets: &[Arc<ChangeSet>]) -> NetChanges {
        if let [only] = sets {
            return NetChanges {
                tables: Arc::clone(&only.tables),
            };
        }
        let mut net = NetBuilder::default();
        for set in sets {
            for table in set.tables.iter() {
                for change in &table.rows {
                    net.add(table.table, change);
                }
            }
        }
        net.finish()
    }

    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Number of changed rows.
    pub fn rows_count(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }

    /// See [`ChangeSet::bytes`].
    pub fn approx_bytes(&self) -> usize {
        approx_bytes(&self.tables)
    }

    pub fn of_table(&self, table: TableId) -> &[RowChange] {
        match self.tables.binary_search_by_key(&table, |changes| changes.table) {
            Ok(at) => &self.tables[at].rows,
            Err(_) => &[],
        }
    }
}

/// Collects changes row by row into a net of them.
#[derive(Default)]
pub(super) struct NetBuilder {
    order: Vec<(TableId, RowChange)>,
    places: HashMap<(TableId, Uuid), usize>,
}

impl NetBuilder {
    pub(super) fn add(&mut self, table: TableId, change: &RowChange) {
        match self.places.entry((table, change.uuid)) {
            hashbrown::hash_map::Entry::Vacant(place) => {
                place.insert(self.order.len());
                self.order.push((table, change.clone()));
            }
            hashbrown::hash_map::Entry::Occupied(place) => {
                let known = &mut self.order[*place.get()].1;
                // A row found in two slots comes once as gone and once as new, in either order.
                match (&change.old, &change.new) {
                    (Some(old), None)
                        if known.old.is_none() && known.new.is_some() && !known_has(known, old) =>
                    {
                        known.old = Some(old.clone());
                    }
                    _ => {
                        known.new = change.new.clone();
                        known.slot = change.slot;
                    }
                }
            }
        }
    }

    pub(super) fn finish(self) -> NetChanges {
        let mut order = self.order;
        order.retain(|(_, change)| match (&change.old, &change.new) {
            (None, None) => false,
            (Some(old), Some(new)) => !old.ptr_eq(new),
            _ => true,
        });
        order.sort_by_key(|(table, _)| *table);
        let mut tables: Vec<TableChanges> = Vec::new();
        for (table, change) in order {
            match tables.last_mut() {
                Some(last) if last.table == table => last.rows.push(change),
                _ => tables.push(TableChanges {
                    table,
                    rows: vec![change],
                }),
            }
        }
        NetChanges {
            tables: tables.into(),
        }
    }
}

fn known_has(known: &RowChange, row: &Row) -> bool {
    known.new.as_ref().is_some_and(|new| new.ptr_eq(row))
}
