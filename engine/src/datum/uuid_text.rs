//! UUIDs as text: 36 characters in the form of RFC 4122 and nothing else.

use uuid::Uuid;

/// Characters of a UUID in text.
pub const LEN: usize = 36;

/// Reads `8-4-4-4-12` hexadecimal digits of either case; `None` for anything else (no braces, no `urn:`).
pub fn parse(text: &[u8]) -> Option<Uuid> {
    let text: &[u8; LEN] = text.try_into().ok()?;
    if [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    // Starts of the digit pairs.
    const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut bad = 0;
    for (byte, at) in bytes.iter_mut().zip(PAIRS) {
        let high = HEX_VALUE[usize::from(text[at])];
        let low = HEX_VALUE[usize::from(text[at + 1])];
        bad |= high | low;
        *byte = (high << 4) | (low & 15);
    }
    (bad & BAD == 0).then_some(Uuid::from_bytes(bytes))
}

/// Appends the 36 characters, lower case, without quotes.
pub fn write(uuid: &Uuid, out: &mut Vec<u8>) {
    let mut buffer = [0; LEN];
    out.extend_from_slice(uuid.hyphenated().encode_lower(&mut buffer).as_bytes());
}

/// Marks what is no hexadecimal digit; no value of a digit has this bit.
const BAD: u8 = 0x80;

const HEX_VALUE: [u8; 256] = {
    let mut table = [BAD; 256];
    let mut digit = 0;
    while digit < 16 {
        let lower = b"0123456789abcdef"[digit];
        table[lower as usize] = digit as u8;
        table[lower.to_ascii_uppercase() as usize] = digit as u8;
        digit += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::{parse, write};

    #[test]
    fn what_is_written_is_read() {
        let text = b"01234567-89ab-cdef-fedc-ba9876543210";
        let uuid = parse(text).unwrap();
        let mut out = Vec::new();
        write(&uuid, &mut out);
        assert_eq!(out, text);
        assert_eq!(parse(b"01234567-89AB-CDEF-FEDC-BA9876543210"), Some(uuid));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "01234567-89ab-cdef-fedc-ba987654321",
            "01234567-89ab-cdef-fedc-ba98765432100",
            "0123456789abcdeffedcba9876543210",
            "{1234567-89ab-cdef-fedc-ba987654321}",
            "g1234567-89ab-cdef-fedc-ba9876543210",
            "01234567089ab-cdef-fedc-ba9876543210",
            "01234567-89ab-cdef-fedc-ba987654321\u{e9}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
