//! JSON to [`Schema`] (RFC 7047 §3.2 `<database-schema>`): shape, names, indexes, references, fix-ups.
//!
//! Texts and the order of checks within one object are upstream's; tables and columns are read in ascending
//! order of name, where upstream reads them in the order of its hashes. Types are read in `parse_type`.

use super::parse_type::column_type;
use super::{AtomicType, BaseType, ColumnSchema, ColumnType, Schema, TableSchema};
use crate::datum::Datum;
use crate::datum::parse::text_lossy;
use crate::error::{OvsdbError, Result, Tag};
use crate::hash::HashMap;
use crate::ids::{ColumnIdx, TableId};
use crate::limits;
use ovsdb_wire::object::{ObjectParser, Types, is_id};
use ovsdb_wire::value::{Object, Value};

/// Reads a schema; any error is a `syntax error` except those of enum values.
pub fn parse(value: &Value<'_>) -> Result<Schema> {
    let mut parser = ObjectParser::new(*value, "database schema");
    let name = parser.member("name", Types::ID).and_then(|name| name.as_str());
    let version = parser.optional("version", Types::STRING);
    let cksum = parser.optional("cksum", Types::STRING);
    let tables = parser
        .member("tables", Types::OBJECT)
        .and_then(|tables| tables.as_object());
    parser.finish()?;
    let (name, tables) = name.zip(tables).expect("the parser has seen both members");

    let text =
        |value: Option<Value<'_>>| value.and_then(|value| text_lossy(&value).map(|text| text.into_owned()));
    let version = text(version);
    if let Some(version) = &version
        && !is_version(version)
    {
        let details = format!("schema version \"{version}\" not in format x.y.z");
        return Err(OvsdbError::syntax(value, details));
    }

    let members = sorted_members(tables);
    if members.len() > limits::TABLES_MAX {
        return Err(OvsdbError::syntax(value, "database has too many tables"));
    }
    let table_ids: HashMap<String, TableId> = members
        .iter()
        .zip(0..)
        .map(|((name, _), at)| ((*name).to_owned(), TableId(at)))
        .collect();
    let mut references = References {
        table_ids: &table_ids,
        undefined: None,
    };
    let mut tables = Vec::with_capacity(members.len());
    for (name, table) in members {
        check_name(name, value)?;
        tables.push(parse_table(&table, name, &mut references)?);
    }
    if !tables.iter().any(|table| table.is_root) {
        // Schemas older than garbage collection name no root: nothing is collected then.
        tables.iter_mut().for_each(|table| table.is_root = true);
    }
    if let Some(error) = references.undefined {
        return Err(error);
    }
    persist_owners(&mut tables);
    Ok(Schema {
        name: name.to_owned(),
        version: version.unwrap_or_default(),
        cksum: text(cksum).unwrap_or_default(),
        tables,
        table_ids,
    })
}

/// Reads an array of distinct column names, as indexes and operations have them.
pub fn parse_columns(value: &Value<'_>, table: &TableSchema) -> Result<Vec<ColumnIdx>> {
    let not_distinct = || OvsdbError::syntax(value, "array of distinct column names expected");
    let names = value.as_array().ok_or_else(not_distinct)?;
    let mut columns = Vec::with_capacity(names.len());
    let mut is_seen = vec![false; table.columns.len()];
    for name in names {
        let name = text_lossy(name).ok_or_else(not_distinct)?;
        let Some(column) = table.column_named(&name) else {
            return Err(OvsdbError::syntax(
                value,
                format!("{name} is not a valid column name"),
            ));
        };
        if std::mem::replace(&mut is_seen[column.at()], true) {
            return Err(not_distinct());
        }
        columns.push(column);
    }
    Ok(columns)
}

/// Names of tables while the tables are still being read.
pub(super) struct References<'s> {
    table_ids: &'s HashMap<String, TableId>,
    /// The first reference to a table that is not there. Everything else in the schema is reported before it.
    undefined: Option<Box<OvsdbError>>,
}

impl References<'_> {
    /// The table that the `role` (`key` or `value`) of column `column` refers to.
    pub(super) fn resolve(&mut self, table: &str, column: &str, role: &str) -> TableId {
        self.table_ids.get(table).copied().unwrap_or_else(|| {
            self.undefined.get_or_insert_with(|| {
                let details = format!("column {column} {role} refers to undefined table {table}");
                OvsdbError::new(Tag::SyntaxError, details)
            });
            // Never seen: the schema is refused.
            TableId(0)
        })
    }
}

