//! New databases: a schema as the first record of a file (`ovsdb`(5)).

use std::path::Path;

use serde_json::Value;
use sha1::{Digest, Sha1};

use crate::error::{Failure, Result};
use crate::fold::columns::Columns;

/// Where an installed OVN keeps its schema of the southbound database.
const INSTALLED: &str = "/usr/share/ovn/ovn-sb.ovsschema";

/// A subset of that schema, for machines without OVN.
const EMBEDDED: &str = include_str!("../../../src/quickstart/southbound.ovsschema");

/// The text of the schema: of a file, or of the installed OVN, or the embedded one.
pub fn schema(file: Option<&Path>) -> Result<String> {
    match file {
        Some(path) => {
            let usage = |reason: String| Failure::Usage(format!("--schema {}: {reason}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
            let parsed = parse(&text).and_then(|schema| Columns::parse(&schema));
            parsed.map_err(|failure| usage(failure.to_string()))?;
            Ok(text)
        }
        None => Ok(std::fs::read_to_string(INSTALLED).unwrap_or_else(|_| EMBEDDED.to_owned())),
    }
}

/// The schema as a value.
pub fn parse(schema: &str) -> Result<Value> {
    serde_json::from_str(schema).map_err(|error| Failure::Schema(format!("this is not JSON: {error}")))
}

/// Writes a database without rows.
pub fn create(path: &Path, schema: &str) -> Result<()> {
    let body = format!("{}\n", parse(schema)?);
    let mut digest = String::new();
    for byte in Sha1::digest(body.as_bytes()) {
        digest.push_str(&format!("{byte:02x}"));
    }
    let file = format!("OVSDB JSON {} {digest}\n{body}", body.len());
    std::fs::write(path, file).map_err(|error| Failure::Machine(format!("{}: {error}", path.display())))
}
