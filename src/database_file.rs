//! Standalone database files as the tools use them: read whole, looked at or changed, written whole.

use bumpalo::Bump;
use ovsdb_engine::commit::{Replay, Snapshot};
use ovsdb_engine::schema::{self, Schema};
use ovsdb_engine::store::{Store, View};
use ovsdb_engine::txn::next_txn_id;
use ovsdb_io::db::parse_record;
use ovsdb_storage::disk::{Disk, RealDisk};
use ovsdb_storage::log::{self, Access, Reader};
use ovsdb_storage::record::{Entry, Record};
use ovsdb_wire::value::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

use crate::cli::{Fatal, Result};

/// Stores of the tools are never replaced under a reader, so there is only the first epoch.
const EPOCH: u64 = 1;

/// A file read to its end.
pub struct DatabaseFile {
    pub store: Store,
    /// At the end of the file; for [`Access::ReadWrite`] to be turned into a writer.
    pub reader: Reader,
}

/// Reads the schema of the database `path`, its first record.
pub fn read_schema(path: &Path) -> Result<Schema> {
    let mut reader = open(path, Access::ReadOnly)?;
    Ok(first_record(&mut reader)?.0)
}

/// Reads the database `path` whole. Unlike a server, which serves what precedes a torn end, a tool refuses
/// a file that it cannot read to its end.
pub fn read(path: &Path, access: Access) -> Result<DatabaseFile> {
    let mut reader = open(path, access)?;
    let (schema, origin) = first_record(&mut reader)?;
    let mut store = Store::new(Arc::new(schema), EPOCH, origin);
    let mut replay = Replay {
        version: &mut Uuid::new_v4,
        converting: false,
    };
    let mut arena = Bump::new();
    while let Some(record) = next_record(&mut reader)? {
        arena.reset();
        let value = parse(&reader, &record, &arena)?;
        replay.apply(&mut store, &value, &record.sha1.0)?;
        store.maintain();
    }
    Ok(DatabaseFile { store, reader })
}

fn open(path: &Path, access: Access) -> Result<Reader> {
    Ok(Reader::open(Arc::new(RealDisk), path, access)?)
}

/// The next record; an error also where a torn end follows.
pub fn next_record(reader: &mut Reader) -> Result<Option<Record>> {
    let record = reader.read()?;
    match reader.tail() {
        Some(tail) if record.is_none() => Err(tail.error.clone().into()),
        _ => Ok(record),
    }
}

/// The body of a record as JSON.
pub fn parse<'a>(reader: &Reader, record: &'a Record, arena: &'a Bump) -> Result<Value<'a>> {
    Ok(parse_record(reader, record, arena)?)
}

/// The schema, and the transaction id that its record's hash makes.
fn first_record(reader: &mut Reader) -> Result<(Schema, Uuid)> {
    let record = next_record(reader)?.ok_or_else(|| Fatal::new("unexpected end of file reading schema"))?;
    let arena = Bump::new();
    let value = parse(reader, &record, &arena)?;
    Ok((schema::parse(&value)?, next_txn_id(Uuid::nil(), &record.sha1.0)))
}

/// Creates the database file `path`, which must not exist, with no rows.
pub fn create(path: &Path, schema: &Schema) -> Result<()> {
    log::create(Arc::new(RealDisk), path, Entry::new(&schema_body(schema)))?;
    Ok(())
}

fn schema_body(schema: &Schema) -> Vec<u8> {
    let mut body = Vec::new();
    schema::print::write_schema(schema, &mut body);
    body.push(b'\n');
    body
}

/// Where a rewritten database goes.
pub struct Rewrite {
    target: PathBuf,
    temporary: PathBuf,
    /// Held until the file is in place.
    _lock: Box<dyn ovsdb_storage::disk::Lock>,
}

impl Rewrite {
    /// Locks the database `path`, which is to be replaced or, if it does not exist, made.
    pub fn begin(path: &Path) -> Result<Rewrite> {
        // The file that a link leads to is replaced, not the link, even if that file does not exist yet.
        let target = match (fs::canonicalize(path), RealDisk.read_link(path)) {
            (Ok(target), _) => target,
            (Err(_), Some(referent)) => directory_of(path).join(referent),
            (Err(_), None) => path.to_owned(),
        };
        let lock = RealDisk.lock(&target).map_err(|error| {
            Fatal::with_io(format!("{}: failed to lock lockfile", path.display()), &error)
        })?;
        // A slip of the hand must not cost a file that is something else.
        if fs::metadata(&target).is_ok_and(|there| there.len() > 0) {
            open(path, Access::ReadOnly)?;
        }
        let mut temporary = target.clone().into_os_string();
        temporary.push(".tmp");
        Ok(Rewrite {
            target,
            temporary: temporary.into(),
            _lock: lock,
        })
    }

    /// Writes a schema record and one with all rows of `view`, and puts the file in place. Values are
    /// whole, so that every version of upstream can read them.
    pub fn finish(self, view: View, comment: &str) -> Result<()> {
        match RealDisk.remove(&self.temporary) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.failed("failed to remove", &self.temporary, &error)),
        }
        let schema = schema_body(view.schema());
        let mut snapshot = Snapshot::new(view, comment, jiff::Timestamp::now().as_millisecond(), false);
        let mut body = Vec::new();
        while snapshot.next_chunk(&mut body) {}
        let mut writer = log::create(Arc::new(RealDisk), &self.temporary, Entry::new(&schema))?;
        writer.append(&[Entry::new(&body)])?;
        writer.sync()?;
        RealDisk.rename(&self.temporary, &self.target).map_err(|error| {
            let (from, to) = (self.temporary.display(), self.target.display());
            Fatal::with_io(format!("failed to rename \"{from}\" to \"{to}\""), &error)
        })?;
        let directory = directory_of(&self.target);
        RealDisk
            .sync_dir(directory)
            .map_err(|error| self.failed("failed to sync", directory, &error))
    }

    fn failed(&self, what: &str, path: &Path, error: &io::Error) -> Fatal {
        Fatal::with_io(
            format!("{}: {what} {}", self.target.display(), path.display()),
            error,
        )
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
