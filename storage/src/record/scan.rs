//! Streams a file's records, and looks for good ones where the stream has broken off.
//!
//! Memory is one window, and the body of the record at hand; a length that the file cannot hold allocates
//! nothing.

use std::io;

use super::header::{self, LEAD};
use super::window::Window;
use super::{Digest, Front, Hasher, Header, Magic};
use crate::disk::DiskFile;
use crate::error::{Cause, Error, Kind, Result};
use crate::limits::{
    HEADER_BYTES_MAX, READ_WINDOW_BYTES, SEARCH_BYTES_MIN, SEARCH_FACTOR_MAX, UPSTREAM_READ_BYTES,
};

/// A good record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where its header begins.
    pub offset: u64,
    /// Where its body begins, `> offset`.
    pub body_offset: u64,
    pub body: Vec<u8>,
    pub sha1: Digest,
    /// What its writer knew of the records before it.
    pub front: Front,
}

impl Record {
    /// Where the next record begins.
    pub fn end(&self) -> u64 {
        self.body_offset + self.body.len() as u64
    }
}

/// What stands at an offset.
#[derive(Debug)]
pub(crate) enum Found {
    /// The file ends here.
    End,
    Record(Record),
    /// Not a good record, and upstream's words for why.
    Bad(Error),
}

/// What became of a record that was to be handed out in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streaming {
    /// It is too short for that, or no record at all; nothing was handed out.
    Unsuited,
    /// All of it was handed out, and it is good.
    Good { end: u64, sha1: Digest, front: Front },
    /// What was handed out is not what its header promises.
    Bad,
}

/// How much is intact behind damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intact {
    Nothing,
    /// `records` good ones of `bytes` bytes together, the first of them at `offset`. `front` is what they say
    /// was in front of them: durable, if any of them says so.
    Records {
        offset: u64,
        records: u64,
        bytes: u64,
        front: Front,
    },
    /// The search was given up; see [`SEARCH_FACTOR_MAX`].
    Unknown,
}

impl Intact {
    /// Counts a good record from `start` to `end`.
    fn add(&mut self, start: u64, end: u64, its_front: Front) {
        match self {
            Intact::Records {
                records,
                bytes,
                front,
                ..
            } => {
                *records += 1;
                *bytes += end - start;
                if its_front == Front::Durable {
                    *front = Front::Durable;
                }
            }
            Intact::Nothing | Intact::Unknown => {
                *self = Intact::Records {
                    offset: start,
                    records: 1,
                    bytes: end - start,
                    front: its_front,
                };
            }
        }
    }
}

/// Reads records of one kind of file.
pub(crate) struct Scanner {
    window: Window,
    magic: Magic,
    /// The name for messages.
    name: String,
}

impl Scanner {
    pub(crate) fn new(file: Box<dyn DiskFile>, magic: Magic, name: String) -> io::Result<Scanner> {
        Ok(Scanner {
            window: Window::new(file)?,
            magic,
            name,
        })
    }

    pub(crate) fn len(&self) -> u64 {
        self.window.len()
    }

    pub(crate) fn into_file(self) -> Box<dyn DiskFile> {
        self.window.into_file()
    }

    /// The record at `offset`. Its body is read whole: that is what the caller will parse.
    pub(crate) fn record(&mut self, offset: u64) -> Result<Found> {
        let magic = self.magic;
        let line = match self.line(offset) {
            Ok(line) => line,
            Err(error) => return Err(self.read_failed(&error)),
        };
        if line.is_empty() {
            return Ok(Found::End);
        }
        let Some(header) = Header::parse(line).filter(|header| header.magic == Some(magic)) else {
            let shown = String::from_utf8_lossy(header::shown(line)).into_owned();
            let text = format!(
                "{}: parse error at offset {offset} in header line \"{shown}\"",
                self.name
            );
            return Ok(Found::Bad(Error::new(Kind::Syntax, text)));
        };
        let body_offset = offset + line.len() as u64;
        if header.length > self.len() - body_offset {
            return Ok(Found::Bad(self.short_body(
                body_offset,
                header.length,
                self.len() - body_offset,
            )));
        }
        let body = match self.window.copy(body_offset, header.length) {
            Ok(body) => body,
            Err(error) => return Err(self.read_failed(&error)),
        };
        if body.len() as u64 != header.length {
            return Ok(Found::Bad(self.short_body(
                body_offset,
                header.length,
                body.len() as u64,
            )));
        }
        let sha1 = Digest::of(&body);
        if sha1 != header.sha1 {
            let text = format!(
                "{}: {} bytes starting at offset {body_offset} have SHA-1 hash {sha1} but should have hash {}",
                self.name, header.length, header.sha1
            );
            return Ok(Found::Bad(Error::new(Kind::Syntax, text)));
        }
        Ok(Found::Record(Record {
            offset,
            body_offset,
            body,
            sha1,
            front: header.front,
        }))
    }

