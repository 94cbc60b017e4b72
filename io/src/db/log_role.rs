//! Makes groups durable and publishes them, in order: the only writer of a database file.
//!
//! While a sync is under way the sequencer gathers the next group, so one sync serves all that came
//! meanwhile. Publication happens here, before any answer is handed to a worker.

use super::clock;
use super::role::{Left, Role};
use super::table_log::log_changes;
use crate::limits::{HELP_WRITE_BYTES_MAX, LAZY_SYNC_MS, WRITE_SLOW_MS, WRITE_SLOW_PAUSE_MS};
use ovsdb_engine::database::Database;
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::sequencer::{self, Event, Group, LogFailure};
use ovsdb_engine::session::Shared;
use ovsdb_engine::store::View;
use ovsdb_storage::compact::Replacement;
use ovsdb_storage::disk::DiskFile;
use ovsdb_storage::error::Result;
use ovsdb_storage::log::{Growth, Synced, Writer};
use ovsdb_storage::record::{Digest, Entry};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

/// When replies leave (`--durability`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When their group is durable.
    Group,
    /// Upstream's rule: when it is written; synced only where a client asks by `commit`.
    Relaxed,
}

pub(super) enum LogEvent {
    Group(Box<Group>),
    /// Begins a replacement of the file, which is to say what the version that comes with it says.
    Replace(SyncSender<Result<(View, Box<Replacement>)>>),
    /// Copies a piece of what was appended since; true says that little is left.
    CatchUp(Box<Replacement>, SyncSender<Result<(bool, Box<Replacement>)>>),
    /// Puts the replacement in the file's place; the old file comes back to be closed elsewhere.
    Adopt(Box<Replacement>, SyncSender<Result<Arc<dyn DiskFile>>>),
    /// The same, and what comes from now on is of this database.
    Convert(
        Box<Replacement>,
        Arc<Database>,
        SyncSender<Result<Arc<dyn DiskFile>>>,
    ),
}

/// Whether to wait for something that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    No,
    Yes,
}

/// What others may know of the log.
pub(super) struct LogState {
    known: Mutex<(Option<Growth>, Option<String>)>,
    is_closed: AtomicBool,
}

impl LogState {
    pub(super) fn new(writer: Option<&Writer>) -> LogState {
        LogState {
            known: Mutex::new((writer.map(Writer::growth), None)),
            is_closed: AtomicBool::new(false),
        }
    }

    pub(super) fn growth(&self) -> Option<Growth> {
        self.known.lock().0
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.known.lock().1.clone()
    }

    /// The log takes nothing any more.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    fn update(&self, writer: &Writer) {
        let failure = writer.broken().map(|error| error.to_string());
        *self.known.lock() = (Some(writer.growth()), failure);
    }
}

pub(super) struct LogRole {
    pub(super) state: Arc<LogState>,
    pub(super) inbox: Inbox<LogEvent>,
    pub(super) database: Arc<Database>,
    pub(super) shared: Arc<Shared>,
    pub(super) durability: Durability,
    /// `None` for a database that lives in memory only.
    pub(super) writer: Option<Writer>,
    /// Groups of earlier attempts go back unwritten.
    pub(super) attempt: u32,
    /// Under the relaxed rule: since when something has not been synced.
    pub(super) unsynced_since_ms: Option<u64>,
    /// The same: what will come of the sync that is under way.
    pub(super) lazy_sync: Option<Receiver<Synced>>,
    /// Taken from the inbox, and too much for a helper.
    pub(super) waiting: VecDeque<LogEvent>,
    /// Until then the disk is not expected to be quick.
    pub(super) slow_until_ms: u64,
}

impl Role for LogRole {
    fn turn(&mut self) -> Option<Duration> {
        let mut groups = Vec::new();
        self.waiting.extend(self.inbox.drain());
        while let Some(event) = self.waiting.pop_front() {
            match event {
                LogEvent::Group(group) => groups.push(*group),
                other => {
                    self.write(std::mem::take(&mut groups));
                    self.replace(other);
                }
            }
        }
        self.write(groups);
        self.end_lazy_sync(Wait::No);
        self.sync_lazily()
    }

