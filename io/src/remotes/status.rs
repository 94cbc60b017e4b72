//! What a database is told of the remotes that it holds: columns `is_connected` and `status`
//! (`ovsdb-server`(5), table `Manager`; upstream `ovsdb-server.c`, `update_remote_row`).
//!
//! Written only when something has changed; the ages in `status` do not count as a change, so an idle server
//! commits nothing.

use super::configured::locate;
use super::{RemoteStatus, Remotes};
use crate::net::Remote;
use ovsdb_engine::database::Database;
use ovsdb_engine::datum::{Atom, Datum};
use ovsdb_engine::ids::{ColumnIdx, TableId};
use ovsdb_engine::schema::TableSchema;
use ovsdb_engine::store::{Row, View};
use ovsdb_wire::write;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Keys of `status` that change by themselves.
const AGES: [&str; 2] = ["sec_since_connect", "sec_since_disconnect"];

/// Keys and values of `status`.
type Pairs = BTreeMap<&'static str, String>;

/// Operations, as JSON, that bring one database up to date.
pub(crate) struct Report {
    pub(crate) database: Arc<Database>,
    pub(crate) ops: Vec<u8>,
}

impl Remotes {
    /// What the databases that hold remotes have to be told.
    pub(crate) fn reports(&self) -> Vec<Report> {
        let catalog = self.shared.catalog();
        let statuses: BTreeMap<&str, RemoteStatus<'_>> =
            self.status().map(|status| (status.target, status)).collect();
        let mut reports = Vec::new();
        for target in self.given.keys() {
            let Ok(Remote::Column(column)) = target.parse() else {
                continue;
            };
            let Ok((view, table, idx)) = locate(&column, &catalog) else {
                continue;
            };
            let Some(reference) = &view.schema().table(table).column(idx).ty.key.reference else {
                continue;
            };
            let schema = view.schema().table(reference.table);
            let columns = StatusColumns::of(schema);
            let mut ops = Vec::new();
            let mut list = write::Items::begin(&mut ops);
            let mut is_changed = false;
            for row in referenced(&view, table, idx, reference.table) {
                let Some(target) = columns.target(row) else {
                    continue;
                };
                // A target that is no remote, or not yet, has nobody connected.
                let absent = RemoteStatus::absent(target);
                let status = statuses.get(target).unwrap_or(&absent);
                let pairs = self.pairs_of(status);
                if columns.differ(row, status, &pairs) {
                    is_changed = true;
                    columns.update(&schema.name, row.uuid(), status, &pairs, list.item());
                }
            }
            list.end();
            if is_changed && let Some(database) = catalog.find(&column.db) {
                reports.push(Report {
                    database: Arc::clone(database),
                    ops,
                });
            }
        }
        reports
    }

    /// The column `status`.
    fn pairs_of(&self, status: &RemoteStatus<'_>) -> Pairs {
        let mut pairs = status.pairs();
        if let Some(session) = status.session {
            let asked = self.shared.locks.lock().asked_by(session);
            let lists = [
                ("locks_held", asked.held),
                ("locks_waiting", asked.waiting),
                ("locks_lost", asked.lost),
            ];
            let named = lists.into_iter().filter(|(_, names)| !names.is_empty());
            pairs.extend(named.map(|(key, names)| (key, names.join(" "))));
        }
        pairs
    }
}

/// The rows of table `of` to which `column` of `table` refers, each once.
fn referenced(view: &View, table: TableId, column: ColumnIdx, of: TableId) -> impl Iterator<Item = &Row> {
    let uuids: BTreeSet<Uuid> = view
        .table(table)
        .iter()
        .flat_map(|(_, row)| row.get(column).keys())
        .filter_map(|atom| match atom {
            Atom::Uuid(uuid) => Some(*uuid),
            _ => None,
        })
        .collect();
    uuids
        .into_iter()
        .filter_map(move |uuid| view.table(of).get(uuid).map(|(_, row)| row))
}

