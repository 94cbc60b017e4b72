//! What a server has: databases, schemas, tables, columns.

use bumpalo::Bump;
use ovsdb::cli::table::{Cell, Printer, Table};
use ovsdb::cli::{Fatal, Result, program};
use ovsdb_engine::schema::{self, Schema};
use ovsdb_wire::{strict, write};

use crate::Session;
use crate::connection::Connection;
use crate::server::{self, Opened};

/// Asks for the schema of `database`.
pub fn fetch_schema(connection: &mut Connection, database: &str) -> Result<Schema> {
    let arena = Bump::new();
    let value = connection.call(&arena, "get_schema", |out| {
        out.push(b'[');
        write::string(out, database);
        out.push(b']');
    })?;
    Ok(schema::parse(&value)?)
}

/// Prints `text` and a line end.
fn print_line(text: &str) -> Result<()> {
    program::print(format!("{text}\n").as_bytes())
}

pub fn list_dbs(mut opened: Opened<'_>) -> Result<()> {
    let mut text = String::new();
    for name in server::list_databases(&mut opened.connection)? {
        text.push_str(&name);
        text.push('\n');
    }
    program::print(text.as_bytes())
}

pub fn get_schema(session: &Session<'_>, mut opened: Opened<'_>) -> Result<()> {
    let schema = fetch_schema(&mut opened.connection, &opened.database)?;
    let mut out = Vec::new();
    session
        .style
        .write_json_text(schema::print(&schema).as_bytes(), &mut out);
    program::print(&out)
}

pub fn get_schema_version(mut opened: Opened<'_>) -> Result<()> {
    print_line(&fetch_schema(&mut opened.connection, &opened.database)?.version)
}

pub fn get_schema_cksum(mut opened: Opened<'_>) -> Result<()> {
    print_line(&fetch_schema(&mut opened.connection, &opened.database)?.cksum)
}

pub fn list_tables(session: &Session<'_>, mut opened: Opened<'_>) -> Result<()> {
    let schema = fetch_schema(&mut opened.connection, &opened.database)?;
    let table = Table {
        headings: vec!["Table"],
        rows: schema
            .tables
            .iter()
            .map(|table| vec![Cell::Text(&table.name)])
            .collect(),
        ..Table::default()
    };
    print_table(session, &table)
}

pub fn list_columns(session: &Session<'_>, mut opened: Opened<'_>) -> Result<()> {
    let schema = fetch_schema(&mut opened.connection, &opened.database)?;
    let only = opened.operands.first();
    let arena = Bump::new();
    let mut table = Table {
        headings: vec!["Table", "Column", "Type"],
        ..Table::default()
    };
    if only.is_some() {
        table.headings.remove(0);
    }
    for listed in schema
        .tables
        .iter()
        .filter(|table| only.is_none_or(|only| *only == table.name))
    {
        for column in &listed.columns {
            let mut ty = Vec::new();
            schema::print::write_type(&schema, &column.ty, &mut ty);
            let mut row = Vec::with_capacity(3);
            if only.is_none() {
                row.push(Cell::Text(&listed.name));
            }
            row.push(Cell::Text(&column.name));
            row.push(match ty.first() {
                Some(b'{') => {
                    let ty = arena.alloc_slice_copy(&ty);
                    let ty = strict::parse(ty, &arena).map_err(|error| Fatal::new(error.to_string()))?;
                    Cell::Json(ty)
                }
                // A bare atomic type is a JSON string, which is no text of its own.
                _ => Cell::Json(ovsdb_wire::value::Value::String(column.ty.key.atomic.name())),
            });
            table.rows.push(row);
        }
    }
    print_table(session, &table)
}

/// Prints the only table of a command.
pub fn print_table(session: &Session<'_>, table: &Table<'_>) -> Result<()> {
    let mut out = Vec::new();
    Printer::new(session.style).write(table, &mut out);
    program::print(&out)
}
