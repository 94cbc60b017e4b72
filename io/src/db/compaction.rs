//! Rewrites a database file as its present contents, while commits go on.
//!
//! The contents come from a view, so nothing waits for them; what is committed meanwhile is copied behind
//! them; only the last short step, the rename and its sync happen in the log's own turn.

use super::clock;
use super::log_role::LogEvent;
use ovsdb_engine::commit::Snapshot;
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::schema;
use ovsdb_storage::record::Entry;
use std::sync::mpsc::sync_channel;

/// Compacts the file of the log behind `log`; to be called on a thread that may wait.
pub(super) fn compact(name: &str, log: &Inbox<LogEvent>, column_diff: bool) -> Result<(), String> {
    let started_ms = clock::monotonic_ms();
    let (view, mut replacement) = ask(log, LogEvent::Replace)?;
    let mut schema_record = schema::print(view.schema()).into_bytes();
    schema_record.push(b'\n');
    replacement.record(Entry::new(&schema_record));
    let mut snapshot = Snapshot::new(view, "compacting database online", clock::wall_ms(), column_diff);
    replacement.begin_record();
    let mut chunk = Vec::new();
    while snapshot.next_chunk(&mut chunk) {
        replacement.put(&chunk);
        chunk.clear();
        while replacement.step_is_due() {
            replacement.step().map_err(|error| error.to_string())?;
        }
    }
    replacement.end_record().map_err(|error| error.to_string())?;
    drop(snapshot);
    loop {
        let is_short;
        (is_short, replacement) = ask(log, |reply| LogEvent::CatchUp(replacement, reply))?;
        if is_short {
            break;
        }
    }
    // Giving back the old file's blocks can take long; it happens here.
    drop(ask(log, |reply| LogEvent::Adopt(replacement, reply))?);
    let took_ms = clock::monotonic_ms() - started_ms;
    if took_ms > 1000 {
        log::info!(target: "ovsdb", "{name}: Database compaction took {took_ms}ms");
    }
    Ok(())
}

fn ask<T>(
    log: &Inbox<LogEvent>,
    event: impl FnOnce(std::sync::mpsc::SyncSender<Result<T, String>>) -> LogEvent,
) -> Result<T, String> {
    let (reply, answer) = sync_channel(1);
    log.push(event(reply));
    answer
        .recv()
        .unwrap_or_else(|_| Err("the database was closed meanwhile".to_owned()))
}
