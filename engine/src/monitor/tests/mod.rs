//! A small database with monitors, and what their clients are told.

mod cases;
mod client;
mod model;
mod sharing;

use super::{FirstReply, MonitorId, Monitors, Sink, Version};
use crate::datum::{self, Datum};
use crate::error::{OvsdbError, Result};
use crate::ids::{ColumnIdx, CommitSeq, SessionId, TableId};
use crate::schema::{AtomicType, BaseType, ColumnSchema, ColumnType, Schema, TableSchema};
use crate::store::{History, NetChanges, Row, Store, View};
use bumpalo::Bump;
use bytes::Bytes;
use ovsdb_wire::strict;
use ovsdb_wire::value::Object;
use std::sync::Arc;
use uuid::Uuid;

/// Table `Port` has a column of every kind.
const PORT: TableId = TableId(1);
/// Table `Site` has one column.
const SITE: TableId = TableId(2);

/// Notifications in order of sending.
#[derive(Default)]
struct Sent {
    messages: Vec<(SessionId, Vec<Bytes>)>,
}

impl Sink for Sent {
    fn notify(&mut self, session: SessionId, segments: &[Bytes]) {
        self.messages.push((session, segments.to_vec()));
    }
}

/// A database with its monitors.
struct World {
    schema: Arc<Schema>,
    store: Store,
    view: View,
    history: History,
    monitors: Monitors,
    sent: Sent,
}

/// Columns by name with their values as JSON.
type Columns<'e> = &'e [(&'e str, &'e str)];

/// A change of a row by the columns that are set; `None` deletes.
type Edit<'e> = (TableId, u128, Option<Columns<'e>>);

impl World {
    fn new() -> World {
        let schema = Arc::new(schema());
        let mut store = Store::new(Arc::clone(&schema), 1, Uuid::from_u128(0xaaaa));
        let view = store.view();
        World {
            history: History::new(CommitSeq(0), store.txn_id(), 1 << 20),
            monitors: Monitors::new(Arc::clone(&schema), Arc::default()),
            sent: Sent::default(),
            schema,
            store,
            view,
        }
    }