    /// Hands out the body of the record at `offset` piece by piece before its hash is known, if it has at
    /// least `bytes_min` bytes and the file has them all.
    pub(crate) fn stream(
        &mut self,
        offset: u64,
        bytes_min: u64,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<Streaming> {
        self.try_stream(offset, bytes_min, each)
            .map_err(|error| self.read_failed(&error))
    }

    fn try_stream(
        &mut self,
        offset: u64,
        bytes_min: u64,
        each: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Streaming> {
        let magic = self.magic;
        let line = self.line(offset)?;
        let Some(header) = Header::parse(line).filter(|header| header.magic == Some(magic)) else {
            return Ok(Streaming::Unsuited);
        };
        let body_offset = offset + line.len() as u64;
        if header.length < bytes_min || header.length > self.len() - body_offset {
            return Ok(Streaming::Unsuited);
        }
        let sha1 = self.hash(body_offset, header.length, each)?;
        Ok(if sha1 == Some(header.sha1) {
            Streaming::Good {
                end: body_offset + header.length,
                sha1: header.sha1,
                front: header.front,
            }
        } else {
            Streaming::Bad
        })
    }

    /// Looks for good records anywhere behind `from`, also where no record should begin: what was
    /// damaged may be the very length that said where the next one does.
    pub(crate) fn intact_after(&mut self, from: u64) -> Result<Intact> {
        let mut budget = (self.len() - from)
            .saturating_mul(SEARCH_FACTOR_MAX)
            .saturating_add(SEARCH_BYTES_MIN);
        let mut at = from + 1;
        let mut intact = Intact::Nothing;
        while at < self.len() {
            let found = self
                .good(at, &mut budget)
                .map_err(|error| self.read_failed(&error))?;
            match found {
                Good::Until(end, front) => {
                    intact.add(at, end, front);
                    at = end;
                }
                Good::NotBefore(next) => at = next,
                Good::Unknown => return Ok(Intact::Unknown),
            }
        }
        Ok(intact)
    }

    /// Is there a good record at `at`? If not, where might the next one be?
    fn good(&mut self, at: u64, budget: &mut u64) -> io::Result<Good> {
        let magic = self.magic;
        let ahead = self.window.ahead(at, HEADER_BYTES_MAX)?;
        match memchr::memmem::find(ahead, LEAD) {
            Some(0) => {}
            Some(skip) => return Ok(Good::NotBefore(at + skip as u64)),
            // What was read ahead may end within one.
            None => {
                return Ok(Good::NotBefore(
                    at + ahead.len().saturating_sub(LEAD.len() - 1).max(1) as u64,
                ));
            }
        }
        let line = self.line(at)?;
        let Some(header) = Header::parse(line).filter(|header| header.magic == Some(magic)) else {
            return Ok(Good::NotBefore(at + 1));
        };
        let body_offset = at + line.len() as u64;
        if header.length > self.len() - body_offset {
            return Ok(Good::NotBefore(at + 1));
        }
        if header.length > *budget {
            return Ok(Good::Unknown);
        }
        if self.hash(body_offset, header.length, &mut |_| {})? == Some(header.sha1) {
            return Ok(Good::Until(body_offset + header.length, header.front));
        }
        // Coming back to this place reads a window again.
        *budget = budget.saturating_sub(header.length + READ_WINDOW_BYTES as u64);
        Ok(Good::NotBefore(at + 1))
    }

    /// The line at `offset` with its line feed, as C's `fgets` would give it; empty at the end.
    fn line(&mut self, offset: u64) -> io::Result<&[u8]> {
        Ok(first_line(self.window.get(offset, HEADER_BYTES_MAX)?))
    }

    /// The hash of `length` bytes at `offset`, in window-sized steps, each of which is shown to `each`; `None`
    /// where the file is shorter.
    fn hash(&mut self, offset: u64, length: u64, each: &mut dyn FnMut(&[u8])) -> io::Result<Option<Digest>> {
        let mut hasher = Hasher::default();
        let mut done = 0;
        while done < length {
            let want = (length - done).min(READ_WINDOW_BYTES as u64) as usize;
            let window = self.window.get(offset + done, want)?;
            if window.is_empty() {
                return Ok(None);
            }
            each(window);
            hasher.update(window);
            done += window.len() as u64;
        }
        Ok(Some(hasher.finish()))
    }

    /// Upstream names the bytes that were left when its reading in pieces met the end.
    fn short_body(&self, offset: u64, length: u64, held: u64) -> Error {
        let left = length - held / UPSTREAM_READ_BYTES * UPSTREAM_READ_BYTES;
        let details = format!(
            "{}: error reading {left} bytes starting at offset {offset}",
            self.name
        );
        Error {
            kind: Kind::Io,
            details,
            cause: Cause::EndOfFile,
        }
    }

    fn read_failed(&self, error: &io::Error) -> Error {
        Error::io(error, format!("{}: read failed", self.name))
    }
}

enum Good {
    /// A good record ends here, and says this of what is in front of it.
    Until(u64, Front),
    /// None here; none before that offset either.
    NotBefore(u64),
    /// The search has used up its budget.
    Unknown,
}

/// Up to and with the first line feed, at most what upstream's buffer holds.
fn first_line(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(HEADER_BYTES_MAX - 1)];
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(at) => &bytes[..=at],
        None => bytes,
    }
}
