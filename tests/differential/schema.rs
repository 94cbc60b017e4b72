//! The schema that uses every feature, and what the generator and the client model must know of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The schema file, given to both tools.
pub(crate) const EVERY: &str = include_str!("every.ovsschema");

/// Name of its database.
pub(crate) const DATABASE: &str = "Every";

/// The tables, by name.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) tables: Vec<Table>,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// With the implicit columns `_uuid` and `_version`.
    pub(crate) columns: Vec<Column>,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) mutable: bool,
    pub(crate) ephemeral: bool,
}

/// RFC 7047 §3.2 `<type>`.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) key: Base,
    pub(crate) value: Option<Base>,
    pub(crate) min: usize,
    /// `usize::MAX` if unlimited.
    pub(crate) max: usize,
}

/// RFC 7047 §3.2 `<base-type>`; constraints stay as the schema has them.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) atomic: Atomic,
    pub(crate) choices: Vec<Value>,
    pub(crate) constraints: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Atomic {
    Integer,
    Real,
    Boolean,
    String,
    Uuid,
}

impl Schema {
    pub(crate) fn every() -> Schema {
        let json: Value = serde_json::from_str(EVERY).expect("the schema is JSON");
        let tables = json["tables"].as_object().expect("a schema has tables");
        Schema {
            tables: tables
                .iter()
                .map(|(name, table)| Table::parse(name, table))
                .collect(),
        }
    }

    pub(crate) fn table(&self, name: &str) -> &Table {
        self.tables
            .iter()
            .find(|table| table.name == name)
            .unwrap_or_else(|| panic!("there is no table {name}"))
    }
}

impl Table {
    fn parse(name: &str, json: &Value) -> Table {
        let declared = json["columns"].as_object().expect("a table has columns");
        let mut columns = vec![Column::implicit("_uuid"), Column::implicit("_version")];
        columns.extend(declared.iter().map(|(name, column)| Column {
            name: name.clone(),
            ty: Type::parse(&column["type"]),
            mutable: column["mutable"].as_bool().unwrap_or(true),
            ephemeral: column["ephemeral"].as_bool().unwrap_or(false),
        }));
        Table {
            name: name.to_owned(),
            columns,
        }
    }

    /// The columns that requests may set.
    pub(crate) fn declared(&self) -> &[Column] {
        &self.columns[2..]
    }

    pub(crate) fn column(&self, name: &str) -> &Column {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .unwrap_or_else(|| panic!("there is no column {name} in {}", self.name))
    }
}

impl Column {
    fn implicit(name: &str) -> Column {
        Column {
            name: name.to_owned(),
            ty: Type::parse(&json!("uuid")),
            mutable: false,
            ephemeral: name == "_version",
        }
    }
}

impl Type {
    fn parse(json: &Value) -> Type {
        if json.is_string() {
            return Type {
                key: Base::parse(json),
                value: None,
                min: 1,
                max: 1,
            };
        }
        Type {
            key: Base::parse(&json["key"]),
            value: json.get("value").map(Base::parse),
            min: json["min"].as_u64().map_or(1, |min| min as usize),
            max: match &json["max"] {
                Value::Null => 1,
                Value::String(_) => usize::MAX,
                max => max.as_u64().expect("max is a number") as usize,
            },
        }
    }

    /// What a row has in the column when nobody has said anything, in JSON notation.
    pub(crate) fn default(&self) -> Value {
        match (&self.value, self.min) {
            (None, 0) => json!(["set", []]),
            (None, _) => self.key.atomic.default(),
            (Some(_), 0) => json!(["map", []]),
            (Some(value), _) => json!(["map", [[self.key.atomic.default(), value.atomic.default()]]]),
        }
    }
}

impl Base {
    fn parse(json: &Value) -> Base {
        let constraints = json.as_object().cloned().unwrap_or_default();
        let name = constraints.get("type").unwrap_or(json);
        let choices = match constraints.get("enum") {
            None => Vec::new(),
            Some(Value::Array(set)) => set[1].as_array().expect("an enum is a set").clone(),
            Some(single) => vec![single.clone()],
        };
        Base {
            atomic: Atomic::named(name.as_str().expect("a type has a name")),
            choices,
            constraints,
        }
    }

    /// The table that uuids refer to.
    pub(crate) fn ref_table(&self) -> Option<&str> {
        self.constraints.get("refTable")?.as_str()
    }
}

impl Atomic {
    fn named(name: &str) -> Atomic {
        let names = BTreeMap::from([
            ("integer", Atomic::Integer),
            ("real", Atomic::Real),
            ("boolean", Atomic::Boolean),
            ("string", Atomic::String),
            ("uuid", Atomic::Uuid),
        ]);
        names[name]
    }

    fn default(self) -> Value {
        match self {
            Atomic::Integer | Atomic::Real => json!(0),
            Atomic::Boolean => json!(false),
            Atomic::String => json!(""),
            Atomic::Uuid => json!(["uuid", "00000000-0000-0000-0000-000000000000"]),
        }
    }
}