    /// Commits without telling anyone; returns what changed.
    fn commit(&mut self, edits: &[Edit<'_>]) -> NetChanges {
        self.store.begin();
        let txn_id = Uuid::from_u128(0xaaaa + u128::from(self.store.seq().0) + 1);
        for (table, uuid, columns) in edits {
            let uuid = Uuid::from_u128(*uuid);
            let known = self.store.table(*table).get(uuid);
            let known = known.map(|(slot, row)| (slot, row.clone()));
            match (known, columns) {
                (None, None) => panic!("no such row"),
                (Some((slot, _)), None) => self.store.remove(*table, slot),
                (Some((slot, row)), Some(columns)) => {
                    let row = self.edited(*table, &row, columns);
                    self.store.replace(*table, slot, row);
                }
                (None, Some(columns)) => {
                    let schema = self.schema.table(*table);
                    let mut row: Vec<Datum> = schema.columns.iter().map(|c| c.default.clone()).collect();
                    row[0] = Datum::One(datum::Atom::Uuid(uuid));
                    let row = self.edited(*table, &Row::new(row), columns);
                    self.store.insert(*table, row);
                }
            }
        }
        let set = Arc::new(self.store.finish(txn_id));
        self.history.push(Arc::clone(&set), 0);
        self.view = self.store.view();
        self.store.maintain();
        self.store.build_step();
        NetChanges::merge(&[set])
    }

    fn edited(&self, table: TableId, row: &Row, columns: &[(&str, &str)]) -> Row {
        let schema = self.schema.table(table);
        let version = Uuid::from_u128(0xffff_0000 + u128::from(self.store.seq().0));
        let mut changes = vec![(ColumnIdx::VERSION, Datum::One(datum::Atom::Uuid(version)))];
        for (name, text) in columns {
            let column = schema.column_named(name).unwrap();
            changes.push((column, parse_datum(text, &schema.column(column).ty)));
        }
        row.with(&changes)
    }

    /// Commits and tells everyone who does not lag.
    fn publish(&mut self, edits: &[Edit<'_>]) {
        let changes = self.commit(edits);
        self.monitors
            .publish(&changes, self.view.txn_id(), &mut self.sent);
    }

    /// Adds a monitor; returns it with the reply's result.
    fn add(&mut self, session: u64, version: Version, monid: &str, requests: &str) -> (MonitorId, String) {
        self.try_add(session, version, monid, requests, None).unwrap()
    }

    fn try_add(
        &mut self,
        session: u64,
        version: Version,
        monid: &str,
        requests: &str,
        last_id: Option<Uuid>,
    ) -> Result<(MonitorId, String)> {
        let (id, segments) = self.add_segments(session, version, monid, requests, last_id)?;
        Ok((id, String::from_utf8(segments.concat()).unwrap()))
    }

    /// The reply's result as it was gathered.
    fn add_segments(
        &mut self,
        session: u64,
        version: Version,
        monid: &str,
        requests: &str,
        last_id: Option<Uuid>,
    ) -> Result<(MonitorId, Vec<Bytes>)> {
        let (id, reply) = self.begin(session, version, monid, requests, last_id)?;
        Ok((id, self.monitors.write_all(reply)))
    }

    /// Adds a monitor; returns it with the beginning of the reply's result.
    fn begin(
        &mut self,
        session: u64,
        version: Version,
        monid: &str,
        requests: &str,
        last_id: Option<Uuid>,
    ) -> Result<(MonitorId, FirstReply)> {
        with_object(requests, |requests| {
            self.monitors.add(
                SessionId(session),
                version,
                monid.as_bytes(),
                requests,
                last_id,
                &self.view,
                &self.history,
            )
        })
    }

    fn change(&mut self, id: MonitorId, monid: &str, requests: &str) -> Result<()> {
        with_object(requests, |requests| {
            let (view, sent) = (&self.view, &mut self.sent);
            self.monitors.change(id, monid.as_bytes(), requests, view, sent)
        })
    }

    /// What has been sent since the last call.
    fn heard(&mut self) -> Vec<(u64, String)> {
        let messages = std::mem::take(&mut self.sent.messages);
        messages
            .into_iter()
            .map(|(session, segments)| (session.0, String::from_utf8(segments.concat()).unwrap()))
            .collect()
    }

    /// The only message since the last call; empty if there is none.
    fn heard_once(&mut self) -> String {
        let heard = self.heard();
        assert!(heard.len() <= 1, "{heard:?}");
        heard.into_iter().next().map_or(String::new(), |(_, text)| text)
    }
}

fn with_object<T>(text: &str, with: impl FnOnce(Object<'_>) -> T) -> T {
    let arena = Bump::new();
    let value = strict::parse(text.as_bytes(), &arena).unwrap();
    with(value.as_object().unwrap())
}

fn parse_datum(text: &str, ty: &ColumnType) -> Datum {
    let arena = Bump::new();
    // Only arrays and objects are JSON texts of the protocol.
    let text = format!("[{text}]");
    let values = strict::parse(text.as_bytes(), &arena).unwrap();
    datum::parse(&values.as_array().unwrap()[0], ty, None).unwrap()
}

fn error_text(error: &OvsdbError) -> String {
    let mut out = Vec::new();
    error.write(&mut out);
    String::from_utf8(out).unwrap()
}

pub(super) fn schema() -> Schema {
    use AtomicType::{Integer, Real, String, Uuid};
    let port = [
        ("limit", column_type(Integer, None, 0, 1)),
        ("name", column_type(String, None, 1, 1)),
        ("number", column_type(Integer, None, 1, 1)),
        ("options", column_type(String, Some(String), 0, u32::MAX)),
        ("rate", column_type(Real, None, 1, 1)),
        ("site", column_type(Uuid, None, 0, 1)),
        ("tags", column_type(String, None, 0, u32::MAX)),
    ];
    let tables = vec![
        table("Empty", &[("n", column_type(Integer, None, 1, 1))]),
        table("Port", &port),
        table("Site", &[("n", column_type(Integer, None, 1, 1))]),
    ];
    Schema {
        name: "Test".to_owned(),
        version: "1.0.0".to_owned(),
        cksum: std::string::String::new(),
        table_ids: (0..)
            .zip(&tables)
            .map(|(at, table)| (table.name.clone(), TableId(at)))
            .collect(),
        tables,
    }
}

fn table(name: &str, declared: &[(&str, ColumnType)]) -> TableSchema {
    let implicit = [
        ("_uuid", column_type(AtomicType::Uuid, None, 1, 1)),
        ("_version", column_type(AtomicType::Uuid, None, 1, 1)),
    ];
    let columns: Vec<ColumnSchema> = implicit
        .iter()
        .chain(declared)
        .map(|(name, ty)| ColumnSchema {
            name: (*name).to_owned(),
            mutable: true,
            // The one ephemeral column.
            persistent: *name != "rate",
            default: Datum::default_of(ty),
            ty: ty.clone(),
        })
        .collect();
    TableSchema {
        name: name.to_owned(),
        mutable: true,
        is_root: true,
        rows_max: u32::MAX,
        column_ids: (0..)
            .zip(&columns)
            .map(|(at, column)| (column.name.clone(), ColumnIdx(at)))
            .collect(),
        columns,
        indexes: Vec::new(),
    }
}

fn column_type(key: AtomicType, value: Option<AtomicType>, n_min: u32, n_max: u32) -> ColumnType {
    ColumnType {
        key: BaseType::new(key),
        value: value.map(BaseType::new),
        n_min,
        n_max,
    }
}
