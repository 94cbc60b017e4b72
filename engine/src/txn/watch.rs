//! What a program that waits has looked at: only changes of that can make a difference to it.

use super::program::{Op, Program};
use super::query;
use super::wait::Wait;
use crate::condition::Condition;
use crate::ids::TableId;
use crate::store::{Row, RowChange};
use uuid::Uuid;

impl Program {
    /// The tables that the first `executed` operations have looked at, and the row if it was only one. In ascending
    /// order, each once.
    pub fn looked_at(&self, executed: usize) -> Vec<(TableId, Option<Uuid>)> {
        let operations = self.operations()[..executed].iter().flatten();
        let mut places: Vec<_> = operations.filter_map(Op::looks_at).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// True if the first `executed` operations may come out differently after the change of a row of `table`.
    pub fn is_concerned(&self, executed: usize, table: TableId, change: &RowChange) -> bool {
        let mut operations = self.operations()[..executed].iter().flatten();
        operations.any(|op| op.table() == Some(table) && op.is_concerned(change))
    }
}

impl Op {
    fn looks_at(&self) -> Option<(TableId, Option<Uuid>)> {
        let row = match self {
            // A new row depends on none, unless it brings its uuid.
            Op::Insert(insert) => Some(insert.explicit_uuid()?),
            _ => query::row_named(self.condition()?),
        };
        Some((self.table()?, row))
    }

    fn condition(&self) -> Option<&Condition> {
        match self {
            Op::Select(select) => Some(&select.condition),
            Op::Update(update) => Some(&update.condition),
            Op::Mutate(mutate) => Some(&mutate.condition),
            Op::Delete(delete) => Some(&delete.condition),
            Op::Wait(wait) => Some(&wait.condition),
            Op::Insert(_) | Op::Commit { .. } | Op::Comment(_) | Op::Assert { .. } => None,
        }
    }

    fn is_concerned(&self, change: &RowChange) -> bool {
        match self {
            Op::Insert(insert) => insert.explicit_uuid() == Some(change.uuid),
            Op::Wait(wait) => wait.is_concerned(change),
            _ => self.condition().is_some_and(|condition| {
                [&change.old, &change.new]
                    .into_iter()
                    .any(|row| selects(condition, row))
            }),
        }
    }
}

impl Wait {
    fn is_concerned(&self, change: &RowChange) -> bool {
        let [old, new] =
            [&change.old, &change.new].map(|row| row.as_ref().filter(|row| has(&self.condition, row)));
        match (old, new) {
            (None, None) => false,
            (Some(old), Some(new)) => self
                .columns
                .iter()
                .any(|column| old.get(*column) != new.get(*column)),
            _ => true,
        }
    }
}

fn selects(condition: &Condition, row: &Option<Row>) -> bool {
    row.as_ref().is_some_and(|row| has(condition, row))
}

fn has(condition: &Condition, row: &Row) -> bool {
    condition.matches_all(|column| row.get(column))
}
