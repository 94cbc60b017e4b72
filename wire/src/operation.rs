//! The shape of one operation of `transact` (RFC 7047 §5.2), before a schema gives it meaning.
//!
//! Members are read in the order of upstream `ovsdb/execution.c`, so that of several mistakes the same one is
//! reported. What depends on the columns of the table — rows, conditions, mutations — stays a [`Value`]; what
//! upstream checks only after those ([`Wait::timeout_ms`], [`Wait::until`]) is checked by a method of its own.

use std::borrow::Cow;

use crate::object::{ObjectParser, ParseError, Types};
use crate::value::Value;

/// One operation. Tables exist, required members are there and have the right JSON type, nothing else is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation<'a> {
    Insert(Insert<'a>),
    Select(Select<'a>),
    Update(Update<'a>),
    Mutate(Mutate<'a>),
    Delete(Delete<'a>),
    Wait(Wait<'a>),
    Commit {
        durable: bool,
    },
    Abort,
    /// Text that is not UTF-8 is kept with U+FFFD for what is wrong.
    Comment {
        comment: Cow<'a, str>,
    },
    Assert {
        lock: &'a str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Insert<'a> {
    pub table: &'a str,
    /// A string; whether it is a UUID is not yet known (`bad uuid`, with this value as syntax).
    pub uuid: Option<Value<'a>>,
    /// An `<id>`, always a [`Value::String`].
    pub uuid_name: Option<Value<'a>>,
    /// An object.
    pub row: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Select<'a> {
    pub table: &'a str,
    /// An array, as everywhere in this file.
    pub where_: Value<'a>,
    /// An array, if there.
    pub columns: Option<Value<'a>>,
    /// An array, if there (extension of upstream).
    pub sort: Option<Value<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update<'a> {
    pub table: &'a str,
    pub where_: Value<'a>,
    /// An object.
    pub row: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mutate<'a> {
    pub table: &'a str,
    pub where_: Value<'a>,
    /// An array.
    pub mutations: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delete<'a> {
    pub table: &'a str,
    pub where_: Value<'a>,
}

/// Checked by upstream in the order `where_`, `columns`, [`Wait::timeout_ms`], [`Wait::until`], `rows`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait<'a> {
    pub table: &'a str,
    /// An integer, if there.
    timeout: Option<Value<'a>>,
    pub where_: Value<'a>,
    /// An array, if there.
    pub columns: Option<Value<'a>>,
    /// A string.
    until: Value<'a>,
    /// An array, if there.
    pub rows: Value<'a>,
}

/// What a `wait` waits for: that the rows it finds are, or are not, the rows it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    Equal,
    NotEqual,
}

impl<'a> Wait<'a> {
    /// Milliseconds since the arrival of the request; `None` waits forever.
    pub fn timeout_ms(&self) -> Result<Option<u64>, Box<ParseError<'a>>> {
        let Some(value) = self.timeout else {
            return Ok(None);
        };
        let number = value
            .as_integer()
            .expect("`timeout` was accepted as an integer only");
        match u64::try_from(number) {
            Ok(timeout_ms) => Ok(Some(timeout_ms)),
            Err(_) => Err(Box::new(ParseError::about(value, "timeout must be nonnegative"))),
        }
    }

    pub fn until(&self) -> Result<Until, Box<ParseError<'a>>> {
        match self.until.as_str() {
            Some("==") => Ok(Until::Equal),
            Some("!=") => Ok(Until::NotEqual),
            _ => Err(Box::new(ParseError::about(
                self.until,
                "\"until\" must be \"==\" or \"!=\"",
            ))),
        }
    }
}

impl<'a> Operation<'a> {
    /// Parses operation `index` (from 1) of `count`.
    pub fn parse(
        value: Value<'a>,
        index: usize,
        count: usize,
        table_exists: &dyn Fn(&str) -> bool,
    ) -> Result<Operation<'a>, Box<ParseError<'a>>> {
        let context = format_args!("ovsdb operation {index} of {count}");
        let mut members = Members {
            parser: ObjectParser::new(value, context),
            table_exists,
        };
        let operation = match members.parser.member("op", Types::ID).and_then(|op| op.as_str()) {
            Some("insert") => members.insert().map(Operation::Insert),
            Some("select") => members.select().map(Operation::Select),
            Some("update") => members.update().map(Operation::Update),
            Some("mutate") => members.mutate().map(Operation::Mutate),
            Some("delete") => members.delete().map(Operation::Delete),
            Some("wait") => members.wait().map(Operation::Wait),
            Some("commit") => members
                .parser
                .member("durable", Types::BOOLEAN)
                .and_then(|durable| durable.as_bool())
                .map(|durable| Operation::Commit { durable }),
            Some("abort") => Some(Operation::Abort),
            Some("comment") => members
                .parser
                .member("comment", Types::STRING)
                .and_then(|comment| comment.as_text_bytes())
                .map(|comment| Operation::Comment {
                    comment: String::from_utf8_lossy(comment),
                }),
            Some("assert") => members
                .parser
                .member("lock", Types::ID)
                .and_then(|lock| lock.as_str())
                .map(|lock| Operation::Assert { lock }),
            Some(unknown) => {
                members.parser.raise(format_args!("No operation \"{unknown}\""));
                None
            }
            None => None,
        };
        members.parser.finish()?;
        Ok(operation.expect("a parser that lacks a member has an error"))
    }

    /// The name as in the request.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Insert(_) => "insert",
            Operation::Select(_) => "select",
            Operation::Update(_) => "update",
            Operation::Mutate(_) => "mutate",
            Operation::Delete(_) => "delete",
            Operation::Wait(_) => "wait",
            Operation::Commit { .. } => "commit",
            Operation::Abort => "abort",
            Operation::Comment { .. } => "comment",
            Operation::Assert { .. } => "assert",
        }
    }

    /// Whether a read-only server refuses it; `commit` counts as a write upstream.
    pub fn is_write(&self) -> bool {
        match self {
            Operation::Insert(_)
            | Operation::Update(_)
            | Operation::Mutate(_)
            | Operation::Delete(_)
            | Operation::Commit { .. } => true,
            Operation::Select(_)
            | Operation::Wait(_)
            | Operation::Abort
            | Operation::Comment { .. }
            | Operation::Assert { .. } => false,
        }
    }
}

/// Reads the members of each operation in upstream's order: all of them first, then the `?`s.
struct Members<'a, 'f, C: std::fmt::Display> {
    parser: ObjectParser<'a, C>,
    table_exists: &'f dyn Fn(&str) -> bool,
}

impl<'a, C: std::fmt::Display> Members<'a, '_, C> {
    fn table(&mut self) -> Option<&'a str> {
        let table = self.parser.member("table", Types::ID)?.as_str()?;
        if !(self.table_exists)(table) {
            self.parser.raise(format_args!("No table named {table}."));
            return None;
        }
        Some(table)
    }

    fn array(&mut self, name: &str) -> Option<Value<'a>> {
        self.parser.member(name, Types::ARRAY)
    }

    fn insert(&mut self) -> Option<Insert<'a>> {
        let table = self.table();
        let uuid = self.parser.optional("uuid", Types::STRING);
        let uuid_name = self.parser.optional("uuid-name", Types::ID);
        let row = self.parser.member("row", Types::OBJECT);
        Some(Insert {
            table: table?,
            uuid,
            uuid_name,
            row: row?,
        })
    }

    fn select(&mut self) -> Option<Select<'a>> {
        let table = self.table();
        let where_ = self.array("where");
        let columns = self.parser.optional("columns", Types::ARRAY);
        let sort = self.parser.optional("sort", Types::ARRAY);
        Some(Select {
            table: table?,
            where_: where_?,
            columns,
            sort,
        })
    }

    fn update(&mut self) -> Option<Update<'a>> {
        let table = self.table();
        let where_ = self.array("where");
        let row = self.parser.member("row", Types::OBJECT);
        Some(Update {
            table: table?,
            where_: where_?,
            row: row?,
        })
    }

    fn mutate(&mut self) -> Option<Mutate<'a>> {
        let table = self.table();
        let where_ = self.array("where");
        let mutations = self.array("mutations");
        Some(Mutate {
            table: table?,
            where_: where_?,
            mutations: mutations?,
        })
    }

    fn delete(&mut self) -> Option<Delete<'a>> {
        let where_ = self.array("where");
        let table = self.table();
        Some(Delete {
            table: table?,
            where_: where_?,
        })
    }

    fn wait(&mut self) -> Option<Wait<'a>> {
        let timeout = self.parser.optional("timeout", Types::INTEGER);
        let where_ = self.array("where");
        let columns = self.parser.optional("columns", Types::ARRAY);
        let until = self.parser.member("until", Types::STRING);
        let rows = self.array("rows");
        let table = self.table();
        Some(Wait {
            table: table?,
            timeout,
            where_: where_?,
            columns,
            until: until?,
            rows: rows?,
        })
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::{Operation, Until};
    use crate::strict;

    fn details(text: &str) -> String {
        let arena = Bump::new();
        let wrapped = format!("[{text}]");
        let value = strict::parse(wrapped.as_bytes(), &arena)
            .unwrap()
            .as_array()
            .unwrap()[0];
        match Operation::parse(value, 1, 2, &|table| table == "T") {
            Ok(operation) => operation.name().to_owned(),
            Err(error) => error
                .details
                .strip_prefix("Parsing ovsdb operation 1 of 2 failed: ")
                .unwrap()
                .to_owned(),
        }
    }

    #[test]
    fn shapes_are_checked_in_the_order_of_upstream() {
        for (text, expected) in [
            (r#"3"#, "Object expected."),
            (r#"{}"#, "Required 'op' member is missing."),
            (r#"{"op":"a b"}"#, "Type mismatch for member 'op'."),
            (r#"{"op":"nop"}"#, "No operation \"nop\""),
            (r#"{"op":"insert","table":"T","row":{}}"#, "insert"),
            (
                r#"{"op":"insert","table":"T","row":{},"uuid":"no","uuid-name":"x"}"#,
                "insert",
            ),
            (r#"{"op":"insert","table":"X","uuid":3}"#, "No table named X."),
            (
                r#"{"op":"insert","table":"T","uuid":3}"#,
                "Type mismatch for member 'uuid'.",
            ),
            (
                r#"{"op":"insert","table":"T"}"#,
                "Required 'row' member is missing.",
            ),
            (r#"{"op":"select","table":"T","where":[]}"#, "select"),
            (
                r#"{"op":"select","table":"T","where":[],"sort":["a"],"columns":[]}"#,
                "select",
            ),
            (
                r#"{"op":"select","table":"T","where":{}}"#,
                "Type mismatch for member 'where'.",
            ),
            (
                r#"{"op":"update","table":"T","where":[],"row":[]}"#,
                "Type mismatch for member 'row'.",
            ),
            (
                r#"{"op":"mutate","table":"T","where":[]}"#,
                "Required 'mutations' member is missing.",
            ),
            (
                r#"{"op":"mutate","table":"T","where":[],"mutations":[]}"#,
                "mutate",
            ),
            (
                r#"{"op":"delete","table":"X"}"#,
                "Required 'where' member is missing.",
            ),
            (r#"{"op":"delete","table":"X","where":[]}"#, "No table named X."),
            (
                r#"{"op":"delete","table":"T","where":[],"x":0}"#,
                "Member 'x' is present but not allowed here.",
            ),
            (
                r#"{"op":"wait","timeout":1.5,"table":"X"}"#,
                "Type mismatch for member 'timeout'.",
            ),
            (
                r#"{"op":"wait","table":"X","where":[],"until":"=="}"#,
                "Required 'rows' member is missing.",
            ),
            (
                r#"{"op":"wait","table":"T","where":[],"until":"==","rows":[]}"#,
                "wait",
            ),
            (r#"{"op":"commit"}"#, "Required 'durable' member is missing."),
            (
                r#"{"op":"commit","durable":1}"#,
                "Type mismatch for member 'durable'.",
            ),
            (r#"{"op":"commit","durable":true}"#, "commit"),
            (r#"{"op":"abort"}"#, "abort"),
            (r#"{"op":"comment"}"#, "Required 'comment' member is missing."),
            (
                r#"{"op":"assert","lock":"1"}"#,
                "Type mismatch for member 'lock'.",
            ),
            (r#"{"op":"assert","lock":"l"}"#, "assert"),
        ] {
            assert_eq!(details(text), expected, "{text}");
        }
    }

    #[test]
    fn wait_checks_timeout_and_until_late() {
        let arena = Bump::new();
        let text = br#"{"op":"wait","timeout":-1,"table":"T","where":[],"until":"<","rows":[]}"#;
        let value = strict::parse(text, &arena).unwrap();
        let Ok(Operation::Wait(wait)) = Operation::parse(value, 1, 1, &|_| true) else {
            panic!("not a wait")
        };
        assert_eq!(
            wait.timeout_ms().unwrap_err().details,
            "timeout must be nonnegative"
        );
        assert_eq!(
            wait.until().unwrap_err().details,
            "\"until\" must be \"==\" or \"!=\""
        );

        let text = br#"{"op":"wait","timeout":5,"table":"T","where":[],"until":"!=","rows":[]}"#;
        let value = strict::parse(text, &arena).unwrap();
        let Ok(Operation::Wait(wait)) = Operation::parse(value, 1, 1, &|_| true) else {
            panic!("not a wait")
        };
        assert_eq!(wait.timeout_ms().unwrap(), Some(5));
        assert_eq!(wait.until().unwrap(), Until::NotEqual);
    }
}
