//! `select` (RFC 7047 §5.2.2), with upstream's `sort` member.

use super::columns;
use super::names::Names;
use super::query;
use crate::condition::Condition;
use crate::datum::{Datum, print};
use crate::error::Result;
use crate::hash::{HashSet, Keyed};
use crate::ids::{ColumnIdx, TableId};
use crate::schema::{Schema, TableSchema, parse_columns};
use crate::store::{Row, TableView};
use ovsdb_wire::operation;
use ovsdb_wire::write::{Items, Members};
use std::cmp::Ordering;
use std::ops::ControlFlow;

#[derive(Debug)]
pub(super) struct Select {
    pub(super) table: TableId,
    pub(super) condition: Condition,
    columns: Box<[ColumnIdx]>,
    /// Empty leaves the rows in the order in which they are found.
    sort: Box<[ColumnIdx]>,
}

impl Select {
    pub(super) fn compile(
        schema: &Schema,
        id: TableId,
        shape: &operation::Select<'_>,
        names: &mut Names<'_>,
    ) -> Result<Select> {
        let table = schema.table(id);
        Ok(Select {
            table: id,
            condition: super::program::parse_where(&shape.where_, table, names)?,
            columns: columns::parse_or_all(shape.columns, table)?.into(),
            sort: shape
                .sort
                .map_or(Ok(Vec::new()), |sort| parse_columns(&sort, table))?
                .into(),
        })
    }

    /// Appends `{"rows":[…]}`.
    pub(super) fn execute(&self, table: &TableView, schema: &TableSchema, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"rows\":");
        let mut items = Items::begin(out);
        // Rows with their uuid are distinct anyway.
        let may_repeat = !self.columns.contains(&ColumnIdx::UUID);
        if self.sort.is_empty() && !may_repeat {
            query::for_each_match(table, schema, &self.condition, &mut |_, row| {
                self.write_row(row, schema, items.item());
                ControlFlow::Continue(())
            });
        } else {
            for row in self.collect(table, schema, may_repeat) {
                self.write_row(&row, schema, items.item());
            }
        }
        items.end();
        out.push(b'}');
    }

    fn collect(&self, table: &TableView, schema: &TableSchema, may_repeat: bool) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        query::for_each_match(table, schema, &self.condition, &mut |_, row| {
            rows.push(row.clone());
            ControlFlow::Continue(())
        });
        if may_repeat {
            let mut seen: HashSet<Vec<Datum>> =
                HashSet::with_capacity_and_hasher(rows.len(), Keyed::default());
            rows.retain(|row| seen.insert(project(row, &self.columns)));
        }
        rows.sort_by(|a, b| compare(a, b, &self.sort));
        rows
    }

    fn write_row(&self, row: &Row, schema: &TableSchema, out: &mut Vec<u8>) {
        let mut members = Members::begin(out);
        for column in &self.columns {
            print::write(row.get(*column), members.key(&schema.column(*column).name));
        }
        members.end();
    }
}

/// The values of some columns of a row.
pub(super) fn project(row: &Row, columns: &[ColumnIdx]) -> Vec<Datum> {
    columns.iter().map(|column| row.get(*column).clone()).collect()
}

fn compare(a: &Row, b: &Row, columns: &[ColumnIdx]) -> Ordering {
    columns
        .iter()
        .map(|column| a.get(*column).cmp(b.get(*column)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
