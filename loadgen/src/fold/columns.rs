//! What the schema says about columns, as far as folding updates needs it.

use std::collections::HashMap;

use serde_json::Value;

use crate::error::{Failure, Result};

/// How a column's values are told and changed by `modify` (RFC 7047 §4.1.14 and `ovsdb-server`(7), update2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// At most one value. A change is the new value. The text is the one that is left out of first contents, where
    /// there is such a value.
    One { default: Box<str> },
    /// A set: a change toggles its elements.
    Set,
    /// A map: a change replaces values and toggles pairs.
    Map,
}

/// A table's columns.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: Box<str>,
    columns: HashMap<Box<str>, (u16, Shape)>,
    names: Vec<Box<str>>,
}

impl Table {
    /// A column's number, which is its place in the order of names, and shape.
    pub fn column(&self, name: &str) -> Option<(u16, &Shape)> {
        self.columns.get(name).map(|(number, shape)| (*number, shape))
    }

    /// The names in the order of the columns' numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

/// A schema's tables in the order of their names.
#[derive(Clone, Debug)]
pub struct Columns {
    pub database: Box<str>,
    tables: Vec<Table>,
    by_name: HashMap<Box<str>, u16>,
}

impl Columns {
    /// Reads a schema in the notation of RFC 7047 §3.2.
    pub fn parse(schema: &Value) -> Result<Columns> {
        let malformed = || Failure::Schema("this is no schema (RFC 7047, section 3.2)".to_owned());
        let database = schema["name"].as_str().ok_or_else(malformed)?;
        let mut tables = Vec::new();
        for (name, table) in schema["tables"].as_object().ok_or_else(malformed)? {
            let mut names: Vec<&String> = table["columns"]
                .as_object()
                .ok_or_else(malformed)?
                .keys()
                .collect();
            names.sort_unstable();
            let mut columns = HashMap::new();
            for (number, column) in names.iter().enumerate() {
                let ty = &table["columns"][column.as_str()]["type"];
                let number = u16::try_from(number).map_err(|_| malformed())?;
                columns.insert(column.as_str().into(), (number, shape(ty)));
            }
            let names = names.into_iter().map(|name| name.as_str().into()).collect();
            tables.push(Table {
                name: name.as_str().into(),
                columns,
                names,
            });
        }
        tables.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let by_name = tables
            .iter()
            .zip(0..)
            .map(|(table, number)| (table.name.clone(), number))
            .collect();
        Ok(Columns {
            database: database.into(),
            tables,
            by_name,
        })
    }

    /// A table and its number.
    pub fn table(&self, name: &str) -> Option<(u16, &Table)> {
        let number = *self.by_name.get(name)?;
        Some((number, &self.tables[usize::from(number)]))
    }

    /// The number of a table's column; both are known to exist, as [`Columns::require`] was asked before.
    pub fn number(&self, table: &str, column: &str) -> (u16, u16) {
        let (number, table) = self.table(table).expect("the table was required");
        (number, table.column(column).expect("the column was required").0)
    }

    /// Whether a table's column is there and has at most one value.
    pub fn is_single(&self, table: &str, column: &str) -> bool {
        let found = self.table(table).and_then(|(_, table)| table.column(column));
        matches!(found, Some((_, Shape::One { .. })))
    }

    /// All tables.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Fails unless the schema has the columns of each table.
    pub fn require(&self, needed: &[(&str, &[&str])]) -> Result<()> {
        for (table, columns) in needed {
            let Some((_, found)) = self.table(table) else {
                return Err(Failure::Schema(format!(
                    "the database {} has no table {table}, which is needed",
                    self.database
                )));
            };
            if let Some(column) = columns.iter().find(|column| found.column(column).is_none()) {
                return Err(Failure::Schema(format!(
                    "the database {} has no column {table}.{column}, which is needed",
                    self.database
                )));
            }
        }
        Ok(())
    }
}

fn shape(ty: &Value) -> Shape {
    if ty["value"] != Value::Null {
        return Shape::Map;
    }
    let (min, max) = (&ty["min"], &ty["max"]);
    if *max == "unlimited" || max.as_u64().is_some_and(|max| max > 1) {
        return Shape::Set;
    }
    let is_optional = min.as_u64() == Some(0);
    let atom = ty
        .as_str()
        .or_else(|| ty["key"].as_str())
        .or_else(|| ty["key"]["type"].as_str());
    let default = match atom {
        _ if is_optional => r#"["set",[]]"#,
        Some("integer" | "real") => "0",
        Some("boolean") => "false",
        Some("uuid") => r#"["uuid","00000000-0000-0000-0000-000000000000"]"#,
        _ => r#""""#,
    };
    Shape::One {
        default: default.into(),
    }
}
