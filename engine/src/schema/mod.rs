//! Schemas: databases, tables, columns and their types (RFC 7047 §3.2), read from and printed as JSON.

pub mod types;

pub use types::{AtomicType, BaseType, ColumnSchema, ColumnType, RefKind, Reference, Schema, TableSchema};
