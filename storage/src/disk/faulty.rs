//! A disk that fails on command, around any other, for tests of this crate and of what stands on it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, Lock, Open};

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Open,
    Read,
    Write,
    Sync,
    Truncate,
    Rename,
    Remove,
    SyncDir,
}

impl Operation {
    pub const ALL: [Operation; 8] = [
        Operation::Open,
        Operation::Read,
        Operation::Write,
        Operation::Sync,
        Operation::Truncate,
        Operation::Rename,
        Operation::Remove,
        Operation::SyncDir,
    ];
}

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, with this error number.
    Error(i32),
    /// Of a write this many bytes are done, at least one less than asked; the call says so. Other
    /// operations do not know this fault.
    Short(usize),
}

/// The plan of a [`FaultyDisk`]; shared with the test that changes it.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Plan>);

#[derive(Debug, Default)]
struct Plan {
    planned: Vec<Planned>,
    used: u64,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    operation: Operation,
    /// So many more operations succeed.
    after: u64,
    /// So many then fail.
    times: u64,
    fault: Fault,
}

impl Faults {
    /// After `after` more, `times` operations of this kind fail (`u64::MAX`: all).
    pub fn plan(&self, operation: Operation, after: u64, times: u64, fault: Fault) {
        self.0.lock().planned.push(Planned {
            operation,
            after,
            times,
            fault,
        });
    }

    /// Nothing fails any more.
    pub fn clear(&self) {
        self.0.lock().planned.clear();
    }

    /// Operations that have failed.
    pub fn used(&self) -> u64 {
        self.0.lock().used
    }

    fn next(&self, operation: Operation) -> Option<Fault> {
        let mut plan = self.0.lock();
        let mut found = None;
        for planned in plan
            .planned
            .iter_mut()
            .filter(|planned| planned.operation == operation)
        {
            if planned.after > 0 {
                planned.after -= 1;
            } else if planned.times > 0 {
                planned.times -= 1;
                found.get_or_insert(planned.fault);
            }
        }
        plan.used += u64::from(found.is_some());
        found
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        match self.next(operation) {
            Some(Fault::Error(number)) => Err(io::Error::from_raw_os_error(number)),
            Some(Fault::Short(_)) | None => Ok(()),
        }
    }
}

/// Another disk, failing as planned.
#[derive(Clone)]
pub struct FaultyDisk {
    inner: Arc<dyn Disk>,
    faults: Arc<Faults>,
}

impl FaultyDisk {
    pub fn new(inner: Arc<dyn Disk>, faults: Arc<Faults>) -> FaultyDisk {
        FaultyDisk { inner, faults }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        self.faults.check(Operation::Open)?;
        let inner = self.inner.open(path, how)?;
        Ok(Box::new(FaultyFile {
            inner,
            faults: Arc::clone(&self.faults),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.check(Operation::Rename)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.faults.check(Operation::Remove)?;
        self.inner.remove(path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.faults.check(Operation::SyncDir)?;
        self.inner.sync_dir(directory)
    }

    fn read_link(&self, path: &Path) -> Option<PathBuf> {
        self.inner.read_link(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.inner.lock(path)
    }
}

struct FaultyFile {
    inner: Box<dyn DiskFile>,
    faults: Arc<Faults>,
}

impl DiskFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.faults.check(Operation::Read)?;
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self.faults.next(Operation::Write) {
            None => self.inner.write_at(bytes, offset),
            Some(Fault::Error(number)) => Err(io::Error::from_raw_os_error(number)),
            Some(Fault::Short(count)) => {
                let count = count.min(bytes.len().saturating_sub(1));
                self.inner.write_at(&bytes[..count], offset)
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.check(Operation::Sync)?;
        self.inner.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.faults.check(Operation::Truncate)?;
        self.inner.truncate(len)
    }
}
