//! The items as one client knows them from its monitor. Each update must fit what came before: a row is inserted
//! once, and only a row that is known is modified or deleted.

use std::collections::BTreeMap;

use ovsdb_harness::Client;
use serde_json::{Value, json};

/// Number and name of an item.
type Item = (i64, String);

/// Rows by uuid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copy(pub(crate) BTreeMap<String, Item>);

/// What a monitor of a copy asks for: the columns that [`Item`] has.
pub(crate) fn request(clauses: Option<Value>) -> Value {
    match clauses {
        Some(clauses) => json!({"Item": [{"columns": ["number", "name"], "where": clauses}]}),
        None => json!({"Item": [{"columns": ["number", "name"]}]}),
    }
}

/// The operation that finds what a copy should be.
pub(crate) fn select(clauses: Value) -> Value {
    json!({"op": "select", "table": "Item", "where": clauses, "columns": ["_uuid", "number", "name"]})
}

fn change(item: &mut Item, columns: &Value) {
    if let Some(number) = columns.get("number") {
        item.0 = number.as_i64().expect("a number");
    }
    if let Some(name) = columns.get("name") {
        item.1 = name.as_str().expect("a text").to_owned();
    }
}

impl Copy {
    /// What a client is told first of the items that satisfy some clauses, which it monitors from then on.
    pub(crate) fn monitored(client: &mut Client, clauses: Option<Value>) -> Copy {
        let first = client
            .call("monitor_cond", json!(["Load", "m", request(clauses)]))
            .expect("a good monitor");
        let mut copy = Copy::default();
        copy.apply(&first);
        copy
    }

    /// What a [`select`] has found.
    pub(crate) fn selected(result: &Value) -> Copy {
        let rows = result["rows"].as_array().expect("rows");
        let entry = |row: &Value| {
            let mut item = Item::default();
            change(&mut item, row);
            (row["_uuid"][1].as_str().expect("a uuid").to_owned(), item)
        };
        Copy(rows.iter().map(entry).collect())
    }

    /// Applies table updates of the second notation (`ovsdb-server`(7), "Update2 Notification").
    pub(crate) fn apply(&mut self, updates: &Value) {
        for (uuid, row) in updates["Item"].as_object().into_iter().flatten() {
            for (kind, columns) in row.as_object().expect("a row update") {
                match kind.as_str() {
                    "initial" | "insert" => {
                        let mut item = Item::default();
                        change(&mut item, columns);
                        let known = self.0.insert(uuid.clone(), item);
                        assert_eq!(known, None, "{uuid} comes twice");
                    }
                    "modify" => {
                        let item = self.0.get_mut(uuid);
                        change(
                            item.unwrap_or_else(|| panic!("{uuid} is modified and unknown")),
                            columns,
                        );
                    }
                    "delete" => assert!(self.0.remove(uuid).is_some(), "{uuid} is deleted and unknown"),
                    other => panic!("an update of an unknown kind: {other}"),
                }
            }
        }
    }

    /// Applies a notification, `update2` or `update3`.
    pub(crate) fn notified(&mut self, notification: &Value) {
        let params = notification["params"].as_array().expect("params");
        self.apply(params.last().expect("updates come last"));
    }
}
