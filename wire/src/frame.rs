//! Finds the end of each JSON text in a stream (there is no other framing) and judges it on the way.
//!
//! ```text
//!  unread: {"id":1,"method":"echo","params":[]}{"id":2,"meth…
//!          └────────────── Text ──────────────┘└ Incomplete, looked at up to here ┘
//! ```
//!
//! The framer is the grammar of JSON as a machine that can stop after any byte and go on later, so that no byte
//! is looked at twice (numbers and keywords, once ended, are read a second time) and input that cannot become a
//! text is refused at the byte where upstream refuses it. Only the insides of strings are not examined: bad
//! escapes are for the parser, to which the [`Flags`] send such a text.

use bumpalo::Bump;

use crate::build::Stacks;
use crate::grammar::Expected;
use crate::limits;
use crate::number;
use crate::parse::SyntaxError;
use crate::strict;
use crate::text;

/// What a text contains that makes a difference between parsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// Numbers with `.`, `e` or `E`, `-0`, 19 and more digits; `\u` and unknown escapes; nesting over 900.
    has_disputed: bool,
    has_non_ascii: bool,
}

impl Flags {
    /// The flags of a text of unknown origin: they send it to the strict parser.
    pub const UNKNOWN: Flags = Flags {
        has_disputed: true,
        has_non_ascii: true,
    };

    /// What only a look at every byte can establish.
    const CLEAR: Flags = Flags {
        has_disputed: false,
        has_non_ascii: false,
    };

    /// Whether simd-json would read the text as upstream does, if it is UTF-8.
    pub fn is_plain(self) -> bool {
        !self.has_disputed
    }

    /// Whether the text is all ASCII, and so UTF-8.
    pub fn is_ascii(self) -> bool {
        !self.has_non_ascii
    }
}

/// What [`Framer::scan`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// Come again with more.
    Incomplete,
    /// `unread[..end]` is a text, with any white space before it. The caller consumes it; what follows is the
    /// next text's.
    Text { end: usize, flags: Flags },
}

/// Where the framer stands between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BetweenTokens,
    String,
    /// After a `\`.
    Escape,
    Number {
        from: usize,
    },
    Keyword {
        from: usize,
    },
}

/// The framer of one stream.
#[derive(Clone, Debug)]
pub struct Framer {
    /// How far the unread bytes have been looked at.
    at: usize,
    place: Place,
    expected: Expected,
    /// Open containers.
    depth: usize,
    /// One bit for each open container, set for objects.
    objects: [u64; limits::DEPTH_MAX.div_ceil(64)],
    flags: Flags,
    /// Commas between elements of the text's outermost arrays, far apart; of the text found last until the next
    /// one is looked at.
    cuts: Vec<usize>,
    /// The last comma of the outermost array that is open; 0 before the first.
    comma: usize,
    bytes_max: usize,
}

impl Default for Framer {
    fn default() -> Framer {
        Framer::new()
    }
}

impl Framer {
    pub fn new() -> Framer {
        Framer::with_limit(limits::MESSAGE_BYTES_MAX)
    }

    /// A framer that refuses texts, finished or not, of more than `bytes_max` bytes.
    pub fn with_limit(bytes_max: usize) -> Framer {
        Framer {
            at: 0,
            place: Place::BetweenTokens,
            expected: Expected::Start,
            depth: 0,
            objects: [0; _],
            flags: Flags::CLEAR,
            cuts: Vec::new(),
            comma: 0,
            bytes_max,
        }
    }

    /// Whether a text has begun: white space does not count.
    pub fn is_inside_text(&self) -> bool {
        self.expected != Expected::Start || self.place != Place::BetweenTokens
    }

    /// Looks at what is new in `unread`, which must start with all bytes of the previous call unless that found a
    /// text. After an error the stream cannot be read any further.
    pub fn scan(&mut self, unread: &[u8]) -> Result<Scan, SyntaxError> {
        if self.at == 0 {
            self.cuts.clear();
        }
        debug_assert!(
            self.at <= unread.len(),
            "bytes were consumed of an incomplete text"
        );
        let scan = match self.advance(unread) {
            Ok(true) => Scan::Text {
                end: self.at,
                flags: self.flags,
            },
            Ok(false) => Scan::Incomplete,
            Err(Misplaced) => return Err(explain(&unread[..=self.at])),
        };
        if self.at > self.bytes_max {
            let reason = format!("message exceeds {} bytes", self.bytes_max);
            return Err(SyntaxError::at(&unread[..self.at], self.at, reason));
        }
        if let Scan::Text { .. } = scan {
            let cuts = std::mem::take(&mut self.cuts);
            *self = Framer::with_limit(self.bytes_max);
            self.cuts = cuts;
        }
        Ok(scan)
    }

    /// Where the text found last, if it is large, can be cut: positions of commas between the elements of arrays
    /// that are members of the text, at least [`limits::PIECE_BYTES`] apart, or before an element of at least
    /// [`limits::LONG_ELEMENT_BYTES`].
    pub fn cuts(&self) -> &[usize] {
        &self.cuts
    }

