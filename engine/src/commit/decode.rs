//! A record of the log, typed against the schema: everything that can be said of it without the rows.
//!
//! It owns what it holds, so that records are decoded on one thread and applied in order on another.

use super::snapshot;
use crate::datum::{self, Atom, Datum, uuid_text};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, TableId};
use crate::schema::{Schema, TableSchema};
use crate::store::Row;
use ovsdb_wire::value::Value;
use uuid::Uuid;

/// A record and its rows.
#[derive(Debug)]
pub struct Decoded {
    /// In the order of the record.
    pub(super) tables: Vec<DecodedTable>,
    /// Whether modified columns are differences.
    pub(super) is_diff: bool,
    /// The transaction id that a snapshot's comment tells.
    pub(super) txn_id: Option<Uuid>,
}

/// The rows of one table of a record.
#[derive(Debug)]
pub(super) struct DecodedTable {
    pub(super) table: TableId,
    pub(super) rows: Vec<DecodedRow>,
}

#[derive(Debug)]
pub(super) struct DecodedRow {
    pub(super) uuid: Uuid,
    pub(super) contents: Contents,
}

/// What a record says of a row. Whether that inserts or modifies it is for the store to say.
#[derive(Debug)]
pub(super) enum Contents {
    Removed,
    /// In the order of the record; the number of elements is not checked, as it may be a difference.
    Columns(Vec<(ColumnIdx, Datum)>),
}

/// New rows of one table.
#[derive(Debug)]
pub struct NewRows {
    pub(super) table: TableId,
    pub(super) rows: Vec<Row>,
}

impl Decoded {
    /// Types a record. `converting` ignores tables and columns that the schema lacks.
    pub fn new(schema: &Schema, record: &Value<'_>, converting: bool) -> Result<Decoded> {
        let Some(object) = record.as_object() else {
            return Err(OvsdbError::syntax(record, "object expected"));
        };
        let mut decoded = Decoded {
            tables: Vec::new(),
            is_diff: false,
            txn_id: None,
        };
        for (name, value) in object.members() {
            if let Some(table) = schema.table_named(name) {
                let rows = decode_rows(schema.table(table), value, converting)?;
                decoded.tables.push(DecodedTable { table, rows });
                continue;
            }
            match (*name, value) {
                ("_date", Value::Integer(_)) => {}
                ("_is_diff", Value::Bool(is_diff)) => decoded.is_diff = *is_diff,
                ("_comment", comment) => {
                    decoded.txn_id = comment.as_str().and_then(snapshot::txn_id_in_comment);
                }
                _ if converting => {}
                _ => {
                    let details = format!("No table named {name}.");
                    return Err(OvsdbError::new(Tag::UnknownTable, details).about(record));
                }
            }
        }
        Ok(decoded)
    }

    /// The table that the record tells of first.
    pub fn first_table(&self) -> Option<TableId> {
        self.tables.first().map(|table| table.table)
    }

    /// The table that the record tells of last.
    pub fn last_table(&self) -> Option<TableId> {
        self.tables.last().map(|table| table.table)
    }

    /// The rows of a record that only inserts, complete but for what the store must check; `None` if it
    /// removes a row. `version` makes `_version`s.
    pub fn into_new_rows(
        self,
        schema: &Schema,
        version: &mut dyn FnMut() -> Uuid,
    ) -> Result<Option<(Vec<NewRows>, Option<Uuid>)>> {
        let mut tables = Vec::with_capacity(self.tables.len());
        for DecodedTable { table, rows } in self.tables {
            let mut new = Vec::with_capacity(rows.len());
            for row in rows {
                let Contents::Columns(columns) = row.contents else {
                    return Ok(None);
                };
                new.push(new_row(schema.table(table), row.uuid, columns, version())?);
            }
            tables.push(NewRows { table, rows: new });
        }
        Ok(Some((tables, self.txn_id)))
    }
}

/// Makes a row of the columns that a record names and the defaults of all others.
pub(super) fn new_row(
    schema: &TableSchema,
    uuid: Uuid,
    columns: Vec<(ColumnIdx, Datum)>,
    version: Uuid,
) -> Result<Row> {
    let mut row: Vec<Datum> = schema
        .columns
        .iter()
        .map(|column| column.default.clone())
        .collect();
    for (idx, datum) in columns {
        datum::check_len(&datum, &schema.column(idx).ty)?;
        row[idx.at()] = datum;
    }
    row[ColumnIdx::UUID.at()] = Datum::One(Atom::Uuid(uuid));
    row[ColumnIdx::VERSION.at()] = Datum::One(Atom::Uuid(version));
    Ok(Row::new(row))
}

fn decode_rows(schema: &TableSchema, rows: &Value<'_>, converting: bool) -> Result<Vec<DecodedRow>> {
    let Some(object) = rows.as_object() else {
        return Err(OvsdbError::syntax(rows, "object expected"));
    };
    let mut decoded = Vec::with_capacity(object.len());
    for (name, value) in object.members() {
        let uuid = uuid_text::parse(name.as_bytes())
            .ok_or_else(|| OvsdbError::syntax(rows, format!("\"{name}\" is not a valid UUID")))?;
        let contents = match value {
            Value::Null => Contents::Removed,
            value => Contents::Columns(decode_columns(schema, value, converting)?),
        };
        decoded.push(DecodedRow { uuid, contents });
    }
    Ok(decoded)
}

fn decode_columns(
    schema: &TableSchema,
    value: &Value<'_>,
    converting: bool,
) -> Result<Vec<(ColumnIdx, Datum)>> {
    let Some(object) = value.as_object() else {
        return Err(OvsdbError::syntax(value, "row must be JSON object"));
    };
    let mut columns = Vec::with_capacity(object.len());
    for (name, given) in object.members() {
        let Some(idx) = schema.column_named(name) else {
            if converting {
                continue;
            }
            let details = format!("No column {name} in table {}.", schema.name);
            return Err(OvsdbError::new(Tag::UnknownColumn, details).about(value));
        };
        // The member's name says which row this is.
        if idx != ColumnIdx::UUID {
            columns.push((idx, datum::parse_relaxed(given, &schema.column(idx).ty)?));
        }
    }
    Ok(columns)
}
