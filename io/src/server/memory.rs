//! What `memory/show` prints: counts under upstream's names.

use super::Server;
use crate::errors::strerror;
use crate::tally::Holdings;
use crate::unixctl::Answer;
use ovsdb_engine::database::Database;
use ovsdb_engine::schema::ColumnType;
use ovsdb_engine::session::Catalog;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

type Counts = BTreeMap<&'static str, usize>;

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
    counts.retain(|name, count| *count > 0 || *name == "n-weak-refs");
    counts.iter().fold(String::new(), |mut line, (name, count)| {
        let space = if line.is_empty() { "" } else { " " };
        write!(line, "{space}{name}:{count}").expect("a string takes everything");
        line
    })
}

fn count_database(database: &Database, counts: &mut Counts) {
    let mut add = |name, count| *counts.entry(name).or_default() += count;
    let view = database.view();
    let (mut cells, mut atoms, mut weak) = (0, 0, 0);
    for id in view.schema().table_ids() {
        let table = view.schema().table(id);
        cells += view.table(id).len() * table.columns.len();
        let weights: Vec<_> = table
            .column_idxs()
            .map(|idx| (idx, Weight::of(&table.column(idx).ty)))
            .collect();
        for (_, row) in view.table(id).iter() {
            for (idx, weight) in &weights {
                let elements = row.get(*idx).len();
                atoms += elements * weight.atoms;
                weak += elements * weight.weak;
            }
        }
    }
    add("cells", cells);
    add("atoms", atoms);
    add("n-weak-refs", weak);
    let (history_len, history_bytes) = database.history().size();
    add("txn-history", history_len);
    add("txn-history-bytes", history_bytes);
}

/// What an element of a column counts for.
struct Weight {
    atoms: usize,
    weak: usize,
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
