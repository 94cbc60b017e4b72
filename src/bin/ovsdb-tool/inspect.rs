//! What a database or schema file says of itself.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result, input};
use ovsdb::database_file;
use ovsdb_engine::schema;
use ovsdb_storage::disk::RealDisk;
use ovsdb_storage::log::{self, Access, Reader};
use ovsdb_storage::record::Magic;
use ovsdb_wire::value::{Object, Value};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::{EXIT_NO, print_line, shown};

/// `yes` if a conversion would change the schema, else `no`.
pub fn needs_conversion(db: &Path, schema: &Path) -> Result<()> {
    let present = database_file::read_schema(db)?;
    let wanted = input::read_schema(schema)?;
    print_line(if present.is_equal(&wanted) { "no" } else { "yes" })
}

/// The name, also of a clustered database.
pub fn db_name(db: &Path) -> Result<()> {
    let (mut reader, magic) = Reader::open_any(Arc::new(RealDisk), db, Access::ReadOnly)?;
    let arena = Bump::new();
    if magic == Magic::Clustered {
        return with_header(db, |header| print_line(text(header, "name", db)?));
    }
    let record = database_file::next_record(&mut reader)?
        .ok_or_else(|| Fatal::new("unexpected end of file reading schema"))?;
    let value = database_file::parse(&reader, &record, &arena)?;
    print_line(&schema::parse(&value)?.name)
}

pub fn db_version(db: &Path) -> Result<()> {
    print_line(&database_file::read_schema(db)?.version)
}

pub fn db_cksum(db: &Path) -> Result<()> {
    print_line(&database_file::read_schema(db)?.cksum)
}

pub fn schema_name(schema: &Path) -> Result<()> {
    print_line(&input::read_schema(schema)?.name)
}

pub fn schema_version(schema: &Path) -> Result<()> {
    print_line(&input::read_schema(schema)?.version)
}

pub fn schema_cksum(schema: &Path) -> Result<()> {
    print_line(&input::read_schema(schema)?.cksum)
}

/// Whether the file is of this kind.
pub fn is_kind(db: &Path, magic: Magic) -> Result<bool> {
    Ok(log::identify(Arc::new(RealDisk), db)? == magic)
}

/// The id of the cluster; a server that is still joining may not know it, which is an exit status of its own.
pub fn db_cid(db: &Path) -> Result<ExitCode> {
    with_header(db, |header| {
        if header.get("cluster_id").is_none() {
            // Without the program's name, as upstream has it.
            eprintln!("{}: cluster ID not yet known", shown(db));
            return Ok(ExitCode::from(EXIT_NO));
        }
        print_line(text(header, "cluster_id", db)?)?;
        Ok(ExitCode::SUCCESS)
    })
}

pub fn db_sid(db: &Path) -> Result<()> {
    with_header(db, |header| print_line(text(header, "server_id", db)?))
}

pub fn db_local_address(db: &Path) -> Result<()> {
    with_header(db, |header| print_line(text(header, "local_address", db)?))
}

/// Reads the first record of a clustered database, its header.
fn with_header<T>(db: &Path, use_header: impl FnOnce(&Object<'_>) -> Result<T>) -> Result<T> {
    let (mut reader, magic) = Reader::open_any(Arc::new(RealDisk), db, Access::ReadOnly)?;
    if magic != Magic::Clustered {
        return Err(Fatal::new(format!("{}: not a clustered database", shown(db))));
    }
    let record = database_file::next_record(&mut reader)?
        .ok_or_else(|| Fatal::new(format!("{}: no header record", shown(db))))?;
    let arena = Bump::new();
    match database_file::parse(&reader, &record, &arena)? {
        Value::Object(header) => use_header(&header),
        _ => Err(reader.not_object(&record).into()),
    }
}

fn text<'a>(header: &Object<'a>, member: &str, db: &Path) -> Result<&'a str> {
    header
        .get(member)
        .and_then(|value| value.as_str())
        .ok_or_else(|| Fatal::new(format!("{}: header lacks member {member}", shown(db))))
}
