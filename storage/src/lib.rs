//! Database files: what is written, how it survives, and what is made of a file that did not.
//!
//! ```text
//!  bodies + digests ─► log::Writer ─append─► file ─sync─► durable
//!                                                │
//!  records ◄─ log::Reader ◄─ record::scan ◄──────┘        compact::Replacement ─adopt─► the file's next life
//! ```
//!
//! * [`record`] knows the framing `OVSDB MAGIC LENGTH SHA1\nBODY` (`ovsdb(5)`), not what a body means.
//! * [`log`] opens, replays, judges damage and appends; [`compact`] replaces the whole file;
//!   [`lockfile`] keeps it to one writer.
//! * [`disk`] is the only place that touches a file system, so that every promise here can be tested
//!   against a disk that fails, and against what a power cut leaves.
//!
//! There is no thread and no clock here: every call runs to its end, and its caller decides when.
//! Bodies are bytes: the JSON in them belongs to `wire`, its meaning to `engine`.

pub mod compact;
pub mod disk;
pub mod error;
pub mod limits;
pub mod lockfile;
pub mod log;
mod path;
pub mod record;
