//! The parser that decides exactly as upstream's `lib/json.c` does, and words its errors alike.
//!
//! One pass, no recursion, and nothing allocated but the result: strings without escapes borrow the text, arrays
//! and objects are gathered on two stacks that all open containers share and copied to the arena when they close.
//!
//! Deliberate differences, all of them upstream's accidents: a NUL byte inside a number ends it here, where
//! upstream ignores what follows; integers from 2^64 to 2^64+3 are reals here, where upstream wraps around.

use std::borrow::Cow;

use bumpalo::Bump;

use crate::build::{Builder, Open, Stacks, TooLarge};
use crate::grammar::Expected;
use crate::limits;
use crate::number::{self, Number};
use crate::parse::SyntaxError;
use crate::text;
use crate::value::Value;

/// Parses one JSON text, an object or an array, with white space around it.
pub fn parse<'a>(text: &'a [u8], arena: &'a Bump) -> Result<Value<'a>, SyntaxError> {
    parse_bounded(text, arena, usize::MAX, &mut Stacks::default())
}

/// [`parse`] that gives up when the result takes more than `bytes_max` of the arena.
pub(crate) fn parse_bounded<'a>(
    text: &'a [u8],
    arena: &'a Bump,
    bytes_max: usize,
    stacks: &mut Stacks<'a>,
) -> Result<Value<'a>, SyntaxError> {
    let builder = Builder::new(arena, stacks, bytes_max);
    Strict {
        text,
        at: 0,
        expected: Expected::Start,
        ends_in_word: false,
        builder,
    }
    .run()
}

struct Strict<'a, 's> {
    text: &'a [u8],
    /// The byte under examination.
    at: usize,
    expected: Expected,
    /// The text ends with a number or keyword, after which upstream feeds itself a space, and counts it.
    ends_in_word: bool,
    builder: Builder<'a, 's>,
}

impl<'a> Strict<'a, '_> {
    fn run(mut self) -> Result<Value<'a>, SyntaxError> {
        let mut result = Value::Null;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'"' => self.string()?,
                b',' | b':' => self.separator(byte)?,
                b'{' | b'[' => self.open(byte)?,
                b'}' | b']' => {
                    if let Some(value) = self.close(byte)? {
                        result = value;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b'a'..=b'z' => self.keyword()?,
                b' '..=b'~' => return Err(self.error(format!("invalid character '{}'", byte as char))),
                _ => return Err(self.error(format!("invalid character U+{byte:04x}"))),
            }
        }
        match self.expected {
            Expected::End => Ok(result),
            Expected::Start => Err(self.error("empty input stream")),
            _ if self.ends_in_word => Err(self.error("unexpected end of input").one_byte_on()),
            _ => Err(self.error("unexpected end of input")),
        }
    }

    fn error(&self, reason: impl Into<Cow<'static, str>>) -> SyntaxError {
        SyntaxError::at(self.text, self.at, reason)
    }

    fn misplaced(&self) -> SyntaxError {
        self.error(self.expected.complaint())
    }

    fn too_large(&self) -> SyntaxError {
        SyntaxError::too_large(self.text, self.at, self.builder.bytes_max())
    }

    fn put(&mut self, value: Value<'a>) -> Result<(), SyntaxError> {
        self.expected = match self.builder.innermost() {
            Some(Open::Object { .. }) => Expected::CommaOrBrace,
            _ => Expected::CommaOrBracket,
        };
        self.builder.put(value).map_err(|TooLarge| self.too_large())
    }

    /// A token that is neither a string nor punctuation.
    fn scalar(&mut self, value: Value<'a>) -> Result<(), SyntaxError> {
        if self.expected.takes_value() {
            self.put(value)
        } else {
            Err(self.misplaced())
        }
    }

    fn separator(&mut self, byte: u8) -> Result<(), SyntaxError> {
        self.expected = self
            .expected
            .after_separator(byte)
            .ok_or_else(|| self.misplaced())?;
        self.at += 1;
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), SyntaxError> {
        if !self.expected.takes_container() {
            return Err(self.misplaced());
        }
        if self.builder.depth() >= limits::DEPTH_MAX {
            return Err(self.error(format!(
                "input exceeds maximum nesting depth {}",
                limits::DEPTH_MAX
            )));
        }
        if byte == b'{' {
            self.builder.open_object();
            self.expected = Expected::NameOrClose;
        } else {
            self.builder.open_array();
            self.expected = Expected::ItemOrClose;
        }
        self.at += 1;
        Ok(())
    }

    /// Returns the value of the whole text once its last bracket closes.
    fn close(&mut self, byte: u8) -> Result<Option<Value<'a>>, SyntaxError> {
        if !self.expected.takes_close(byte) {
            return Err(self.misplaced());
        }
        let value = self.builder.close().map_err(|TooLarge| self.too_large())?;
        if self.builder.depth() == 0 {
            self.expected = Expected::End;
            self.at += 1;
            return Ok(Some(value));
        }
        self.put(value)?;
        self.at += 1;
        Ok(None)
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let from = self.at;
        let length = self.text[from..]
            .iter()
            .position(|&byte| !number::continues(byte));
        let token = self.end_token(from, length);
        match number::parse(token) {
            Ok(Number::Integer(number)) => self.scalar(Value::Integer(number)),
            Ok(Number::Real(number)) => self.scalar(Value::Real(number)),
            Err(reason) => Err(self.error(reason)),
        }
    }

    fn keyword(&mut self) -> Result<(), SyntaxError> {
        let from = self.at;
        let length = self.text[from..]
            .iter()
            .position(|byte| !byte.is_ascii_alphabetic());
        match self.end_token(from, length) {
            b"false" => self.scalar(Value::Bool(false)),
            b"true" => self.scalar(Value::Bool(true)),
            b"null" => self.scalar(Value::Null),
            other => {
                let reason = format!("invalid keyword '{}'", String::from_utf8_lossy(other));
                Err(self.error(reason))
            }
        }
    }

    /// Numbers and keywords end at the byte after them, and errors about them are reported there.
    fn end_token(&mut self, from: usize, length: Option<usize>) -> &'a [u8] {
        self.at = length.map_or(self.text.len(), |length| from + length);
        self.ends_in_word = length.is_none();
        &self.text[from..self.at]
    }

    fn string(&mut self) -> Result<(), SyntaxError> {
        let from = self.at + 1;
        self.at = from;
        let mut has_escapes = false;
        loop {
            self.at += text::clean_prefix(&self.text[self.at..]).0;
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') if self.at + 1 < self.text.len() => {
                    has_escapes = true;
                    self.at += 2;
                }
                Some(b'\\') | None => {
                    self.at = self.text.len();
                    return Err(self.error("unexpected end of input in quoted string"));
                }
                Some(byte) => {
                    return Err(self.error(format!("U+{byte:04X} must be escaped in quoted string")));
                }
            }
        }
        let raw = &self.text[from..self.at];
        let cooked = if has_escapes { self.unescape(raw)? } else { raw };
        match self.expected {
            Expected::NameOrClose | Expected::Name => {
                let name = match std::str::from_utf8(cooked) {
                    Ok(name) => name,
                    Err(_) => self.builder.arena.alloc_str(&String::from_utf8_lossy(cooked)),
                };
                self.builder.name(name).map_err(|TooLarge| self.too_large())?;
                self.expected = Expected::Colon;
            }
            expected if expected.takes_value() => {
                self.put(match std::str::from_utf8(cooked) {
                    Ok(text) => Value::String(text),
                    Err(_) => Value::InvalidString(cooked),
                })?;
            }
            _ => return Err(self.misplaced()),
        }
        self.at += 1;
        Ok(())
    }

    fn unescape(&mut self, raw: &[u8]) -> Result<&'a [u8], SyntaxError> {
        match self.builder.string(|out| unescape(raw, out)) {
            Ok(Ok(cooked)) => Ok(cooked),
            Ok(Err(reason)) => Err(self.error(reason)),
            Err(TooLarge) => Err(self.too_large()),
        }
    }
}

