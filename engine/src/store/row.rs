//! One row: an immutable, shared array of datums, `_uuid` first, `_version` second.

use crate::datum::Datum;
use crate::ids::ColumnIdx;
use std::sync::Arc;
use uuid::Uuid;

/// A row as of some commit. Cloning shares it; a change makes a new row.
#[derive(Clone, Debug)]
pub struct Row(Arc<[Datum]>);

impl Row {
    /// Makes a row of all its columns in schema order; the first must be its uuid.
    pub fn new(columns: Vec<Datum>) -> Row {
        assert!(
            columns.first().and_then(Datum::as_uuid).is_some(),
            "column 0 of a row is its _uuid"
        );
        Row(columns.into())
    }

    pub fn get(&self, column: ColumnIdx) -> &Datum {
        &self.0[column.at()]
    }

    pub fn columns(&self) -> &[Datum] {
        &self.0
    }

    pub fn uuid(&self) -> Uuid {
        self.0[0].as_uuid().expect("checked by Row::new")
    }

    /// True if both are the same version of the same row, which is decided without looking inside.
    pub fn ptr_eq(&self, other: &Row) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A copy with changes made by `edit`.
    #[must_use]
    pub fn with(&self, edit: impl FnOnce(&mut Vec<Datum>)) -> Row {
        let mut columns = self.0.to_vec();
        edit(&mut columns);
        Row::new(columns)
    }

    /// Size in memory in bytes, for budgets, without what allocation adds.
    pub fn approx_bytes(&self) -> usize {
        size_of_val(&*self.0) + self.0.iter().map(Datum::heap_bytes).sum::<usize>()
    }

    /// Bytes of memory that keeping the row beside its earlier version `base` costs: what did not change is
    /// shared.
    pub fn approx_bytes_beside(&self, base: &Row) -> usize {
        let columns = self.0.iter().zip(&*base.0);
        size_of_val(&*self.0)
            + columns
                .map(|(datum, base)| datum.heap_bytes_beside(base))
                .sum::<usize>()
    }
}
