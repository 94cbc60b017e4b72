//! Appends groups of records, and makes them durable.

use std::io;
use std::sync::{Arc, Weak};

use super::{Place, Tail};
use crate::disk::{self, DiskFile, Lock};
use crate::error::{Error, Result};
use crate::record::{Encoder, Entry, Front, Magic};

/// The writing end of an open database file. Between calls the file holds good records up to
/// [`Writer::end`], and beyond it only what a state below says.
pub struct Writer {
    pub(crate) place: Place,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Held as long as the writer lives; `None` while the file is being created.
    lock: Option<Box<dyn Lock>>,
    state: State,
    encoder: Encoder,
    growth: Growth,
    /// Records up to here survive a power cut; `≤ growth.bytes`.
    durable: u64,
    /// Replacements adopted: offsets are of this life of the file.
    pub(crate) life: u64,
    /// Alive as long as a replacement of this file is.
    pub(crate) replacing: Weak<()>,
}

enum State {
    /// A torn tail lies behind the end. The first append cuts it. → Ready, Torn, Broken
    Torn(Tail),
    /// The file ends at the end. → Ready, Failing, Broken
    Ready,
    /// The same, but the last append failed; this has been logged. → Ready, Failing, Broken
    Failing,
    /// A sync or a truncation failed, so what the file holds is not known. Reopening is the way out.
    Broken(Error),
}

/// How far a log has grown: what the decision to compact rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Records since the base.
    pub records: u64,
    /// Bytes of good records, `≥ base`.
    pub bytes: u64,
    /// Bytes right after the last compaction; of a file just opened, the end of its second record.
    pub base: u64,
}

/// A place in the log between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub(crate) offset: u64,
    /// Records before it, counted like [`Growth::records`].
    pub(crate) records: u64,
    /// Of which life of the file it is a place.
    pub(crate) life: u64,
}

/// A sync that keeps nobody from appending; see [`Writer::begin_sync`].
pub struct Syncing {
    file: Arc<dyn DiskFile>,
    /// Records up to here are appended.
    end: u64,
    life: u64,
}

/// What came of a [`Syncing`].
pub struct Synced {
    result: io::Result<()>,
    end: u64,
    life: u64,
}

impl Syncing {
    /// Waits for the disk.
    pub fn run(self) -> Synced {
        Synced {
            result: self.file.sync_data(),
            end: self.end,
            life: self.life,
        }
    }
}

impl Writer {
    pub(super) fn empty(place: Place, file: Box<dyn DiskFile>) -> Writer {
        Writer::opened(
            place,
            file,
            Growth {
                records: 0,
                bytes: 0,
                base: 0,
            },
            None,
        )
    }

    /// A writer on a `file` that is synced, and whose good records end at `growth.bytes`.
    pub(super) fn opened(
        place: Place,
        file: Box<dyn DiskFile>,
        growth: Growth,
        tail: Option<Tail>,
    ) -> Writer {
        let state = tail.map_or(State::Ready, State::Torn);
        let durable = growth.bytes;
        Writer {
            place,
            file: file.into(),
            lock: None,
            state,
            encoder: Encoder::default(),
            growth,
            durable,
            life: 0,
            replacing: Weak::new(),
        }
    }

    pub(super) fn holding(mut self, lock: Box<dyn Lock>) -> Writer {
        self.lock = Some(lock);
        self
    }

