//! Reads the members of an object one by one and says what is wrong with it in upstream's words.
//!
//! Semantics of upstream `lib/ovsdb-parser.c`: the first error wins, every later read yields `None`, and members
//! nobody asked for are an error at the end.

use std::fmt::Display;

use crate::value::{Object, Value};

/// A set of JSON types a member may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(u16);

impl Types {
    pub const NULL: Types = Types(1);
    pub const FALSE: Types = Types(1 << 1);
    pub const TRUE: Types = Types(1 << 2);
    pub const BOOLEAN: Types = Types::FALSE.or(Types::TRUE);
    pub const OBJECT: Types = Types(1 << 3);
    pub const ARRAY: Types = Types(1 << 4);
    pub const INTEGER: Types = Types(1 << 5);
    pub const REAL: Types = Types(1 << 6);
    pub const NUMBER: Types = Types::INTEGER.or(Types::REAL);
    pub const STRING: Types = Types(1 << 7);
    pub const ANY: Types = Types((1 << 8) - 1);
    /// A string that is an `<id>` (RFC 7047 §3.1).
    pub const ID: Types = Types(1 << 8);

    #[must_use]
    pub const fn or(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    fn admit(self, value: &Value<'_>) -> bool {
        let own = match value {
            Value::Null => Types::NULL,
            Value::Bool(false) => Types::FALSE,
            Value::Bool(true) => Types::TRUE,
            Value::Object(_) => Types::OBJECT,
            Value::Array(_) => Types::ARRAY,
            Value::Integer(_) => Types::INTEGER,
            Value::Real(_) => Types::REAL,
            Value::String(_) | Value::InvalidString(_) => Types::STRING,
        };
        self.0 & own.0 != 0 || self.0 & Types::ID.0 != 0 && value.as_str().is_some_and(is_id)
    }
}

impl std::ops::BitOr for Types {
    type Output = Types;

    fn bitor(self, other: Types) -> Types {
        self.or(other)
    }
}

/// Whether `text` is an `<id>`: `[_a-zA-Z][_a-zA-Z0-9]*` (RFC 7047 §3.1).
pub fn is_id(text: &str) -> bool {
    let is_first = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    match text.as_bytes() {
        [first, rest @ ..] => {
            is_first(*first) && rest.iter().all(|&byte| is_first(byte) || byte.is_ascii_digit())
        }
        [] => false,
    }
}

/// A `syntax error`: its details, and the fragment that goes out as `syntax`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseError<'a> {
    pub details: String,
    /// `None` where upstream reports no fragment.
    pub syntax: Option<Value<'a>>,
}

impl<'a> ParseError<'a> {
    pub fn about(syntax: Value<'a>, details: impl Into<String>) -> ParseError<'a> {
        ParseError {
            details: details.into(),
            syntax: Some(syntax),
        }
    }
}

/// The parser of one object. `context` names it in errors: `Parsing CONTEXT failed: …`.
pub struct ObjectParser<'a, C: Display> {
    value: Value<'a>,
    /// `None` after "Object expected.".
    object: Option<Object<'a>>,
    context: C,
    used: Used,
    error: Option<Box<ParseError<'a>>>,
}

impl<'a, C: Display> ObjectParser<'a, C> {
    pub fn new(value: Value<'a>, context: C) -> ObjectParser<'a, C> {
        let object = value.as_object();
        let mut parser = ObjectParser {
            value,
            object,
            context,
            used: Used::default(),
            error: None,
        };
        if object.is_none() {
            parser.raise(format_args!("Object expected."));
        }
        parser
    }

    /// Reads a required member that must have one of `types`.
    pub fn member(&mut self, name: &str, types: Types) -> Option<Value<'a>> {
        let object = self.object?;
        match object.members().iter().position(|(key, _)| *key == name) {
            Some(at) => self.accept(object, at, types),
            None => {
                self.raise(format_args!("Required '{name}' member is missing."));
                None
            }
        }
    }

    /// Reads a member that may be absent; `null` is a value, not absence.
    pub fn optional(&mut self, name: &str, types: Types) -> Option<Value<'a>> {
        let object = self.object?;
        let at = object.members().iter().position(|(key, _)| *key == name)?;
        self.accept(object, at, types)
    }

    fn accept(&mut self, object: Object<'a>, at: usize, types: Types) -> Option<Value<'a>> {
        let (name, value) = object.members()[at];
        if types.admit(&value) {
            self.used.insert(at);
            Some(value)
        } else {
            self.raise(format_args!("Type mismatch for member '{name}'."));
            None
        }
    }

    /// Records `Parsing CONTEXT failed: TEXT`, unless there is an error already.
    pub fn raise(&mut self, text: impl Display) {
        if self.error.is_none() {
            self.error = Some(Box::new(ParseError {
                details: format!("Parsing {} failed: {text}", self.context),
                syntax: self.object.map(|_| self.value),
            }));
        }
    }

    pub fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// Ends the parse: the first error, or the complaint about members that were not read.
    ///
    /// Of several such members upstream names the first in hash order, we the first of the input.
    pub fn finish(mut self) -> Result<(), Box<ParseError<'a>>> {
        if let (None, Some(object)) = (&self.error, self.object) {
            let unused_count = object.len() - self.used.len();
            if unused_count > 0 {
                let at = (0..object.len()).find(|at| !self.used.contains(*at));
                let (name, _) = object.members()[at.expect("fewer members were used than there are")];
                match unused_count - 1 {
                    0 => self.raise(format_args!("Member '{name}' is present but not allowed here.")),
                    others => self.raise(format_args!(
                        "Member '{name}' and {others} other member{} are present but not allowed here.",
                        if others > 1 { "s" } else { "" }
                    )),
                }
            }
        }
        self.error.map_or(Ok(()), Err)
    }
}

