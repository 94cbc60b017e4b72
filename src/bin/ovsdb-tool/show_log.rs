//! `show-log`: the records of a standalone database, for people.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result, program, time};
use ovsdb::database_file;
use ovsdb_engine::datum;
use ovsdb_engine::schema::{self, Schema, TableSchema};
use ovsdb_storage::disk::RealDisk;
use ovsdb_storage::log::{Access, Reader};
use ovsdb_storage::record::Magic;
use ovsdb_wire::value::{Object, Value};
use ovsdb_wire::write;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::shown;

/// Old servers wrote `_date` in seconds: a time before 1970-01-25 in milliseconds is one in seconds.
const SECONDS_MAX: i64 = i32::MAX as i64;

/// Digits of a row's uuid that are shown.
const UUID_SHOWN: usize = 8;

/// Output is collected up to about this many bytes between writes.
const OUTPUT_BYTES: usize = 64 << 10;

/// Prints each record: the schema, dates and comments; with `more` the rows, with twice `more` the columns.
pub fn show_log(db: &Path, more: u8) -> Result<()> {
    let (mut reader, magic) = Reader::open_any(Arc::new(RealDisk), db, Access::ReadOnly)?;
    if magic == Magic::Clustered {
        return Err(Fatal::new(format!(
            "{}: showing clustered databases is not supported yet",
            shown(db)
        )));
    }
    let mut shower = Shower {
        more,
        schema: None,
        names: HashMap::new(),
        out: Vec::new(),
    };
    let result = shower.records(&mut reader);
    program::print(&shower.out)?;
    result
}

struct Shower {
    more: u8,
    schema: Option<Schema>,
    /// JSON of the column `name` of each row seen, or its uuid's first digits, by uuid.
    names: HashMap<String, String>,
    out: Vec<u8>,
}

impl Shower {
    fn records(&mut self, reader: &mut Reader) -> Result<()> {
        let mut arena = Bump::new();
        let mut number = 0;
        while let Some(record) = database_file::next_record(reader)? {
            arena.reset();
            let value = database_file::parse(reader, &record, &arena)?;
            self.push(&format!("record {number}:"));
            if number == 0 {
                let schema = schema::parse(&value)?;
                let Schema {
                    name, version, cksum, ..
                } = &schema;
                self.push(&format!(
                    " \"{name}\" schema, version=\"{version}\", cksum=\"{cksum}\"\n"
                ));
                self.schema = Some(schema);
            } else if let Value::Object(record) = value {
                self.change(&record);
            }
            self.push("\n");
            number += 1;
            if self.out.len() >= OUTPUT_BYTES {
                program::print(&self.out)?;
                self.out.clear();
            }
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn change(&mut self, record: &Object<'_>) {
        if let Some(Value::Integer(date)) = record.get("_date") {
            let milliseconds = if date < SECONDS_MAX { date * 1000 } else { date };
            self.push(&format!(" {}", time::utc(milliseconds)));
        }
        if let Some(Value::String(comment)) = record.get("_comment") {
            self.push(&format!(" \"{comment}\""));
        }
        if self.more == 0 {
            return;
        }
        let is_diff = record.get("_is_diff") == Some(Value::Bool(true));
        let mut is_first = true;
        for &(table, rows) in record.members() {
            let Some(rows) = rows.as_object().filter(|_| !table.starts_with('_')) else {
                continue;
            };
            if std::mem::take(&mut is_first) {
                self.push("\n");
            }
            for &(uuid, row) in rows.members() {
                self.row(table, uuid, &row, is_diff);
            }
        }
    }

    fn row(&mut self, table: &str, uuid: &str, row: &Value<'_>, is_diff: bool) {
        let short = uuid.get(..UUID_SHOWN).unwrap_or(uuid);
        let new_name = row
            .as_object()
            .and_then(|columns| columns.get("name"))
            .map(|name| {
                let mut text = Vec::new();
                write::value_sorted(&mut text, &name);
                String::from_utf8_lossy(&text).into_owned()
            });
        let line = match (self.names.get(uuid), &new_name) {
            (Some(old), _) => {
                let diff = if is_diff { " diff" } else { "" };
                format!("  table {table} row {old} ({short}){diff}:\n")
            }
            (None, Some(name)) => format!("  table {table} insert row {name} ({short}):\n"),
            (None, None) => format!("  table {table} insert row {short}:\n"),
        };
        self.push(&line);
        match row {
            Value::Object(columns) => {
                if self.more > 1 {
                    self.columns(table, columns);
                }
                match new_name {
                    Some(name) => drop(self.names.insert(uuid.to_owned(), name)),
                    None => drop(
                        self.names
                            .entry(uuid.to_owned())
                            .or_insert_with(|| short.to_owned()),
                    ),
                }
            }
            Value::Null => {
                self.push("    delete row\n");
                self.names.remove(uuid);
            }
            _ => {}
        }
    }

    fn columns(&mut self, table: &str, columns: &Object<'_>) {
        let schema = self.schema.as_ref();
        let table = schema.and_then(|schema| Some(schema.table(schema.table_named(table)?)));
        for (name, value) in columns.members() {
            self.out.extend_from_slice(format!("    {name}=").as_bytes());
            write_value(table, name, value, &mut self.out);
            self.out.push(b'\n');
        }
    }
}

/// Writes a value in the notation of its column, or as JSON if it does not fit (a difference need not).
fn write_value(table: Option<&TableSchema>, column: &str, value: &Value<'_>, out: &mut Vec<u8>) {
    let column = table.and_then(|table| Some(table.column(table.column_named(column)?)));
    let datum = column.and_then(|column| Some((datum::parse(value, &column.ty, None).ok()?, &column.ty)));
    match datum {
        Some((datum, ty)) => datum::print::write_text(&datum, ty, out),
        None => write::value_sorted(out, value),
    }
}
