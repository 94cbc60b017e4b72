//! The torn end of a file: shown, then kept beside the file when the next append cuts it.

use std::io;
use std::path::PathBuf;

use super::Place;
use crate::disk::{self, DiskFile, Open};
use crate::error::{Error, Result};
use crate::limits::{KEPT_TAILS_MAX, READ_WINDOW_BYTES};
use crate::path;

/// Bytes after the last good record of the log. What they hold was never acknowledged, unless they were
/// changed after they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Where the last good record ends.
    pub offset: u64,
    /// Bytes from there to the end of the file, `> 0`.
    pub len: u64,
    /// Good records among them, all written before the bad one in front of them was known to be durable: a
    /// power cut takes pages in any order.
    pub intact: u64,
    /// Upstream's words for the bad record.
    pub error: Error,
}

impl Tail {
    /// Copies the tail of `file` to `FILE.torn-at-OFFSET` (a number is added where that exists), durably,
    /// before it is cut. An error leaves no copy.
    pub(super) fn keep(&self, place: &Place, file: &dyn DiskFile) -> Result<()> {
        let name = &place.name;
        let (kept, copy) = self.create_copy(place)?;
        let shown = kept.display();
        let copied = self
            .copy(file, &*copy)
            .and_then(|()| place.disk.sync_dir(place.directory()))
            .map_err(|error| Error::io(&error, format!("{name}: failed to keep torn tail in {shown}")));
        if copied.is_err()
            && let Err(error) = place.disk.remove(&kept)
        {
            ::log::warn!(target: "ovsdb_log", "failed to remove {shown} ({error})");
        }
        copied?;
        ::log::warn!(
            target: "ovsdb_log",
            "{name}: cutting a torn tail of {} bytes ({} intact records) at offset {}, kept in {shown}",
            self.len, self.intact, self.offset
        );
        Ok(())
    }

    fn create_copy(&self, place: &Place) -> Result<(PathBuf, Box<dyn DiskFile>)> {
        let mut refused = None;
        for number in 0..KEPT_TAILS_MAX {
            let suffix = match number {
                0 => format!(".torn-at-{}", self.offset),
                _ => format!(".torn-at-{}.{number}", self.offset),
            };
            let path = path::beside(&place.path, "", &suffix);
            match place.disk.open(&path, Open::CreateNew) {
                Ok(file) => return Ok((path, file)),
                Err(error) => {
                    let exists = error.kind() == io::ErrorKind::AlreadyExists;
                    refused = Some(Error::io(&error, format!("{}: create failed", path.display())));
                    if !exists {
                        break;
                    }
                }
            }
        }
        Err(refused.expect("at least one name was tried"))
    }

    fn copy(&self, from: &dyn DiskFile, to: &dyn DiskFile) -> io::Result<()> {
        let mut buffer = vec![0; READ_WINDOW_BYTES];
        let mut done = 0;
        while done < self.len {
            let want = (self.len - done).min(READ_WINDOW_BYTES as u64) as usize;
            let got = disk::read_full_at(from, &mut buffer[..want], self.offset + done)?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            disk::write_all_at(to, &buffer[..got], done)?;
            done += got as u64;
        }
        to.sync_data()
    }
}
