//! Fills an empty store with the rows of a snapshot, without the journal and the passes of a transaction.
//!
//! The passes would find nothing to do on a snapshot that a server wrote, so they are replaced by one look
//! over what was loaded. If it finds anything, nothing is repaired here: the caller drops the store and
//! applies the record by [`Replay`](super::Replay), which decides and words everything.

use super::decode::NewRows;
use super::references;
use crate::datum::Datum;
use crate::ids::{CommitSeq, TableId};
use crate::schema::RefKind;
use crate::store::{Row, Store};
use uuid::Uuid;

/// A store being filled.
#[derive(Debug)]
pub struct Load<'s> {
    store: &'s mut Store,
}

/// What was loaded is not what the commit passes leave; the store is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsound;

impl<'s> Load<'s> {
    /// `store` must be as [`Store::new`] made it.
    pub fn new(store: &'s mut Store) -> Load<'s> {
        assert_eq!(store.seq(), CommitSeq(0), "only an empty store is filled");
        Load { store }
    }

    /// Adds rows of tables; a uuid that its table has already makes the load unsound.
    pub fn add(&mut self, tables: Vec<NewRows>) -> Result<(), Unsound> {
        for NewRows { table, rows } in tables {
            for row in rows {
                if self.store.table(table).get(row.uuid()).is_some() {
                    return Err(Unsound);
                }
                self.store.load(table, row);
            }
        }
        Ok(())
    }

    /// Makes what was added the first commit, if the commit passes would leave it as it is.
    pub fn finish(self, txn_id: Uuid) -> Result<(), Unsound> {
        let store = self.store;
        let is_sound = store.has_targets_of_strong_refs()
            && store
                .schema()
                .table_ids()
                .all(|table| is_table_sound(store, table));
        if !is_sound {
            return Err(Unsound);
        }
        store.finish_load(txn_id);
        Ok(())
    }
}

fn is_table_sound(store: &Store, id: TableId) -> bool {
    let (table, schema) = (store.table(id), store.schema().table(id));
    let is_too_long = schema.rows_max != u32::MAX && table.len() > schema.rows_max as usize;
    let has_weak_refs = store.has_weak_refs(id);
    if is_too_long {
        return false;
    }
    if schema.is_root && !has_weak_refs && schema.indexes.is_empty() {
        return true;
    }
    table.iter().all(|(_, row)| {
        (schema.is_root || store.strong_refs(id, row.uuid()) > 0)
            && (!has_weak_refs || !has_dangling(store, id, row))
            && (0..schema.indexes.len()).all(|number| is_unique(store, id, number, row))
    })
}

fn has_dangling(store: &Store, table: TableId, row: &Row) -> bool {
    let mut found = false;
    references::gained(
        store.schema(),
        table,
        RefKind::Weak,
        None,
        row,
        &mut |reference| {
            found |= store.table(reference.target).get(reference.uuid).is_none();
        },
    );
    found
}

fn is_unique(store: &Store, table: TableId, number: usize, row: &Row) -> bool {
    let columns = &store.schema().table(table).indexes[number];
    let key: Vec<&Datum> = columns.iter().map(|column| row.get(*column)).collect();
    let mut count = 0;
    store
        .table(table)
        .lookup_unique(number, &key, &mut |_, _| count += 1);
    count == 1
}
