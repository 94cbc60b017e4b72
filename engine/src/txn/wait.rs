//! `wait` (RFC 7047 §5.2.6).

use super::names::Names;
use super::select::project;
use super::{columns, query, row};
use crate::condition::Condition;
use crate::datum::Datum;
use crate::error::{OvsdbError, Result, Tag};
use crate::hash::HashSet;
use crate::ids::{ColumnIdx, TableId};
use crate::schema::{Schema, TableSchema};
use crate::store::TableView;
use ovsdb_wire::operation::{self, Until};
use std::ops::ControlFlow;

#[derive(Debug)]
pub(super) struct Wait {
    pub(super) table: TableId,
    /// Milliseconds since the arrival of the request; `None` waits forever.
    pub(super) timeout_ms: Option<u64>,
    pub(super) condition: Condition,
    pub(super) columns: Vec<ColumnIdx>,
    until: Until,
    /// The distinct rows that are compared with those found, reduced to `columns`.
    expected: HashSet<Vec<Datum>>,
}

impl Wait {
    pub(super) fn compile(
        schema: &Schema,
        id: TableId,
        shape: &operation::Wait<'_>,
        names: &mut Names<'_>,
    ) -> Result<Wait> {
        let table = schema.table(id);
        let condition = super::program::parse_where(&shape.where_, table, names)?;
        let columns = columns::parse_or_all(shape.columns, table)?;
        let timeout_ms = shape.timeout_ms()?;
        let until = shape.until()?;
        let mut expected = HashSet::default();
        for value in shape
            .rows
            .as_array()
            .expect("`rows` was accepted as an array only")
        {
            let mut row = row::defaults(table);
            for (column, datum) in row::parse(value, table, names)? {
                row[column.at()] = datum;
            }
            expected.insert(columns.iter().map(|column| row[column.at()].clone()).collect());
        }
        Ok(Wait {
            table: id,
            timeout_ms,
            condition,
            columns,
            until,
            expected,
        })
    }

    /// True if the rows found are, or are not, those expected, as the operation asks.
    pub(super) fn is_satisfied(&self, table: &TableView, schema: &TableSchema) -> bool {
        let mut actual: HashSet<Vec<Datum>> = HashSet::default();
        let mut are_equal = true;
        query::for_each_match(table, schema, &self.condition, &mut |_, row| {
            let row = project(row, &self.columns);
            if !self.expected.contains(&row) {
                are_equal = false;
                return ControlFlow::Break(());
            }
            actual.insert(row);
            ControlFlow::Continue(())
        });
        // Everything found is expected, so equal numbers mean equal sets.
        are_equal &= actual.len() == self.expected.len();
        are_equal == (self.until == Until::Equal)
    }

    /// The error if an unsatisfied wait may wait no longer; times in ms since the arrival of the request.
    pub(super) fn check_timeout(&self, elapsed_ms: u64) -> Result<()> {
        match self.timeout_ms {
            Some(timeout_ms) if elapsed_ms >= timeout_ms => {
                let details = match elapsed_ms {
                    0 => "\"where\" clause test failed".to_owned(),
                    _ => format!("\"wait\" timed out after {elapsed_ms} ms"),
                };
                Err(OvsdbError::new(Tag::TimedOut, details))
            }
            _ => Ok(()),
        }
    }
}
