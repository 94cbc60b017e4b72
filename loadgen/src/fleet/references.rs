//! Long messages while they come: one copy of all that are alike.
//!
//! ```text
//!   client a ──── 300 KB ───►┐
//!   client b ── 120 KB ──►   ├─ the same so far: one text, as long as the longest
//!   client c ──────── 410 KB ┘
//!   client d ── 90 KB ─►        another text of the kind, from where it differs
//! ```
//!
//! Clients that ask for the same and know the same are of one kind, and mostly told the same. Servers that merge what a
//! client has missed cut its updates where they like, so that of ten thousand clients some are told in one message what
//! others are told in two: each of these texts is needed once, by whoever got it, to find out what it says. So the bytes
//! that come for a client are compared with the texts of its kind that others are getting, and are kept only where there
//! are none. All bytes are hashed, too: the hash tells whether what the whole message does is known already.
//!
//! Texts live until the last client that gets them has got them. When they are too many for a thread's memory, only the
//! hashes of further ones are kept.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use twox_hash::XxHash3_128;

use crate::limits::{ENVELOPE_BYTES_MAX, KEPT_WHOLE_BYTES_MAX, KEPT_WHOLE_MIN};

/// A text that some clients are getting, as far as the first of them has got it.
#[derive(Debug)]
struct Text {
    bytes: RefCell<Vec<u8>>,
    /// Of all texts of the thread.
    held: Rc<Cell<usize>>,
}

impl Drop for Text {
    fn drop(&mut self) {
        self.held.set(self.held.get() - self.bytes.get_mut().len());
    }
}

/// What clients are told who get a long message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// What they monitor and know, as a hash.
    pub(super) kind: u128,
    /// Whether what some long message to such clients does is known. As nothing can be found out without any, one or two
    /// texts are kept until that is so, whatever they take.
    pub(super) is_known: bool,
}

/// The texts that a thread's clients are getting.
#[derive(Debug, Default)]
pub(super) struct References {
    by_kind: HashMap<u128, Vec<Weak<Text>>>,
    held: Rc<Cell<usize>>,
}

impl References {
    /// The texts of a kind that somebody is getting.
    fn of(&mut self, kind: u128) -> Vec<Rc<Text>> {
        let Some(texts) = self.by_kind.get_mut(&kind) else {
            return Vec::new();
        };
        texts.retain(|text| text.strong_count() > 0);
        texts.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether so many bytes more may be kept where a kind has so many texts.
    fn admits(&self, more: usize, told: Told, texts: usize) -> bool {
        let is_needed = !told.is_known && texts <= KEPT_WHOLE_MIN;
        is_needed || self.held.get() + more <= KEPT_WHOLE_BYTES_MAX
    }

    /// The text that begins with these bytes, or a new one; `None` if it cannot be kept.
    fn find(&mut self, told: Told, begin: &[u8]) -> Option<Rc<Text>> {
        let texts = self.of(told.kind);
        let alike = texts.iter().find(|text| {
            let known = text.bytes.borrow();
            let both = known.len().min(begin.len());
            known[..both] == begin[..both]
        });
        if let Some(text) = alike {
            let known = text.bytes.borrow().len().min(begin.len());
            return self
                .lengthen(text, &begin[known..], told, texts.len())
                .then(|| text.clone());
        }
        if !self.admits(begin.len(), told, texts.len() + 1) {
            return None;
        }
        self.held.set(self.held.get() + begin.len());
        let text = Rc::new(Text {
            bytes: RefCell::new(begin.to_vec()),
            held: self.held.clone(),
        });
        if self.by_kind.len() == self.by_kind.capacity() {
            self.by_kind
                .retain(|_, texts| texts.iter().any(|text| text.strong_count() > 0));
        }
        self.by_kind
            .entry(told.kind)
            .or_default()
            .push(Rc::downgrade(&text));
        Some(text)
    }

    /// Appends to a text, if that may be.
    fn lengthen(&self, text: &Text, more: &[u8], told: Told, texts: usize) -> bool {
        let admits = more.is_empty() || self.admits(more.len(), told, texts);
        if admits {
            self.held.set(self.held.get() + more.len());
            text.bytes.borrow_mut().extend_from_slice(more);
        }
        admits
    }

    /// The text that a message is after `more` if it was `text` for its first `length` bytes; `None` if that cannot be
    /// kept.
    fn follow(&mut self, text: Rc<Text>, length: usize, more: &[u8], told: Told) -> Option<Rc<Text>> {
        let (is_alike, known) = {
            let bytes = text.bytes.borrow();
            let known = (bytes.len() - length).min(more.len());
            (bytes[length..length + known] == more[..known], known)
        };
        if !is_alike {
            let mut own = text.bytes.borrow()[..length].to_vec();
            own.extend_from_slice(more);
            drop(text);
            return self.find(told, &own);
        }
        let texts = match known == more.len() {
            true => 0,
            false => self.of(told.kind).len(),
        };
        self.lengthen(&text, &more[known..], told, texts).then_some(text)
    }
}

/// What is kept of a long message that has not ended.
#[derive(Debug)]
enum Kept {
    Text(Rc<Text>),
    /// Its beginning only.
    Head(Vec<u8>),
}

/// A long message that has not ended.
pub(super) struct Long {
    hasher: Box<XxHash3_128>,
    bytes: usize,
    kept: Kept,
}

impl Long {
    /// One of which this has come.
    pub(super) fn new(begin: &[u8], told: Told, references: &mut References) -> Long {
        let mut hasher = Box::new(XxHash3_128::new());
        hasher.write(begin);
        Long {
            hasher,
            bytes: begin.len(),
            kept: match references.find(told, begin) {
                Some(text) => Kept::Text(text),
                None => Kept::Head(head(begin)),
            },
        }
    }

