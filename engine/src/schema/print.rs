//! Schemas as JSON: compact, members sorted, every default left out, which is the form that
//! `get_schema`, the file's first record and `_Server` show and that equality is decided by.

use super::{BaseType, ColumnSchema, ColumnType, RefKind, Schema, TableSchema};
use crate::datum;
use crate::ids::ColumnIdx;
use ovsdb_wire::write::{self, Items, Members};

/// The schema as one line of JSON.
pub fn print(schema: &Schema) -> String {
    let mut out = Vec::new();
    write_schema(schema, &mut out);
    String::from_utf8(out).expect("names and strings of a schema are UTF-8")
}

/// Appends the schema as one line of JSON.
pub fn write_schema(schema: &Schema, out: &mut Vec<u8>) {
    let mut members = Members::begin(out);
    if !schema.cksum.is_empty() {
        write::string(members.key("cksum"), &schema.cksum);
    }
    write::string(members.key("name"), &schema.name);
    // Schemas older than garbage collection name no root; such a schema is printed for such readers.
    let is_root_default = schema.tables.iter().all(|table| table.is_root);
    let mut tables = Members::begin(members.key("tables"));
    for table in &schema.tables {
        write_table(schema, table, is_root_default, tables.key(&table.name));
    }
    tables.end();
    if !schema.version.is_empty() {
        write::string(members.key("version"), &schema.version);
    }
    members.end();
}

fn write_table(schema: &Schema, table: &TableSchema, is_root_default: bool, out: &mut Vec<u8>) {
    let mut members = Members::begin(out);
    let mut columns = Members::begin(members.key("columns"));
    for column in &table.columns[usize::from(ColumnIdx::FIRST_DECLARED)..] {
        write_column(schema, column, columns.key(&column.name));
    }
    columns.end();
    if !table.indexes.is_empty() {
        let mut indexes = Items::begin(members.key("indexes"));
        for index in &table.indexes {
            let mut names = Items::begin(indexes.item());
            for column in index {
                write::string(names.item(), &table.column(*column).name);
            }
            names.end();
        }
        indexes.end();
    }
    if table.is_root != is_root_default {
        write::boolean(members.key("isRoot"), table.is_root);
    }
    if table.rows_max != u32::MAX {
        write::integer(members.key("maxRows"), i64::from(table.rows_max));
    }
    if !table.mutable {
        write::boolean(members.key("mutable"), false);
    }
    members.end();
}

fn write_column(schema: &Schema, column: &ColumnSchema, out: &mut Vec<u8>) {
    let mut members = Members::begin(out);
    if !column.persistent {
        write::boolean(members.key("ephemeral"), true);
    }
    if !column.mutable {
        write::boolean(members.key("mutable"), false);
    }
    write_type(schema, &column.ty, members.key("type"));
    members.end();
}

/// Appends the type of a column of `schema` in its shortest form.
pub fn write_type(schema: &Schema, ty: &ColumnType, out: &mut Vec<u8>) {
    if ty.is_scalar() && !ty.key.has_constraints() {
        return write::string(out, ty.key.atomic.name());
    }
    let mut members = Members::begin(out);
    write_base(schema, &ty.key, members.key("key"));
    match ty.n_max {
        1 => {}
        u32::MAX => write::string(members.key("max"), "unlimited"),
        n_max => write::integer(members.key("max"), i64::from(n_max)),
    }
    if ty.n_min != 1 {
        write::integer(members.key("min"), i64::from(ty.n_min));
    }
    if let Some(value) = &ty.value {
        write_base(schema, value, members.key("value"));
    }
    members.end();
}

fn write_base(schema: &Schema, base: &BaseType, out: &mut Vec<u8>) {
    if !base.has_constraints() {
        return write::string(out, base.atomic.name());
    }
    let mut members = Members::begin(out);
    if let Some(allowed) = &base.enumeration {
        datum::print::write(allowed, members.key("enum"));
    }
    let BaseType {
        integer_range,
        real_range,
        length_range,
        ..
    } = base;
    if integer_range.1 != i64::MAX {
        write::integer(members.key("maxInteger"), integer_range.1);
    }
    if length_range.1 != u32::MAX {
        write::integer(members.key("maxLength"), i64::from(length_range.1));
    }
    if real_range.1 != f64::INFINITY {
        write::real(members.key("maxReal"), real_range.1);
    }
    if integer_range.0 != i64::MIN {
        write::integer(members.key("minInteger"), integer_range.0);
    }
    if length_range.0 != 0 {
        write::integer(members.key("minLength"), i64::from(length_range.0));
    }
    if real_range.0 != f64::NEG_INFINITY {
        write::real(members.key("minReal"), real_range.0);
    }
    if let Some(reference) = &base.reference {
        write::string(members.key("refTable"), &schema.table(reference.table).name);
        if reference.kind == RefKind::Weak {
            write::string(members.key("refType"), "weak");
        }
    }
    write::string(members.key("type"), base.atomic.name());
    members.end();
}