fn parse_table(value: &Value<'_>, name: &str, references: &mut References<'_>) -> Result<TableSchema> {
    let mut parser = ObjectParser::new(*value, format!("table schema for table {name}"));
    let columns = parser
        .member("columns", Types::OBJECT)
        .and_then(|columns| columns.as_object());
    let mutable = parser
        .optional("mutable", Types::BOOLEAN)
        .and_then(|flag| flag.as_bool());
    let rows_max = parser
        .optional("maxRows", Types::INTEGER)
        .and_then(|number| number.as_integer());
    let is_root = parser
        .optional("isRoot", Types::BOOLEAN)
        .and_then(|flag| flag.as_bool());
    let indexes = parser
        .optional("indexes", Types::ARRAY)
        .and_then(|indexes| indexes.as_array());
    parser.finish()?;
    let members = sorted_members(columns.expect("the parser has seen the member"));

    if rows_max.is_some_and(|number| number <= 0) {
        return Err(OvsdbError::syntax(value, "maxRows must be at least 1"));
    }
    if members.is_empty() {
        return Err(OvsdbError::syntax(value, "table must have at least one column"));
    }
    if members.len() > limits::COLUMNS_MAX {
        return Err(OvsdbError::syntax(value, "table has too many columns"));
    }
    let mut columns = vec![implicit_column("_uuid", true), implicit_column("_version", false)];
    for (name, column) in members {
        check_name(name, value)?;
        columns.push(parse_column(&column, name, references)?);
    }
    let column_ids = columns
        .iter()
        .zip(0..)
        .map(|(column, at)| (column.name.clone(), ColumnIdx(at)))
        .collect();
    let mut table = TableSchema {
        name: name.to_owned(),
        mutable: mutable.unwrap_or(true),
        is_root: is_root.unwrap_or(false),
        rows_max: rows_max.map_or(u32::MAX, |number| u32::try_from(number).unwrap_or(u32::MAX)),
        columns,
        column_ids,
        indexes: Vec::new(),
    };
    for index in indexes.unwrap_or_default() {
        let index = parse_index(index, &table, value)?;
        table.indexes.push(index);
    }
    Ok(table)
}

fn parse_index(index: &Value<'_>, table: &TableSchema, table_value: &Value<'_>) -> Result<Vec<ColumnIdx>> {
    let columns = parse_columns(index, table)?;
    if columns.is_empty() {
        return Err(OvsdbError::syntax(
            table_value,
            "index must have at least one column",
        ));
    }
    // What a reference will make persistent below still counts as ephemeral here.
    if let Some(ephemeral) = columns
        .iter()
        .map(|column| table.column(*column))
        .find(|column| !column.persistent)
    {
        let details = format!(
            "ephemeral columns (such as {}) may not be indexed",
            ephemeral.name
        );
        return Err(OvsdbError::syntax(table_value, details));
    }
    Ok(columns)
}

fn parse_column(value: &Value<'_>, name: &str, references: &mut References<'_>) -> Result<ColumnSchema> {
    let mut parser = ObjectParser::new(*value, format!("schema for column {name}"));
    let mutable = parser
        .optional("mutable", Types::BOOLEAN)
        .and_then(|flag| flag.as_bool());
    let ephemeral = parser
        .optional("ephemeral", Types::BOOLEAN)
        .and_then(|flag| flag.as_bool());
    let ty = parser.member("type", Types::STRING | Types::OBJECT);
    parser.finish()?;
    let ty = column_type(&ty.expect("the parser has seen the member"), name, references)?;
    // A weak reference goes when its row goes, whoever may write the column.
    let has_weak = ty.bases().any(|base| base.weak_target().is_some());
    Ok(ColumnSchema {
        name: name.to_owned(),
        mutable: mutable.unwrap_or(true) || has_weak,
        persistent: !ephemeral.unwrap_or(false),
        default: Datum::default_of(&ty),
        ty,
    })
}

/// `_uuid` is in the file as the row's name, `_version` is not; nobody writes either.
fn implicit_column(name: &str, persistent: bool) -> ColumnSchema {
    let ty = ColumnType::scalar(AtomicType::Uuid);
    ColumnSchema {
        name: name.to_owned(),
        mutable: false,
        persistent,
        default: Datum::default_of(&ty),
        ty,
    }
}

/// Makes persistent what strongly refers to rows that live only by being referred to: otherwise they would
/// be collected when the file is read, while later records still name them.
fn persist_owners(tables: &mut [TableSchema]) {
    let is_root: Vec<bool> = tables.iter().map(|table| table.is_root).collect();
    for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
        let owns = |base: &BaseType| base.strong_target().is_some_and(|target| !is_root[target.at()]);
        if column.ty.bases().any(owns) {
            column.persistent = true;
        }
    }
}

fn sorted_members<'a>(object: Object<'a>) -> Vec<(&'a str, Value<'a>)> {
    let mut members = object.members().to_vec();
    members.sort_unstable_by_key(|(name, _)| *name);
    members
}

fn check_name(name: &str, value: &Value<'_>) -> Result<()> {
    if name.starts_with('_') {
        return Err(OvsdbError::syntax(
            value,
            "names beginning with \"_\" are reserved",
        ));
    }
    if !is_id(name) {
        return Err(OvsdbError::syntax(value, "name must be a valid id"));
    }
    Ok(())
}

/// Three unsigned numbers.
fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() == 3 && text.split('.').all(is_number)
}
