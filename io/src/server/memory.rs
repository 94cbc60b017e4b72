//! What `memory/show` prints: counts under upstream's names.

use super::Server;
use std::collections::BTreeMap;
use std::fmt::Write;

/// `key:value` pairs, sorted, on one line.
pub(super) fn show(server: &Server) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut add = |name, count| *counts.entry(name).or_default() += count;
    for database in &server.catalog().databases {
        let view = database.view();
        let cells: usize = view
            .schema()
            .table_ids()
            .map(|table| view.table(table).len() * view.schema().table(table).columns.len())
            .sum();
        add("cells", cells);
        let (history_len, history_bytes) = database.history().size();
        add("txn-history", history_len);
        add("txn-history-bytes", history_bytes);
    }
    add(
        "sessions",
        server.remotes.status().map(|remote| remote.sessions_count).sum(),
    );
    counts.retain(|_, count| *count > 0);
    counts.iter().fold(String::new(), |mut line, (name, count)| {
        let space = if line.is_empty() { "" } else { " " };
        write!(line, "{space}{name}:{count}").expect("a string takes everything");
        line
    })
}
