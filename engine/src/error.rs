//! Errors of requests: a tag that is protocol, a text for people, and the place in the request.
//!
//! RFC 7047 §3.1 `<error>`; the tags and texts are upstream's.

use ovsdb_wire::object::ParseError;
use ovsdb_wire::value::Value;
use ovsdb_wire::write;

/// What kind of error; the text of a tag is part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    SyntaxError,
    UnknownDatabase,
    DatabaseNotAvailable,
    UnknownTable,
    UnknownColumn,
    UnknownFunction,
    UnknownMutator,
    ConstraintViolation,
    ReferentialIntegrityViolation,
    DomainError,
    RangeError,
    DuplicateUuid,
    DuplicateUuidName,
    TimedOut,
    Aborted,
    NotOwner,
    NotAllowed,
    PermissionError,
    ResourcesExhausted,
    IoError,
    /// `ovsdb error`: upstream's unspecific tag.
    Ovsdb,
    InvalidParameters,
    Canceled,
    InternalError,
}

impl Tag {
    pub fn text(self) -> &'static str {
        match self {
            Tag::SyntaxError => "syntax error",
            Tag::UnknownDatabase => "unknown database",
            Tag::DatabaseNotAvailable => "database not available",
            Tag::UnknownTable => "unknown table",
            Tag::UnknownColumn => "unknown column",
            Tag::UnknownFunction => "unknown function",
            Tag::UnknownMutator => "unknown mutator",
            Tag::ConstraintViolation => "constraint violation",
            Tag::ReferentialIntegrityViolation => "referential integrity violation",
            Tag::DomainError => "domain error",
            Tag::RangeError => "range error",
            Tag::DuplicateUuid => "duplicate uuid",
            Tag::DuplicateUuidName => "duplicate uuid-name",
            Tag::TimedOut => "timed out",
            Tag::Aborted => "aborted",
            Tag::NotOwner => "not owner",
            Tag::NotAllowed => "not allowed",
            Tag::PermissionError => "permission error",
            Tag::ResourcesExhausted => "resources exhausted",
            Tag::IoError => "I/O error",
            Tag::Ovsdb => "ovsdb error",
            Tag::InvalidParameters => "invalid parameters",
            Tag::Canceled => "canceled",
            Tag::InternalError => "internal error",
        }
    }
}

/// An error as it goes to the client: `{"error":TAG,"details":TEXT,"syntax":JSON,"io-error":STRERROR}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OvsdbError {
    pub tag: Tag,
    /// Empty is absent on the wire.
    pub details: String,
    /// The offending fragment as sorted compact JSON.
    pub syntax: Option<String>,
    /// `strerror` of a failed disk operation.
    pub io_error: Option<String>,
}

/// Shorthand of this crate.
pub type Result<T> = std::result::Result<T, Box<OvsdbError>>;

impl OvsdbError {
    pub fn new(tag: Tag, details: impl Into<String>) -> Box<OvsdbError> {
        Box::new(OvsdbError {
            tag,
            details: details.into(),
            syntax: None,
            io_error: None,
        })
    }

    /// `syntax error` about `value` (upstream's `ovsdb_syntax_error`).
    pub fn syntax(value: &Value<'_>, details: impl Into<String>) -> Box<OvsdbError> {
        OvsdbError::new(Tag::SyntaxError, details).about(value)
    }

    /// Adds the offending fragment.
    #[must_use]
    pub fn about(mut self: Box<Self>, value: &Value<'_>) -> Box<OvsdbError> {
        let mut text = Vec::new();
        write::value_sorted(&mut text, value);
        self.syntax = Some(String::from_utf8_lossy(&text).into_owned());
        self
    }

    /// Appends the error object; the one place that prints a tag.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut members = write::Members::begin(out);
        if !self.details.is_empty() {
            write::string(members.key("details"), &self.details);
        }
        write::string(members.key("error"), self.tag.text());
        if let Some(text) = &self.io_error {
            write::string(members.key("io-error"), text);
        }
        if let Some(text) = &self.syntax {
            write::string(members.key("syntax"), text);
        }
        members.end();
    }
}

/// A mistake of notation is a `syntax error`.
impl From<Box<ParseError<'_>>> for Box<OvsdbError> {
    fn from(error: Box<ParseError<'_>>) -> Box<OvsdbError> {
        let ParseError { details, syntax } = *error;
        let plain = OvsdbError::new(Tag::SyntaxError, details);
        match syntax {
            Some(value) => plain.about(&value),
            None => plain,
        }
    }
}

/// As upstream logs it (`ovsdb_error_to_string`): `syntax "…": TAG: DETAILS (STRERROR)`.
impl std::fmt::Display for OvsdbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(syntax) = &self.syntax {
            write!(f, "syntax \"{syntax}\": ")?;
        }
        f.write_str(self.tag.text())?;
        if !self.details.is_empty() {
            write!(f, ": {}", self.details)?;
        }
        if let Some(text) = &self.io_error {
            write!(f, " ({text})")?;
        }
        Ok(())
    }
}

impl std::error::Error for OvsdbError {}
