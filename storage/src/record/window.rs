//! A file seen through a window: bounded memory, few reads.

use std::io;

use crate::disk::{self, DiskFile};
use crate::limits::READ_WINDOW_BYTES;

/// A file and a piece of it in memory.
pub(crate) struct Window {
    file: Box<dyn DiskFile>,
    /// The file's length when it was opened; nothing after it is looked at.
    len: u64,
    bytes: Vec<u8>,
    /// How many of `bytes` hold something, `≤ bytes.len()`.
    held: usize,
    /// The offset of the first of them.
    start: u64,
}

impl Window {
    pub(crate) fn new(file: Box<dyn DiskFile>) -> io::Result<Window> {
        let len = file.len()?;
        let bytes = vec![0; len.min(READ_WINDOW_BYTES as u64) as usize];
        Ok(Window {
            file,
            len,
            bytes,
            held: 0,
            start: 0,
        })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn into_file(self) -> Box<dyn DiskFile> {
        self.file
    }

    /// `want` bytes at `offset`, fewer only at the end of the file.
    pub(crate) fn get(&mut self, offset: u64, want: usize) -> io::Result<&[u8]> {
        let ahead = self.ahead(offset, want)?;
        Ok(&ahead[..want.min(ahead.len())])
    }

    /// All that is in memory from `offset` on, at least `want` bytes but at the end of the file.
    pub(crate) fn ahead(&mut self, offset: u64, want: usize) -> io::Result<&[u8]> {
        assert!(want <= READ_WINDOW_BYTES);
        let want = (want as u64).min(self.len.saturating_sub(offset));
        let end = self.start + self.held as u64;
        if want > 0 && (offset < self.start || offset + want > end) {
            self.held = 0;
            self.start = offset;
            let size = (self.len - offset).min(self.bytes.len() as u64) as usize;
            self.held = disk::read_full_at(&*self.file, &mut self.bytes[..size], offset)?;
        }
        let skip = offset.saturating_sub(self.start).min(self.held as u64) as usize;
        Ok(&self.bytes[skip..self.held])
    }

    /// A copy of `length` bytes at `offset`; fewer where the file has become shorter.
    pub(crate) fn copy(&mut self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        if length <= READ_WINDOW_BYTES {
            return Ok(self.get(offset, length)?.to_vec());
        }
        let mut copy = vec![0; length];
        let got = disk::read_full_at(&*self.file, &mut copy, offset)?;
        copy.truncate(got);
        Ok(copy)
    }
}