/// Appends to `out` what `raw`, the inside of a string, stands for. The error is upstream's text.
fn unescape(mut raw: &[u8], out: &mut Vec<u8>) -> Result<(), Cow<'static, str>> {
    // An escape is never shorter than what it stands for.
    out.reserve(raw.len());
    while let Some(at) = raw.iter().position(|&byte| byte == b'\\') {
        out.extend_from_slice(&raw[..at]);
        raw = &raw[at + 1..];
        // Upstream's strings end at a NUL.
        let escape = *raw
            .first()
            .filter(|&&byte| byte != 0)
            .ok_or("quoted string may not end with backslash")?;
        raw = &raw[1..];
        match escape {
            b'"' | b'\\' | b'/' => out.push(escape),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => raw = unescape_unicode(raw, out)?,
            _ => return Err(format!("bad escape \\{}", String::from_utf8_lossy(&[escape])).into()),
        }
    }
    out.extend_from_slice(raw);
    Ok(())
}

/// Appends the character of a `\u` whose digits start `raw`, and returns what follows it.
fn unescape_unicode<'r>(raw: &'r [u8], out: &mut Vec<u8>) -> Result<&'r [u8], &'static str> {
    let (first, rest) = four_hex_digits(raw)?;
    if !(0xd800..0xdc00).contains(&first) {
        push_code_point(out, first);
        return Ok(rest);
    }
    let rest = rest
        .strip_prefix(b"\\u")
        .ok_or("malformed escaped surrogate pair")?;
    let (second, rest) = four_hex_digits(rest)?;
    if !(0xdc00..0xe000).contains(&second) {
        return Err("second half of escaped surrogate pair is not trailing surrogate");
    }
    push_code_point(out, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
    Ok(rest)
}

fn four_hex_digits(raw: &[u8]) -> Result<(u32, &[u8]), &'static str> {
    let (digits, rest) = raw
        .split_first_chunk::<4>()
        .ok_or("quoted string ends within \\u escape")?;
    let mut value = 0;
    for &digit in digits {
        value = value << 4 | (digit as char).to_digit(16).ok_or("malformed \\u escape")?;
    }
    if value == 0 {
        Err("null bytes not supported in quoted strings")
    } else {
        Ok((value, rest))
    }
}

/// A lone trailing surrogate becomes three bytes that are not UTF-8, as upstream has it.
fn push_code_point(out: &mut Vec<u8>, code_point: u32) {
    match char::from_u32(code_point) {
        Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            let continuation = |bits: u32| 0x80 | (bits & 0x3f) as u8;
            out.extend_from_slice(&[
                0xe0 | (code_point >> 12) as u8,
                continuation(code_point >> 6),
                continuation(code_point),
            ]);
        }
    }
}

#[cfg(test)]
mod tests;