    /// The flags of what has been looked at of a text that is not complete.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Goes on to the end of the text (true) or of what there is (false). On an error, `at` is the byte at which
    /// it showed.
    fn advance(&mut self, unread: &[u8]) -> Result<bool, Misplaced> {
        loop {
            match self.place {
                Place::BetweenTokens => {
                    let Some(&byte) = unread.get(self.at) else {
                        return Ok(false);
                    };
                    if self.begin_token(byte)? {
                        return Ok(true);
                    }
                }
                Place::String => {
                    let (length, is_ascii) = text::clean_prefix(&unread[self.at..]);
                    self.at += length;
                    self.flags.has_non_ascii |= !is_ascii;
                    match unread.get(self.at) {
                        None => return Ok(false),
                        Some(b'"') => self.end_string()?,
                        Some(b'\\') => self.place = Place::Escape,
                        Some(_) => return Err(Misplaced),
                    }
                    self.at += 1;
                }
                Place::Escape => {
                    let Some(byte) = unread.get(self.at) else {
                        return Ok(false);
                    };
                    self.flags.has_disputed |=
                        !matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't');
                    self.place = Place::String;
                    self.at += 1;
                }
                Place::Number { from } => {
                    if !self.skip_while(unread, number::continues) {
                        return Ok(false);
                    }
                    let token = &unread[from..self.at];
                    if number::plain_integer(token).is_none() {
                        number::parse(token).map_err(|_| Misplaced)?;
                        self.flags.has_disputed = true;
                    }
                    self.end_scalar()?;
                }
                Place::Keyword { from } => {
                    if !self.skip_while(unread, |byte| byte.is_ascii_alphabetic()) {
                        return Ok(false);
                    }
                    if !matches!(&unread[from..self.at], b"true" | b"false" | b"null") {
                        return Err(Misplaced);
                    }
                    self.end_scalar()?;
                }
            }
        }
    }

    /// Moves to the first byte that `is_part` denies; says false if there is none yet.
    #[inline]
    fn skip_while(&mut self, unread: &[u8], is_part: impl Fn(u8) -> bool) -> bool {
        let length = unread[self.at..].iter().position(|&byte| !is_part(byte));
        self.at = length.map_or(unread.len(), |length| self.at + length);
        length.is_some()
    }

    /// Says true if `byte` ends the text.
    #[inline]
    fn begin_token(&mut self, byte: u8) -> Result<bool, Misplaced> {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' => self.place = Place::String,
            b',' | b':' => {
                self.expected = self.expected.after_separator(byte).ok_or(Misplaced)?;
                self.note_cut();
            }
            b'{' | b'[' => self.open(byte == b'{')?,
            b'}' | b']' => self.close(byte)?,
            b'-' | b'0'..=b'9' => self.place = Place::Number { from: self.at },
            b'a'..=b'z' => self.place = Place::Keyword { from: self.at },
            _ => return Err(Misplaced),
        }
        self.at += 1;
        Ok(self.expected == Expected::End)
    }

    /// The separator under examination may be where a large text is cut.
    #[inline]
    fn note_cut(&mut self) {
        if self.depth == 2 && self.expected == Expected::Item {
            self.note_long_element();
            if self.at - self.cuts.last().copied().unwrap_or(0) >= limits::PIECE_BYTES {
                self.cuts.push(self.at);
            }
            self.comma = self.at;
        }
    }

    /// An element of an outermost array ends here; a long one is to be alone in its piece.
    #[inline]
    fn note_long_element(&mut self) {
        if self.at - self.comma >= limits::LONG_ELEMENT_BYTES
            && self.comma > self.cuts.last().copied().unwrap_or(0)
        {
            self.cuts.push(self.comma);
        }
    }

    #[inline]
    fn open(&mut self, is_object: bool) -> Result<(), Misplaced> {
        if !self.expected.takes_container() || self.depth >= limits::DEPTH_MAX {
            return Err(Misplaced);
        }
        let bit = 1 << (self.depth % 64);
        if is_object {
            self.objects[self.depth / 64] |= bit;
            self.expected = Expected::NameOrClose;
        } else {
            self.objects[self.depth / 64] &= !bit;
            self.expected = Expected::ItemOrClose;
        }
        self.depth += 1;
        self.flags.has_disputed |= self.depth > limits::SIMD_DEPTH_MAX;
        Ok(())
    }

    #[inline]
    fn close(&mut self, byte: u8) -> Result<(), Misplaced> {
        if !self.expected.takes_close(byte) {
            return Err(Misplaced);
        }
        if self.depth == 2 {
            self.note_long_element();
            self.comma = 0;
        }
        self.depth -= 1;
        self.expected = if self.depth == 0 {
            Expected::End
        } else {
            self.after_value()
        };
        Ok(())
    }

    #[inline]
    fn after_value(&self) -> Expected {
        let innermost = self.depth - 1;
        if self.objects[innermost / 64] & 1 << (innermost % 64) != 0 {
            Expected::CommaOrBrace
        } else {
            Expected::CommaOrBracket
        }
    }

    #[inline]
    fn end_scalar(&mut self) -> Result<(), Misplaced> {
        if !self.expected.takes_value() {
            return Err(Misplaced);
        }
        self.expected = self.after_value();
        self.place = Place::BetweenTokens;
        Ok(())
    }

    #[inline]
    fn end_string(&mut self) -> Result<(), Misplaced> {
        if matches!(self.expected, Expected::Name | Expected::NameOrClose) {
            self.expected = Expected::Colon;
            self.place = Place::BetweenTokens;
            Ok(())
        } else {
            self.end_scalar()
        }
    }
}

/// The byte under examination makes the input no JSON text.
struct Misplaced;

/// The words for an error that shows at the last byte of `text`: those of the strict parser, which must find it
/// too, or an earlier one inside a string.
fn explain(text: &[u8]) -> SyntaxError {
    let bytes_max = text.len() * limits::PARSED_FACTOR_MAX + limits::PARSED_SLACK_BYTES;
    let arena = Bump::new();
    match strict::parse_bounded(text, &arena, bytes_max, &mut Stacks::default()) {
        Err(error) => error,
        // Not reached, as random tests hold; no client may stop the server by proving them wrong.
        Ok(_) => SyntaxError::at(text, text.len() - 1, "syntax error"),
    }
}

#[cfg(test)]
mod tests;
