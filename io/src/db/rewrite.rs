//! Puts a database's contents into a new file in place of the old one, piece by piece, from a thread that may wait.

use super::log_role::{LogEvent, LogState};
use ovsdb_engine::commit::Snapshot;
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::schema;
use ovsdb_engine::store::View;
use ovsdb_storage::compact::Replacement;
use ovsdb_storage::error::{Error, Kind, Result};
use ovsdb_storage::record::Entry;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// How those who rewrite a file get at its log.
#[derive(Clone)]
pub(super) struct Rewriter {
    log: Inbox<LogEvent>,
    state: Arc<LogState>,
    /// Whose turn it is: one rewrites at a time.
    turn: Arc<Mutex<()>>,
}

impl Rewriter {
    pub(super) fn new(log: Inbox<LogEvent>, state: Arc<LogState>) -> Rewriter {
        Rewriter {
            log,
            state,
            turn: Arc::default(),
        }
    }

    /// Waits until nobody rewrites the file.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock()
    }

    /// The turn, unless somebody rewrites the file already.
    pub(super) fn try_turn(&self) -> Option<MutexGuard<'_, ()>> {
        self.turn.try_lock()
    }

    /// Has the log do something between two groups, and waits for it.
    pub(super) fn ask<T>(&self, event: impl FnOnce(SyncSender<Result<T>>) -> LogEvent) -> Result<T> {
        let (reply, answer) = sync_channel(1);
        self.log.push(event(reply));
        // A log that is closed takes nothing any more, so what has come too late for it is dropped here.
        if self.state.is_closed() {
            self.log.drain().for_each(drop);
        }
        answer.recv().unwrap_or_else(|_| Err(closed()))
    }

    /// Begins a replacement of the file, which is to say what the version that comes with it says.
    pub(super) fn begin(&self) -> Result<(View, Box<Replacement>)> {
        self.ask(LogEvent::Replace)
    }

    /// Writes a schema record and a record with all rows.
    pub(super) fn fill(&self, replacement: &mut Replacement, contents: Contents<'_>) -> Result<()> {
        let mut schema_record = schema::print(contents.view.schema()).into_bytes();
        schema_record.push(b'\n');
        replacement.record(Entry::new(&schema_record));
        let Contents {
            view,
            comment,
            now_ms,
            column_diff,
        } = contents;
        let mut snapshot = Snapshot::new(view, comment, now_ms, column_diff);
        replacement.begin_record();
        let mut chunk = Vec::new();
        while snapshot.next_chunk(&mut chunk) {
            replacement.put(&chunk);
            chunk.clear();
            while replacement.step_is_due() {
                replacement.step()?;
            }
            if self.state.is_closed() {
                return Err(closed());
            }
        }
        replacement.end_record()?;
        Ok(())
    }
}

/// What goes into a file.
pub(super) struct Contents<'c> {
    pub(super) view: View,
    /// Says in the file where it comes from.
    pub(super) comment: &'c str,
    /// Milliseconds since 1970.
    pub(super) now_ms: i64,
    /// Whether the file's records hold differences.
    pub(super) column_diff: bool,
}

fn closed() -> Error {
    Error::new(Kind::Unspecific, "the database was closed meanwhile")
}
