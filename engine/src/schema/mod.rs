//! Schemas: databases, tables, columns and their types (RFC 7047 §3.2), read from and printed as JSON.

mod id;
pub mod types;

pub use id::is_id;
pub use types::{AtomicType, BaseType, ColumnSchema, ColumnType, RefKind, Reference, Schema, TableSchema};