    /// Appends a group, all of it or nothing. It is durable only after [`Writer::sync`]. After an error the
    /// file ends where it did, and the next append may well succeed (a full disk must not outlast the full
    /// disk), unless [`Writer::broken`].
    pub fn append(&mut self, records: &[Entry<'_>]) -> Result<()> {
        self.prepare()?;
        let mut end = self.growth.bytes;
        let front = if self.durable == end {
            Front::Durable
        } else {
            Front::Unsynced
        };
        let file = &*self.file;
        let written = self.encoder.encode(Magic::Standalone, front, records, |piece| {
            disk::write_all_at(file, piece, end)?;
            end += piece.len() as u64;
            Ok(())
        });
        match written {
            Ok(()) => {
                self.growth.bytes = end;
                self.growth.records += records.len() as u64;
                self.state = State::Ready;
                Ok(())
            }
            Err(error) => Err(self.write_failed(&error)),
        }
    }

    /// Makes the file end at the end.
    pub(crate) fn prepare(&mut self) -> Result<()> {
        match &self.state {
            State::Ready | State::Failing => Ok(()),
            State::Torn(tail) => {
                tail.keep(&self.place, &*self.file)?;
                self.cut()?;
                self.state = State::Ready;
                Ok(())
            }
            State::Broken(error) => Err(error.clone()),
        }
    }

    /// Makes everything appended durable. A failure is final for this writer: after it the system may call
    /// pages clean that never reached the disk, so a later success would prove nothing.
    pub fn sync(&mut self) -> Result<()> {
        if let State::Broken(error) = &self.state {
            return Err(error.clone());
        }
        if self.durable == self.growth.bytes {
            return Ok(());
        }
        self.sync_file()
    }

    /// A sync of everything appended so far, to run elsewhere while more is appended; `None` if there is nothing to
    /// sync, or no use in it.
    ///
    /// Until [`Writer::end_sync`] has taken its result over, a [`Writer::sync`] proves nothing: the system tells of a
    /// failure once, and that may be there.
    pub fn begin_sync(&self) -> Option<Syncing> {
        if self.broken().is_some() || self.durable == self.growth.bytes {
            return None;
        }
        Some(Syncing {
            file: Arc::clone(&self.file),
            end: self.growth.bytes,
            life: self.life,
        })
    }

    /// Takes over what came of a sync that ran elsewhere; a failure is final as in [`Writer::sync`].
    pub fn end_sync(&mut self, synced: Synced) -> Result<()> {
        // What has replaced the file since was synced itself.
        if synced.life != self.life {
            return Ok(());
        }
        match synced.result {
            Ok(()) => {
                assert!(synced.end <= self.growth.bytes, "the end only moves on");
                self.durable = self.durable.max(synced.end);
                Ok(())
            }
            Err(error) => Err(self.sync_failed(&error)),
        }
    }

    /// Where the next record will begin.
    pub fn end(&self) -> u64 {
        self.growth.bytes
    }

    /// The present end, for a replacement that will say what the log says up to here.
    pub fn mark(&self) -> Mark {
        Mark {
            offset: self.growth.bytes,
            records: self.growth.records,
            life: self.life,
        }
    }

    /// Up to where records survive a power cut.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    pub fn growth(&self) -> Growth {
        self.growth
    }

    /// Why this writer refuses everything, if it does.
    pub fn broken(&self) -> Option<&Error> {
        match &self.state {
            State::Broken(error) => Some(error),
            State::Torn(_) | State::Ready | State::Failing => None,
        }
    }

    /// The file's name as it was given.
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// Takes back a failed group. Logged when writing begins to fail, not for every group after that.
    fn write_failed(&mut self, error: &io::Error) -> Error {
        let name = &self.place.name;
        let failed = Error::io(error, format!("{name}: write failed"));
        if !matches!(self.state, State::Failing) {
            let reason = failed.io_error().unwrap_or_else(|| error.to_string());
            ::log::warn!(target: "ovsdb_log", "{}: write failed ({reason})", self.place.path.display());
        }
        match self.cut() {
            Ok(()) => {
                self.state = State::Failing;
                failed
            }
            Err(error) => error,
        }
    }

    /// Durably removes what lies behind the end. Were it not durable, a power cut after the next append
    /// could leave that append followed by records that were refused or cut, and are good.
    fn cut(&mut self) -> Result<()> {
        let end = self.growth.bytes;
        match self.file.truncate(end) {
            Ok(()) => self.sync_file(),
            Err(error) => {
                let details = format!("{}: cannot truncate to length {end}", self.place.name);
                Err(self.break_down(Error::io(&error, details)))
            }
        }
    }

    fn sync_file(&mut self) -> Result<()> {
        match self.file.sync_data() {
            Ok(()) => {
                self.durable = self.growth.bytes;
                Ok(())
            }
            Err(error) => Err(self.sync_failed(&error)),
        }
    }

    fn sync_failed(&mut self, error: &io::Error) -> Error {
        let details = format!("{}: fsync failed", self.place.name);
        self.break_down(Error::io(error, details))
    }

    /// The file is another one now, of `bytes` synced bytes: `base` of them say what the log said up to
    /// `mark`, the rest are its records since.
    pub(crate) fn adopted(&mut self, bytes: u64, base: u64, mark: Mark) {
        assert_eq!(
            bytes - base,
            self.growth.bytes - mark.offset,
            "the log was copied from the mark to its end"
        );
        self.growth = Growth {
            records: self.growth.records - mark.records,
            bytes,
            base,
        };
        self.durable = bytes;
        self.life += 1;
    }

    pub(crate) fn break_down(&mut self, error: Error) -> Error {
        ::log::error!(
            target: "ovsdb_log",
            "{error}; nothing more is written to this database until it is reopened"
        );
        self.state = State::Broken(error.clone());
        error
    }
}