    fn help(&mut self) -> Left {
        self.waiting.extend(self.inbox.drain());
        let mut groups = Vec::new();
        while let Some(event) = self.waiting.pop_front() {
            match event {
                LogEvent::Group(group) if self.is_light(&group) => groups.push(*group),
                event => {
                    self.waiting.push_front(event);
                    break;
                }
            }
        }
        if !groups.is_empty() {
            let before_ms = clock::monotonic_ms();
            self.write(groups);
            let after_ms = clock::monotonic_ms();
            if after_ms - before_ms >= WRITE_SLOW_MS {
                self.slow_until_ms = after_ms + WRITE_SLOW_PAUSE_MS;
            }
        }
        let awaits_sync = |writer: &Writer| writer.durable() != writer.end();
        let is_unsynced = self.unsynced_since_ms.is_none()
            && self.lazy_sync.is_none()
            && self.writer.as_ref().is_some_and(awaits_sync);
        if self.waiting.is_empty() && !is_unsynced {
            Left::Nothing
        } else {
            Left::ForItsThread
        }
    }
}

/// Whoever waits for an answer of the log hears that there will be none.
impl Drop for LogRole {
    fn drop(&mut self) {
        self.state.is_closed.store(true, Ordering::SeqCst);
        self.inbox.drain().for_each(drop);
    }
}

impl LogRole {
    /// Whether a write is over when the system has taken it. A helper must not wait for the disk.
    pub(super) fn may_be_light(&self) -> bool {
        self.writer.is_none() || self.durability == Durability::Relaxed
    }

    fn is_light(&self, group: &Group) -> bool {
        let is_quick = || {
            !group.must_sync
                && group.bytes <= HELP_WRITE_BYTES_MAX
                && clock::monotonic_ms() >= self.slow_until_ms
        };
        self.writer.is_none() || (self.durability == Durability::Relaxed && is_quick())
    }

    fn write(&mut self, groups: Vec<Group>) {
        let (mut groups, stale): (Vec<Group>, Vec<Group>) = groups
            .into_iter()
            .partition(|group| group.attempt >= self.attempt);
        for group in stale {
            self.database.inbox.push(Event::Returned(group));
        }
        // What comes before the first record depends on no write, and must not fail with one.
        let needs_disk = |group: &Group| !group.records.is_empty() || group.must_sync;
        let rest = groups.split_off(groups.iter().position(needs_disk).unwrap_or(groups.len()));
        if !groups.is_empty() {
            self.publish(groups);
        }
        let groups = rest;
        if groups.is_empty() {
            return;
        }
        match self.make_durable(&groups) {
            Ok(()) => self.publish(groups),
            Err(failure) => {
                self.attempt = groups[0].attempt + 1;
                self.database.inbox.push(Event::Rejected {
                    failed: groups,
                    failure,
                });
            }
        }
    }

    /// One write for all groups, and one sync if it is due.
    fn make_durable(&mut self, groups: &[Group]) -> std::result::Result<(), LogFailure> {
        let must_sync = groups.iter().any(|group| group.must_sync);
        let is_synced = self.durability == Durability::Group || must_sync;
        if is_synced {
            // A failure is told once, and that would be to the other sync.
            self.end_lazy_sync(Wait::Yes);
        }
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let records: Vec<Entry<'_>> = groups
            .iter()
            .flat_map(|group| &group.records)
            .map(|record| Entry {
                body: &record.body,
                sha1: Digest(record.sha1),
            })
            .collect();
        if records.is_empty() && !must_sync {
            return Ok(());
        }
        let mut result = if records.is_empty() {
            Ok(())
        } else {
            writer.append(&records)
        };
        if result.is_ok() && is_synced {
            result = writer.sync();
        }
        self.state.update(writer);
        result.map_err(|error| LogFailure {
            io_error: error.io_error(),
            details: error.details,
            is_sticky: writer.broken().is_some(),
        })
    }

