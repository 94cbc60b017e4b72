//! New database files.

use std::path::Path;
use std::sync::Arc;

use super::{Place, Writer};
use crate::disk::{Disk, DiskFile, Open};
use crate::error::{Error, Result};
use crate::record::Entry;

/// Creates a standalone database file whose first record is `schema` and locks it. File and name are
/// durable on return. `path` must not exist; a symbolic link to nothing is followed. What could not be
/// made whole is removed again.
pub fn create(disk: Arc<dyn Disk>, path: &Path, schema: Entry<'_>) -> Result<Writer> {
    let place = Place::new(disk, path)?;
    let name = &place.name;
    let lock = place
        .disk
        .lock(&place.path)
        .map_err(|error| Error::io(&error, format!("{name}: failed to lock lockfile")))?;
    let file = place
        .disk
        .open(&place.path, Open::CreateNew)
        .map_err(|error| Error::io(&error, format!("{name}: create failed")))?;
    let result = first_record(&place, file, schema);
    if result.is_err()
        && let Err(error) = place.disk.remove(&place.path)
    {
        ::log::warn!(target: "ovsdb_log", "{name}: failed to remove incomplete file ({error})");
    }
    result.map(|writer| writer.holding(lock))
}

fn first_record(place: &Place, file: Box<dyn DiskFile>, schema: Entry<'_>) -> Result<Writer> {
    let mut writer = Writer::empty(place.clone(), file);
    writer.append(&[schema])?;
    writer.sync()?;
    place.disk.sync_dir(place.directory()).map_err(|error| {
        Error::io(
            &error,
            format!("{}: fsync of parent directory failed", place.name),
        )
    })?;
    Ok(writer)
}
