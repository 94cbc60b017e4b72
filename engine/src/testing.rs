//! What the unit tests of this crate share.

use bumpalo::Bump;
use ovsdb_wire::value::Value;

/// Reads `json`, any JSON value, and passes it to `f`.
pub(crate) fn with_json<T>(json: &str, f: impl FnOnce(&Value<'_>) -> T) -> T {
    let arena = Bump::new();
    // A text of its own must be an object or an array.
    let text = format!("[{json}]");
    let value = ovsdb_wire::strict::parse(text.as_bytes(), &arena).expect("the JSON of a test is good");
    f(&value.as_array().expect("it was made an array")[0])
}
