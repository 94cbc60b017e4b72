//! A client as naive as can be: folds what it is told and checks that each update makes sense to it.

use crate::datum::{self, Datum};
use crate::ids::ColumnIdx;
use crate::monitor::Version;
use crate::schema::Schema;
use bumpalo::Bump;
use ovsdb_wire::strict;
use ovsdb_wire::value::{Object, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Rows by table name and uuid; each has the columns that are shown.
pub(super) type Contents = BTreeMap<(String, Uuid), BTreeMap<ColumnIdx, Datum>>;

pub(super) struct Client {
    pub(super) schema: Arc<Schema>,
    pub(super) version: Version,
    pub(super) monid: String,
    /// Columns asked for, by table.
    pub(super) columns: BTreeMap<String, Vec<ColumnIdx>>,
    pub(super) contents: Contents,
    /// What `update3` and the reply said last.
    pub(super) last_id: Option<Uuid>,
}

impl Client {
    /// Takes the result of the monitor request.
    pub(super) fn replied(&mut self, reply: &str) {
        let arena = Bump::new();
        let reply = strict::parse(reply.as_bytes(), &arena).unwrap();
        let updates = match (self.version, reply.as_array()) {
            (Version::V3, Some([Value::Bool(found), Value::String(last_id), updates])) => {
                if !found {
                    self.contents.clear();
                }
                self.last_id = Some(last_id.parse().unwrap());
                *updates
            }
            (_, None) => {
                self.contents.clear();
                reply
            }
            _ => panic!("{reply:?}"),
        };
        self.fold(updates.as_object().unwrap());
    }

    /// Takes a notification.
    pub(super) fn notified(&mut self, text: &str) {
        let arena = Bump::new();
        let message = strict::parse(text.as_bytes(), &arena)
            .unwrap()
            .as_object()
            .unwrap();
        assert_eq!(message.get("id"), Some(Value::Null));
        let method = message.get("method").unwrap().as_str().unwrap();
        let params = message.get("params").unwrap().as_array().unwrap();
        let updates = match (self.version, method, params) {
            (Version::V1, "update", [_, updates]) | (Version::V2, "update2", [_, updates]) => updates,
            (Version::V3, "update3", [_, last_id, updates]) => {
                self.last_id = Some(last_id.as_str().unwrap().parse().unwrap());
                updates
            }
            _ => panic!("{text}"),
        };
        assert_eq!(params[0].as_str(), Some(self.monid.as_str()));
        let updates = updates.as_object().unwrap();
        assert!(!updates.is_empty(), "{text}");
        self.fold(updates);
    }

    fn fold(&mut self, tables: Object<'_>) {
        for (table, rows) in tables.members() {
            let rows = rows.as_object().unwrap();
            assert!(!rows.is_empty());
            for (uuid, update) in rows.members() {
                let key = ((*table).to_owned(), uuid.parse().unwrap());
                let update = update.as_object().unwrap();
                match self.version {
                    Version::V1 => self.fold_v1(key, update),
                    _ => self.fold_v2(key, update),
                }
            }
        }
    }

    fn fold_v1(&mut self, key: (String, Uuid), update: Object<'_>) {
        let old = update.get("old").map(|old| self.parse(&key.0, old));
        let new = update.get("new").map(|new| self.parse(&key.0, new));
        let known = match new {
            Some(new) => {
                assert_eq!(new.len(), self.columns[&key.0].len(), "a new row is whole");
                self.contents.insert(key.clone(), new)
            }
            None => self.contents.remove(&key),
        };
        match (known, old) {
            (None, None) => {}
            (Some(known), Some(old)) => {
                assert!(!old.is_empty() || !self.contents.contains_key(&key));
                for (column, datum) in old {
                    assert_eq!(known[&column], datum, "old is what the client has");
                }
            }
            other => panic!("{key:?}: {other:?}"),
        }
    }

    fn fold_v2(&mut self, key: (String, Uuid), update: Object<'_>) {
        let [(kind, told)] = update.members() else {
            panic!("{update:?}");
        };
        let schema = self.schema.table(self.schema.table_named(&key.0).unwrap());
        match *kind {
            "initial" | "insert" => {
                let told = self.parse(&key.0, *told);
                let mut row: BTreeMap<ColumnIdx, Datum> = self.columns[&key.0]
                    .iter()
                    .map(|column| (*column, schema.column(*column).default.clone()))
                    .collect();
                for (column, datum) in told {
                    assert_ne!(datum, row[&column], "defaults are left out");
                    row.insert(column, datum);
                }
                let known = self.contents.insert(key.clone(), row);
                assert_eq!(known, None, "{key:?} is there already");
            }
            "modify" => {
                let members = told.as_object().unwrap().members();
                assert!(!members.is_empty());
                let row = self.contents.get_mut(&key).expect("only known rows are modified");
                for (name, diff) in members {
                    let column = schema.column_named(name).unwrap();
                    let ty = &schema.column(column).ty;
                    let diff = datum::parse_unconstrained(diff, ty).unwrap();
                    let value = row.get_mut(&column).unwrap();
                    let after = datum::apply_diff(value, &diff, ty).unwrap();
                    assert_ne!(*value, after);
                    *value = after;
                }
            }
            "delete" => {
                assert_eq!(*told, Value::Null);
                let known = self.contents.remove(&key);
                assert!(known.is_some(), "only known rows are deleted");
            }
            other => panic!("{other}"),
        }
    }

    fn parse(&self, table: &str, columns: Value<'_>) -> BTreeMap<ColumnIdx, Datum> {
        let schema = self.schema.table(self.schema.table_named(table).unwrap());
        let columns = columns.as_object().unwrap();
        let parsed = columns.members().iter().map(|(name, value)| {
            let column = schema.column_named(name).unwrap();
            let datum = datum::parse(value, &schema.column(column).ty, None).unwrap();
            (column, datum)
        });
        parsed.collect()
    }
}
