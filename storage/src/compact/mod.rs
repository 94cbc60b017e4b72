//! The file's replacement by a shorter one that says the same.
//!
//! ```text
//!  log thread        writer.replacement(mark) ───────────────────► catch_up … catch_up ─► adopt
//!                                  │                                   ▲
//!  any thread                      └─► record, put … step … step ──────┘
//! ```
//!
//! A replacement is `FILE.tmp`: the records the caller gives it, which say what the log said up to a
//! [`Mark`], then a copy of the log's records since. It is written and synced in steps of at most
//! [`STEP_BYTES_MAX`]; the caller paces them, for a large sync delays everybody else's. Appends go on until
//! the file is adopted, which is one turn of the log.
//!
//! The length and hash of a body are known when it has been written, but stand before it. So the place of
//! its header is kept free and filled in at the end; leading zeros make the length as long as the place,
//! and mean nothing to the C programs' `strtoul`.
//!
//! That zero also says [`Front::Unsynced`]. In the first record, which has nothing in front of it, it tells a
//! reader that the second one came into place with it: no power cut can have torn that.
//!
//! What a power cut leaves, by the last thing that was done:
//!
//! | Done | The name leads to | Then |
//! | --- | --- | --- |
//! | `FILE.tmp` created, written, synced | the old file, whole | opening removes `FILE.tmp` |
//! | log caught up, `FILE.tmp` synced whole | the old file, whole | the same |
//! | renamed | the old file or the new one, both whole and equal in meaning | either serves |
//! | directory synced | the new file | appends go on, now into it |
//!
//! No append is acknowledged between the rename and the directory's sync, or a power cut could bring back
//! the old file without it; and if that sync fails, none is ever after.

mod adopt;
mod schedule;
#[cfg(test)]
mod tests;

pub use schedule::Schedule;

use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::{self, Disk, DiskFile, Open};
use crate::error::{Error, Result};
use crate::limits::STEP_BYTES_MAX;
use crate::log::Mark;
use crate::record::{Digest, Entry, Front, Hasher, Header, Magic, RESERVED_HEADER_BYTES};

/// A replacement in the making. Dropped, it is removed.
pub struct Replacement {
    temporary: Temporary,
    file: Box<dyn DiskFile>,
    /// Bytes written and synced, but for the header of an open record.
    written: u64,
    /// Bytes that follow those.
    pending: Vec<u8>,
    state: State,
    /// Up to where the log is in the replacement: at first by meaning, later as copied.
    copied: u64,
    mark: Mark,
    /// The replacement's own records.
    records: u64,
}

enum State {
    /// All records are whole. → Within, Copying
    Between,
    /// A record is open, its header's place at `header`. → Between
    Within {
        header: u64,
        hasher: Hasher,
        length: u64,
    },
    /// Records of the log follow `base` bytes of the replacement's own; no more of those may come.
    /// Final.
    Copying { base: u64 },
}

/// The name of the file until it is adopted.
struct Temporary {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    renamed: bool,
    /// Shared with the writer, which allows one replacement at a time: they would have the same name.
    /// Released after the name is.
    _turn: Arc<()>,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.renamed {
            return;
        }
        if let Err(error) = self.disk.remove(&self.path) {
            ::log::warn!(target: "ovsdb_log", "failed to remove {} ({error})", self.path.display());
        }
    }
}

impl Replacement {
    /// Creates the file `path`, in place of what an unfinished compaction may have left there.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        turn: Arc<()>,
        mark: Mark,
    ) -> Result<Replacement> {
        let shown = path.display();
        match disk.remove(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(&error, format!("failed to remove {shown}"))),
        }
        let file = disk.open(&path, Open::CreateNew);
        let file = file.map_err(|error| Error::io(&error, format!("{shown}: create failed")))?;
        Ok(Replacement {
            temporary: Temporary {
                disk,
                path,
                renamed: false,
                _turn: turn,
            },
            file,
            written: 0,
            pending: Vec::new(),
            state: State::Between,
            copied: mark.offset,
            mark,
            records: 0,
        })
    }

    /// Adds a whole record.
    pub fn record(&mut self, entry: Entry<'_>) {
        assert!(
            matches!(self.state, State::Between),
            "records do not nest, and precede the log's"
        );
        self.records += 1;
        entry
            .header(Magic::Standalone, Front::Unsynced)
            .write(&mut self.pending);
        self.pending.extend_from_slice(entry.body);
    }

    /// Begins a record whose body comes by [`Replacement::put`].
    pub fn begin_record(&mut self) {
        assert!(
            matches!(self.state, State::Between),
            "records do not nest, and precede the log's"
        );
        let header = self.written + self.pending.len() as u64;
        self.records += 1;
        self.state = State::Within {
            header,
            hasher: Hasher::default(),
            length: 0,
        };
        self.pending.resize(self.pending.len() + RESERVED_HEADER_BYTES, 0);
    }

    /// Adds to the open record's body. Nothing is written yet: see [`Replacement::step`].
    pub fn put(&mut self, piece: &[u8]) {
        let State::Within { hasher, length, .. } = &mut self.state else {
            panic!("a body belongs to a record that was begun");
        };
        hasher.update(piece);
        *length += piece.len() as u64;
        self.pending.extend_from_slice(piece);
    }

    /// Ends the open record, whose body must not be empty; writes what is left of it. Its hash is returned.
    pub fn end_record(&mut self) -> Result<Digest> {
        let State::Within {
            header,
            hasher,
            length,
        } = std::mem::replace(&mut self.state, State::Between)
        else {
            panic!("a record that ends was begun");
        };
        let sha1 = hasher.finish();
        let header_line = Header {
            magic: Some(Magic::Standalone),
            length,
            front: Front::Unsynced,
            sha1,
        };
        let mut line = Vec::with_capacity(RESERVED_HEADER_BYTES);
        header_line.write_reserved(&mut line);
        self.flush()?;
        let written = disk::write_all_at(&*self.file, &line, header);
        written.map_err(|error| self.failed(&error))?;
        Ok(sha1)
    }

    /// Is there enough for a step? Memory stays below two steps when the caller takes one whenever this
    /// says so, and puts no larger pieces.
    pub fn step_is_due(&self) -> bool {
        self.pending.len() >= STEP_BYTES_MAX
    }

    /// Writes and syncs at most [`STEP_BYTES_MAX`]. After an error the replacement is of no use.
    pub fn step(&mut self) -> Result<()> {
        let count = self.pending.len().min(STEP_BYTES_MAX);
        let done = disk::write_all_at(&*self.file, &self.pending[..count], self.written)
            .and_then(|()| self.file.sync_data());
        done.map_err(|error| self.failed(&error))?;
        self.pending.drain(..count);
        self.written += count as u64;
        Ok(())
    }

    /// Bytes of the replacement so far.
    pub fn bytes(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    fn flush(&mut self) -> Result<()> {
        while !self.pending.is_empty() {
            self.step()?;
        }
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::io(error, format!("{}: write failed", self.temporary.path.display()))
    }
}
