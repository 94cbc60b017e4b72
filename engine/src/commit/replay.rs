//! Applying a record of the log to a store (upstream `file.c`, `ovsdb_file_txn_from_json`).
//!
//! Whether a row of the record is an insert or a modification is judged by the store, not by the record. The
//! commit passes run as they did for the commit that made the record: they also remove what upstream leaves
//! to them, such as garbage in a record that an older schema wrote.

use super::{run_passes, snapshot};
use crate::datum::{self, Atom, Datum, uuid_text};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, CommitSeq, TableId};
use crate::schema::{Schema, TableSchema};
use crate::store::{ChangeSet, Row, Store};
use crate::txn::next_txn_id;
use ovsdb_wire::value::{Object, Value};
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
    /// The first record after the schema may be a [snapshot](snapshot::Snapshot), which says what its
    /// transaction id is; all others continue the chain. On error the store is as before.
    /// [`Store::maintain`] is left to the caller.
    pub fn apply(&mut self, store: &mut Store, record: &Value<'_>, sha1: &[u8; 20]) -> Result<ChangeSet> {
        let Some(record) = record.as_object() else {
            return Err(OvsdbError::syntax(record, "object expected"));
        };
        store.begin();
        let applied = self
            .apply_tables(store, record)
            .and_then(|()| run_passes(store, self.version));
        if let Err(error) = applied {
            store.undo();
            return Err(error);
        }
        let is_first = store.seq() == CommitSeq(0);
        let own_id = record
            .get("_comment")
            .and_then(|comment| comment.as_str())
            .filter(|_| is_first)
            .and_then(snapshot::txn_id_in_comment);
        let txn_id = own_id.unwrap_or_else(|| next_txn_id(store.txn_id(), sha1));
        Ok(store.finish(txn_id))
    }

    fn apply_tables(&mut self, store: &mut Store, record: Object<'_>) -> Result<()> {
        let schema = Arc::clone(store.schema());
        let is_diff = record.get("_is_diff") == Some(Value::Bool(true));
        for (name, value) in record.members() {
            if let Some(table) = schema.table_named(name) {
                let mut rows = Rows {
                    store,
                    schema: &schema,
                    table,
                    is_diff,
                    replay: self,
                };
                rows.apply(value)?;
                continue;
            }
            match (*name, value) {
                ("_date", Value::Integer(_)) | ("_is_diff", Value::Bool(_)) | ("_comment", _) => {}
                _ if self.converting => {}
                _ => {
                    let details = format!("No table named {name}.");
                    return Err(OvsdbError::new(Tag::UnknownTable, details).about(&Value::Object(record)));
                }
            }
        }
        Ok(())
    }
}

/// The rows of one table of a record.
struct Rows<'r, 'v> {
    store: &'r mut Store,
    schema: &'r Schema,
    table: TableId,
    is_diff: bool,
    replay: &'r mut Replay<'v>,
}

impl Rows<'_, '_> {
    fn apply(&mut self, rows: &Value<'_>) -> Result<()> {
        let Some(object) = rows.as_object() else {
            return Err(OvsdbError::syntax(rows, "object expected"));
        };
        for (name, value) in object.members() {
            let uuid = uuid_text::parse(name.as_bytes())
                .ok_or_else(|| OvsdbError::syntax(rows, format!("\"{name}\" is not a valid UUID")))?;
            self.apply_row(uuid, value)?;
        }
        Ok(())
    }

    fn apply_row(&mut self, uuid: Uuid, value: &Value<'_>) -> Result<()> {
        let found = self.store.table(self.table).get(uuid);
        let schema = self.schema.table(self.table);
        match (found, value) {
            (Some((slot, _)), Value::Null) => self.store.remove(self.table, slot),
            (None, Value::Null) => {
                let details = format!("transaction deletes row {uuid} that does not exist");
                return Err(OvsdbError::new(Tag::SyntaxError, details));
            }
            (Some((slot, row)), value) => {
                let mut columns = row.columns().to_vec();
                self.apply_columns(schema, &mut columns, value, self.is_diff)?;
                self.store.replace(self.table, slot, Row::new(columns));
            }
            (None, value) => {
                let mut columns: Vec<Datum> = schema
                    .columns
                    .iter()
                    .map(|column| column.default.clone())
                    .collect();
                columns[ColumnIdx::UUID.at()] = Datum::One(Atom::Uuid(uuid));
                columns[ColumnIdx::VERSION.at()] = Datum::One(Atom::Uuid((self.replay.version)()));
                self.apply_columns(schema, &mut columns, value, false)?;
                self.store.insert(self.table, Row::new(columns));
            }
        }
        Ok(())
    }

    fn apply_columns(
        &self,
        schema: &TableSchema,
        columns: &mut [Datum],
        value: &Value<'_>,
        is_diff: bool,
    ) -> Result<()> {
        let Some(object) = value.as_object() else {
            return Err(OvsdbError::syntax(value, "row must be JSON object"));
        };
        for (name, given) in object.members() {
            let Some(idx) = schema.column_named(name) else {
                if self.replay.converting {
                    continue;
                }
                let details = format!("No column {name} in table {}.", schema.name);
                return Err(OvsdbError::new(Tag::UnknownColumn, details).about(value));
            };
            if idx == ColumnIdx::UUID {
                // The member's name says which row this is.
                continue;
            }
            let ty = &schema.column(idx).ty;
            let column = &mut columns[idx.at()];
            *column = if is_diff {
                datum::apply_diff(column, &datum::parse_relaxed(given, ty)?, ty)?
            } else {
                datum::parse(given, ty, None)?
            };
        }
        Ok(())
    }
}
