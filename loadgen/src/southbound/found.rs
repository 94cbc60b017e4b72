//! The database of a server that runs already: how it was found, and its being left like that.

use serde_json::Value;

use crate::error::{Failure, Result};
use crate::fold::columns::Columns;
use crate::server::Control;
use crate::southbound::site::NEEDED;

/// The table whose only row a new southbound database may have already; scenarios change it and insert no second one.
const GLOBAL: &str = "SB_Global";

/// What was there before a scenario.
#[derive(Debug)]
pub struct Found {
    /// The rows of each table that has any.
    counts: Vec<(String, usize)>,
    /// The rows of SB_Global.
    global: Vec<Value>,
}

impl Found {
    /// Looks at a database.
    pub fn look(control: &mut Control, columns: &Columns) -> Result<Found> {
        let tables: Vec<&str> = columns.tables().iter().map(|table| &*table.name).collect();
        let selects: Vec<String> = tables
            .iter()
            .map(|table| format!(r#"{{"op":"select","table":"{table}","where":[],"columns":["_uuid"]}}"#))
            .collect();
        let results = control.transact(&columns.database, &selects.join(","))?;
        let counts = tables.iter().zip(&results);
        let counts = counts.map(|(table, result)| {
            let rows = result["rows"].as_array().map_or(0, Vec::len);
            ((*table).to_owned(), rows)
        });
        Ok(Found {
            counts: counts.filter(|(_, rows)| *rows > 0).collect(),
            global: globals(control, columns)?,
        })
    }

    fn has_rows(&self, table: &str) -> bool {
        self.counts.iter().any(|(name, _)| name == table)
    }

    /// Fails if there are rows in tables that a scenario fills.
    pub fn require_room(&self, columns: &Columns) -> Result<()> {
        let in_way: Vec<String> = self
            .counts
            .iter()
            .filter(|(table, _)| table != GLOBAL && NEEDED.iter().any(|(needed, _)| needed == table))
            .map(|(table, rows)| format!("{table} has {rows}"))
            .collect();
        if in_way.is_empty() {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "rows of the database {} are in the way ({}); delete them, or name a server with an empty database",
            columns.database,
            in_way.join(", ")
        )))
    }

    /// Leaves SB_Global as it was found and, if a scenario `filled` them, the tables empty that were found empty.
    pub fn restore(&self, control: &mut Control, columns: &Columns, filled: bool) -> Result<()> {
        let mut operations = Vec::new();
        if filled {
            let empty = columns
                .tables()
                .iter()
                .filter(|table| &*table.name != GLOBAL && !self.has_rows(&table.name));
            operations.extend(
                empty.map(|table| format!(r#"{{"op":"delete","table":"{}","where":[]}}"#, table.name)),
            );
        }
        for now in globals(control, columns)? {
            operations.extend(self.restoration(&now));
        }
        if operations.is_empty() {
            return Ok(());
        }
        control
            .transact(&columns.database, &operations.join(","))
            .map(drop)
    }

    /// The operation that makes a row of SB_Global what it was.
    fn restoration(&self, now: &Value) -> Option<String> {
        let uuid = &now["_uuid"];
        let Some(before) = self.global.iter().find(|before| before["_uuid"] == *uuid) else {
            return Some(format!(
                r#"{{"op":"delete","table":"{GLOBAL}","where":[["_uuid","==",{uuid}]]}}"#
            ));
        };
        let changed: serde_json::Map<String, Value> = before
            .as_object()?
            .iter()
            .filter(|(column, value)| !column.starts_with('_') && now[column.as_str()] != **value)
            .map(|(column, value)| (column.clone(), value.clone()))
            .collect();
        (!changed.is_empty()).then(|| {
            format!(
                r#"{{"op":"update","table":"{GLOBAL}","where":[["_uuid","==",{uuid}]],"row":{}}}"#,
                Value::Object(changed)
            )
        })
    }
}

/// The rows of SB_Global, if the schema has it.
fn globals(control: &mut Control, columns: &Columns) -> Result<Vec<Value>> {
    if columns.table(GLOBAL).is_none() {
        return Ok(Vec::new());
    }
    let select = format!(r#"{{"op":"select","table":"{GLOBAL}","where":[]}}"#);
    let results = control.transact(&columns.database, &select)?;
    Ok(results[0]["rows"].as_array().cloned().unwrap_or_default())
}
