//! Rows as operations write them: an object of column names and values (RFC 7047 §5.1 `<row>`).

use super::names::Names;
use crate::datum::{self, Datum};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::ColumnIdx;
use crate::schema::TableSchema;
use ovsdb_wire::value::Value;

/// Parses the columns that `row` names, each with its full constraints, in the order of the input.
pub(super) fn parse(
    row: &Value<'_>,
    table: &TableSchema,
    names: &mut Names<'_>,
) -> Result<Vec<(ColumnIdx, Datum)>> {
    let Some(object) = row.as_object() else {
        return Err(OvsdbError::syntax(row, "row must be JSON object"));
    };
    let mut columns = Vec::with_capacity(object.len());
    for (name, value) in object.members() {
        let Some(column) = table.column_named(name) else {
            let details = format!("No column {name} in table {}.", table.name);
            return Err(OvsdbError::new(Tag::UnknownColumn, details).about(row));
        };
        let ty = &table.column(column).ty;
        columns.push((column, datum::parse(value, ty, Some(names))?));
    }
    Ok(columns)
}

/// The default value of every column.
pub(super) fn defaults(table: &TableSchema) -> Vec<Datum> {
    table
        .columns
        .iter()
        .map(|column| column.default.clone())
        .collect()
}
