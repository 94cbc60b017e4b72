//! Sets of columns as requests name them.

use crate::error::Result;
use crate::ids::ColumnIdx;
use crate::schema::{TableSchema, parse_columns};
use ovsdb_wire::value::Value;

/// Parses an array of distinct column names; absence means all columns, `_uuid` and `_version` included.
pub(super) fn parse_or_all(value: Option<Value<'_>>, table: &TableSchema) -> Result<Vec<ColumnIdx>> {
    match value {
        Some(value) => parse_columns(&value, table),
        None => Ok(table.column_idxs().collect()),
    }
}
