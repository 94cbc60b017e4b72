//! A client that keeps a copy of what it monitors: folds `update` (RFC 7047 §4.1.6), `update2` and `update3`
//! (ovsdb-server(7)) into rows, on its own reading of those texts. Whatever contradicts the copy is a panic: a row
//! inserted twice, a change of a row that is not there, an old value that was none.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::schema::{Base, Schema, Type};

/// Columns of a row by name.
pub(crate) type Row = Map<String, Value>;

/// Monitored columns of each table; of all others nothing is known.
pub(crate) type Columns = BTreeMap<String, Vec<String>>;

/// The rows of tables by uuid.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Contents {
    pub(crate) tables: BTreeMap<String, BTreeMap<String, Row>>,
}

impl Contents {
    /// The uuids of a table's rows.
    pub(crate) fn uuids(&self, table: &str) -> Vec<&str> {
        self.tables
            .get(table)
            .map(|rows| rows.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// A table's rows.
    pub(crate) fn rows(&self, table: &str) -> impl Iterator<Item = (&String, &Row)> {
        self.tables.get(table).into_iter().flatten()
    }

    /// Whether some row refers to one that is not there.
    pub(crate) fn has_dangling(&self, schema: &Schema) -> bool {
        let is_missing = |base: &Base, atom: &Value| {
            base.ref_table().is_some_and(|table| {
                let uuid = atom[1].as_str().expect("a reference is a uuid");
                !self.tables.get(table).is_some_and(|rows| rows.contains_key(uuid))
            })
        };
        self.tables.iter().any(|(table, rows)| {
            let columns = schema.table(table).declared();
            rows.values().any(|row| {
                columns.iter().any(|column| {
                    elements(&row[&column.name], column.ty.value.is_some())
                        .iter()
                        .any(|element| match &column.ty.value {
                            None => is_missing(&column.ty.key, element),
                            Some(value) => {
                                is_missing(&column.ty.key, &element[0]) || is_missing(value, &element[1])
                            }
                        })
                })
            })
        })
    }

    /// As JSON, for comparison.
    pub(crate) fn to_json(&self) -> Value {
        self.tables
            .iter()
            .map(|(table, rows)| {
                let rows: Map<String, Value> = rows
                    .iter()
                    .map(|(uuid, row)| (uuid.clone(), Value::Object(row.clone())))
                    .collect();
                (table.clone(), Value::Object(rows))
            })
            .collect()
    }

    /// Folds table-updates of a `monitor` whose request selects every kind of change.
    pub(crate) fn apply_update(&mut self, updates: &Value) {
        for (table, uuid, change) in row_changes(updates) {
            let rows = self.tables.entry(table.clone()).or_default();
            let held = rows.get(uuid);
            match (change.get("old"), change.get("new")) {
                (None, Some(new)) => {
                    assert!(held.is_none(), "{table} {uuid} is inserted twice: {change}");
                    rows.insert(uuid.clone(), as_row(new));
                }
                (Some(old), Some(new)) => {
                    let held =
                        held.unwrap_or_else(|| panic!("{table} {uuid} is changed and not there: {change}"));
                    let new = as_row(new);
                    for (column, value) in &new {
                        let was = old.get(column).unwrap_or(value);
                        assert_eq!(&held[column], was, "{table} {uuid} {column}: {change}");
                    }
                    rows.insert(uuid.clone(), new);
                }
                (Some(old), None) => {
                    let held = rows.remove(uuid);
                    assert_eq!(
                        held.as_ref(),
                        old.as_object(),
                        "{table} {uuid} is deleted: {change}"
                    );
                }
                (None, None) => panic!("{table} {uuid} has neither old nor new: {change}"),
            }
        }
    }

    /// Folds table-updates2 of a `monitor_cond` or `monitor_cond_since` that selects every kind of change.
    pub(crate) fn apply_update2(&mut self, schema: &Schema, columns: &Columns, updates: &Value) {
        for (table, uuid, change) in row_changes(updates) {
            let rows = self.tables.entry(table.clone()).or_default();
            let (kind, row) = change
                .as_object()
                .and_then(|members| members.iter().next())
                .unwrap_or_else(|| panic!("{table} {uuid} has no kind: {change}"));
            let types = schema.table(table);
            match kind.as_str() {
                "initial" | "insert" => {
                    let mut full = Row::new();
                    for column in &columns[table] {
                        full.insert(column.clone(), types.column(column).ty.default());
                    }
                    for (column, value) in as_row(row) {
                        let default = full.insert(column.clone(), value.clone());
                        let default =
                            default.unwrap_or_else(|| panic!("{column} is not monitored: {change}"));
                        assert_ne!(
                            default, value,
                            "{table} {uuid}: {column} is sent although it is default"
                        );
                    }
                    let held = rows.insert(uuid.clone(), full);
                    assert!(held.is_none(), "{table} {uuid} is inserted twice: {change}");
                }
                "modify" => {
                    let held = rows
                        .get_mut(uuid)
                        .unwrap_or_else(|| panic!("{table} {uuid} is changed and not there: {change}"));
                    for (column, difference) in as_row(row) {
                        let value = held
                            .get_mut(&column)
                            .unwrap_or_else(|| panic!("{column} is not monitored: {change}"));
                        assert!(
                            types.column(&column).ty.max > 1 || *value != difference,
                            "{table} {uuid}: a change of {column} to what it was"
                        );
                        *value = apply_difference(&types.column(&column).ty, value, &difference);
                    }
                }
                "delete" => {
                    assert!(row.is_null(), "{table} {uuid}: {change}");
                    let held = rows.remove(uuid);
                    assert!(held.is_some(), "{table} {uuid} is deleted and not there");
                }
                other => panic!("{table} {uuid}: no change is called {other}"),
            }
        }
    }
}

/// A value after a difference: columns of at most one element are replaced, in sets elements toggle, in maps pairs
/// toggle and other values of present keys replace.
pub(crate) fn apply_difference(ty: &Type, value: &Value, difference: &Value) -> Value {
    if ty.max == 1 {
        return difference.clone();
    }
    let is_map = ty.value.is_some();
    let key = |element: &Value| {
        if is_map {
            element[0].clone()
        } else {
            element.clone()
        }
    };
    let mut elements = elements(value, is_map);
    for changed in self::elements(difference, is_map) {
        match elements.iter().position(|element| key(element) == key(&changed)) {
            Some(at) if elements[at] == changed => {
                elements.remove(at);
            }
            Some(at) => elements[at] = changed,
            None => elements.push(changed),
        }
    }
    sort_elements(&mut elements, is_map);
    match elements.as_slice() {
        [only] if !is_map => only.clone(),
        _ => Value::from(vec![
            Value::from(if is_map { "map" } else { "set" }),
            Value::from(elements),
        ]),
    }
}

/// The elements of a datum in any notation.
pub(crate) fn elements(datum: &Value, is_map: bool) -> Vec<Value> {
    match datum.as_array().map(Vec::as_slice) {
        Some([kind, Value::Array(elements)]) if kind == "set" || (is_map && kind == "map") => {
            elements.clone()
        }
        _ => vec![datum.clone()],
    }
}

/// Sorts elements as servers send them.
fn sort_elements(elements: &mut [Value], is_map: bool) {
    let key = |element: &Value| {
        if is_map {
            element[0].clone()
        } else {
            element.clone()
        }
    };
    elements.sort_by(|a, b| match (key(a), key(b)) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).expect("JSON has no NaN"),
        },
        (Value::Bool(a), Value::Bool(b)) => a.cmp(&b),
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Array(a), Value::Array(b)) => a[1].as_str().cmp(&b[1].as_str()),
        (a, b) => panic!("{a} and {b} are not of one type"),
    });
}

/// Tables, uuids and changes of table-updates.
fn row_changes(updates: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let tables = updates.as_object().expect("updates are an object of tables");
    tables.iter().flat_map(|(table, rows)| {
        let rows = rows.as_object().expect("a table's updates are an object of rows");
        rows.iter().map(move |(uuid, change)| (table, uuid, change))
    })
}

fn as_row(value: &Value) -> Row {
    value.as_object().expect("a row is an object").clone()
}
