//! `delete` (RFC 7047 §5.2.5).

use super::execute::{Execution, write_count};
use super::names::Names;
use super::query;
use crate::condition::Condition;
use crate::error::Result;
use crate::ids::TableId;
use crate::schema::Schema;
use ovsdb_wire::operation;

#[derive(Debug)]
pub(super) struct Delete {
    pub(super) table: TableId,
    pub(super) condition: Condition,
}

impl Delete {
    pub(super) fn compile(
        schema: &Schema,
        table: TableId,
        shape: &operation::Delete<'_>,
        names: &mut Names<'_>,
    ) -> Result<Delete> {
        Ok(Delete {
            table,
            condition: super::program::parse_where(&shape.where_, schema.table(table), names)?,
        })
    }

    /// Appends `{"count":N}`. References to the rows are the commit's concern.
    pub(super) fn execute(&self, run: &mut Execution<'_>, out: &mut Vec<u8>) -> Result<()> {
        let schema = run.store.schema().table(self.table);
        let slots = query::matching_slots(run.store.table(self.table), schema, &self.condition);
        if let Some(access) = &run.access {
            access.check_delete(run.store, self.table, &slots)?;
        }
        write_count(slots.len(), out);
        for slot in slots {
            run.store.remove(self.table, slot);
        }
        Ok(())
    }
}
