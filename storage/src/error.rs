//! Errors of files: whose fault, upstream's words, and the system's reason.

use std::fmt;
use std::io;

/// What kind of error, and with it the tag that clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system refused or failed: `I/O error`.
    Io,
    /// The file's contents are not what they should be: `syntax error`.
    Syntax,
    /// Everything upstream gives no tag of its own: `ovsdb error`.
    Unspecific,
    /// The file belongs to a clustered database, which the caller does not take.
    Clustered,
    /// There are intact records after a damaged one; opening the file would drop them.
    Damaged,
}

/// The system's part of an error, printed in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    None,
    /// The file ended too early.
    EndOfFile,
    /// A system error number.
    Os(i32),
}

/// An error about a database file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    /// Begins with the name of the file as the user gave it.
    pub details: String,
    pub cause: Cause,
}

/// Shorthand of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: Kind, details: impl Into<String>) -> Error {
        Error {
            kind,
            details: details.into(),
            cause: Cause::None,
        }
    }

    /// `I/O error` with the reason of `error`.
    pub fn io(error: &io::Error, details: impl Into<String>) -> Error {
        let cause = match error.raw_os_error() {
            Some(number) => Cause::Os(number),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Cause::EndOfFile,
            None => Cause::None,
        };
        Error {
            kind: Kind::Io,
            details: details.into(),
            cause,
        }
    }

    /// The tag, as protocol and tools spell it.
    pub fn tag(&self) -> &'static str {
        match self.kind {
            Kind::Io => "I/O error",
            Kind::Syntax => "syntax error",
            Kind::Unspecific | Kind::Clustered | Kind::Damaged => "ovsdb error",
        }
    }

    /// The text of the system's reason (`strerror`), the `io-error` member of a reply.
    pub fn io_error(&self) -> Option<String> {
        match self.cause {
            Cause::None => None,
            Cause::EndOfFile => Some("End of file".to_owned()),
            Cause::Os(number) => Some(strerror(number)),
        }
    }
}

/// `TAG: DETAILS (REASON)`, as upstream's `ovsdb_error_to_string` prints it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tag(), self.details)?;
        match self.io_error() {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The C library's words for an error number.
pub fn strerror(number: i32) -> String {
    let mut text = io::Error::from_raw_os_error(number).to_string();
    if let Some(end) = text.rfind(" (os error ") {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_like_upstream() {
        let exists = io::Error::from_raw_os_error(17);
        let cases = [
            (
                Error::io(&exists, "a.db: create failed"),
                "I/O error: a.db: create failed (File exists)",
            ),
            (
                Error::new(Kind::Unspecific, "a.db: unexpected file format"),
                "ovsdb error: a.db: unexpected file format",
            ),
            (
                Error {
                    kind: Kind::Io,
                    details: "a.db: short".into(),
                    cause: Cause::EndOfFile,
                },
                "I/O error: a.db: short (End of file)",
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(strerror(11), "Resource temporarily unavailable");
    }
}
