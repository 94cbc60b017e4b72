//! The text of a string atom: immutable, UTF-8 without NUL.
//!
//! Short texts are kept in place, longer ones are shared. An atom is 24 bytes anyway, for a uuid; its tag
//! and the tag here share a byte, so that 22 bytes of text fit without an allocation. Of the strings in a
//! southbound database nine in ten do (keys, stage names, addresses, `northd.c:1234`); those that do not
//! (`match`, `actions`) hardly repeat, so that finding equal ones would cost more than it saves.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use triomphe::Arc;

/// Immutable text. Cloning copies at most 24 bytes or counts a reference.
#[derive(Clone, PartialEq, Eq)]
pub struct Str(Repr);

/// Longest text in bytes that is kept in place.
const INLINE_BYTES_MAX: usize = 22;

/// Each text has exactly one of the forms, by its length.
#[derive(Clone, PartialEq, Eq)]
enum Repr {
    /// Filled up with NUL.
    Inline {
        len: u8,
        bytes: [u8; INLINE_BYTES_MAX],
    },
    Shared(Arc<str>),
}

const _: () = assert!(size_of::<Str>() == 24 && size_of::<super::Atom>() == 24);

impl Str {
    pub fn new(text: &str) -> Str {
        if text.len() > INLINE_BYTES_MAX {
            return Str(Repr::Shared(Arc::from(text)));
        }
        let mut bytes = [0; INLINE_BYTES_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Str(Repr::Inline {
            len: text.len() as u8,
            bytes,
        })
    }

    /// The text; where bytes will do, [`Str::as_bytes`] is cheaper.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline { .. } => std::str::from_utf8(self.as_bytes()).expect("it was made of a `str`"),
            Repr::Shared(text) => text,
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Shared(text) => text.as_bytes(),
        }
    }

    /// Bytes outside of the atom itself that the text takes; shared ones count in full.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Inline { .. } => 0,
            // Beside the text a counter.
            Repr::Shared(text) => text.len() + size_of::<usize>(),
        }
    }
}

/// The bytes as two numbers that are in the same order.
fn inline_order(bytes: &[u8; INLINE_BYTES_MAX]) -> (u128, u64) {
    let (head, tail) = bytes.split_first_chunk::<16>().expect("22 is more than 16");
    let mut rest = [0; 8];
    rest[..tail.len()].copy_from_slice(tail);
    (u128::from_be_bytes(*head), u64::from_be_bytes(rest))
}

/// Bytewise, as `strcmp`; two handles of one text are equal without looking at it.
impl Ord for Str {
    fn cmp(&self, other: &Str) -> Ordering {
        match (&self.0, &other.0) {
            // A text that ends sooner comes first, and so does the NUL after it.
            (Repr::Inline { len: a_len, bytes: a }, Repr::Inline { len: b_len, bytes: b }) => {
                inline_order(a).cmp(&inline_order(b)).then(a_len.cmp(b_len))
            }
            (Repr::Shared(a), Repr::Shared(b)) if Arc::ptr_eq(a, b) => Ordering::Equal,
            _ => self.as_bytes().cmp(other.as_bytes()),
        }
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Str) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.as_bytes());
        // No text is a prefix of another with this behind it.
        state.write_u8(0xff);
    }
}

impl std::ops::Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Debug for Str {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::Str;

    #[test]
    fn order_and_text_do_not_depend_on_the_form() {
        let long = "x".repeat(22);
        let texts = [
            "",
            "a",
            "a\u{1}",
            "aa",
            "b",
            "xxxxxxxxxxxxxxxxxxxxx",
            &long,
            &format!("{long}x"),
            &format!("{long}xx"),
            &format!("{long}y"),
            "xy",
            "é",
            "ééééééééééé",
            "éééééééééééé",
        ];
        for a in texts {
            assert_eq!(Str::new(a).as_str(), a);
            for b in texts {
                assert_eq!(Str::new(a).cmp(&Str::new(b)), a.cmp(b), "{a} {b}");
                assert_eq!(Str::new(a) == Str::new(b), a == b, "{a} {b}");
            }
        }
    }
}
