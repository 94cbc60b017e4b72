//! Finds, eight bytes at a time, the bytes of a string that need attention.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The length of the longest prefix without `"`, `\` and bytes below 0x20, and whether it is all ASCII.
///
/// The same bytes end a string on input, start an escape, or must be escaped on output.
#[inline]
pub(crate) fn clean_prefix(text: &[u8]) -> (usize, bool) {
    let mut seen = 0;
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*block);
        let hits = special(word);
        if hits != 0 {
            // The lowest hit is exact; borrows can only invent hits above it.
            let clean_bits = hits.trailing_zeros() & !7;
            seen |= word & ((1_u64 << clean_bits) - 1);
            return (at + clean_bits as usize / 8, seen & HIGHS == 0);
        }
        seen |= word;
        at += 8;
    }
    while let Some(&byte) = text.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        seen |= u64::from(byte);
        at += 1;
    }
    (at, seen & HIGHS == 0)
}

/// A word whose lowest set bit is in the first byte of `word` that is `"`, `\` or below 0x20; zero if none is.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_quote | is_backslash | is_control) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::clean_prefix;

    #[test]
    fn every_byte_is_judged_alike_at_every_offset() {
        for offset in 0..20 {
            for byte in 0..=255_u8 {
                let mut text = vec![b'a'; 24];
                text[offset] = byte;
                let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
                let expected = if is_special {
                    (offset, true)
                } else {
                    (24, byte < 0x80)
                };
                assert_eq!(clean_prefix(&text), expected, "byte {byte:#x} at {offset}");
                text[offset + 1] = b'"';
                let expected = if is_special {
                    (offset, true)
                } else {
                    (offset + 1, byte < 0x80)
                };
                assert_eq!(
                    clean_prefix(&text),
                    expected,
                    "byte {byte:#x} at {offset}, then a quote"
                );
            }
        }
        assert_eq!(clean_prefix(b""), (0, true));
    }
}
