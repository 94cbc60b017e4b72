//! The header line of a record: written one way, read in every way upstream reads it.

use super::Digest;
use crate::limits::HEADER_BYTES_MAX;

/// What kind of file a header says it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// `JSON`: a standalone database.
    Standalone,
    /// `CLUSTER`: a member of a clustered database.
    Clustered,
}

impl Magic {
    pub fn text(self) -> &'static str {
        match self {
            Magic::Standalone => "JSON",
            Magic::Clustered => "CLUSTER",
        }
    }

    fn from_text(text: &[u8]) -> Option<Magic> {
        match text {
            b"JSON" => Some(Magic::Standalone),
            b"CLUSTER" => Some(Magic::Clustered),
            _ => None,
        }
    }
}

/// What its writer knew of the bytes in front of a record. It is told by a zero before the length, which
/// upstream's `strtoul` does not mind, so that whoever finds a bad record before this one can tell what
/// a power cut took from what has changed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// They were durable. The C programs, which do not say, are read like this.
    Durable,
    /// They were not known to be; the group was not yet synced. In the first record, which has nothing in
    /// front: the second record came into place together with it.
    Unsynced,
}

/// A header line that parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `None`: well formed, but neither kind of file we know.
    pub magic: Option<Magic>,
    /// Bytes of body.
    pub length: u64,
    pub front: Front,
    pub sha1: Digest,
}

/// How every header begins.
pub(super) const LEAD: &[u8] = b"OVSDB ";

/// Digits of the length in a header whose place is reserved before the length is known. Leading zeros are
/// nothing to upstream's `strtoul`; fifteen digits are more than a file system holds.
const RESERVED_LENGTH_DIGITS: usize = 15;

/// Bytes of a reserved header of a standalone file.
pub(crate) const RESERVED_HEADER_BYTES: usize = LEAD.len() + 4 + 1 + RESERVED_LENGTH_DIGITS + 1 + 40 + 1;

const _: () = assert!(RESERVED_HEADER_BYTES < HEADER_BYTES_MAX);

impl Header {
    /// Parses a line with its line feed, as tolerant as upstream's `parse_header`: the length is whatever
    /// `strtoul` makes of it (blanks, a sign, leading zeros), hexadecimal digits have any case.
    pub fn parse(line: &[u8]) -> Option<Header> {
        let rest = c_string(line).strip_prefix(LEAD)?;
        let blank = rest.iter().position(|&byte| byte == b' ')?;
        let magic = Magic::from_text(&rest[..blank]);
        let rest = &rest[blank + 1..];
        let front = if rest.first() == Some(&b'0') {
            Front::Unsynced
        } else {
            Front::Durable
        };
        let (length, used) = strtoul(rest);
        if length == 0 || length == u64::MAX {
            return None;
        }
        let rest = rest[used..].strip_prefix(b" ")?;
        let sha1 = Digest(unhex(rest.get(..40)?)?);
        (rest.get(40) == Some(&b'\n')).then_some(Header {
            magic,
            length,
            front,
            sha1,
        })
    }

    /// Appends the line.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_padded(out, 0);
    }

    /// Appends the line in exactly [`RESERVED_HEADER_BYTES`] bytes; its length begins with a zero.
    pub(crate) fn write_reserved(&self, out: &mut Vec<u8>) {
        assert_eq!(
            self.front,
            Front::Unsynced,
            "a reserved header is told by its zeros"
        );
        let start = out.len();
        self.write_padded(out, RESERVED_LENGTH_DIGITS);
        assert_eq!(
            out.len() - start,
            RESERVED_HEADER_BYTES,
            "no file has {} bytes",
            self.length
        );
    }

    fn write_padded(&self, out: &mut Vec<u8>, digits_min: usize) {
        assert!(self.length > 0, "a header cannot say that a body is empty");
        let magic = self.magic.expect("what is written is of a known kind");
        out.extend_from_slice(LEAD);
        out.extend_from_slice(magic.text().as_bytes());
        out.push(b' ');
        let mut digits = [b'0'; 21];
        let mut first = digits.len();
        let mut rest = self.length;
        while rest > 0 {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        if self.front == Front::Unsynced {
            first -= 1;
        }
        out.extend_from_slice(&digits[first.min(digits.len() - digits_min)..]);
        out.push(b' ');
        let mut text = [0; 40];
        out.extend_from_slice(hex(&self.sha1.0, &mut text).as_bytes());
        out.push(b'\n');
    }
}

