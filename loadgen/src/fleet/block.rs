//! Sixty-four bytes of JSON at a time: how much deeper they lead.
//!
//! ```text
//!   bytes      ,{"a}":["b\"",
//!   quotes     . #.. # . #. . #      those that are escaped do not count
//!   strings    . ###...###...        from each quote to the next
//!   opens       #     #              outside of strings
//! ```
//!
//! Each line is a word of a bit for each byte, so that a block takes some eighty instructions, whatever is in it.

use wide::u8x16;

/// Bytes of a block: as many as a word has bits.
pub(super) const BLOCK_BYTES: usize = 64;

/// What one block leaves to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Carry {
    pub(super) in_string: bool,
    /// The last byte was a backslash that escapes the next one.
    pub(super) escaped: bool,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// A bit for each byte with which an object or array begins.
    opens: u64,
    /// The same for those that end.
    closes: u64,
    pub(super) carry: Carry,
}

impl Block {
    /// Looks at a block that comes after `carry`.
    pub(super) fn look(bytes: &[u8; BLOCK_BYTES], carry: Carry) -> Block {
        let escapes = escaped(equal(bytes, b'\\', 0), carry.escaped);
        let quotes = equal(bytes, b'"', 0) & !escapes.bytes;
        let strings = parities(quotes) ^ if carry.in_string { u64::MAX } else { 0 };
        // The brackets and the braces differ in one bit.
        let opens = equal(bytes, b'{', 0x20) & !strings;
        let closes = equal(bytes, b'}', 0x20) & !strings;
        Block {
            opens,
            closes,
            carry: Carry {
                in_string: strings >> (BLOCK_BYTES - 1) != 0,
                escaped: escapes.next,
            },
        }
    }

    /// How deep it leads from `depth`, or `None` if it is less than `least` in between.
    pub(super) fn lead(&self, depth: u32, least: u32) -> Option<u32> {
        let (opens, closes) = (self.opens.count_ones(), self.closes.count_ones());
        if depth < least + closes {
            self.walk(depth, least)?;
        }
        Some(depth + opens - closes)
    }

    /// Looks at each step.
    fn walk(&self, mut depth: u32, least: u32) -> Option<()> {
        let mut steps = self.opens | self.closes;
        while steps != 0 {
            let step = steps & steps.wrapping_neg();
            if self.opens & step != 0 {
                depth += 1;
            } else if depth > least {
                depth -= 1;
            } else {
                return None;
            }
            steps ^= step;
        }
        Some(())
    }
}

/// A bit for each byte that is `wanted` once the bits of `filled` are set in it.
fn equal(bytes: &[u8; BLOCK_BYTES], wanted: u8, filled: u8) -> u64 {
    let (wanted, filled) = (u8x16::splat(wanted), u8x16::splat(filled));
    let (parts, _) = bytes.as_chunks::<16>();
    parts.iter().rev().fold(0, |bits, part| {
        let equal = (u8x16::new(*part) | filled).simd_eq(wanted);
        bits << 16 | u64::from(equal.to_bitmask())
    })
}

/// For each bit, whether it and those below it that are set are odd in number.
fn parities(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32]
        .iter()
        .fold(bits, |bits, step| bits ^ (bits << step))
}

/// Bytes that a backslash before them escapes.
struct Escapes {
    bytes: u64,
    /// Whether the first byte of the next block is one.
    next: bool,
}

/// Backslashes are rare, and one that is escaped itself escapes nothing: looked at one after the other.
fn escaped(mut backslashes: u64, first: bool) -> Escapes {
    let mut escapes = Escapes {
        bytes: u64::from(first),
        next: false,
    };
    backslashes &= !escapes.bytes;
    while backslashes != 0 {
        let at = backslashes.trailing_zeros() as usize;
        escapes.next = at == BLOCK_BYTES - 1;
        let two = 0b11_u64 << at;
        escapes.bytes |= two & !(1 << at);
        backslashes &= !two;
    }
    escapes
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, Block, Carry};

    /// The same, byte by byte.
    fn expected(bytes: &[u8; BLOCK_BYTES], mut carry: Carry) -> Block {
        let (mut opens, mut closes) = (0, 0);
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'{' | b'[' if !carry.in_string => opens |= 1 << at,
                b'}' | b']' if !carry.in_string => closes |= 1 << at,
                b'"' if !carry.escaped => carry.in_string = !carry.in_string,
                _ => {}
            }
            carry.escaped = *byte == b'\\' && !carry.escaped;
        }
        Block { opens, closes, carry }
    }

    #[test]
    fn a_block_leads_no_lower_than_it_may() {
        let bytes = |text: &str| std::array::from_fn(|at| *text.as_bytes().get(at).unwrap_or(&b' '));
        let lead = |text, depth| Block::look(&bytes(text), Carry::default()).lead(depth, 2);
        assert_eq!(lead("[]{}[]", 2), Some(2));
        assert_eq!(lead("}[", 2), None);
        assert_eq!(lead("}[", 3), Some(3));
        assert_eq!(lead("[[]]]", 3), Some(2));
        assert_eq!(lead(r#"{"]]]]":"#, 2), Some(3));
    }

    #[test]
    fn a_block_is_what_its_bytes_are() {
        // A fixed sequence of Knuth's: any of the letters may follow any other.
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize
        };
        for letters in [
            &br#"""\{}[]a"#[..],
            br#"""{}[];|~"#,
            b"\\\\\\\"",
            b"\x00\x02\xfb\xdb\"{",
        ] {
            for _ in 0..20_000 {
                let bytes = std::array::from_fn(|_| letters[next() % letters.len()]);
                let carry = Carry {
                    in_string: next() % 2 == 0,
                    escaped: next() % 2 == 0,
                };
                assert_eq!(Block::look(&bytes, carry), expected(&bytes, carry), "{bytes:?}");
            }
        }
    }
}
