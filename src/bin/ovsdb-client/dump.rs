//! `dump`: the contents of tables, in an order that depends on nothing but them.

use bumpalo::Bump;
use ovsdb::cli::table::{Cell, Printer, Table};
use ovsdb::cli::{Fatal, Result, program};
use ovsdb_engine::datum::{self, Datum};
use ovsdb_engine::schema::{AtomicType, ColumnSchema, TableSchema};
use ovsdb_wire::value::Value;
use ovsdb_wire::write::{self, Items, Members};
use std::cmp::Ordering;

use crate::Session;
use crate::inspect::fetch_schema;
use crate::server::Opened;

/// Prints the tables that the operands name, or all.
pub fn dump(session: &Session<'_>, mut opened: Opened<'_>) -> Result<()> {
    let schema = fetch_schema(&mut opened.connection, &opened.database)?;
    let (tables, names): (Vec<&TableSchema>, &[String]) = match opened.operands {
        [] => (schema.tables.iter().collect(), &[]),
        [table, columns @ ..] => {
            let id = schema
                .table_named(table)
                .ok_or_else(|| Fatal::new(format!("No table \"{table}\" found.")))?;
            (vec![schema.table(id)], columns)
        }
    };
    let mut selected = Vec::with_capacity(tables.len());
    for table in tables {
        selected.push((table, columns_of(table, names)?));
    }
    let arena = Bump::new();
    let result = opened.connection.call(&arena, "transact", |out| {
        let mut params = Items::begin(out);
        write::string(params.item(), &opened.database);
        for (table, columns) in &selected {
            write_select(&table.name, columns, params.item());
        }
        params.end();
    })?;
    let results = result
        .as_array()
        .filter(|results| results.len() == selected.len())
        .ok_or_else(|| {
            Fatal::new(format!(
                "reply is not array of {} elements: {}",
                selected.len(),
                shown(&result)
            ))
        })?;
    let mut printer = Printer::new(session.style);
    let mut out = Vec::new();
    for ((table, columns), result) in selected.iter().zip(results) {
        let rows = rows_of(table, result)?;
        write_table(&table.name, columns, rows, &mut printer, &mut out)?;
        program::print(&out)?;
        out.clear();
    }
    Ok(())
}

/// The columns named, or all but `_version`, in ascending order of name.
fn columns_of<'s>(table: &'s TableSchema, names: &[String]) -> Result<Vec<&'s ColumnSchema>> {
    let mut columns: Vec<&ColumnSchema> = if names.is_empty() {
        table.columns.iter().collect()
    } else {
        let find = |name: &String| {
            table
                .column_named(name)
                .map(|idx| table.column(idx))
                .ok_or_else(|| Fatal::new(format!("Table \"{}\" has no column {name}.", table.name)))
        };
        names.iter().map(find).collect::<Result<_>>()?
    };
    columns.retain(|column| column.name != "_version");
    columns.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    Ok(columns)
}

/// Writes the operation that selects `columns` of all rows.
pub fn write_select(table: &str, columns: &[&ColumnSchema], out: &mut Vec<u8>) {
    let mut op = Members::begin(out);
    write::string(op.key("op"), "select");
    write::string(op.key("table"), table);
    op.key("where").extend_from_slice(b"[]");
    let mut names = Items::begin(op.key("columns"));
    for column in columns {
        write::string(names.item(), &column.name);
    }
    names.end();
    op.end();
}

/// The rows in the result of a `select`.
pub fn rows_of<'a>(table: &TableSchema, result: &Value<'a>) -> Result<&'a [Value<'a>]> {
    result
        .as_object()
        .and_then(|result| result.get("rows"))
        .and_then(|rows| rows.as_array())
        .ok_or_else(|| {
            let (name, shown) = (&table.name, shown(result));
            Fatal::new(format!(
                "{name} table reply is not an object with a \"rows\" member array: {shown}"
            ))
        })
}

/// A value as errors show it.
pub fn shown(value: &Value<'_>) -> String {
    let mut text = Vec::new();
    write::value(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

/// One row: its values, and the JSON they came from.
struct Row<'a> {
    datums: Vec<Datum>,
    values: Vec<Value<'a>>,
}

fn write_table(
    name: &str,
    columns: &[&ColumnSchema],
    values: &[Value<'_>],
    printer: &mut Printer,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut rows = Vec::with_capacity(values.len());
    for (at, value) in values.iter().enumerate() {
        let object = value.as_object().ok_or_else(|| {
            Fatal::new(format!(
                "row {at} in table {name} response is not a JSON object: {}",
                shown(value)
            ))
        })?;
        let mut row = Row {
            datums: Vec::with_capacity(columns.len()),
            values: Vec::new(),
        };
        for column in columns {
            let value = object.get(&column.name).ok_or_else(|| {
                Fatal::new(format!(
                    "row {at} in table {name} response lacks {} column",
                    column.name
                ))
            })?;
            row.datums.push(datum::parse_unconstrained(&value, &column.ty)?);
            row.values.push(value);
        }
        rows.push(row);
    }
    rows.sort_by(|a, b| compare(columns, &a.datums, &b.datums));
    let table = Table {
        caption: Some(format!("{name} table")),
        time: None,
        headings: columns.iter().map(|column| column.name.as_str()).collect(),
        rows: rows
            .iter()
            .map(|row| {
                let cells = row.values.iter().zip(columns);
                cells
                    .map(|(value, column)| Cell::Datum(*value, &column.ty))
                    .collect()
            })
            .collect(),
    };
    printer.write(&table, out);
    Ok(())
}

/// Orders rows by their columns. Uuids are random, so columns of them only break ties.
fn compare(columns: &[&ColumnSchema], a: &[Datum], b: &[Datum]) -> Ordering {
    let by = |has_uuids: bool| {
        columns
            .iter()
            .zip(a.iter().zip(b))
            .filter(|(column, _)| (column.ty.key.atomic == AtomicType::Uuid) == has_uuids)
            .map(|(_, (a, b))| a.cmp(b))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    };
    by(false).then_with(|| by(true))
}
