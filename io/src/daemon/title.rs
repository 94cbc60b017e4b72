//! The process's title in `ps`, which is the memory of its command line (upstream `ovs_cmdl_proctitle_set`).
//!
//! That memory is written through `/proc/self/mem`. Only the monitor process does so; the command line was read
//! long before, and a new daemon gets it back.

use crate::vlog;
use parking_lot::Mutex;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// The command line as it was, while another title is shown.
static SAVED: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Where the command line lies: `arg_start` and `arg_end` of `/proc/self/stat`, see proc_pid_stat(5).
fn command_line_range() -> io::Result<(u64, usize)> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let unclear = || io::Error::from(io::ErrorKind::InvalidData);
    // The second field, the name, may hold anything, so count from its end: that is field 3.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(unclear)?;
    let mut fields = fields.split_ascii_whitespace().skip(48 - 3);
    let mut next = || {
        fields
            .next()
            .and_then(|field| field.parse::<u64>().ok())
            .ok_or_else(unclear)
    };
    let (start, end) = (next()?, next()?);
    let size = end
        .checked_sub(start)
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(unclear)?;
    Ok((start, size))
}

fn write(text: &[u8], start: u64) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open("/proc/self/mem")?
        .write_all_at(text, start)
}

/// Shows `PROGRAM: text`, as far as there is room.
pub(super) fn set(text: &str) {
    let shown = format!("{}: {text}", vlog::program_name());
    if let Err(error) = try_set(shown.as_bytes()) {
        log::debug!(target: super::MODULE, "cannot set the process title: {error}");
    }
}

fn try_set(shown: &[u8]) -> io::Result<()> {
    let (start, size) = command_line_range()?;
    let mut saved = SAVED.lock();
    if saved.is_none() {
        let mut original = fs::read("/proc/self/cmdline")?;
        original.truncate(size);
        *saved = Some(original);
    }
    write(&fitted(shown, size), start)
}

/// `shown` in exactly `size` bytes: filled with zeros, or cut with an ellipsis.
fn fitted(shown: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = shown.to_vec();
    if bytes.len() >= size {
        bytes.truncate(size.saturating_sub(4));
        bytes.extend_from_slice(b"...");
        bytes.truncate(size.saturating_sub(1));
    }
    bytes.resize(size, 0);
    bytes
}

/// Shows the command line again.
pub(super) fn restore() {
    let Some(original) = SAVED.lock().take() else {
        return;
    };
    let written = command_line_range().and_then(|(start, _)| write(&original, start));
    if let Err(error) = written {
        log::debug!(target: super::MODULE, "cannot restore the process title: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_fit_their_place() {
        assert_eq!(fitted(b"ab", 4), b"ab\0\0");
        assert_eq!(fitted(b"abcdefgh", 8), b"abcd...\0");
        assert_eq!(fitted(b"abcdefgh", 9), b"abcdefgh\0");
        assert_eq!(fitted(b"abcdefgh", 3), b"..\0");
        assert_eq!(fitted(b"abcdefgh", 0), b"");
    }

    #[test]
    fn the_command_line_is_found() {
        let (_, size) = command_line_range().unwrap();
        assert_eq!(size, fs::read("/proc/self/cmdline").unwrap().len());
    }
}