    /// Under the relaxed rule what nobody waits for reaches the disk within [`LAZY_SYNC_MS`] all the same, so
    /// that a power cut costs seconds and not hours. A busy disk may take much longer, for which commits must not
    /// wait, so a thread does. Returns when to look again.
    fn sync_lazily(&mut self) -> Option<Duration> {
        if self.lazy_sync.is_some() {
            // Its end wakes us.
            return None;
        }
        let Some(syncing) = self.writer.as_ref()?.begin_sync() else {
            self.unsynced_since_ms = None;
            return None;
        };
        let now_ms = clock::monotonic_ms();
        let since_ms = *self.unsynced_since_ms.get_or_insert(now_ms);
        let due_ms = since_ms + LAZY_SYNC_MS;
        if now_ms < due_ms {
            return Some(Duration::from_millis(due_ms - now_ms));
        }
        self.unsynced_since_ms = None;
        let (result, lazy_sync) = sync_channel(1);
        let inbox = self.inbox.clone();
        let work = move || {
            // Nobody takes it if the database was closed meanwhile.
            drop(result.send(syncing.run()));
            inbox.wake();
        };
        let name = format!("sync {}", self.database.name());
        match thread::Builder::new().name(name).spawn(work) {
            Ok(_) => self.lazy_sync = Some(lazy_sync),
            Err(error) => {
                log::warn!(target: "ovsdb_server", "a thread that syncs cannot be started ({error})")
            }
        }
        Some(Duration::from_millis(LAZY_SYNC_MS))
    }

    /// Takes over what came of the lazy sync, if it has ended or is to be waited for.
    fn end_lazy_sync(&mut self, wait: Wait) {
        let (Some(lazy_sync), Some(writer)) = (&self.lazy_sync, &mut self.writer) else {
            return;
        };
        let synced = match wait {
            Wait::No => lazy_sync.try_recv(),
            Wait::Yes => lazy_sync.recv().map_err(|_| TryRecvError::Disconnected),
        };
        if let Err(TryRecvError::Empty) = synced {
            return;
        }
        self.lazy_sync = None;
        let synced = synced.expect("the thread sends what it has before it ends");
        if let Err(error) = writer.end_sync(synced) {
            log::error!(target: "ovsdb_server", "{error}");
        }
        self.state.update(writer);
    }

    fn publish(&mut self, groups: Vec<Group>) {
        let count = groups.len();
        let bytes = groups.iter().map(|group| group.bytes).sum();
        let mut has_news = false;
        for group in groups {
            has_news |= group.view.is_some();
            log_changes(&self.database, &group.sets);
            let told = sequencer::publish(&self.database, group);
            self.shared.tell(told);
        }
        if has_news {
            self.shared.tell_published();
        }
        // Whoever works the log looks after the sequencer next.
        self.database.inbox.leave(Event::Settled { groups: count, bytes });
    }

    /// The steps of a compaction or conversion that need the writer. Whoever asked may have given up meanwhile, so that
    /// an answer nobody takes is dropped.
    fn replace(&mut self, event: LogEvent) {
        let writer = self
            .writer
            .as_mut()
            .expect("only a database with a file is compacted or converted");
        match event {
            LogEvent::Group(_) => unreachable!("handled by the caller"),
            LogEvent::Replace(reply) => {
                let mark = writer.mark();
                let view = self.database.view();
                let begun = writer
                    .replacement(mark)
                    .map(|replacement| (view, Box::new(replacement)));
                drop(reply.send(begun));
            }
            LogEvent::CatchUp(mut replacement, reply) => {
                let caught_up = writer
                    .catch_up(&mut replacement)
                    .map(|is_short| (is_short, replacement));
                drop(reply.send(caught_up));
            }
            LogEvent::Adopt(replacement, reply) => {
                let adopted = writer.adopt(*replacement);
                self.state.update(writer);
                drop(reply.send(adopted));
            }
            LogEvent::Convert(replacement, database, reply) => {
                let adopted = writer.adopt(*replacement);
                self.state.update(writer);
                if adopted.is_ok() {
                    self.database = database;
                }
                drop(reply.send(adopted));
            }
        }
    }
}