/// What upstream's message shows of a line that is no header: up to the blank after the magic, which its
/// parser has overwritten by then; where there is none, the line.
pub(super) fn shown(line: &[u8]) -> &[u8] {
    let line = c_string(line);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    match line
        .strip_prefix(LEAD)
        .and_then(|magic| magic.iter().position(|&byte| byte == b' '))
    {
        Some(blank) => &line[..LEAD.len() + blank],
        None => line,
    }
}

/// The bytes before the first NUL: what a C program sees of a line.
fn c_string(line: &[u8]) -> &[u8] {
    &line[..line.iter().position(|&byte| byte == 0).unwrap_or(line.len())]
}

/// C's `strtoul(text, &end, 10)` on 64 bits: the value, and how many bytes it took. Too large is
/// `u64::MAX`; no digits take nothing.
fn strtoul(text: &[u8]) -> (u64, usize) {
    let mut at = text
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r'))
        .count();
    let negative = text.get(at) == Some(&b'-');
    if matches!(text.get(at), Some(b'-' | b'+')) {
        at += 1;
    }
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let mut value = Some(0_u64);
    let mut count = 0;
    for digit in digits {
        value = value.and_then(|sum| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
        count += 1;
    }
    match value {
        _ if count == 0 => (0, 0),
        None => (u64::MAX, at + count),
        Some(value) if negative => (value.wrapping_neg(), at + count),
        Some(value) => (value, at + count),
    }
}

/// Writes 20 bytes as 40 lowercase digits.
pub(super) fn hex<'a>(bytes: &[u8; 20], out: &'a mut [u8; 40]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(out).expect("hexadecimal digits are ASCII")
}

fn unhex(text: &[u8]) -> Option<[u8; 20]> {
    let mut bytes = [0; 20];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789ABCDEF01234567";

    fn parse(text: &str) -> Option<(Option<Magic>, u64)> {
        Header::parse(text.as_bytes()).map(|header| (header.magic, header.length))
    }

    #[test]
    fn headers_parse_as_upstream_parses_them() {
        let some = |length| Some((Some(Magic::Standalone), length));
        let cases = [
            (format!("OVSDB JSON 12 {HASH}\n"), some(12)),
            (
                format!("OVSDB CLUSTER 12 {HASH}\n"),
                Some((Some(Magic::Clustered), 12)),
            ),
            (format!("OVSDB OTHER 12 {HASH}\n"), Some((None, 12))),
            (format!("OVSDB  12 {HASH}\n"), Some((None, 12))),
            (format!("OVSDB JSON 0000000000012 {HASH}\n"), some(12)),
            (format!("OVSDB JSON  \t+12 {HASH}\n"), some(12)),
            (format!("OVSDB JSON -5 {HASH}\n"), some(u64::MAX - 4)),
            (format!("OVSDB JSON -1 {HASH}\n"), None),
            (format!("OVSDB JSON 0 {HASH}\n"), None),
            (
                format!("OVSDB JSON 18446744073709551614 {HASH}\n"),
                some(u64::MAX - 1),
            ),
            (format!("OVSDB JSON 18446744073709551616 {HASH}\n"), None),
            (format!("OVSDB JSON {HASH}\n"), None),
            (format!("OVSDB JSON 12{HASH}\n"), None),
            (format!("OVSDB JSON 12  {HASH}\n"), None),
            (format!("OVSDB JSON 12 {HASH}"), None),
            (format!("OVSDB JSON 12 {HASH} \n"), None),
            (format!("OVSDB JSON 12 {}\n", &HASH[1..]), None),
            (format!("OVSDB JSON 12 g{}\n", &HASH[1..]), None),
            (format!("ovsdb JSON 12 {HASH}\n"), None),
            (format!("OVSDB JS\0N 12 {HASH}\n"), None),
            (String::new(), None),
            ("OVSDB ".to_owned(), None),
            ("OVSDB JSON".to_owned(), None),
            ("OVSDB JSON ".to_owned(), None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_written_header_is_read_back() {
        let sha1 = Digest::of(b"body\n");
        for length in [1, 9, 10, 123_456, 99_999_999_999_999] {
            for (front, zero) in [(Front::Durable, ""), (Front::Unsynced, "0")] {
                let header = Header {
                    magic: Some(Magic::Standalone),
                    length,
                    front,
                    sha1,
                };
                let mut line = Vec::new();
                header.write(&mut line);
                assert_eq!(line, format!("OVSDB JSON {zero}{length} {sha1}\n").as_bytes());
                assert_eq!(Header::parse(&line), Some(header));
                if front == Front::Unsynced {
                    line.clear();
                    header.write_reserved(&mut line);
                    assert_eq!(line.len(), RESERVED_HEADER_BYTES);
                    assert_eq!(Header::parse(&line), Some(header));
                }
            }
        }
    }
}