struct StatusColumns {
    target: Option<ColumnIdx>,
    is_connected: Option<ColumnIdx>,
    status: Option<ColumnIdx>,
}

impl StatusColumns {
    fn of(table: &TableSchema) -> StatusColumns {
        StatusColumns {
            target: table.column_named("target"),
            is_connected: table.column_named("is_connected"),
            status: table.column_named("status"),
        }
    }

    fn target<'r>(&self, row: &'r Row) -> Option<&'r str> {
        match row.get(self.target?) {
            Datum::One(Atom::String(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    fn differ(&self, row: &Row, status: &RemoteStatus<'_>, pairs: &Pairs) -> bool {
        let is_connected = Datum::One(Atom::Boolean(status.is_connected()));
        let is_other =
            |column: Option<ColumnIdx>, datum: &Datum| column.is_some_and(|idx| row.get(idx) != datum);
        is_other(self.is_connected, &is_connected)
            || self
                .status
                .is_some_and(|idx| lasting(row.get(idx)) != lasting_of(pairs))
    }

    fn update(&self, table: &str, uuid: Uuid, status: &RemoteStatus<'_>, pairs: &Pairs, out: &mut Vec<u8>) {
        let mut op = write::Members::begin(out);
        write::string(op.key("op"), "update");
        write::string(op.key("table"), table);
        op.key("where")
            .extend_from_slice(format!(r#"[["_uuid","==",["uuid","{uuid}"]]]"#).as_bytes());
        let mut row = write::Members::begin(op.key("row"));
        if self.is_connected.is_some() {
            write::boolean(row.key("is_connected"), status.is_connected());
        }
        if self.status.is_some() {
            write_map(row.key("status"), pairs);
        }
        row.end();
        op.end();
    }
}

impl<'r> RemoteStatus<'r> {
    fn absent(target: &'r str) -> RemoteStatus<'r> {
        RemoteStatus {
            target,
            sessions_count: 0,
            bound_port: None,
            dial: None,
            session: None,
        }
    }

    fn is_connected(&self) -> bool {
        self.sessions_count > 0
    }

    /// What the column `status` says of connections.
    fn pairs(&self) -> Pairs {
        let mut pairs = Pairs::new();
        if let Some(port) = self.bound_port {
            pairs.insert("bound_port", port.to_string());
        }
        if self.sessions_count > 1 {
            pairs.insert("n_connections", self.sessions_count.to_string());
        }
        match &self.dial {
            // A listener has no ages; upstream shows them as 0 all the same.
            None => pairs.extend(AGES.map(|key| (key, "0".to_owned()))),
            Some(dial) => {
                pairs.insert("state", dial.state.to_string());
                for (key, age) in AGES.into_iter().zip([dial.since_connect, dial.since_disconnect]) {
                    if let Some(age) = age {
                        pairs.insert(key, age.as_secs().to_string());
                    }
                }
                if let Some(error) = &dial.last_error {
                    pairs.insert("last_error", error.clone());
                }
            }
        }
        pairs
    }
}

fn lasting(datum: &Datum) -> BTreeMap<&str, &str> {
    fn text(atom: &Atom) -> &str {
        match atom {
            Atom::String(text) => text.as_str(),
            _ => "",
        }
    }
    let pairs = datum
        .pairs()
        .iter()
        .map(|pair| (text(pair.key()), text(pair.value())));
    pairs.filter(|(key, _)| !AGES.contains(key)).collect()
}

fn lasting_of(pairs: &Pairs) -> BTreeMap<&str, &str> {
    pairs
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .filter(|(key, _)| !AGES.contains(key))
        .collect()
}

fn write_map(out: &mut Vec<u8>, pairs: &Pairs) {
    out.extend_from_slice(b"[\"map\",");
    let mut list = write::Items::begin(out);
    for (key, value) in pairs {
        let mut pair = write::Items::begin(list.item());
        write::string(pair.item(), key);
        write::string(pair.item(), value);
        pair.end();
    }
    list.end();
    out.push(b']');
}
