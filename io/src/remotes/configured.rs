//! Remotes that stand in a database: `db:DB,TABLE,COLUMN` (`ovsdb-server`(1)).

use crate::net::Column;
use crate::vlog::RateLimit;
use ovsdb_engine::datum::{Atom, Datum, Str};
use ovsdb_engine::ids::{ColumnIdx, TableId};
use ovsdb_engine::schema::{AtomicType, TableSchema};
use ovsdb_engine::session::Catalog;
use ovsdb_engine::store::{Row, View};
use std::collections::BTreeMap;

/// Rows are read again with every commit.
static DESCRIPTORS: RateLimit = RateLimit::new(1, 1);

/// How a remote is to be served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) probe_ms: Option<u64>,
    pub(crate) backoff_max_ms: Option<u64>,
    pub(crate) is_read_only: bool,
    pub(crate) role: String,
    pub(crate) dscp: Option<u8>,
}

/// Targets with their options.
pub(crate) type Wanted = BTreeMap<String, Options>;

/// Adds a remote. One that is named more than once gets what any of them asks for (upstream has one set of options for a
/// target, too): none of them takes back that it is read-only, or its role. Of two values the last one counts.
pub(crate) fn want(wanted: &mut Wanted, target: String, more: Options) {
    let options = wanted.entry(target).or_default();
    options.probe_ms = more.probe_ms.or(options.probe_ms);
    options.backoff_max_ms = more.backoff_max_ms.or(options.backoff_max_ms);
    options.is_read_only |= more.is_read_only;
    if !more.role.is_empty() {
        options.role = more.role;
    }
    options.dscp = more.dscp.or(options.dscp);
}

/// The table and column that a `db:` remote names; errors are upstream's.
pub(crate) fn locate(column: &Column, catalog: &Catalog) -> Result<(View, TableId, ColumnIdx), String> {
    let text = format!("\"db:{},{},{}\"", column.db, column.table, column.column);
    let Some(database) = catalog.find(&column.db) else {
        return Err(format!("{text}: no database named {}", column.db));
    };
    let view = database.view();
    let schema = view.schema();
    let Some(table) = schema.table_named(&column.table) else {
        return Err(format!("{text}: no table named {}", column.table));
    };
    let Some(found) = schema.table(table).column_named(&column.column) else {
        return Err(format!(
            "{text}: table \"{}\" has no column \"{}\"",
            column.table, column.column
        ));
    };
    Ok((view, table, found))
}

/// Reads the remotes that a `db:` remote stands for.
pub(crate) fn read(column: &Column, catalog: &Catalog) -> Result<Wanted, String> {
    let (view, table, idx) = locate(column, catalog)?;
    let ty = &view.schema().table(table).column(idx).ty;
    let mut wanted = Wanted::new();
    match (ty.key.atomic, &ty.key.reference) {
        (AtomicType::String, _) => {
            for (_, row) in view.table(table).iter() {
                for target in row
                    .get(idx)
                    .keys()
                    .filter_map(text_of)
                    .filter(|target| may_be_stored(target))
                {
                    want(&mut wanted, target.to_owned(), Options::default());
                }
            }
        }
        (AtomicType::Uuid, Some(reference)) => {
            let columns = RemoteColumns::of(view.schema().table(reference.table));
            for (_, row) in view.table(table).iter() {
                for atom in row.get(idx).keys() {
                    let Atom::Uuid(uuid) = atom else { continue };
                    if let Some((_, remote)) = view.table(reference.table).get(*uuid)
                        && let Some(target) = columns.target(remote)
                        && may_be_stored(target)
                    {
                        want(&mut wanted, target.to_owned(), columns.options(remote));
                    }
                }
            }
        }
        _ => {
            return Err(format!(
                "\"db:{},{},{}\": column must hold strings or references",
                column.db, column.table, column.column
            ));
        }
    }
    Ok(wanted)
}

/// Whether a database may name the remote: a descriptor means something to whoever started the process only.
fn may_be_stored(target: &str) -> bool {
    const MODULE: &str = "ovsdb_server";
    let may_be = !target.starts_with("pfd:");
    if !may_be && DESCRIPTORS.allows(MODULE, log::Level::Warn) {
        log::warn!(
            target: MODULE,
            "pfd: remotes can only be specified on the command line; ignoring \"{target}\" from database"
        );
    }
    may_be
}

/// The first text in a column that is not empty, in the order of the rows.
pub(crate) fn first_text(column: &Column, catalog: &Catalog) -> Result<Option<String>, String> {
    let (view, table, idx) = locate(column, catalog)?;
    for (_, row) in view.table(table).iter() {
        let mut texts = row.get(idx).keys().filter_map(text_of);
        if let Some(text) = texts.find(|text| !text.is_empty()) {
            return Ok(Some(text.to_owned()));
        }
    }
    Ok(None)
}

/// The columns of a table of remotes (such as `Manager` or `Connection`) that are there.
struct RemoteColumns {
    target: Option<ColumnIdx>,
    probe: Option<ColumnIdx>,
    backoff: Option<ColumnIdx>,
    read_only: Option<ColumnIdx>,
    role: Option<ColumnIdx>,
    other_config: Option<ColumnIdx>,
}

impl RemoteColumns {
    fn of(table: &TableSchema) -> RemoteColumns {
        RemoteColumns {
            target: table.column_named("target"),
            probe: table.column_named("inactivity_probe"),
            backoff: table.column_named("max_backoff"),
            read_only: table.column_named("read_only"),
            role: table.column_named("role"),
            other_config: table.column_named("other_config"),
        }
    }

    fn target<'r>(&self, row: &'r Row) -> Option<&'r str> {
        only(row, self.target).and_then(text_of)
    }

    fn options(&self, row: &Row) -> Options {
        let dscp = self.other_config.and_then(|column| {
            row.get(column)
                .value_of(&Atom::String(Str::new("dscp")))
                .and_then(text_of)?
                .parse()
                .ok()
        });
        Options {
            probe_ms: only(row, self.probe).and_then(number_of),
            backoff_max_ms: only(row, self.backoff).and_then(number_of),
            is_read_only: matches!(only(row, self.read_only), Some(Atom::Boolean(true))),
            role: only(row, self.role)
                .and_then(text_of)
                .unwrap_or_default()
                .to_owned(),
            dscp: dscp.filter(|dscp| *dscp < 64),
        }
    }
}

fn only(row: &Row, column: Option<ColumnIdx>) -> Option<&Atom> {
    match row.get(column?) {
        Datum::One(atom) => Some(atom),
        _ => None,
    }
}

fn text_of(atom: &Atom) -> Option<&str> {
    match atom {
        Atom::String(text) => Some(text.as_str()),
        _ => None,
    }
}

fn number_of(atom: &Atom) -> Option<u64> {
    match atom {
        Atom::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
