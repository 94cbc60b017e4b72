//! A row as a client knows it: the columns that differ from their defaults, in one canonical text each.

use ovsdb_wire::value::{Object, Value};
use ovsdb_wire::write;
use twox_hash::XxHash3_128;

use crate::error::{Failure, Result};
use crate::fold::columns::{Shape, Table};
use crate::fold::elements::Elements;

/// The value of a column that has none.
pub const EMPTY: &str = r#"["set",[]]"#;

/// A value that differs from the column's default.
#[derive(Clone, Debug)]
enum Datum {
    One(Box<str>),
    Set(Elements),
    Map(Elements),
}

/// A row of the table with that number.
#[derive(Clone, Debug)]
pub struct Row {
    pub table: u16,
    /// Sorted by column.
    data: Vec<(u16, Datum)>,
    /// Of table, UUID and data.
    pub digest: u128,
}

impl Row {
    /// The row of an `initial` or `insert`.
    pub fn inserted(number: u16, table: &Table, uuid: u128, columns: Object<'_>) -> Result<Row> {
        let empty = Row {
            table: number,
            data: Vec::new(),
            digest: 0,
        };
        empty.modified(table, uuid, columns)
    }

    /// The row after a `modify`.
    pub fn modified(&self, table: &Table, uuid: u128, columns: Object<'_>) -> Result<Row> {
        let mut data = self.data.clone();
        for (name, change) in columns.members() {
            let Some((column, shape)) = table.column(name) else {
                // Not asked for by anybody here: only `_uuid` and `_version` are not in a schema.
                return Err(Failure::Wrong(format!(
                    "a column {}.{name} that was not asked for",
                    table.name
                )));
            };
            let place = data.binary_search_by_key(&column, |(column, _)| *column);
            let old = place.ok().map(|at| &data[at].1);
            let new = changed(shape, old, change).ok_or_else(|| {
                Failure::Wrong(format!(
                    "a value of {}.{name} that is not of its type",
                    table.name
                ))
            })?;
            match (place, new) {
                (Ok(at), Some(new)) => data[at].1 = new,
                (Ok(at), None) => {
                    data.remove(at);
                }
                (Err(at), Some(new)) => data.insert(at, (column, new)),
                (Err(_), None) => {}
            }
        }
        let mut row = Row {
            table: self.table,
            data,
            digest: 0,
        };
        row.digest = row.compute_digest(uuid);
        Ok(row)
    }

    /// The canonical text of a column of at most one value; `None` where it is the default.
    pub fn one(&self, column: u16) -> Option<&str> {
        let at = self
            .data
            .binary_search_by_key(&column, |(column, _)| *column)
            .ok()?;
        match &self.data[at].1 {
            Datum::One(text) => Some(text),
            _ => None,
        }
    }

    /// The clauses by which a column selects this row, each as its function and its value in canonical text: equality
    /// with a value that is no default, an element or a pair that it includes, and being other than empty.
    pub fn selected_by(&self, column: u16) -> Vec<(&'static str, String)> {
        let place = self.data.binary_search_by_key(&column, |(column, _)| *column);
        let Ok(at) = place else { return Vec::new() };
        let mut clauses = Vec::new();
        match &self.data[at].1 {
            Datum::One(text) => clauses.push(("==", text.to_string())),
            Datum::Set(elements) => {
                clauses.extend(elements.iter().map(|(text, _)| ("includes", text.to_owned())))
            }
            Datum::Map(pairs) => {
                let pair = |(key, value)| ("includes", format!(r#"["map",[[{key},{value}]]]"#));
                clauses.extend(pairs.iter().map(pair));
            }
        }
        clauses.push(("!=", EMPTY.to_owned()));
        clauses
    }

    /// An integer column.
    pub fn integer(&self, column: u16) -> i64 {
        self.one(column).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Whether a set column has the element of that canonical text.
    pub fn includes(&self, column: u16, element: &str) -> bool {
        let place = self.data.binary_search_by_key(&column, |(column, _)| *column);
        place.is_ok_and(|at| match &self.data[at].1 {
            Datum::Set(elements) => elements.get(element).is_some(),
            Datum::One(text) => &**text == element,
            Datum::Map(_) => false,
        })
    }

    fn compute_digest(&self, uuid: u128) -> u128 {
        let mut text = Vec::with_capacity(256);
        text.extend_from_slice(&uuid.to_le_bytes());
        text.extend_from_slice(&self.table.to_le_bytes());
        for (column, datum) in &self.data {
            text.push(0);
            text.extend_from_slice(&column.to_le_bytes());
            match datum {
                Datum::One(value) => text.extend_from_slice(value.as_bytes()),
                Datum::Set(elements) | Datum::Map(elements) => {
                    text.extend_from_slice(&elements.digest().to_le_bytes());
                }
            }
        }
        XxHash3_128::oneshot(&text)
    }
}

/// The new value of a column; `Some(None)` is the default, `None` a change that does not fit.
fn changed(shape: &Shape, old: Option<&Datum>, change: &Value<'_>) -> Option<Option<Datum>> {
    Some(match shape {
        Shape::One { default } => {
            let new = match tagged(change, "set") {
                Some([only]) => text(only),
                _ => text(change),
            };
            (new != *default).then_some(Datum::One(new))
        }
        Shape::Set => {
            let mut elements = match old {
                Some(Datum::Set(elements)) => elements.clone(),
                _ => Elements::new(),
            };
            match tagged(change, "set") {
                Some(toggled) => toggled
                    .iter()
                    .for_each(|element| elements.toggle(text(element), Box::default())),
                None => elements.toggle(text(change), Box::default()),
            }
            (!elements.is_empty()).then_some(Datum::Set(elements))
        }
        Shape::Map => {
            let mut pairs = match old {
                Some(Datum::Map(pairs)) => pairs.clone(),
                _ => Elements::new(),
            };
            for pair in tagged(change, "map")? {
                let [key, value] = pair.as_array()? else {
                    return None;
                };
                pairs.toggle(text(key), text(value));
            }
            (!pairs.is_empty()).then_some(Datum::Map(pairs))
        }
    })
}

/// The items of `["set", [...]]` or `["map", [...]]`.
fn tagged<'a>(value: &Value<'a>, tag: &str) -> Option<&'a [Value<'a>]> {
    match value.as_array()? {
        [Value::String(found), items] if *found == tag => items.as_array(),
        _ => None,
    }
}

/// The text of a value, spelled in one way.
fn text(value: &Value<'_>) -> Box<str> {
    let mut out = Vec::new();
    write::value(&mut out, value);
    String::from_utf8_lossy(&out).into()
}
