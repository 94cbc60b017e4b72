//! `update` (RFC 7047 §5.2.3).

use super::execute::{Execution, write_count};
use super::names::Names;
use super::{query, row};
use crate::condition::Condition;
use crate::datum::Datum;
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, TableId};
use crate::rbac::Change;
use crate::schema::Schema;
use ovsdb_wire::operation;
use ovsdb_wire::value::Value;

#[derive(Debug)]
pub(super) struct Update {
    pub(super) table: TableId,
    pub(super) condition: Condition,
    values: Vec<(ColumnIdx, Datum)>,
}

impl Update {
    /// `value` is the whole operation, which an error about an immutable column quotes.
    pub(super) fn compile(
        schema: &Schema,
        id: TableId,
        shape: &operation::Update<'_>,
        value: &Value<'_>,
        names: &mut Names<'_>,
    ) -> Result<Update> {
        let table = schema.table(id);
        let values = row::parse(&shape.row, table, names)?;
        for (column, _) in &values {
            let column = table.column(*column);
            if !column.mutable {
                let details = format!(
                    "Cannot update immutable column {} in table {}.",
                    column.name, table.name
                );
                return Err(OvsdbError::new(Tag::ConstraintViolation, details).about(value));
            }
        }
        Ok(Update {
            table: id,
            condition: super::program::parse_where(&shape.where_, table, names)?,
            values,
        })
    }

    /// Columns that it sets.
    pub(super) fn columns(&self) -> impl Iterator<Item = ColumnIdx> {
        self.values.iter().map(|(column, _)| *column)
    }

    /// Appends `{"count":N}`, N being the rows that match, changed or not.
    pub(super) fn execute(&self, run: &mut Execution<'_>, out: &mut Vec<u8>) -> Result<()> {
        let schema = run.store.schema().table(self.table);
        let slots = query::matching_slots(run.store.table(self.table), schema, &self.condition);
        if let Some(access) = &run.access {
            access.check_change(Change::Update, run.store, self.table, self.columns(), &slots)?;
        }
        write_count(slots.len(), out);
        for slot in slots {
            let row = run
                .store
                .table(self.table)
                .at(slot)
                .expect("an update removes no rows");
            if self
                .values
                .iter()
                .all(|(column, datum)| row.get(*column) == datum)
            {
                continue;
            }
            let row = row.with(&self.values);
            run.store.replace(self.table, slot, row);
        }
        Ok(())
    }
}
