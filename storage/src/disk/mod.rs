//! The file system, as little of it as this crate needs.
//!
//! Everything is at explicit offsets. Files are not opened with `O_APPEND`: the writer knows where its
//! records end, so what a failed write left behind can never come to lie in front of the next record, and
//! Linux ignores the offset of `pwrite` on `O_APPEND` files, which the header of a replacement needs.

pub mod faulty;
pub mod memory;
mod real;
mod uncached;

pub use real::RealDisk;

use std::io;
use std::path::{Path, PathBuf};

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// For reading; the file may be another process's, and may be a pipe.
    Read,
    /// An existing file for reading and writing.
    ReadWrite,
    /// A new file for reading and writing (`O_EXCL`), mode 0660 less the umask.
    CreateNew,
}

/// Names: opening, renaming, removing, and making names durable.
pub trait Disk: Send + Sync {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;
    /// Replaces `to` by `from`, whole.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes created, renamed and removed names in `directory` durable.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;
    /// Where `path` points to, `None` where it is no symbolic link.
    fn read_link(&self, path: &Path) -> Option<PathBuf>;
    /// Takes the one write lock of the database file `path`; see [`crate::lockfile`].
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
}

/// An open file. Reads and writes may do less than asked, as the system calls may.
pub trait DiskFile: Send + Sync {
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// `fdatasync`: the contents and the length survive a power cut when this has returned.
    fn sync_data(&self) -> io::Result<()>;
    fn truncate(&self, len: u64) -> io::Result<()>;
}

/// A held lock; dropping it gives it up.
pub trait Lock: Send {}

/// Fills `buffer` from `offset`, less only at the end of the file. Returns the bytes read.
pub(crate) fn read_full_at(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `bytes` at `offset`. A short write is gone on with: the next try either succeeds or names
/// the reason.
pub(crate) fn write_all_at(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
