//! New database files.

use std::path::Path;
use std::sync::Arc;

use super::{Place, Writer};
use crate::disk::{self, Disk, DiskFile, Lock, Open};
use crate::error::{Error, Result};
use crate::record::{Encoder, Entry, Front, Magic};

/// Creates a standalone database file whose first record is `schema` and locks it. File and name are
/// durable on return. `path` must not exist; a symbolic link to nothing is followed. What could not be
/// made whole is removed again.
pub fn create(disk: Arc<dyn Disk>, path: &Path, schema: Entry<'_>) -> Result<Writer> {
    let (writer, lock) = create_with(disk, path, |place, file| {
        let mut writer = Writer::empty(place.clone(), file);
        writer.append(&[schema])?;
        writer.sync()?;
        Ok(writer)
    })?;
    Ok(writer.holding(lock))
}

/// Creates a file of a clustered database that holds `records`, its header first. Otherwise as [`create`].
pub fn create_clustered(disk: Arc<dyn Disk>, path: &Path, records: &[Entry<'_>]) -> Result<()> {
    let written = create_with(disk, path, |place, file| {
        let failed = |error| Error::io(&error, format!("{}: write failed", place.name));
        let mut end = 0;
        let mut write =
            |piece: &[u8]| disk::write_all_at(&*file, piece, end).map(|()| end += piece.len() as u64);
        Encoder::default()
            .encode(Magic::Clustered, Front::Durable, records, &mut write)
            .and_then(|()| file.sync_data())
            .map_err(failed)
    });
    written.map(|((), _lock)| ())
}

/// Locks `path`, makes the file, has `write` fill it, and makes its name durable.
fn create_with<T>(
    disk: Arc<dyn Disk>,
    path: &Path,
    write: impl FnOnce(&Place, Box<dyn DiskFile>) -> Result<T>,
) -> Result<(T, Box<dyn Lock>)> {
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
    let result = write(&place, file).and_then(|written| {
        place.disk.sync_dir(place.directory()).map_err(|error| {
            Error::io(
                &error,
                format!("{}: fsync of parent directory failed", place.name),
            )
        })?;
        Ok(written)
    });
    if result.is_err()
        && let Err(error) = place.disk.remove(&place.path)
    {
        ::log::warn!(target: "ovsdb_log", "{name}: failed to remove incomplete file ({error})");
    }
    result.map(|written| (written, lock))
}
