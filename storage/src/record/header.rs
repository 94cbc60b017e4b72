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

/// A header line that parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `None`: well formed, but neither kind of file we know.
    pub magic: Option<Magic>,
    /// Bytes of body.
    pub length: u64,
    pub sha1: Digest,
}

/// How every header begins.
pub(super) const LEAD: &[u8] = b"OVSDB ";

/// Digits of the length in a header whose place is reserved before the length is known. Leading zeros are
/// nothing to upstream's `strtoul`; fifteen digits are more than a file system holds.
const RESERVED_LENGTH_DIGITS: usize = 15;

/// Bytes of a reserved header of a standalone file.
pub const RESERVED_HEADER_BYTES: usize = LEAD.len() + 4 + 1 + RESERVED_LENGTH_DIGITS + 1 + 40 + 1;

const _: () = assert!(RESERVED_HEADER_BYTES < HEADER_BYTES_MAX);

impl Header {
    /// Parses a line with its line feed, as tolerant as upstream's `parse_header`: the length is whatever
    /// `strtoul` makes of it (blanks, a sign, leading zeros), hexadecimal digits have any case.
    pub fn parse(line: &[u8]) -> Option<Header> {
        let rest = c_string(line).strip_prefix(LEAD)?;
        let blank = rest.iter().position(|&byte| byte == b' ')?;
        let magic = Magic::from_text(&rest[..blank]);
        let rest = &rest[blank + 1..];
        let (length, used) = strtoul(rest);
        if length == 0 || length == u64::MAX {
            return None;
        }
        let rest = rest[used..].strip_prefix(b" ")?;
        let sha1 = Digest(unhex(rest.get(..40)?)?);
        (rest.get(40) == Some(&b'\n')).then_some(Header { magic, length, sha1 })
    }

    /// Appends the header of a record of `length` bytes.
    pub fn write(out: &mut Vec<u8>, magic: Magic, length: u64, sha1: &Digest) {
        write_padded(out, magic, length, 0, sha1);
    }

    /// Appends the header of a standalone record in exactly [`RESERVED_HEADER_BYTES`] bytes.
    pub fn write_reserved(out: &mut Vec<u8>, length: u64, sha1: &Digest) {
        let start = out.len();
        write_padded(out, Magic::Standalone, length, RESERVED_LENGTH_DIGITS, sha1);
        assert_eq!(
            out.len() - start,
            RESERVED_HEADER_BYTES,
            "no file is as long as {length} bytes"
        );
    }
}

fn write_padded(out: &mut Vec<u8>, magic: Magic, length: u64, digits_min: usize, sha1: &Digest) {
    out.extend_from_slice(LEAD);
    out.extend_from_slice(magic.text().as_bytes());
    out.push(b' ');
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    let mut rest = length;
    while rest > 0 {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[first.min(digits.len() - digits_min)..]);
    out.push(b' ');
    let mut text = [0; 40];
    out.extend_from_slice(hex(&sha1.0, &mut text).as_bytes());
    out.push(b'\n');
}

/// The bytes before the first NUL: what a C program sees of a line.
pub(super) fn c_string(line: &[u8]) -> &[u8] {
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
        for length in [1, 9, 10, 123_456, 999_999_999_999_999] {
            let mut line = Vec::new();
            Header::write(&mut line, Magic::Standalone, length, &sha1);
            let expected = Header {
                magic: Some(Magic::Standalone),
                length,
                sha1,
            };
            assert_eq!(line, format!("OVSDB JSON {length} {sha1}\n").as_bytes());
            assert_eq!(Header::parse(&line), Some(expected));
            line.clear();
            Header::write_reserved(&mut line, length, &sha1);
            assert_eq!(line.len(), RESERVED_HEADER_BYTES);
            assert_eq!(Header::parse(&line), Some(expected));
        }
    }
}
