//! One writer per database file: a POSIX write lock on `DIR/.NAME.~lock~`, as the C programs take it.
//!
//! The lock belongs to the process, and closing *any* descriptor of the lock file gives it up (`fcntl(2)`).
//! So the lock file is never opened twice: a table of the locks this process holds is asked first. The lock
//! file stays when the lock goes; removing it would let two processes lock two files of one name.
//! A child made by `fork` holds none of its parent's locks: fork before opening databases.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, fcntl_getlk};

use crate::disk::{Lock, RealDisk};
use crate::error::strerror;
use crate::path;

/// Device and inode of a lock file, by which a second path to it is recognised.
type Identity = (u64, u64);

static HELD: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// A held lock.
#[derive(Debug)]
pub struct Lockfile {
    /// Open as long as the lock is held; `None` only while it is being dropped.
    file: Option<File>,
    identity: Identity,
}

impl Lockfile {
    /// The lock file of the database `path`: beside the file a symbolic link leads to.
    pub fn name(path: &Path) -> PathBuf {
        path::beside(&path::resolve(&RealDisk, path), ".", ".~lock~")
    }

    /// Locks the database `path` without waiting. `EAGAIN`: another process holds it; `EDEADLK`: this one
    /// does. The log names the holder.
    pub fn take(path: &Path) -> io::Result<Lockfile> {
        let name = Lockfile::name(path);
        let shown = name.display();
        match try_take(&name) {
            Ok(lock) => Ok(lock),
            Err(Refused::Ourselves) => {
                ::log::warn!(
                    target: "lockfile",
                    "{shown}: cannot lock file because this process has already locked it"
                );
                Err(Errno::DEADLK.into())
            }
            Err(Refused::Process(pid)) => {
                ::log::warn!(
                    target: "lockfile",
                    "{shown}: cannot lock file because it is already locked by pid {pid}"
                );
                Err(Errno::AGAIN.into())
            }
            Err(Refused::System(errno)) => {
                let reason = strerror(errno.raw_os_error());
                ::log::warn!(target: "lockfile", "{shown}: failed to lock file: {reason}");
                Err(errno.into())
            }
        }
    }
}

enum Refused {
    Ourselves,
    Process(i32),
    System(Errno),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        Refused::System(Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}

fn try_take(name: &Path) -> Result<Lockfile, Refused> {
    let mut held = HELD.lock();
    match fs::metadata(name) {
        Ok(metadata) if held.contains(&identity(&metadata)) => return Err(Refused::Ourselves),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(name)?;
    let identity = identity(&file.metadata()?);
    if let Err(errno) = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        let holder = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock));
        let pid = holder.ok().flatten().and_then(|holder| holder.pid);
        return Err(match (pid, errno) {
            (Some(pid), _) => Refused::Process(pid.as_raw_pid()),
            (None, Errno::ACCESS) => Refused::System(Errno::AGAIN),
            (None, errno) => Refused::System(errno),
        });
    }
    held.push(identity);
    Ok(Lockfile {
        file: Some(file),
        identity,
    })
}

fn identity(metadata: &fs::Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

impl Lock for Lockfile {}

impl Drop for Lockfile {
    fn drop(&mut self) {
        // Closed under the table's lock, or a take in between would see the lock free but still held.
        let mut held = HELD.lock();
        held.retain(|identity| *identity != self.identity);
        self.file = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_takes_a_lock_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let other = dir.path().join("b.db");
        let link = dir.path().join("link.db");
        std::os::unix::fs::symlink("a.db", &link).unwrap();

        let lock = Lockfile::take(&path).unwrap();
        assert_eq!(Lockfile::name(&link), dir.path().join(".a.db.~lock~"));
        for again in [&path, &link] {
            let error = Lockfile::take(again).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::DEADLK.raw_os_error()));
        }
        drop(Lockfile::take(&other).unwrap());
        drop(lock);
        drop(Lockfile::take(&link).unwrap());
        let mode = fs::metadata(dir.path().join(".a.db.~lock~")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
