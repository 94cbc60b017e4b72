//! Opens a database file and replays it into a store.

use bumpalo::Bump;
use ovsdb_engine::commit::Replay;
use ovsdb_engine::schema::{self, Schema};
use ovsdb_engine::store::Store;
use ovsdb_engine::txn::next_txn_id;
use ovsdb_storage::disk::RealDisk;
use ovsdb_storage::error::{Error, Kind};
use ovsdb_storage::log::{Access, Reader, Writer};
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

/// Opens the standalone database at `path` for writing; texts of errors are upstream's.
pub(crate) fn open(path: &Path, epoch: u64) -> Result<Opened, String> {
    let mut reader =
        Reader::open(Arc::new(RealDisk), path, Access::ReadWrite).map_err(|error| error.to_string())?;
    let store = replay(&mut reader, epoch).map_err(|error| error.to_string())?;
    let writer = reader.into_writer().map_err(|error| error.to_string())?;
    Ok(Opened { store, writer })
}

fn replay(reader: &mut Reader, epoch: u64) -> Result<Store, Error> {
    let mut arena = Bump::new();
    let (schema, origin) = read_schema(reader, &arena)?;
    let mut store = Store::new(Arc::new(schema), epoch, origin);
    let mut replay = Replay {
        version: &mut Uuid::new_v4,
        converting: false,
    };
    while let Some(record) = reader.read()? {
        arena.reset();
        let value = match strict::parse(&record.body, &arena) {
            Ok(value @ Value::Object(_)) => value,
            Ok(_) => {
                let why = reader.not_object(&record);
                reader.unread(why)?;
                continue;
            }
            Err(error) => {
                let why = reader.not_json(&record, error);
                reader.unread(why)?;
                continue;
            }
        };
        if let Err(error) = replay.apply(&mut store, &value, &record.sha1.0) {
            reader.unread(Error::new(Kind::Unspecific, error.to_string()))?;
            continue;
        }
        store.maintain();
    }
    let last = store.txn_id();
    store.set_origin(last);
    Ok(store)
}

/// Record 0 is the schema; its hash begins the chain of transaction ids.
fn read_schema(reader: &mut Reader, arena: &Bump) -> Result<(Schema, Uuid), Error> {
    let name = reader.name().to_owned();
    let Some(record) = reader.read()? else {
        return Err(Error::new(
            Kind::Unspecific,
            format!("{name}: database file contains no schema"),
        ));
    };
    let value = match strict::parse(&record.body, arena) {
        Ok(value) => value,
        Err(error) => return Err(reader.not_json(&record, error)),
    };
    let schema = schema::parse(&value).map_err(|error| {
        Error::new(
            Kind::Syntax,
            format!("{name}: failed to parse \"schema\" record ({error})"),
        )
    })?;
    Ok((schema, next_txn_id(Uuid::nil(), &record.sha1.0)))
}
