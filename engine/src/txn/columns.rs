//! Sets of columns as requests name them.

use crate::error::{OvsdbError, Result};
use crate::ids::ColumnIdx;
use crate::schema::TableSchema;
use ovsdb_wire::value::Value;

/// Parses an array of distinct column names (upstream `column.c`, `ovsdb_column_set_from_json`).
pub(super) fn parse(value: &Value<'_>, table: &TableSchema) -> Result<Vec<ColumnIdx>> {
    let not_distinct = || OvsdbError::syntax(value, "array of distinct column names expected");
    let names = value.as_array().ok_or_else(not_distinct)?;
    let mut columns = Vec::with_capacity(names.len());
    for name in names {
        let name = name.as_text_bytes().ok_or_else(not_distinct)?;
        let name = String::from_utf8_lossy(name);
        let Some(column) = table.column_named(&name) else {
            return Err(OvsdbError::syntax(
                value,
                format!("{name} is not a valid column name"),
            ));
        };
        if columns.contains(&column) {
            return Err(not_distinct());
        }
        columns.push(column);
    }
    Ok(columns)
}

/// [`parse`], where absence means all columns, `_uuid` and `_version` included.
pub(super) fn parse_or_all(value: Option<Value<'_>>, table: &TableSchema) -> Result<Vec<ColumnIdx>> {
    match value {
        Some(value) => parse(&value, table),
        None => Ok(table.column_idxs().collect()),
    }
}
