//! `convert` and `needs-conversion`: the schema of a running database.

use bumpalo::Bump;
use ovsdb::cli::{Result, input, program};
use ovsdb_engine::schema::{self, Schema};
use ovsdb_wire::write::{self, Items};
use std::path::Path;

use crate::connection::Connection;
use crate::inspect::fetch_schema;
use crate::server::{self, Need};
use crate::transact::send_db_change_aware;
use crate::{Session, check_count};

/// Converts the database that the schema names.
pub fn convert(session: &Session<'_>, operands: &[String]) -> Result<()> {
    check_count("convert", operands, 1, 2)?;
    let (mut connection, schema) = open(session, operands)?;
    send_db_change_aware(session, &mut connection)?;
    let arena = Bump::new();
    connection.call(&arena, "convert", |out| {
        let mut params = Items::begin(out);
        write::string(params.item(), &schema.name);
        schema::print::write_schema(&schema, params.item());
        params.end();
    })?;
    Ok(())
}

/// Says `yes` if the server's schema differs, else `no`.
pub fn needs_conversion(session: &Session<'_>, operands: &[String]) -> Result<()> {
    check_count("needs-conversion", operands, 1, 2)?;
    let (mut connection, schema) = open(session, operands)?;
    let present = fetch_schema(&mut connection, &schema.name)?;
    program::print(if present.is_equal(&schema) {
        b"no\n"
    } else {
        b"yes\n"
    })
}

/// Reads the schema file that is the last operand and connects to the server of its database.
fn open(session: &Session<'_>, operands: &[String]) -> Result<(Connection, Schema)> {
    let file = operands.last().expect("the number of operands was checked");
    let mut schema = input::read_schema(Path::new(file))?;
    let opened = server::open(
        operands,
        1,
        Need::ThisDatabase(&schema.name),
        session.is_leader_only(),
    )?;
    let mut connection = opened.connection;
    if server::is_clustered(&mut connection, &schema.name)? {
        persist_ephemeral_columns(&mut schema, file);
    }
    Ok((connection, schema))
}

/// Makes all columns persistent, because clusters have no others.
fn persist_ephemeral_columns(schema: &mut Schema, file: &str) {
    let mut changed = 0;
    let mut example = None;
    for table in &mut schema.tables {
        for column in table
            .columns
            .iter_mut()
            .filter(|column| column.name != "_version")
        {
            if !column.persistent {
                column.persistent = true;
                changed += 1;
                example.get_or_insert_with(|| (table.name.clone(), column.name.clone()));
            }
        }
    }
    if let Some((table, column)) = example {
        log::warn!(
            target: "ovsdb",
            "{file}: changed {changed} columns in '{}' database from ephemeral to persistent, including \
             '{column}' column in '{table}' table, because clusters do not support ephemeral columns",
            schema.name
        );
    }
}
