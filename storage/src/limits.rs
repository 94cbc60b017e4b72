//! The bounds of this crate, each with its reason.

/// A header line has fewer bytes than this, its line feed included; upstream reads it into a buffer of
/// this size (`log.c`). A longer line is not a header.
pub const HEADER_BYTES_MAX: usize = 128;

/// How much of a file is read ahead while records are looked for. Larger bodies are read at once, into
/// their own buffer.
pub const READ_WINDOW_BYTES: usize = 256 * 1024;

/// Upstream reads bodies in pieces of C's `BUFSIZ` and names what was left before the piece that failed;
/// our message names the same number.
pub const UPSTREAM_READ_BYTES: u64 = 8192;

/// A body of at least this size is written from where it is; smaller ones are gathered with their headers
/// into one write, where copying costs less than another system call.
pub const DIRECT_WRITE_BYTES_MIN: usize = 256 * 1024;

/// The gathering buffer is given back when it has grown beyond this.
pub const GATHER_BYTES_KEPT: usize = 1024 * 1024;

/// Bytes of a write from which on it goes past the system's page cache. Smaller ones are over sooner by it, since the disk
/// is waited for once, in the sync.
pub const UNCACHED_BYTES_MIN: usize = 4 << 20;

/// Bytes of one such write, for which there is a buffer: large enough that the disk is always busy.
pub const UNCACHED_STEP_BYTES: usize = 8 << 20;

/// Bytes hashed in vain while a damaged file is searched for intact records, as a multiple of what is left
/// of the file. Real files need none; a file made to look like nothing but headers would need its square.
/// When it is used up the search counts as having found something: the file is refused.
pub const SEARCH_FACTOR_MAX: u64 = 16;

/// So many more are free, for small files.
pub const SEARCH_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// A replacement file is written and synced in steps of at most this: one sync of 300 MB stalls a
/// neighbour's `fdatasync` for 82 ms. Also how much of the log one step of catching up copies.
pub const STEP_BYTES_MAX: usize = 1024 * 1024;

/// Upstream's schedule of compactions (`storage.c`, `log.c`): not before this after the last one, plus as
/// much again at random, so that databases started together do not compact together.
pub const COMPACT_AFTER_MS_MIN: u64 = 10 * 60 * 1000;

/// After a failed compaction the next is tried this much sooner.
pub const COMPACT_RETRY_DIVISOR: u64 = 10;

/// From here on one record is reason enough.
pub const COMPACT_AFTER_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// Before that a log must have this many records since the last compaction,
pub const COMPACT_RECORDS_MIN: u64 = 100;

/// be larger than this,
pub const COMPACT_BYTES_MIN: u64 = 10 * 1024 * 1024;

/// and larger than this many times its size right after the last compaction.
pub const COMPACT_GROWTH_MIN: u64 = 2;

/// Names tried for the file that keeps a cut tail; more tails at one offset than this are an operator's
/// matter, and the write that wanted to cut is refused.
pub const KEPT_TAILS_MAX: u32 = 100;

/// Symbolic links followed in the last component of a path, as in upstream's `follow_symlinks`.
pub const SYMLINKS_MAX: u32 = 10;

const _: () = assert!(READ_WINDOW_BYTES >= HEADER_BYTES_MAX);
const _: () = assert!(DIRECT_WRITE_BYTES_MIN <= GATHER_BYTES_KEPT);
