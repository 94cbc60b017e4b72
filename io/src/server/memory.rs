//! What `memory/show` prints: counts under upstream's names.

use super::Server;
use crate::errors::strerror;
use crate::tally::Holdings;
use crate::unixctl::Answer;
use ovsdb_engine::database::Database;
use ovsdb_engine::ids::{ColumnIdx, TableId};
use ovsdb_engine::schema::{ColumnType, Schema};
use ovsdb_engine::session::Catalog;
use ovsdb_engine::store::Row;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::AddAssign;
use std::sync::Arc;

type Counts = BTreeMap<&'static str, usize>;

/// Counts that are shown even if they are 0.
const SHOWN_ALWAYS: [&str; 2] = ["monitors", "n-weak-refs"];

/// Answers with `key:value` pairs, sorted, on one line. Looking at every row of a large database takes a while, so
/// it is done on a thread of its own.
pub(super) fn show(server: &Server, answer: Answer) {
    let catalog = server.catalog();
    let sessions = server.remotes.status().map(|remote| remote.sessions_count).sum();
    let holdings = server.tallies.holdings();
    let started = std::thread::Builder::new()
        .name("memory".to_owned())
        .spawn(move || answer.text(text_of(&catalog, sessions, holdings)));
    if let Err(error) = started {
        let error = strerror(&error);
        log::warn!(target: "memory", "nothing can be counted: a thread cannot be started ({error})");
    }
}

fn text_of(catalog: &Arc<Catalog>, sessions: usize, holdings: Holdings) -> String {
    let mut counts = Counts::from([
        ("sessions", sessions),
        ("monitors", holdings.monitors),
        ("triggers", holdings.requests),
        ("backlog", holdings.backlog_bytes),
    ]);
    for database in &catalog.databases {
        count_database(database, &mut counts);
    }
    counts.retain(|name, count| *count > 0 || SHOWN_ALWAYS.contains(name));
    counts.iter().fold(String::new(), |mut line, (name, count)| {
        let space = if line.is_empty() { "" } else { " " };
        write!(line, "{space}{name}:{count}").expect("a string takes everything");
        line
    })
}

fn count_database(database: &Database, counts: &mut Counts) {
    let mut add = |name, count| *counts.entry(name).or_default() += count;
    let view = database.view();
    let schema = view.schema();
    let weights = Weights::of(schema);
    let (mut cells, mut sum) = (0, Weight::default());
    for id in schema.table_ids() {
        let table = view.table(id);
        cells += table.len() * schema.table(id).columns.len();
        for (_, row) in table.iter() {
            sum += weights.row(id, row);
        }
    }
    add("cells", cells);
    add("atoms", sum.atoms);
    add("n-weak-refs", sum.weak);
    let (commits, bytes) = database.history().size();
    add("txn-history", commits);
    add("txn-history-bytes", bytes);
    let sets = database.history().sets();
    let changes = sets.iter().flat_map(|set| set.tables.iter());
    let rows = changes.flat_map(|table| table.rows.iter().map(|change| (table.table, change)));
    let versions = rows.flat_map(|(id, change)| {
        let versions = [&change.old, &change.new].into_iter().flatten();
        versions.map(move |row| (id, row))
    });
    add(
        "txn-history-atoms",
        versions.map(|(id, row)| weights.row(id, row).atoms).sum(),
    );
    let (fragments, _) = database.fragments.size();
    add("json-caches", fragments);
}

/// What the elements of each column of each table count for.
struct Weights(Vec<Vec<(ColumnIdx, Weight)>>);

impl Weights {
    fn of(schema: &Schema) -> Weights {
        let of_table = |id| {
            let table = schema.table(id);
            let weight = |idx| (idx, Weight::of(&table.column(idx).ty));
            table.column_idxs().map(weight).collect()
        };
        Weights(schema.table_ids().map(of_table).collect())
    }

    fn row(&self, table: TableId, row: &Row) -> Weight {
        let mut sum = Weight::default();
        for (idx, weight) in &self.0[table.at()] {
            let elements = row.get(*idx).len();
            sum += Weight {
                atoms: elements * weight.atoms,
                weak: elements * weight.weak,
            };
        }
        sum
    }
}

/// What an element of a column counts for, or a sum of such.
#[derive(Clone, Copy, Default)]
struct Weight {
    atoms: usize,
    weak: usize,
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Weight) {
        self.atoms += other.atoms;
        self.weak += other.weak;
    }
}

impl Weight {
    fn of(ty: &ColumnType) -> Weight {
        let bases = || [Some(&ty.key), ty.value.as_ref()].into_iter().flatten();
        Weight {
            atoms: bases().count(),
            weak: bases().filter(|base| base.weak_target().is_some()).count(),
        }
    }
}
