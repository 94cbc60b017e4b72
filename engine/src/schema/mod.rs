//! Schemas: databases, tables, columns and their types (RFC 7047 §3.2), read from and printed as JSON.
//!
//! ```text
//!  JSON ─► parse (validated, names resolved, fix-ups done) ─► Schema ─► print ─► JSON in its shortest form
//! ```
//!
//! Two schemas are equal if they print the same.

pub mod parse;
mod parse_type;
pub mod print;
pub mod types;

pub use parse::{parse, parse_columns};
pub use print::print;
pub use types::{AtomicType, BaseType, ColumnSchema, ColumnType, RefKind, Reference, Schema, TableSchema};

#[cfg(test)]
mod tests;
