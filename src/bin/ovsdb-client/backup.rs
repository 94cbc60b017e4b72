//! `backup`: the contents of a running database in the form of a database file.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result, program};
use ovsdb_engine::datum::uuid_text;
use ovsdb_engine::schema::{self, Schema, TableSchema};
use ovsdb_storage::record::{Encoder, Entry, Front, Magic};
use ovsdb_wire::value::{Object, Value};
use ovsdb_wire::write::{self, Items, Members};
use std::io::{self, IsTerminal};

use crate::dump::{rows_of, shown, write_select};
use crate::inspect::fetch_schema;
use crate::server::Opened;

/// Writes a schema record and one with all rows to standard output.
pub fn backup(mut opened: Opened<'_>) -> Result<()> {
    if io::stdout().is_terminal() {
        return Err(Fatal::new(
            "not writing backup to a terminal; please redirect stdout to a file",
        ));
    }
    let schema = fetch_schema(&mut opened.connection, &opened.database)?;
    let arena = Bump::new();
    let result = opened.connection.call(&arena, "transact", |out| {
        let mut params = Items::begin(out);
        write::string(params.item(), &opened.database);
        for table in &schema.tables {
            // Rows may be referenced even where all their columns are ephemeral, so no table is left out.
            let columns: Vec<_> = table.columns.iter().filter(|column| column.persistent).collect();
            write_select(&table.name, &columns, params.item());
        }
        params.end();
    })?;
    let mut body = Vec::new();
    schema::print::write_schema(&schema, &mut body);
    body.push(b'\n');
    print_record(&body)?;
    body.clear();
    write_contents(&schema, &result, &mut body)?;
    print_record(&body)
}

/// Writes the body of the record with the rows that `results` holds, one result for each table.
fn write_contents(schema: &Schema, results: &Value<'_>, out: &mut Vec<u8>) -> Result<()> {
    let count = schema.tables.len();
    let results = results
        .as_array()
        .filter(|results| results.len() == count)
        .ok_or_else(|| {
            Fatal::new(format!(
                "reply is not array of {count} elements: {}",
                shown(results)
            ))
        })?;
    let mut members = Members::begin(out);
    write::string(members.key("_comment"), "produced by \"ovsdb-client backup\"");
    write::integer(members.key("_date"), jiff::Timestamp::now().as_millisecond());
    write::boolean(members.key("_is_diff"), true);
    for (table, result) in schema.tables.iter().zip(results) {
        let rows = rows_of(table, result)?;
        if rows.is_empty() {
            continue;
        }
        let mut contents = Members::begin(members.key(&table.name));
        for row in rows {
            write_row(table, row, &mut contents)?;
        }
        contents.end();
    }
    members.end();
    out.push(b'\n');
    Ok(())
}

fn write_row(table: &TableSchema, row: &Value<'_>, contents: &mut Members<'_>) -> Result<()> {
    let wrong = |what: &str| Fatal::new(format!("{} table reply row {what}: {}", table.name, shown(row)));
    let object = row.as_object().ok_or_else(|| wrong("is not an object"))?;
    let uuid = uuid_of(&object).ok_or_else(|| wrong("lacks _uuid member"))?;
    let mut columns = Members::begin(contents.key(uuid));
    for (name, value) in object.members().iter().filter(|(name, _)| *name != "_uuid") {
        write::value(columns.key(name), value);
    }
    columns.end();
    Ok(())
}

fn uuid_of<'a>(row: &Object<'a>) -> Option<&'a str> {
    match row.get("_uuid")?.as_array()? {
        [Value::String("uuid"), Value::String(text)] => {
            uuid_text::parse(text.as_bytes()).is_some().then_some(*text)
        }
        _ => None,
    }
}

fn print_record(body: &[u8]) -> Result<()> {
    Encoder::default().encode(
        Magic::Standalone,
        Front::Durable,
        &[Entry::new(body)],
        program::print,
    )
}
