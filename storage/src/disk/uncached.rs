//! Large writes that go to the disk without a copy in the system's page cache.
//!
//! Nobody reads a database file while its server runs, so the copy would only cost memory, and the time in which the
//! system finds pages for it: 44 MB were measured as 120 ms where the system has to get its memory from a hypervisor,
//! and as 40 ms past the cache, disk included.
//!
//! ```text
//!   offset ──► ▏ head ▕ blocks … blocks … ▏ tail ▕      head and tail by the cache, blocks of the file past it
//! ```

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::limits::{UNCACHED_BYTES_MIN, UNCACHED_STEP_BYTES};
use rustix::fs::OFlags;

/// What offsets, lengths and addresses of writes past the cache are multiples of: no disk has larger blocks that the
/// system would tell programs of.
const BLOCK: usize = 4096;

/// A second way to an open file, opened when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Uncached {
    /// `None` inside where the file system or the permissions do not allow it.
    file: OnceLock<Option<File>>,
    /// The file system has refused a write.
    is_refused: AtomicBool,
}

impl Uncached {
    /// Writes the beginning of `bytes` at `offset` of `file`, and says how much that was; `None` if this is nothing to
    /// write past the cache, or is impossible.
    pub(super) fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> Option<io::Result<usize>> {
        if bytes.len() < UNCACHED_BYTES_MIN || self.is_refused.load(Ordering::Relaxed) {
            return None;
        }
        let uncached = self.file.get_or_init(|| reopen(file)).as_ref()?;
        let head = offset.next_multiple_of(BLOCK as u64) - offset;
        if head > 0 {
            return Some(file.write_at(&bytes[..head as usize], offset));
        }
        let step = bytes.len().min(UNCACHED_STEP_BYTES) / BLOCK * BLOCK;
        let mut room: Vec<u8> = Vec::with_capacity(step + BLOCK);
        let begin = room.as_ptr().align_offset(BLOCK);
        room.resize(begin, 0);
        room.extend_from_slice(&bytes[..step]);
        match uncached.write_at(&room[begin..], offset) {
            // What else is wrong is wrong with the way past the cache, or comes again without it.
            Err(error) if !is_full(&error) => {
                self.is_refused.store(true, Ordering::Relaxed);
                None
            }
            written => Some(written),
        }
    }
}

/// Whether there is no room, which is the same with and without the cache.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// The file once more, by a name that stays its own when files are renamed.
fn reopen(file: &File) -> Option<File> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = i32::try_from(OFlags::DIRECT.bits()).ok()?;
    OpenOptions::new().write(true).custom_flags(flags).open(path).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, Open, RealDisk, write_all_at};
    use crate::limits::{UNCACHED_BYTES_MIN, UNCACHED_STEP_BYTES};

    /// Bytes of which no two blocks are equal.
    fn contents(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8 ^ (at / 4096) as u8).collect()
    }

    #[test]
    fn what_goes_past_the_cache_lies_where_it_belongs() {
        let directory = tempfile::tempdir().unwrap();
        for (number, begin) in [0, 1, 4095, 4096, 10_000].into_iter().enumerate() {
            let path = directory.path().join(number.to_string());
            let file = RealDisk.open(&path, Open::CreateNew).unwrap();
            let lengths = [
                UNCACHED_BYTES_MIN,
                UNCACHED_STEP_BYTES + UNCACHED_BYTES_MIN + 12_345,
                77,
            ];
            let mut expected = contents(begin);
            file.write_at(&expected, 0).unwrap();
            for len in lengths {
                let piece = contents(len);
                write_all_at(&*file, &piece, expected.len() as u64).unwrap();
                expected.extend_from_slice(&piece);
            }
            file.sync_data().unwrap();
            assert!(std::fs::read(&path).unwrap() == expected, "from {begin} on");
            // What was cut is not there when something is written behind it.
            file.truncate(begin as u64).unwrap();
            let piece = contents(UNCACHED_BYTES_MIN + 1);
            write_all_at(&*file, &piece, begin as u64).unwrap();
            assert!(std::fs::read(&path).unwrap()[begin..] == piece);
        }
    }
}
