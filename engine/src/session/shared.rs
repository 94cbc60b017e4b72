//! What all workers and sequencers share: the databases, the locks, and the way to each worker.

use super::bounds::SessionBounds;
use super::gate::{Barrier, Gate};
use crate::database::Database;
use crate::ids::WorkerId;
use crate::inbox::Inbox;
use crate::locks::{Locks, Notice};
use crate::sequencer::Told;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use uuid::Uuid;

/// The process as its sessions see it.
pub struct Shared {
    /// Answered to `get_server_id`; new for each process.
    pub server_id: Uuid,
    pub locks: Arc<Mutex<Locks>>,
    /// What sessions may have.
    pub bounds: SessionBounds,
    catalog: ArcSwap<Catalog>,
    workers: Vec<Inbox<WorkerEvent>>,
    /// Which of the workers have anybody who is to hear of publications.
    listening: Vec<AtomicBool>,
    /// How often sessions have been closed from outside.
    disconnections: AtomicU64,
    /// Monitors with conditions are as unknown as to upstream before 2.5.
    is_monitor_cond_disabled: AtomicBool,
    /// The last epoch given away.
    epochs: AtomicU64,
    /// Called after each publication and after each change of the catalog.
    watcher: Box<dyn Fn() + Send + Sync>,
}

/// The databases of the process at one time.
#[derive(Clone, Default)]
pub struct Catalog {
    /// Ascending by name.
    pub databases: Vec<Arc<Database>>,
}

/// What a worker is told by other threads.
#[derive(Debug)]
pub enum WorkerEvent {
    Told(Told),
    Notice(Notice),
    /// Close sessions, for the reason given to the log.
    Disconnect {
        which: Which,
        /// Compared with [`Shared::disconnections`] at the opening of a session.
        number: u64,
        reason: String,
    },
    /// Hold back requests for the database of an epoch, and say so.
    Hold {
        epoch: u64,
        gate: Gate,
        barrier: Arc<Barrier>,
    },
    /// The database of the epoch stays; what was held back goes on.
    Reopen {
        epoch: u64,
    },
}

/// A choice among sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those of one remote.
    Remote(u64),
}

