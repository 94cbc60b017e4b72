//! Opens a database file and replays it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::damage::{Fault, Stop, judge};
use super::{Growth, Place, Tail, Writer};
use crate::disk::{self, Disk, DiskFile, Lock, Open};
use crate::error::{Error, Kind, Result};
use crate::limits::HEADER_BYTES_MAX;
use crate::record::{Digest, Found, Front, Header, Magic, Record, Scanner, Streaming};

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Looking only, beside a process that may be appending: no lock, and a torn tail is ordinary.
    ReadOnly,
    /// Takes the lock; [`Reader::into_writer`] follows.
    ReadWrite,
}

/// Replays a file's records in order.
pub struct Reader {
    place: Place,
    access: Access,
    lock: Option<Box<dyn Lock>>,
    scanner: Scanner,
    state: State,
    /// The record read last, which [`Reader::unread`] takes back: where it begins.
    last: Option<u64>,
    /// Good records read.
    records: u64,
    /// Of the first of them.
    first: Front,
    /// Where the second record ends; 0 before.
    base: u64,
}

enum State {
    /// The next record begins here. → Reading, Ended, Refused
    Reading(u64),
    /// All good records are read, the last ends at `end`; `tail` is what else there is. Final.
    Ended { end: u64, tail: Option<Tail> },
    /// The file must not be used, for this reason. Final.
    Refused(Error),
}

impl Reader {
    /// Opens the standalone database file `path`. Texts of errors are upstream's; a file of a clustered
    /// database has the kind [`Kind::Clustered`].
    pub fn open(disk: Arc<dyn Disk>, path: &Path, access: Access) -> Result<Reader> {
        let (mut reader, magic) = Reader::open_any(disk, path, access)?;
        if magic == Magic::Clustered {
            let name = &reader.place.name;
            let details = format!("{name}: cannot apply this operation to clustered database file");
            return Err(Error::new(Kind::Clustered, details));
        }
        if access == Access::ReadWrite {
            reader.remove_stale_replacement();
        }
        Ok(reader)
    }

    /// Opens a file of either kind, for tools that show or identify it.
    pub fn open_any(disk: Arc<dyn Disk>, path: &Path, access: Access) -> Result<(Reader, Magic)> {
        let mut place = Place::new(disk, path)?;
        let name = place.name.clone();
        let (lock, file) = match access {
            Access::ReadOnly => {
                // By its own name: what `/dev/stdin` links to is no path.
                place.path = std::path::absolute(path).unwrap_or(place.path);
                (None, place.disk.open(&place.path, Open::Read))
            }
            Access::ReadWrite => {
                let lock = place.disk.lock(&place.path);
                let lock =
                    lock.map_err(|error| Error::io(&error, format!("{name}: failed to lock lockfile")))?;
                (Some(lock), place.disk.open(&place.path, Open::ReadWrite))
            }
        };
        let file = file.map_err(|error| Error::io(&error, format!("{name}: open failed")))?;
        let magic = magic_of(&*file, &name)?;
        let scanner = Scanner::new(file, magic, name.clone())
            .map_err(|error| Error::io(&error, format!("{name}: read error")))?;
        let state = State::Reading(0);
        Ok((
            Reader {
                place,
                access,
                lock,
                scanner,
                state,
                last: None,
                records: 0,
                first: Front::Durable,
                base: 0,
            },
            magic,
        ))
    }

