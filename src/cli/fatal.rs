//! The error that ends a program: one message for its user.

use std::fmt::{self, Display};
use std::io;

/// A message printed as `PROG: MESSAGE`, after which the program exits with status 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Fatal(String);

/// Shorthand of the programs.
pub type Result<T> = std::result::Result<T, Fatal>;

impl Fatal {
    pub fn new(message: impl Into<String>) -> Fatal {
        Fatal(message.into())
    }

    /// `MESSAGE (STRERROR)`, as upstream's `ovs_fatal` adds the text of an error number.
    pub fn with_io(message: impl Display, error: &io::Error) -> Fatal {
        Fatal(format!("{message} ({})", ovsdb_io::errors::strerror(error)))
    }
}

impl Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fatal {}

/// Errors of requests, schemas and data end a tool with the text that a server would log.
impl From<Box<ovsdb_engine::error::OvsdbError>> for Fatal {
    fn from(error: Box<ovsdb_engine::error::OvsdbError>) -> Fatal {
        Fatal(error.to_string())
    }
}

/// Errors of database files end a tool with the text that a server would log.
impl From<ovsdb_storage::error::Error> for Fatal {
    fn from(error: ovsdb_storage::error::Error) -> Fatal {
        Fatal(error.to_string())
    }
}
