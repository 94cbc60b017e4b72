//! A database file as a log of records: replayed once, then appended to.
//!
//! ```text
//!  create ────────────────────────────────────────────► Writer ─► append, sync
//!  Reader::open ─► read … read ─► end ─► into_writer ──────┘
//!                     │            ├ clean
//!                     │            └ torn tail: served without it; cut by the first append, and kept beside
//!                     └► damage before intact records: refused
//! ```
//!
//! **What a bad record means.** A process that dies or a power cut leaves bad records only in what was not
//! yet synced: every append begins where the last good record ended. Nothing acknowledged is lost with
//! them, and they are a *torn tail*; as pages reach the disk in any order, intact records of the same group
//! may follow the bad one. But when a record follows that was written after everything in front of it was
//! durable ([`Front`](crate::record::Front)), then the bad one has changed after it was written: serving
//! what precedes it would drop acknowledged records without a word (as upstream does), so the file is
//! refused. Records of the C programs, which do not tell, are taken to be of that kind. A good record that
//! its reader cannot apply was not torn; with anything intact behind it the file is refused.
//!
//! **What is served is durable.** [`Reader::into_writer`] syncs once: a process killed after a write and
//! before its sync leaves records in the page cache that a power cut could still take.

mod create;
mod damage;
mod reader;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use create::{create, create_clustered};
pub use reader::{Access, Reader, identify};
pub use tail::Tail;
pub use writer::{Growth, Mark, Synced, Syncing, Writer};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::path;

/// Where a database is, and what it is called.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) disk: Arc<dyn Disk>,
    /// Absolute, and the file itself rather than a link to it: the process may change its directory, and
    /// lock, temporary files and kept tails stand beside the file.
    pub(crate) path: PathBuf,
    /// As the user gave it, for messages.
    pub(crate) name: String,
}

impl Place {
    fn new(disk: Arc<dyn Disk>, path: &Path) -> Result<Place> {
        let name = path.display().to_string();
        let absolute = std::path::absolute(path)
            .map_err(|error| Error::io(&error, "could not determine current working directory"))?;
        let path = path::resolve(&*disk, &absolute);
        Ok(Place { disk, path, name })
    }

    /// `TMP`: where a replacement of the file is prepared, the same name as upstream's.
    pub(crate) fn replacement(&self) -> PathBuf {
        path::beside(&self.path, "", ".tmp")
    }

    pub(crate) fn directory(&self) -> &Path {
        path::directory(&self.path)
    }
}