    /// The next good record; `None` at the end, where [`Reader::tail`] says whether the end is torn. An
    /// error means that the file must not be used, and repeats.
    pub fn read(&mut self) -> Result<Option<Record>> {
        let at = match &self.state {
            State::Reading(at) => *at,
            State::Ended { .. } => return Ok(None),
            State::Refused(error) => return Err(error.clone()),
        };
        match self.scanner.record(at) {
            Ok(Found::Record(record)) => {
                self.advance(at, record.end(), record.front);
                Ok(Some(record))
            }
            Ok(Found::End) => {
                self.state = State::Ended { end: at, tail: None };
                Ok(None)
            }
            Ok(Found::Bad(why)) => self.stop(Fault::Bad, at, why).map(|()| None),
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Reads the next record like [`Reader::read`], but hands its body out in pieces to `each` while it is
    /// read, and gives its hash. `None`: it has less than `bytes_min` bytes, or turned out not to be good
    /// after all its pieces were handed out; it is still the next one then, and `read` says what is wrong.
    pub fn read_in_pieces(&mut self, bytes_min: u64, each: &mut dyn FnMut(&[u8])) -> Result<Option<Digest>> {
        let State::Reading(at) = self.state else {
            return Ok(None);
        };
        match self.scanner.stream(at, bytes_min, each)? {
            Streaming::Good { end, sha1, front } => {
                self.advance(at, end, front);
                Ok(Some(sha1))
            }
            Streaming::Unsuited | Streaming::Bad => Ok(None),
        }
    }

    /// Goes back to the first record, as if nothing had been read.
    pub fn rewind(&mut self) {
        self.state = State::Reading(0);
        (self.last, self.records, self.base) = (None, 0, 0);
        self.first = Front::Durable;
    }

    /// Takes back the record read last, which is good but of no use: it cannot be parsed or applied, for
    /// the reason `why`. The log then ends before it, as with a bad record; an error means that it does
    /// not, because intact records follow or because it is the first one.
    pub fn unread(&mut self, why: Error) -> Result<()> {
        let at = self
            .last
            .take()
            .expect("a record was read, and is taken back once");
        self.records -= 1;
        self.stop(Fault::Unusable, at, why)
    }

    /// `unread`'s reason for a body that is not JSON; `parse_error` is the parser's.
    pub fn not_json(&self, record: &Record, parse_error: impl std::fmt::Display) -> Error {
        self.bad_body(record, &format!("are not valid JSON ({parse_error})"))
    }

    /// `unread`'s reason for a body that is JSON but not an object.
    pub fn not_object(&self, record: &Record) -> Error {
        self.bad_body(record, "are not a JSON object")
    }

    fn bad_body(&self, record: &Record, what: &str) -> Error {
        let (name, length, at) = (&self.place.name, record.body.len(), record.body_offset);
        Error::new(
            Kind::Syntax,
            format!("{name}: {length} bytes starting at offset {at} {what}"),
        )
    }

    /// A good record from `at` to `end` has been read.
    fn advance(&mut self, at: u64, end: u64, front: Front) {
        self.state = State::Reading(end);
        self.last = Some(at);
        self.records += 1;
        match self.records {
            1 => self.first = front,
            2 => self.base = end,
            _ => {}
        }
    }

    /// Bytes of the file when it was opened.
    pub fn file_bytes(&self) -> u64 {
        self.scanner.len()
    }

    /// The torn end that `read` stopped at.
    pub fn tail(&self) -> Option<&Tail> {
        match &self.state {
            State::Ended { tail, .. } => tail.as_ref(),
            State::Reading(_) | State::Refused(_) => None,
        }
    }

    /// The file's name as it was given.
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// Goes on to writing at the end of the good records; all must have been read, for [`Access::ReadWrite`].
    /// Makes what was read durable, and logs a torn tail's error.
    pub fn into_writer(self) -> Result<Writer> {
        assert_eq!(self.access, Access::ReadWrite, "opened for writing");
        let State::Ended { end, tail } = self.state else {
            panic!("a log is appended to only where its records end");
        };
        let file = self.scanner.into_file();
        file.sync_data()
            .map_err(|error| Error::io(&error, format!("{}: fsync failed", self.place.name)))?;
        if let Some(tail) = &tail {
            ::log::error!(target: "ovsdb_server", "{}", tail.error);
        }
        let growth = Growth {
            records: self.records.saturating_sub(2),
            bytes: end,
            base: self.base,
        };
        let writer = Writer::opened(self.place, file, growth, tail);
        Ok(writer.holding(self.lock.expect("opening for writing takes the lock")))
    }

    /// The records end at `at`: is that the end of the log, or damage?
    fn stop(&mut self, fault: Fault, at: u64, why: Error) -> Result<()> {
        let stop = Stop {
            fault,
            offset: at,
            why: &why,
            records: self.records,
            first: self.first,
        };
        match judge(&mut self.scanner, &self.place.name, stop) {
            Ok(intact) => {
                let len = self.scanner.len() - at;
                self.state = State::Ended {
                    end: at,
                    tail: Some(Tail {
                        offset: at,
                        len,
                        intact,
                        error: why,
                    }),
                };
                Ok(())
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    fn refuse(&mut self, error: Error) -> Error {
        self.state = State::Refused(error.clone());
        error
    }

    /// A replacement that was never adopted; holding the lock, nobody else can be preparing it.
    fn remove_stale_replacement(&mut self) {
        let path = self.place.replacement();
        let shown = path.display();
        match self.place.disk.remove(&path) {
            Ok(()) => ::log::info!(target: "ovsdb_log", "removed {shown}, left by an unfinished compaction"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => ::log::warn!(target: "ovsdb_log", "failed to remove {shown} ({error})"),
        }
    }
}

/// What kind of database `path` holds, by its first header.
pub fn identify(disk: Arc<dyn Disk>, path: &Path) -> Result<Magic> {
    Ok(Reader::open_any(disk, path, Access::ReadOnly)?.1)
}

fn magic_of(file: &dyn DiskFile, name: &str) -> Result<Magic> {
    let mut line = [0; HEADER_BYTES_MAX - 1];
    let got = disk::read_full_at(file, &mut line, 0)
        .map_err(|error| Error::io(&error, format!("{name}: read error")))?;
    let unknown = || Error::new(Kind::Unspecific, format!("{name}: cannot identify file type"));
    if got == 0 {
        return Err(unknown());
    }
    let line = &line[..got];
    let line = line
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(line, |end| &line[..=end]);
    let header = Header::parse(line)
        .ok_or_else(|| Error::new(Kind::Unspecific, format!("{name}: unexpected file format")))?;
    header.magic.ok_or_else(unknown)
}
