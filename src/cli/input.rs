//! JSON and schemas that a user hands to a tool.

use bumpalo::Bump;
use ovsdb_engine::error::{OvsdbError, Tag};
use ovsdb_engine::schema::{self, Schema};
use ovsdb_wire::strict;
use ovsdb_wire::value::Value;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Fatal, Result};

/// Parses an argument as JSON.
pub fn parse_json<'a>(text: &'a str, arena: &'a Bump) -> Result<Value<'a>> {
    strict::parse(text.as_bytes(), arena).map_err(|error| Fatal::new(format!("\"{text}\": {error}")))
}

/// Reads a schema from the file `path`.
pub fn read_schema(path: &Path) -> Result<Schema> {
    let shown = path.display();
    let unreadable = |why: String| {
        Fatal::new(format!(
            "failed to read schema: \"{shown}\" could not be read as JSON ({why})"
        ))
    };
    let text = fs::read(path).map_err(|error| {
        unreadable(format!(
            "error opening \"{shown}\": {}",
            ovsdb_io::errors::strerror(&error)
        ))
    })?;
    let arena = Bump::new();
    let value = strict::parse(&text, &arena).map_err(|error| unreadable(error.to_string()))?;
    Ok(schema::parse(&value)
        .map_err(|error| wrap(error, &format!("failed to parse \"{shown}\" as ovsdb schema")))?)
}

/// Puts `what` before the details of an error.
fn wrap(mut error: Box<OvsdbError>, what: &str) -> Box<OvsdbError> {
    error.details = match error.details.as_str() {
        "" if error.tag == Tag::SyntaxError => what.to_owned(),
        details => format!("{what}: {details}"),
    };
    error
}

/// The schema file that commands use when none is named.
pub fn default_schema() -> PathBuf {
    ovsdb_io::dirs::pkgdatadir().join("vswitch.ovsschema")
}

/// The database file that commands use when none is named.
pub fn default_db() -> PathBuf {
    ovsdb_io::dirs::dbdir().join("conf.db")
}
