//! The machine's file system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::uncached::Uncached;
use super::{Disk, DiskFile, Lock, Open};
use crate::lockfile::Lockfile;

/// The file system of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

/// Read and write for owner and group, as upstream creates databases; the umask takes from it.
const MODE: u32 = 0o660;

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match how {
            Open::Read => {}
            Open::ReadWrite => _ = options.write(true),
            Open::CreateNew => _ = options.write(true).create_new(true).mode(MODE),
        }
        let mut file = options.open(path)?;
        let kind = file.metadata()?.file_type();
        if how == Open::Read && !kind.is_file() && !kind.is_dir() {
            let mut contents = Vec::new();
            file.read_to_end(&mut contents)?;
            return Ok(Box::new(Spooled(contents)));
        }
        Ok(Box::new(RealFile {
            file,
            uncached: Uncached::default(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        match File::open(directory)?.sync_all() {
            // Some file systems cannot sync a directory and need not be asked to.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }

    fn read_link(&self, path: &Path) -> Option<PathBuf> {
        fs::read_link(path).ok()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(Lockfile::take(path)?))
    }
}

struct RealFile {
    file: File,
    uncached: Uncached,
}

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self.uncached.write_at(&self.file, bytes, offset) {
            Some(written) => written,
            None => self.file.write_at(bytes, offset),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

/// What came out of a pipe, such as `/dev/stdin`, which the tools accept as a database to read.
struct Spooled(Vec<u8>);

impl DiskFile for Spooled {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        (&self.0[start..]).read(buffer)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}
