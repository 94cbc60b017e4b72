//! `restore`: the contents of a database file into a running database.
//!
//! All is one transaction, so that other clients see the old contents or the new. Rows get new uuids:
//! references go through names.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result};
use ovsdb::database_file;
use ovsdb_engine::datum::{Atom, Datum, Pair, print};
use ovsdb_engine::schema::{BaseType, ColumnType, Schema, TableSchema};
use ovsdb_engine::store::{Row, View};
use ovsdb_storage::log::Access;
use ovsdb_wire::write::{self, Items, Members};
use std::io::{self, IsTerminal};
use std::path::Path;
use uuid::Uuid;

use crate::Session;
use crate::inspect::fetch_schema;
use crate::server::Opened;
use crate::wait::check_results;

/// Replaces all rows by those of the database file on standard input.
pub fn restore(session: &Session<'_>, mut opened: Opened<'_>) -> Result<()> {
    if io::stdin().is_terminal() {
        return Err(Fatal::new(
            "not reading backup from a terminal; please redirect stdin from a file",
        ));
    }
    let mut file = database_file::read(Path::new("/dev/stdin"), Access::ReadOnly)?;
    let view = file.store.view();
    let online = fetch_schema(&mut opened.connection, &opened.database)?;
    if let Some(difference) = difference(view.schema(), &online) {
        if !session.options.force {
            return Err(Fatal::new(format!(
                "{difference} (use --force to override differences, or \"ovsdb-client convert\" to change \
                 the schema)"
            )));
        }
        log::info!(target: "ovsdb_client", "{difference}");
    }
    let arena = Bump::new();
    let results = opened
        .connection
        .call(&arena, "transact", |out| write_params(&view, out))?;
    check_results(&results)
}

/// How the schemas differ, if they do.
fn difference(backup: &Schema, online: &Schema) -> Option<String> {
    if backup.is_equal(online) {
        None
    } else if backup.version != online.version {
        Some(format!(
            "backup schema has version \"{}\" but database schema has version \"{}\"",
            backup.version, online.version
        ))
    } else {
        let version = &backup.version;
        Some(format!(
            "backup schema and database schema are both version {version} but still differ"
        ))
    }
}

/// Writes the transaction that deletes all rows and inserts those of `view`.
fn write_params(view: &View, out: &mut Vec<u8>) {
    let mut params = Items::begin(out);
    write::string(params.item(), &view.schema().name);
    for id in view.schema().table_ids() {
        let table = view.schema().table(id);
        let mut op = Members::begin(params.item());
        write::string(op.key("op"), "delete");
        write::string(op.key("table"), &table.name);
        op.key("where").extend_from_slice(b"[]");
        op.end();
        for (_, row) in view.table(id).iter() {
            write_insert(table, row, params.item());
        }
    }
    params.end();
}

fn write_insert(table: &TableSchema, row: &Row, out: &mut Vec<u8>) {
    let mut op = Members::begin(out);
    write::string(op.key("op"), "insert");
    write::string(op.key("table"), &table.name);
    write::string(op.key("uuid-name"), &row_name(row.uuid()));
    let mut columns = Members::begin(op.key("row"));
    for idx in table.declared_idxs() {
        let (column, datum) = (table.column(idx), row.get(idx));
        if column.persistent && *datum != Datum::default_of(&column.ty) {
            write_datum(datum, &column.ty, columns.key(&column.name));
        }
    }
    columns.end();
    op.end();
}

/// A name for a row that is an identifier, which a uuid is not.
fn row_name(uuid: Uuid) -> String {
    let mut name = format!("row{uuid}");
    name = name.replace('-', "_");
    name
}

/// Writes a datum with its references as names of rows.
fn write_datum(datum: &Datum, ty: &ColumnType, out: &mut Vec<u8>) {
    let value = ty.value.as_ref();
    if ty.key.reference.is_none() && value.is_none_or(|value| value.reference.is_none()) {
        return print::write(datum, out);
    }
    let mut outer = Items::begin(out);
    write::string(outer.item(), if ty.is_map() { "map" } else { "set" });
    let mut elements = Items::begin(outer.item());
    for atom in datum.atoms() {
        write_atom(atom, &ty.key, elements.item());
    }
    for (key, atom) in datum.pairs().iter().map(Pair::split) {
        let mut pair = Items::begin(elements.item());
        write_atom(key, &ty.key, pair.item());
        write_atom(atom, value.expect("a map has a type of values"), pair.item());
        pair.end();
    }
    elements.end();
    outer.end();
}

fn write_atom(atom: &Atom, base: &BaseType, out: &mut Vec<u8>) {
    match (atom, &base.reference) {
        (Atom::Uuid(uuid), Some(_)) => {
            let mut named = Items::begin(out);
            write::string(named.item(), "named-uuid");
            write::string(named.item(), &row_name(*uuid));
            named.end();
        }
        _ => print::write_atom(atom, out),
    }
}
