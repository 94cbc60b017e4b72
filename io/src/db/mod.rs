//! Databases at work: their files, their sequencers, their logs.
//!
//! ```text
//!  Inbox<Event> ─► SequencerRole ─► Inbox<LogEvent> ─► LogRole ─► file, Database::publish, workers
//!                        ▲                                │
//!                        └────────── Settled, Rejected ───┘
//! ```
//!
//! Who works the two roles is told in `works`.

mod clock;
mod compaction;
mod conversion;
mod log_role;
mod open;
mod replay;
mod rewrite;
mod role;
mod rows;
mod sequencer_role;
mod table_log;
mod works;

pub(crate) use clock::monotonic_ms;
pub use log_role::Durability;
pub use open::parse_record;
pub(crate) use open::{Opened, open};
pub(crate) use role::lower_priority;

use crate::limits::HISTORY_BYTES_MAX;
use log_role::{LogRole, LogState};
use ovsdb_engine::database::Database;
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::sequencer::{ColumnDiff, Event, Rights, Sequencer, Settings, Submission};
use ovsdb_engine::session::Shared;
use ovsdb_engine::store::Store;
use ovsdb_engine::txn::Program;
use ovsdb_storage::error::Error;
use ovsdb_storage::log::{Growth, Writer};
use parking_lot::Mutex;
use rewrite::Rewriter;
use role::{Waker, run_task, spawn_thread};
use sequencer_role::SequencerRole;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::task::spawn_local;
use works::Works;

/// Where the roles of a database run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// On threads of their own.
    Threads,
    /// As tasks of the main thread.
    MainThread,
}

/// A database at work. Ended by [`Hosted::close`].
pub(crate) struct Hosted {
    pub(crate) name: String,
    /// See [`Database::lineage`].
    pub(crate) lineage: u64,
    /// The file as the operator named it; `None` in memory.
    pub(crate) file: Option<PathBuf>,
    rewriter: Rewriter,
    works: Arc<Works>,
    threads: Vec<JoinHandle<()>>,
    column_diff: ColumnDiff,
    state: Arc<LogState>,
}

/// How databases are served.
#[derive(Clone, Debug)]
pub(crate) struct HostSettings {
    pub(crate) durability: Durability,
    pub(crate) sequencer: Settings,
    /// Clients that come back get what changed since they left.
    pub(crate) resume: bool,
    pub(crate) placement: Placement,
}

impl Hosted {
    /// Puts a database to work. It is visible to clients once what comes with it is in the catalog.
    pub(crate) fn start(
        mut store: Store,
        file: Option<(PathBuf, Writer)>,
        shared: &Arc<Shared>,
        settings: &HostSettings,
    ) -> std::io::Result<(Hosted, Arc<Database>)> {
        let wakers = [Waker::default(), Waker::default()];
        let inbox_for = |waker: &Waker| {
            let waker = waker.clone();
            move || waker.wake()
        };
        let inbox = Inbox::new(inbox_for(&wakers[0]));
        let log = Inbox::new(inbox_for(&wakers[1]));
        if !settings.resume {
            store.keep_ids_secret();
        }
        let view = store.view();
        let database = Arc::new(Database::new(view, inbox.clone(), HISTORY_BYTES_MAX));
        let (file, writer) = file.unzip();
        let state = Arc::new(LogState::new(writer.as_ref()));
        let rewriter = Rewriter::new(log.clone(), Arc::clone(&state));
        let log_role = LogRole {
            inbox: log.clone(),
            database: Arc::clone(&database),
            shared: Arc::clone(shared),
            durability: settings.durability,
            state: Arc::clone(&state),
            writer,
            attempt: 0,
            unsynced_since_ms: None,
            waiting: VecDeque::new(),
            slow_until_ms: 0,
            lazy_sync: None,
        };
        let has_light_log = log_role.may_be_light();
        let sequencer_role = SequencerRole {
            sequencer: Sequencer::new(store, Arc::clone(&shared.locks), settings.sequencer.clone()),
            inbox: inbox.clone(),
            log: log.clone(),
            rewriter: rewriter.clone(),
            column_diff: settings.sequencer.column_diff.clone(),
            resume: settings.resume,
            shared: Arc::clone(shared),
            waiting: VecDeque::new(),
            news: VecDeque::new(),
            alarm_ms: None,
        };
        let works = Arc::new(Works {
            inbox: inbox.clone(),
            log_inbox: log,
            sequencer: Mutex::new(Some(sequencer_role)),
            log: Mutex::new(Some(log_role)),
            wakers: wakers.clone(),
            has_light_log,
        });
        inbox.set_helper({
            // The roles hold the inbox.
            let works = Arc::downgrade(&works);
            move || {
                if let Some(works) = works.upgrade() {
                    works.help();
                }
            }
        });
        let turns = {
            let (sequencer, log) = (Arc::clone(&works), Arc::clone(&works));
            (move || sequencer.turn_sequencer(), move || log.turn_log())
        };
        let mut threads = Vec::new();
        match settings.placement {
            Placement::Threads => {
                let name = database.name();
                let [sequencer, log] = wakers;
                threads.push(spawn_thread(format!("seq {name}"), sequencer, turns.0)?);
                threads.push(spawn_thread(format!("log {name}"), log, turns.1)?);
            }
            Placement::MainThread => {
                let [sequencer, log] = wakers;
                spawn_local(run_task(sequencer, turns.0));
                spawn_local(run_task(log, turns.1));
            }
        }
        let column_diff = settings.sequencer.column_diff.clone();
        let hosted = Hosted {
            name: database.name().to_owned(),
            lineage: database.lineage,
            file,
            rewriter,
            works,
            threads,
            column_diff,
            state,
        };
        Ok((hosted, database))
    }

    /// Starts a compaction on a thread of its own, which calls `done` with its outcome.
    pub(crate) fn compact(
        &self,
        done: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> std::io::Result<()> {
        let (name, rewriter, column_diff) =
            (self.name.clone(), self.rewriter.clone(), self.column_diff.is_on());
        std::thread::Builder::new()
            .name("compaction".to_owned())
            .spawn(move || {
                role::lower_priority();
                done(compaction::compact(&name, &rewriter, column_diff));
            })?;
        Ok(())
    }

    /// How far the file has grown; `None` in memory.
    pub(crate) fn growth(&self) -> Option<Growth> {
        self.state.growth()
    }

    /// Why nothing can be written, if so.
    pub(crate) fn failure(&self) -> Option<String> {
        self.state.failure()
    }

    /// Ends the database's work after what it has begun: first the sequencer, then the log.
    pub(crate) fn close(self) {
        let mut threads = self.threads.into_iter();
        let mut end = |waker: &Waker, last_turn: &dyn Fn() -> Option<Duration>| {
            waker.stop();
            match threads.next() {
                Some(thread) => thread.join().expect("a role does not panic"),
                None => {
                    last_turn();
                }
            }
        };
        let works = &self.works;
        end(&works.wakers[0], &|| works.turn_sequencer());
        works.close_sequencer();
        end(&works.wakers[1], &|| works.turn_log());
        works.close_log();
    }
}

/// A transaction of the server's own.
pub(crate) fn submit(database: &Database, program: Program) {
    database.inbox.push(Event::Submit(Submission {
        ticket: None,
        program: Arc::new(program),
        started_ms: None,
        rights: Arc::new(Rights {
            is_internal: true,
            ..Rights::default()
        }),
    }));
}