impl Shared {
    /// `workers` are the inboxes of the worker threads in order of their ids; `watcher` hears of whatever
    /// changes, on any thread, and must be cheap.
    pub fn new(
        server_id: Uuid,
        bounds: SessionBounds,
        workers: Vec<Inbox<WorkerEvent>>,
        watcher: impl Fn() + Send + Sync + 'static,
    ) -> Shared {
        let catalog = ArcSwap::from_pointee(Catalog::default());
        Shared {
            server_id,
            locks: Arc::default(),
            bounds,
            catalog,
            listening: workers.iter().map(|_| AtomicBool::new(false)).collect(),
            workers,
            disconnections: AtomicU64::new(0),
            is_monitor_cond_disabled: AtomicBool::new(false),
            epochs: AtomicU64::new(0),
            watcher: Box::new(watcher),
        }
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// Whether `known` is the catalog still.
    pub fn is_current(&self, known: &Arc<Catalog>) -> bool {
        Arc::ptr_eq(&self.catalog.load(), known)
    }

    /// An epoch that no database of the process has had.
    pub fn next_epoch(&self) -> u64 {
        self.epochs.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Serves one more database.
    pub fn add(&self, database: &Arc<Database>) {
        self.change_catalog(|catalog| catalog.with(Arc::clone(database)));
    }

    /// Serves a database no longer.
    pub fn remove(&self, name: &str) {
        self.change_catalog(|catalog| catalog.without(name));
    }

    /// Serves `new` where `old` was served; if that is not served any more, nothing happens.
    pub fn replace(&self, old: &Database, new: &Arc<Database>) {
        self.change_catalog(|catalog| {
            let is_served = catalog
                .find(old.name())
                .is_some_and(|served| served.epoch == old.epoch);
            if is_served {
                catalog.with(Arc::clone(new))
            } else {
                catalog.clone()
            }
        });
    }

    /// Replaces the list of databases and wakes all workers.
    fn change_catalog(&self, change: impl Fn(&Catalog) -> Catalog) {
        self.catalog.rcu(|catalog| change(catalog));
        self.wake_workers();
    }

    /// Has every worker hold back requests for the database of `epoch`, and calls `then`, on the last of
    /// their threads, when all do.
    pub fn hold(&self, epoch: u64, gate: Gate, then: impl FnOnce() + Send + 'static) {
        let barrier = Arc::new(Barrier::new(self.workers.len(), then));
        for worker in &self.workers {
            worker.push(WorkerEvent::Hold {
                epoch,
                gate,
                barrier: Arc::clone(&barrier),
            });
        }
    }

    /// Ends [`Shared::hold`] for a database that stays as it was.
    pub fn reopen(&self, epoch: u64) {
        for worker in &self.workers {
            worker.push(WorkerEvent::Reopen { epoch });
        }
    }

    pub fn database(&self, name: &str) -> Option<Arc<Database>> {
        self.catalog.load().find(name).cloned()
    }

    /// Hands each worker what it is told, and wakes it when it has all of that: woken by the first, it would be through
    /// before the second comes, and be woken again.
    pub fn tell(&self, told: impl IntoIterator<Item = Told>) {
        let mut workers: Vec<WorkerId> = Vec::new();
        for told in told {
            let worker = told.ticket().worker;
            self.worker(worker).leave(WorkerEvent::Told(told));
            if !workers.contains(&worker) {
                workers.push(worker);
            }
        }
        for worker in workers {
            self.worker(worker).wake();
        }
    }

    /// Passes an event to one worker.
    pub fn worker(&self, worker: WorkerId) -> &Inbox<WorkerEvent> {
        &self.workers[usize::from(worker.0)]
    }

    /// Passes a lock's news to the worker of the session.
    pub fn notify(&self, notices: impl IntoIterator<Item = Notice>) {
        for notice in notices {
            self.worker(notice.session.worker())
                .push(WorkerEvent::Notice(notice));
        }
    }

    /// Has the process forget for good that there are monitors with conditions, and every session end.
    pub fn disable_monitor_cond(&self, reason: &str) {
        self.is_monitor_cond_disabled.store(true, Ordering::Release);
        self.disconnect(Which::All, reason);
    }

    /// Whether `method` is known.
    pub(super) fn knows(&self, method: &str) -> bool {
        !matches!(method, "monitor_cond" | "monitor_cond_since")
            || !self.is_monitor_cond_disabled.load(Ordering::Acquire)
    }

    /// How often [`Shared::disconnect`] has been called.
    pub fn disconnections(&self) -> u64 {
        self.disconnections.load(Ordering::Acquire)
    }

    /// Has every worker close the chosen sessions. With [`Which::All`], whoever connects after this call is not
    /// concerned, however late a worker hears of it.
    pub fn disconnect(&self, which: Which, reason: &str) {
        let number = self.disconnections.fetch_add(1, Ordering::AcqRel) + 1;
        for worker in &self.workers {
            worker.push(WorkerEvent::Disconnect {
                which,
                number,
                reason: reason.to_owned(),
            });
        }
    }

    /// Has a worker be woken by publications, or not any more. Who begins to listen looks at what is published after
    /// this call.
    pub(super) fn listen(&self, worker: WorkerId, listens: bool) {
        self.listening[usize::from(worker.0)].store(listens, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Has every worker that listens look at what has been published. The others look when they are asked.
    pub fn tell_published(&self) {
        // What was published before this call is found by a worker that is seen not to listen.
        fence(Ordering::SeqCst);
        for (worker, listens) in self.workers.iter().zip(&self.listening) {
            if listens.load(Ordering::SeqCst) {
                worker.wake();
            }
        }
        (self.watcher)();
    }

    /// Has every worker look at what is new.
    pub fn wake_workers(&self) {
        self.workers.iter().for_each(Inbox::wake);
        (self.watcher)();
    }
}

impl Catalog {
    /// The database of this epoch, if it is among them.
    pub fn at_epoch(&self, epoch: u64) -> Option<&Arc<Database>> {
        self.databases.iter().find(|database| database.epoch == epoch)
    }

    /// Whether one of the databases has come from the opening at `lineage`.
    pub fn descends_from(&self, lineage: u64) -> bool {
        self.databases.iter().any(|database| database.lineage == lineage)
    }

    pub fn find(&self, name: &str) -> Option<&Arc<Database>> {
        let at = self
            .databases
            .binary_search_by(|database| database.name().cmp(name))
            .ok()?;
        Some(&self.databases[at])
    }

    /// The catalog with one more database, or with a newer one of the same name.
    #[must_use]
    pub fn with(&self, database: Arc<Database>) -> Catalog {
        let mut catalog = self.without(database.name());
        let at = catalog
            .databases
            .partition_point(|other| other.name() < database.name());
        catalog.databases.insert(at, database);
        catalog
    }

    /// The catalog without a database.
    #[must_use]
    pub fn without(&self, name: &str) -> Catalog {
        let databases = self
            .databases
            .iter()
            .filter(|database| database.name() != name)
            .cloned()
            .collect();
        Catalog { databases }
    }
}