    /// More of it has come.
    pub(super) fn push(self, more: &[u8], told: Told, references: &mut References) -> Long {
        let Long {
            mut hasher,
            bytes,
            kept,
        } = self;
        hasher.write(more);
        let kept = match kept {
            Kept::Head(head) => Kept::Head(head),
            Kept::Text(text) => {
                let begun = text.clone();
                match references.follow(text, bytes, more, told) {
                    Some(text) => Kept::Text(text),
                    None => Kept::Head(head(&begun.bytes.borrow())),
                }
            }
        };
        Long {
            hasher,
            bytes: bytes + more.len(),
            kept,
        }
    }

    /// All of it has come: its number of bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The hash of all of it.
    pub(super) fn hash(&self) -> u128 {
        self.hasher.finish_128()
    }

    /// All of it, if it was kept.
    pub(super) fn whole(&self) -> Option<Ref<'_, [u8]>> {
        match &self.kept {
            Kept::Text(text) => Some(Ref::map(text.bytes.borrow(), |bytes| &bytes[..self.bytes])),
            Kept::Head(_) => None,
        }
    }

    /// Its beginning, if that is all that was kept.
    pub(super) fn head(&self) -> &[u8] {
        match &self.kept {
            Kept::Text(_) => &[],
            Kept::Head(head) => head,
        }
    }
}

/// What is remembered of any message.
fn head(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(ENVELOPE_BYTES_MAX)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::{KEPT_WHOLE_BYTES_MAX, Long, References, Told};

    const UNKNOWN: Told = Told {
        kind: 1,
        is_known: false,
    };
    const KNOWN: Told = Told {
        kind: 1,
        is_known: true,
    };

    fn whole(long: &Long) -> Option<Vec<u8>> {
        long.whole().map(|text| text.to_vec())
    }

    #[test]
    fn what_is_alike_is_kept_once_however_it_is_cut() {
        let mut references = References::default();
        let text: Vec<u8> = (0..=255).collect();
        let longs: Vec<Long> = [1, 7, 100, 255]
            .into_iter()
            .map(|cut| {
                Long::new(&text[..cut], KNOWN, &mut references).push(&text[cut..], KNOWN, &mut references)
            })
            .collect();
        assert!(longs.iter().all(|long| whole(long) == Some(text.clone())));
        assert!(longs.iter().all(|long| long.hash() == crate::fold::hash(&text)));
        assert_eq!(references.held.get(), text.len());
        drop(longs);
        assert_eq!(references.held.get(), 0);
    }

    #[test]
    fn what_differs_later_is_kept_from_there_on() {
        let mut references = References::default();
        let mut one = Long::new(b"the same, ", KNOWN, &mut references);
        let mut other = Long::new(b"the same, ", KNOWN, &mut references);
        let mut shorter = Long::new(b"the", KNOWN, &mut references);
        one = one.push(b"and one more", KNOWN, &mut references);
        other = other.push(b"and another", KNOWN, &mut references);
        shorter = shorter.push(b" same, and another", KNOWN, &mut references);
        assert_eq!(whole(&one).unwrap(), b"the same, and one more");
        assert_eq!(whole(&other).unwrap(), b"the same, and another");
        assert_eq!(whole(&shorter), whole(&other));
        assert_eq!(references.held.get(), 22 + 21);
    }

    #[test]
    fn without_room_only_what_nobody_knows_is_kept() {
        let mut references = References::default();
        let text = vec![b'x'; KEPT_WHOLE_BYTES_MAX];
        let begin = |byte: u8, told, references: &mut References| Long::new(&[byte], told, references);
        let full = begin(b'x', KNOWN, &mut references).push(&text[1..], KNOWN, &mut references);
        assert!(whole(&full).is_some());
        let refused = begin(b'y', KNOWN, &mut references);
        assert_eq!((whole(&refused), refused.head()), (None, &b"y"[..]));
        let needed = begin(b'y', UNKNOWN, &mut references);
        assert!(whole(&needed).is_some());
        // There are two of the kind now.
        assert!(whole(&begin(b'z', UNKNOWN, &mut references)).is_none());
        let full = full.push(b"x", KNOWN, &mut references);
        assert_eq!((whole(&full), full.head().len()), (None, 256));
        assert!(whole(&begin(b'z', KNOWN, &mut references)).is_some());
    }
}
