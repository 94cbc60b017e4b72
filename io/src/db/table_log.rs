//! Changed rows as lines of the log, for tables of which an operator wants to know (`ovsdb-server/tlog-set`; upstream
//! `transaction.c`, `ovsdb_txn_row_log`).

use crate::vlog::RateLimit;
use ovsdb_engine::database::Database;
use ovsdb_engine::datum::print;
use ovsdb_engine::schema::TableSchema;
use ovsdb_engine::store::{ChangeSet, Row, RowChange};
use std::sync::Arc;

const MODULE: &str = "transaction";

/// A busy table must not fill the disk.
static LIMIT: RateLimit = RateLimit::new(30, 60);

/// Logs what `sets` change in the tables of `database` that are wanted.
pub(super) fn log_changes(database: &Database, sets: &[Arc<ChangeSet>]) {
    let wanted = database.logged_tables();
    if wanted.is_empty() {
        return;
    }
    let changes = sets.iter().flat_map(|set| set.tables.iter());
    for changes in changes.filter(|changes| wanted.contains(&changes.table)) {
        let table = database.schema.table(changes.table);
        for change in &changes.rows {
            if let Some((what, row)) = outcome(change)
                && LIMIT.allows(MODULE, log::Level::Info)
            {
                log::info!(target: MODULE, "table:{},op:{what},{}", table.name, columns(table, row));
            }
        }
    }
}

/// What became of the row, and the version that tells most of it.
fn outcome(change: &RowChange) -> Option<(&'static str, &Row)> {
    match (&change.old, &change.new) {
        (None, Some(row)) => Some(("inserted", row)),
        (Some(_), Some(row)) => Some(("updated", row)),
        (Some(row), None) => Some(("deleted", row)),
        (None, None) => None,
    }
}

/// `NAME:VALUE` of every column, separated by commas.
fn columns(table: &TableSchema, row: &Row) -> String {
    let mut text = Vec::new();
    for idx in table.column_idxs() {
        let column = table.column(idx);
        if !text.is_empty() {
            text.push(b',');
        }
        text.extend_from_slice(column.name.as_bytes());
        text.push(b':');
        print::write_text(row.get(idx), &column.ty, &mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}
