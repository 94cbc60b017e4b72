//! Applying a record of the log to a store (upstream `file.c`, `ovsdb_file_txn_from_json`).
//!
//! Whether a row of the record is an insert or a modification is judged by the store, not by the record. The
//! commit passes run as they did for the commit that made the record: they also remove what upstream leaves
//! to them, such as garbage in a record that an older schema wrote.

use super::decode::{Contents, Decoded, DecodedRow, new_row};
use super::run_passes;
use crate::datum::{self, Datum};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, CommitSeq, TableId};
use crate::schema::{Schema, TableSchema};
use crate::store::{ChangeSet, Row, Store};
use crate::txn::next_txn_id;
use ovsdb_wire::value::Value;
use std::sync::Arc;
use uuid::Uuid;

/// How records are applied.
pub struct Replay<'a> {
    /// Makes `_version`s, which no record holds.
    pub version: &'a mut dyn FnMut() -> Uuid,
    /// Ignore tables and columns that the schema lacks, for reading by another schema than the record's.
    pub converting: bool,
}

impl Replay<'_> {
    /// Applies one record as the next commit; `sha1` is that of its body.
    ///
    /// The first record after the schema may be a [snapshot](super::snapshot::Snapshot), which says what its
    /// transaction id is; all others continue the chain. On error the store is as before.
    /// [`Store::maintain`] is left to the caller.
    pub fn apply(&mut self, store: &mut Store, record: &Value<'_>, sha1: &[u8; 20]) -> Result<ChangeSet> {
        let decoded = Decoded::new(store.schema(), record, self.converting)?;
        self.apply_decoded(store, decoded, sha1)
    }

    /// [`Replay::apply`] for a record that was typed against the store's schema before.
    pub fn apply_decoded(
        &mut self,
        store: &mut Store,
        record: Decoded,
        sha1: &[u8; 20],
    ) -> Result<ChangeSet> {
        let own_id = record.txn_id.filter(|_| store.seq() == CommitSeq(0));
        store.begin();
        let applied = self
            .apply_tables(store, record)
            .and_then(|()| run_passes(store, self.version));
        if let Err(error) = applied {
            store.undo();
            return Err(error);
        }
        let txn_id = own_id.unwrap_or_else(|| next_txn_id(store.txn_id(), sha1));
        Ok(store.finish(txn_id))
    }

    fn apply_tables(&mut self, store: &mut Store, record: Decoded) -> Result<()> {
        let schema: Arc<Schema> = Arc::clone(store.schema());
        for table in record.tables {
            for row in table.rows {
                self.apply_row(store, schema.table(table.table), table.table, row, record.is_diff)?;
            }
        }
        Ok(())
    }

    fn apply_row(
        &mut self,
        store: &mut Store,
        schema: &TableSchema,
        table: TableId,
        row: DecodedRow,
        is_diff: bool,
    ) -> Result<()> {
        let uuid = row.uuid;
        match (store.table(table).get(uuid), row.contents) {
            (Some((slot, _)), Contents::Removed) => store.remove(table, slot),
            (None, Contents::Removed) => {
                let details = format!("transaction deletes row {uuid} that does not exist");
                return Err(OvsdbError::new(Tag::SyntaxError, details));
            }
            (Some((slot, row)), Contents::Columns(given)) => {
                let row = modified(schema, row, given, is_diff)?;
                store.replace(table, slot, row);
            }
            (None, Contents::Columns(given)) => {
                store.insert(table, new_row(schema, uuid, given, (self.version)())?);
            }
        }
        Ok(())
    }
}

fn modified(schema: &TableSchema, row: &Row, given: Vec<(ColumnIdx, Datum)>, is_diff: bool) -> Result<Row> {
    let mut columns = row.to_columns();
    for (idx, datum) in given {
        let ty = &schema.column(idx).ty;
        let column = &mut columns[idx.at()];
        *column = if is_diff {
            datum::apply_diff(column, &datum, ty)?
        } else {
            datum::check_len(&datum, ty)?;
            datum
        };
    }
    Ok(Row::new(columns))
}