/// Positions of the members that were read. No object of the protocol has more than 64 that are.
#[derive(Default)]
struct Used {
    low: u64,
    high: Vec<usize>,
}

impl Used {
    fn insert(&mut self, at: usize) {
        if at < 64 {
            self.low |= 1 << at;
        } else if !self.high.contains(&at) {
            self.high.push(at);
        }
    }

    fn contains(&self, at: usize) -> bool {
        if at < 64 {
            self.low & (1 << at) != 0
        } else {
            self.high.contains(&at)
        }
    }

    fn len(&self) -> usize {
        self.low.count_ones() as usize + self.high.len()
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::{ObjectParser, Types, is_id};
    use crate::strict;

    fn outcome(text: &str, read: impl FnOnce(&mut ObjectParser<'_, &str>)) -> String {
        let arena = Bump::new();
        let wrapped = format!("[{text}]");
        let value = strict::parse(wrapped.as_bytes(), &arena)
            .unwrap()
            .as_array()
            .unwrap()[0];
        let mut parser = ObjectParser::new(value, "thing");
        read(&mut parser);
        match parser.finish() {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{} {}", error.details, error.syntax.is_some()),
        }
    }

    #[test]
    fn errors_are_worded_as_upstream_words_them() {
        let a_and_b = |parser: &mut ObjectParser<'_, &str>| {
            parser.member("a", Types::INTEGER);
            parser.optional("b", Types::ID);
        };
        for (text, expected) in [
            (r#"{"a":1}"#, "ok"),
            (r#"{"a":1,"b":"x_1"}"#, "ok"),
            (r#"{"a":1,"a":2}"#, "ok"),
            (r#"[1]"#, "Parsing thing failed: Object expected. false"),
            (
                r#"{}"#,
                "Parsing thing failed: Required 'a' member is missing. true",
            ),
            (
                r#"{"a":1.5}"#,
                "Parsing thing failed: Type mismatch for member 'a'. true",
            ),
            (
                r#"{"a":1,"b":"1"}"#,
                "Parsing thing failed: Type mismatch for member 'b'. true",
            ),
            (
                r#"{"a":1,"b":null}"#,
                "Parsing thing failed: Type mismatch for member 'b'. true",
            ),
            (
                r#"{"a":1,"c":0}"#,
                "Parsing thing failed: Member 'c' is present but not allowed here. true",
            ),
            (
                r#"{"c":0,"a":1,"d":0}"#,
                "Parsing thing failed: Member 'c' and 1 other member are present but not allowed here. true",
            ),
            (
                r#"{"a":1,"c":0,"d":0,"e":0}"#,
                "Parsing thing failed: Member 'c' and 2 other members are present but not allowed here. true",
            ),
            (
                r#"{"c":1,"b":0}"#,
                "Parsing thing failed: Required 'a' member is missing. true",
            ),
        ] {
            assert_eq!(outcome(text, a_and_b), expected, "{text}");
        }
    }

    #[test]
    fn the_first_error_wins() {
        let text = outcome(r#"{"a":1}"#, |parser| {
            parser.raise("one");
            parser.raise("two");
        });
        assert_eq!(text, "Parsing thing failed: one true");
    }

    #[test]
    fn members_beyond_the_first_64_count_as_used() {
        let names: Vec<String> = (0..100).map(|n| format!("m{n}")).collect();
        let text = format!(
            "{{{}}}",
            names
                .iter()
                .map(|n| format!("\"{n}\":0"))
                .collect::<Vec<_>>()
                .join(",")
        );
        let all = outcome(&text, |parser| {
            names
                .iter()
                .for_each(|name| assert!(parser.member(name, Types::ANY).is_some()))
        });
        assert_eq!(all, "ok");
        let but_one = outcome(&text, |parser| {
            names[..99]
                .iter()
                .for_each(|name| assert!(parser.member(name, Types::ANY).is_some()))
        });
        assert_eq!(
            but_one,
            "Parsing thing failed: Member 'm99' is present but not allowed here. true"
        );
    }

    #[test]
    fn ids_start_with_a_letter_or_underscore() {
        for (text, expected) in [
            ("a", true),
            ("_9", true),
            ("A_b9", true),
            ("", false),
            ("9", false),
            ("a-b", false),
            ("é", false),
        ] {
            assert_eq!(is_id(text), expected, "{text}");
        }
    }
}
