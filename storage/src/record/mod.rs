//! The framing of records, `OVSDB MAGIC LENGTH SHA1\n` and LENGTH bytes of body (`ovsdb(5)`).
//!
//! Body and hash include the body's own line feed. Nothing here knows what a body means. A record is
//! *good* when its header parses and its body has the hash the header names; that is all that can be said
//! of it without knowing the database.

mod encode;
mod header;
mod scan;
mod window;

pub use encode::{Encoder, Entry};
pub(crate) use header::RESERVED_HEADER_BYTES;
pub use header::{Front, Header, Magic};
pub use scan::Record;
pub(crate) use scan::{Found, Intact, Scanner, Streaming};

use std::fmt;

use sha1::Digest as _;

/// The SHA-1 of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 20]);

impl Digest {
    /// Hashes a whole body.
    pub fn of(body: &[u8]) -> Digest {
        Digest(sha1::Sha1::digest(body).into())
    }
}

/// 40 lowercase hexadecimal digits, as in a header.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 40];
        f.write_str(header::hex(&self.0, &mut text))
    }
}

/// Hashes a body that comes in pieces.
#[derive(Clone, Default)]
pub struct Hasher(sha1::Sha1);

impl Hasher {
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}
