//! Opens a database file and replays it into a store.

use super::replay::replay;
use bumpalo::Bump;
use ovsdb_engine::schema::{self, Schema};
use ovsdb_engine::store::Store;
use ovsdb_engine::txn::next_txn_id;
use ovsdb_storage::disk::Disk;
use ovsdb_storage::error::{Error, Kind};
use ovsdb_storage::log::{Access, Reader, Writer};
use ovsdb_storage::record::Record;
use ovsdb_wire::strict;
use ovsdb_wire::value::Value;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// A database read from its file, ready to be written on.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) writer: Writer,
}

/// Opens the standalone database at `path` of `disk` for writing; texts of errors are upstream's.
pub(crate) fn open(disk: &Arc<dyn Disk>, path: &Path, epoch: u64) -> Result<Opened, Error> {
    let mut reader = Reader::open(Arc::clone(disk), path, Access::ReadWrite)?;
    let store = replay(&mut reader, epoch)?;
    let writer = reader.into_writer()?;
    Ok(Opened { store, writer })
}

/// Record 0 is the schema; its hash begins the chain of transaction ids.
pub(super) fn read_schema(reader: &mut Reader) -> Result<(Schema, Uuid), Error> {
    let arena = Bump::new();
    let name = reader.name().to_owned();
    let Some(record) = reader.read()? else {
        return Err(Error::new(
            Kind::Unspecific,
            format!("{name}: database file contains no schema"),
        ));
    };
    let value = parse_record(reader, &record, &arena)?;
    let schema = schema::parse(&value).map_err(|error| {
        Error::new(
            Kind::Syntax,
            format!("{name}: failed to parse \"schema\" record ({error})"),
        )
    })?;
    Ok((schema, next_txn_id(Uuid::nil(), &record.sha1.0)))
}

/// The body of a record as JSON; anything but an object is an error that tells the record's place.
pub fn parse_record<'a>(reader: &Reader, record: &'a Record, arena: &'a Bump) -> Result<Value<'a>, Error> {
    match strict::parse(&record.body, arena) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(reader.not_object(record)),
        Err(error) => Err(reader.not_json(record, error)),
    }
}
