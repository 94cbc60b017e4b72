//! Which programs take microseconds, whatever the database holds, so that a thread that has other things to do may
//! execute them.

use super::program::{Op, Program};
use super::query;
use crate::condition::Condition;
use crate::ids::{ColumnIdx, TableId};
use crate::limits::LIGHT_OPERATIONS_MAX;
use crate::schema::TableSchema;
use crate::store::Store;

impl Program {
    /// True if the program has few operations, each on one row at most, and its commit is not likely to touch many
    /// others.
    pub fn is_light(&self, store: &Store) -> bool {
        self.operations().len() <= LIGHT_OPERATIONS_MAX
            && self.operations().iter().flatten().all(|op| op.is_light(store))
    }
}

impl Op {
    fn is_light(&self, store: &Store) -> bool {
        let schema = |table: TableId| store.schema().table(table);
        let is_direct = |table: TableId, condition: &Condition| query::is_direct(schema(table), condition);
        match self {
            Op::Insert(_) | Op::Commit { .. } | Op::Comment(_) | Op::Assert { .. } => true,
            Op::Select(select) => is_direct(select.table, &select.condition),
            Op::Wait(wait) => is_direct(wait.table, &wait.condition),
            Op::Update(update) => {
                is_direct(update.table, &update.condition)
                    && !may_let_go_of_many(schema(update.table), update.columns())
            }
            // What it lets go of, it names.
            Op::Mutate(mutate) => is_direct(mutate.table, &mutate.condition),
            Op::Delete(delete) => {
                let table = schema(delete.table);
                is_direct(delete.table, &delete.condition)
                    && !store.may_be_weakly_referenced(delete.table)
                    && !may_let_go_of_many(table, table.declared_idxs())
            }
        }
    }
}

/// Whether rows without any other reference may go in numbers when these columns are emptied.
fn may_let_go_of_many(table: &TableSchema, mut columns: impl Iterator<Item = ColumnIdx>) -> bool {
    columns.any(|column| {
        let ty = &table.column(column).ty;
        ty.n_max > 1 && ty.bases().any(|base| base.strong_target().is_some())
    })
}
