//! From one framed text to a [`Value`]: the choice between the two parsers, and the error they share.
//!
//! simd-json unescapes inside its input, so there is no second try: the framer has seen every byte and says in
//! its [`Flags`] whether simd-json would decide as upstream does.

use std::borrow::Cow;

use bumpalo::Bump;

use crate::frame::Flags;
use crate::limits;
use crate::simd;
use crate::strict::{self, Stacks};
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
#[derive(Default)]
pub struct Parser {
    simd: simd::Buffers,
    stacks: Stacks<'static>,
}

impl Parser {
    pub fn new() -> Parser {
        Parser::default()
    }

    /// Parses a text as framed, with the flags it was framed with. The text is scratch space afterwards, where
    /// the strings of the value live.
    ///
    /// A result that takes more than [`limits::PARSED_FACTOR_MAX`] times the text plus
    /// [`limits::PARSED_SLACK_BYTES`] is refused.
    pub fn parse<'a>(
        &mut self,
        text: &'a mut [u8],
        flags: Flags,
        arena: &'a Bump,
    ) -> Result<Value<'a>, SyntaxError> {
        let bytes_max = text.len() * limits::PARSED_FACTOR_MAX + limits::PARSED_SLACK_BYTES;
        let is_utf8 = flags.is_ascii() || std::str::from_utf8(text).is_ok();
        if is_utf8 && flags.is_plain() && text.len() <= limits::SIMD_TEXT_BYTES_MAX {
            return simd::parse(text, arena, bytes_max, &mut self.simd);
        }
        let mut stacks = std::mem::take(&mut self.stacks).recycle();
        let result = strict::parse_bounded(text, arena, bytes_max, &mut stacks);
        self.stacks = stacks.recycle();
        result
    }
}
