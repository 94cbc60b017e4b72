//! From one framed text to a [`Value`]: the choice between the two parsers, and the error they share.
//!
//! simd-json unescapes inside its input, so there is no second try: the framer has seen every byte and says in
//! its [`Flags`] whether simd-json would decide as upstream does.

use std::borrow::Cow;

use bumpalo::Bump;

use crate::build::Stacks;
use crate::frame::Flags;
use crate::limits;
use crate::measure;
use crate::simd;
use crate::strict;
use crate::value::Value;

/// Input that is not JSON, or more of it than is allowed. `Display` is what upstream logs after
/// `error parsing stream: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Counted from 0, as upstream does; the column counts bytes.
    line: usize,
    column: usize,
    byte: usize,
    reason: Cow<'static, str>,
}

impl SyntaxError {
    pub(crate) fn at(text: &[u8], byte: usize, reason: impl Into<Cow<'static, str>>) -> SyntaxError {
        let before = &text[..byte];
        let line = before.iter().filter(|&&byte| byte == b'\n').count();
        let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count();
        SyntaxError {
            line,
            column,
            byte,
            reason: reason.into(),
        }
    }

    /// The same, said of the next column.
    pub(crate) fn one_byte_on(mut self) -> SyntaxError {
        self.column += 1;
        self.byte += 1;
        self
    }

    pub(crate) fn too_large(text: &[u8], byte: usize, bytes_max: usize) -> SyntaxError {
        SyntaxError::at(
            text,
            byte,
            format!("parsed message exceeds {bytes_max} bytes of memory"),
        )
    }
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SyntaxError {
            line,
            column,
            byte,
            reason,
        } = self;
        write!(f, "line {line}, column {column}, byte {byte}: {reason}")
    }
}

impl std::error::Error for SyntaxError {}

/// Parses messages one after another, keeping its buffers; one per worker.
pub struct Parser {
    /// A value may take this many times its text, plus [`limits::PARSED_SLACK_BYTES`].
    factor_max: usize,
    simd: simd::Buffers,
    stacks: Stacks<'static>,
}

impl Default for Parser {
    fn default() -> Parser {
        Parser::new()
    }
}

impl Parser {
    pub fn new() -> Parser {
        Parser::with_factor(limits::PARSED_FACTOR_MAX)
    }

    /// A parser that refuses what takes more than `factor_max` times its text, plus [`limits::PARSED_SLACK_BYTES`].
    pub fn with_factor(factor_max: usize) -> Parser {
        Parser {
            factor_max,
            simd: simd::Buffers::default(),
            stacks: Stacks::default(),
        }
    }

    /// Whether a text of this length is as before after it has been parsed, so that it can be parsed again.
    pub fn spares(length: usize, flags: Flags) -> bool {
        !flags.is_plain() || length > limits::SIMD_TEXT_BYTES_MAX
    }

    /// Parses a text as framed, with the flags it was framed with. The text is scratch space afterwards, where
    /// the strings of the value live.
    ///
    /// A result that takes more than the parser's share of memory is refused, if the text is large before any of that is
    /// taken.
    pub fn parse<'a>(
        &mut self,
        text: &'a mut [u8],
        flags: Flags,
        arena: &'a Bump,
    ) -> Result<Value<'a>, SyntaxError> {
        let bytes_max = text
            .len()
            .saturating_mul(self.factor_max)
            .saturating_add(limits::PARSED_SLACK_BYTES);
        let is_utf8 = flags.is_ascii() || std::str::from_utf8(text).is_ok();
        if is_utf8 && flags.is_plain() && text.len() <= limits::SIMD_TEXT_BYTES_MAX {
            return simd::parse(text, arena, bytes_max, &mut self.simd);
        }
        if text.len() > limits::SIMD_TEXT_BYTES_MAX && measure::exceeds(text, bytes_max) {
            return Err(SyntaxError::too_large(&[], 0, bytes_max));
        }
        let mut stacks = std::mem::take(&mut self.stacks).recycle();
        let result = strict::parse_bounded(text, arena, bytes_max, &mut stacks);
        self.stacks = stacks.recycle();
        result
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::Parser;
    use crate::frame::{Flags, Framer, Scan};
    use crate::{limits, strict};

    fn framed(text: &[u8]) -> Flags {
        match Framer::new().scan(text) {
            Ok(Scan::Text { flags, .. }) => flags,
            other => panic!("not a text: {other:?}"),
        }
    }

    /// What a large text of equal elements parses to: whether it is accepted, and the memory it took.
    fn outcome(element: &str, flags: Option<Flags>) -> (bool, usize, usize) {
        let mut text = format!("[{}]", vec![element; 1_300_000].join(",")).into_bytes();
        let flags = flags.unwrap_or_else(|| framed(&text));
        let length = text.len();
        let arena = Bump::new();
        let is_accepted = Parser::new().parse(&mut text, flags, &arena).is_ok();
        (is_accepted, arena.allocated_bytes(), length)
    }

    #[test]
    fn parsed_messages_stay_within_their_share_of_memory() {
        for (element, is_accepted) in [
            ("0", false),
            ("[]", false),
            ("{}", false),
            ("12345", true),
            (r#"["uuid","01234567-89ab-cdef-0123-456789abcdef"]"#, true),
            (r#"["set",[]]"#, true),
        ] {
            for flags in [None, Some(Flags::UNKNOWN)] {
                let (accepted, bytes, length) = outcome(element, flags);
                assert_eq!(accepted, is_accepted, "{element}");
                // The arena grows by doubling.
                let bytes_max = 2 * (limits::PARSED_FACTOR_MAX * length + limits::PARSED_SLACK_BYTES);
                assert!(bytes <= bytes_max, "{element}: {bytes} bytes for {length}");
            }
        }
    }

    #[test]
    fn a_small_message_is_never_too_large() {
        for text in [
            "[0,0,0,0,0,0,0,0,0,0]".to_owned(),
            format!("[{}0]", "[],".repeat(10_000)),
            format!("[{}0]", r#"["n","<",1],"#.repeat(100_000)),
        ] {
            let arena = Bump::new();
            let mut bytes = text.clone().into_bytes();
            let flags = framed(&bytes);
            let parsed = Parser::new().parse(&mut bytes, flags, &arena).unwrap();
            assert_eq!(parsed, strict::parse(text.as_bytes(), &arena).unwrap());
        }
    }

    #[test]
    fn one_parser_serves_messages_of_all_kinds() {
        let mut parser = Parser::new();
        let large = format!("[\"{}\"]", "x".repeat(2 * limits::BUFFER_BYTES_KEPT));
        let huge = format!("[\"{}\"]", "x".repeat(4 * limits::BUFFER_BYTES_KEPT));
        for text in [
            "[1]",
            r#"{"a":"\n"}"#,
            "[1.5]",
            &large,
            "[\"é\"]",
            "[\"\\u00e9\"]",
            &huge,
            "[]",
        ] {
            let arena = Bump::new();
            let mut bytes = text.as_bytes().to_vec();
            let flags = framed(&bytes);
            let expected = strict::parse(text.as_bytes(), &arena).unwrap();
            assert_eq!(parser.parse(&mut bytes, flags, &arena).unwrap(), expected);
        }
        let arena = Bump::new();
        let mut bytes = b"[\"\xff\"]".to_vec();
        let flags = framed(&bytes);
        assert_eq!(
            parser.parse(&mut bytes, flags, &arena),
            strict::parse(b"[\"\xff\"]", &arena)
        );
    }
}
