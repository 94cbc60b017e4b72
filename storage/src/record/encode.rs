//! Many records to few writes.

use super::{Digest, Front, Header, Magic};
use crate::limits::{DIRECT_WRITE_BYTES_MIN, GATHER_BYTES_KEPT};

/// A record to be written: its body, line feed included, and the body's hash.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub body: &'a [u8],
    pub sha1: Digest,
}

impl<'a> Entry<'a> {
    /// Hashes `body`; who has the hash already fills in the fields.
    pub fn new(body: &'a [u8]) -> Entry<'a> {
        Entry {
            body,
            sha1: Digest::of(body),
        }
    }

    pub(crate) fn header(&self, magic: Magic, front: Front) -> Header {
        Header {
            magic: Some(magic),
            length: self.body.len() as u64,
            front,
            sha1: self.sha1,
        }
    }
}

/// Frames records into pieces to be written one after the other: a group of small records is one piece,
/// a large body is a piece of its own and not copied. The buffer is reused.
#[derive(Debug, Default)]
pub struct Encoder {
    gathered: Vec<u8>,
}

impl Encoder {
    /// Hands the pieces of `records`, in order, to `write`; its first error ends it. `front` is what is
    /// known of the bytes before the first of them.
    pub fn encode<E>(
        &mut self,
        magic: Magic,
        mut front: Front,
        records: &[Entry<'_>],
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.gathered.clear();
        for record in records {
            record.header(magic, front).write(&mut self.gathered);
            front = Front::Unsynced;
            if record.body.len() >= DIRECT_WRITE_BYTES_MIN {
                write(&self.gathered)?;
                write(record.body)?;
                self.gathered.clear();
            } else {
                self.gathered.extend_from_slice(record.body);
            }
        }
        let written = if self.gathered.is_empty() {
            Ok(())
        } else {
            write(&self.gathered)
        };
        if self.gathered.capacity() > GATHER_BYTES_KEPT {
            self.gathered = Vec::new();
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(records: &[Entry<'_>]) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        let result: Result<(), ()> =
            Encoder::default().encode(Magic::Standalone, Front::Durable, records, |piece| {
                pieces.push(piece.to_vec());
                Ok(())
            });
        assert_eq!(result, Ok(()));
        pieces
    }

    #[test]
    fn a_group_of_small_records_is_one_piece() {
        let pieces = pieces(&[Entry::new(b"{}\n"), Entry::new(b"{\"a\":1}\n")]);
        let expected = "OVSDB JSON 3 5f36b2ea290645ee34d943220a14b54ee5ea5be5\n{}\n\
                        OVSDB JSON 08 ";
        assert_eq!(pieces.len(), 1);
        assert!(
            String::from_utf8_lossy(&pieces[0]).starts_with(expected),
            "{pieces:?}"
        );
        assert!(pieces[0].ends_with(b"{\"a\":1}\n"));
    }

    #[test]
    fn a_large_body_is_a_piece_of_its_own() {
        let large = vec![b' '; DIRECT_WRITE_BYTES_MIN];
        let pieces = pieces(&[Entry::new(b"{}\n"), Entry::new(&large), Entry::new(b"{}\n")]);
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces[1], large);
    }
}
