//! How much memory a text takes once it is parsed, told from its punctuation: what is refused for it is refused before
//! any of it has been taken.

use crate::number;
use crate::text;
use crate::value::Value;

/// A container that is not closed yet.
struct Level {
    is_object: bool,
    items: usize,
    start: Start,
}

/// What an array begins with, as far as `["set",[]]` and `["map",[]]` go, which take nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Other,
    /// `"set"` or `"map"`.
    Word,
    /// An empty array after that.
    WordAndEmpty,
}

/// Whether the value of `text`, a text as framed, takes more than `bytes_max` bytes. When it says no, the value may take
/// more all the same, by the strings in it that have escapes, by members that are repeated, and little else.
pub(crate) fn exceeds(text: &[u8], bytes_max: usize) -> bool {
    const VALUE: usize = size_of::<Value<'_>>();
    const MEMBER: usize = size_of::<(&str, Value<'_>)>();
    let mut levels: Vec<Level> = Vec::new();
    let (mut at, mut bytes) = (0, 0);
    while let Some(&byte) = text.get(at) {
        let begins_value = !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'}' | b']');
        if begins_value && let Some(level) = levels.last_mut().filter(|level| !level.is_object) {
            level.items += 1;
            bytes += VALUE;
        }
        match byte {
            b':' => {
                if let Some(level) = levels.last_mut() {
                    level.items += 1;
                    bytes += MEMBER;
                }
                at += 1;
            }
            b'{' | b'[' => {
                levels.push(Level {
                    is_object: byte == b'{',
                    items: 0,
                    start: Start::Other,
                });
                at += 1;
            }
            b'}' | b']' => {
                let Some(closed) = levels.pop() else { return false };
                if closed.items == 2 && closed.start == Start::WordAndEmpty {
                    bytes -= 2 * VALUE;
                }
                if byte == b']'
                    && closed.items == 0
                    && let Some(level) = levels.last_mut()
                    && level.items == 2
                    && level.start == Start::Word
                {
                    level.start = Start::WordAndEmpty;
                }
                at += 1;
            }
            b'"' => {
                let end = string_end(text, at + 1);
                if let Some(level) = levels.last_mut()
                    && !level.is_object
                    && level.items == 1
                    && matches!(&text[at..end], br#""set""# | br#""map""#)
                {
                    level.start = Start::Word;
                }
                at = end;
            }
            b'-' | b'0'..=b'9' => at += 1 + length(&text[at + 1..], number::continues),
            b'a'..=b'z' => at += 1 + length(&text[at + 1..], |byte| byte.is_ascii_alphabetic()),
            _ => at += 1,
        }
        // The last two may turn out to take nothing.
        if bytes > bytes_max + 2 * VALUE {
            return true;
        }
    }
    bytes > bytes_max
}

/// Where the string ends whose inside begins at `at`, its quotation mark included.
fn string_end(text: &[u8], mut at: usize) -> usize {
    loop {
        at += text::clean_prefix(&text[at..]).0;
        match text.get(at) {
            None => return at,
            Some(b'"') => return at + 1,
            Some(b'\\') => at = (at + 2).min(text.len()),
            Some(_) => at += 1,
        }
    }
}

/// How many bytes from the front are `part`s.
fn length(text: &[u8], part: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|&byte| !part(byte)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::exceeds;
    use crate::build::Stacks;
    use crate::strict;
    use crate::value::Value;
    use bumpalo::Bump;

    /// Whether the parser refuses the text with this bound.
    fn is_refused(text: &[u8], bytes_max: usize) -> bool {
        strict::parse_bounded(text, &Bump::new(), bytes_max, &mut Stacks::default()).is_err()
    }

    #[test]
    fn it_says_what_the_parser_finds() {
        for text in [
            r#"[0,-1.5e3,true,null,"a\"b\\",[],{}]"#,
            r#"{"a":{"b":[1,2,{"c":"d"}]},"e":"f"}"#,
            r#"["set",[]]"#,
            r#"[["set",[]],["map",[]],["set",[1]],["map",{}],["sets",[]],["set",[],[]],["set",""]]"#,
            r#" [ "x" , [ "set" , [ ] ] , { "set" : [ ] } ] "#,
            r#"[{"a":"set","b":[]}]"#,
            r#"{"op":"insert","row":{"a":["map",[["k","v"]]],"b":["uuid","01234567"]}}"#,
            "[]",
            "{}",
        ] {
            let text = text.as_bytes();
            for bytes_max in 0..1000 {
                let refused = is_refused(text, bytes_max);
                let foreseen = exceeds(text, bytes_max);
                // Escapes, and what turns out to take nothing, take memory for a time.
                let is_exact = !text.contains(&b'\\') && bytes_max > 5 * size_of::<Value<'_>>();
                assert!(
                    foreseen == refused || (refused && !is_exact),
                    "{} within {bytes_max}: {foreseen} {refused}",
                    String::from_utf8_lossy(text)
                );
            }
        }
    }

    #[test]
    fn what_is_no_text_does_no_harm() {
        for text in ["", "]", "}", "\"", "\"\\", "[\"", "[1,", "x", "\u{1}", "{:"] {
            exceeds(text.as_bytes(), 0);
        }
    }
}
