//! `mutate` (RFC 7047 §5.2.4).

use super::execute::{Execution, write_count};
use super::names::Names;
use super::query;
use crate::condition::Condition;
use crate::error::Result;
use crate::ids::TableId;
use crate::mutation::Mutations;
use crate::rbac::Change;
use crate::schema::Schema;
use crate::store::Row;
use ovsdb_wire::operation;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Mutate {
    pub(super) table: TableId,
    pub(super) condition: Condition,
    mutations: Mutations,
}

impl Mutate {
    pub(super) fn compile(
        schema: &Schema,
        id: TableId,
        shape: &operation::Mutate<'_>,
        names: &mut Names<'_>,
    ) -> Result<Mutate> {
        let table = schema.table(id);
        let mutations = shape
            .mutations
            .as_array()
            .expect("`mutations` was accepted as an array only");
        Ok(Mutate {
            table: id,
            mutations: Mutations::parse(mutations, table, Some(names))?,
            condition: super::program::parse_where(&shape.where_, table, names)?,
        })
    }

    /// Appends `{"count":N}`; fails at the first row for which a mutation cannot be applied.
    pub(super) fn execute(&self, run: &mut Execution<'_>, out: &mut Vec<u8>) -> Result<()> {
        let schema = Arc::clone(run.store.schema());
        let schema = schema.table(self.table);
        if self.mutations.is_empty() {
            let table = run.store.table(self.table);
            write_count(query::count(table, schema, &self.condition), out);
            return Ok(());
        }
        let slots = query::matching_slots(run.store.table(self.table), schema, &self.condition);
        if let Some(access) = &run.access {
            let columns = self.mutations.columns();
            access.check_change(Change::Mutate, run.store, self.table, columns, &slots)?;
        }
        write_count(slots.len(), out);
        for slot in slots {
            let row = run
                .store
                .table(self.table)
                .at(slot)
                .expect("a mutation removes no rows");
            let mut columns = row.to_columns();
            self.mutations.apply(&mut columns, schema)?;
            run.store.replace(self.table, slot, Row::new(columns));
        }
        Ok(())
    }
}
