//! What all workers and sequencers share: the databases, the locks, and the way to each worker.

use crate::database::Database;
use crate::ids::WorkerId;
use crate::inbox::Inbox;
use crate::locks::{Locks, Notice};
use crate::sequencer::Told;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// The process as its sessions see it.
pub struct Shared {
    /// Answered to `get_server_id`; new for each process.
    pub server_id: Uuid,
    pub locks: Arc<Mutex<Locks>>,
    catalog: ArcSwap<Catalog>,
    workers: Vec<Inbox<WorkerEvent>>,
    /// How often sessions have been closed from outside.
    disconnections: AtomicU64,
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
        workers: Vec<Inbox<WorkerEvent>>,
        watcher: impl Fn() + Send + Sync + 'static,
    ) -> Shared {
        let catalog = ArcSwap::from_pointee(Catalog::default());
        Shared {
            server_id,
            locks: Arc::default(),
            catalog,
            workers,
            disconnections: AtomicU64::new(0),
            watcher: Box::new(watcher),
        }
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// Replaces the list of databases and wakes all workers.
    pub fn set_catalog(&self, catalog: Catalog) {
        debug_assert!(catalog.databases.is_sorted_by(|a, b| a.name() < b.name()));
        self.catalog.store(Arc::new(catalog));
        self.wake_workers();
    }

    pub fn database(&self, name: &str) -> Option<Arc<Database>> {
        self.catalog.load().find(name).cloned()
    }

    /// Hands each worker what it is told.
    pub fn tell(&self, told: impl IntoIterator<Item = Told>) {
        for told in told {
            let worker = told.ticket().worker;
            self.worker(worker).push(WorkerEvent::Told(told));
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

    /// Has every worker look at what is published.
    pub fn wake_workers(&self) {
        self.workers.iter().for_each(Inbox::wake);
        (self.watcher)();
    }
}

impl Catalog {
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
