//! One database as all threads share it: its schema, what is published of it, and the way to its sequencer.
//!
//! ```text
//!   workers ── Event ──► Inbox ──► sequencer ──► Group ──► log ──► Database::publish ──► workers pull
//! ```

use crate::ids::{CommitSeq, TableId};
use crate::inbox::Inbox;
use crate::monitor::Fragments;
use crate::schema::{self, Schema};
use crate::sequencer::Event;
use crate::store::{ChangeSet, History, View};
use arc_swap::ArcSwap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What every thread knows of one database from its opening to its closing or conversion.
pub struct Database {
    /// Unique in the process, also over conversions, and re-additions of the same name.
    pub epoch: u64,
    /// Epoch of the opening since which nothing but conversions has led here.
    pub lineage: u64,
    pub schema: Arc<Schema>,
    /// The schema as sorted compact JSON, as `get_schema` answers it.
    pub schema_json: String,
    /// A `_…` database: clients may read it only.
    pub is_reserved: bool,
    /// The way to the sequencer.
    pub inbox: Inbox<Event>,
    /// Text of the database's rows for first replies to monitors.
    pub fragments: Arc<Fragments>,
    published: ArcSwap<View>,
    history: History,
    /// Tables whose changes an operator wants to see in the log.
    logged: ArcSwap<BTreeSet<TableId>>,
}

impl Database {
    /// Shares a database that has just been opened at `view`; `history_bytes_max` bounds what is kept for
    /// resuming clients.
    pub fn new(view: View, inbox: Inbox<Event>, history_bytes_max: usize) -> Database {
        let lineage = view.epoch();
        Database::shared(view, lineage, inbox, history_bytes_max)
    }

    /// The same database after its conversion, of which `view` is the first version. Nothing of before is known to it,
    /// so whoever resumes gets everything anew.
    #[must_use]
    pub fn converted(&self, view: View, history_bytes_max: usize) -> Database {
        Database::shared(view, self.lineage, self.inbox.clone(), history_bytes_max)
    }

    fn shared(view: View, lineage: u64, inbox: Inbox<Event>, history_bytes_max: usize) -> Database {
        let schema = Arc::clone(view.schema());
        Database {
            epoch: view.epoch(),
            lineage,
            is_reserved: schema.name.starts_with('_'),
            schema_json: schema::print(&schema),
            inbox,
            fragments: Arc::default(),
            history: History::new(view.seq(), view.txn_id(), history_bytes_max),
            published: ArcSwap::from_pointee(view),
            logged: ArcSwap::default(),
            schema,
        }
    }

    pub fn name(&self) -> &str {
        &self.schema.name
    }

    /// The latest published version.
    pub fn view(&self) -> View {
        View::clone(&self.published.load())
    }

    /// The latest published commit.
    pub fn seq(&self) -> CommitSeq {
        self.published.load().seq()
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    /// Tables whose changes are to be logged; none after a conversion, as upstream.
    pub fn logged_tables(&self) -> Arc<BTreeSet<TableId>> {
        self.logged.load_full()
    }

    /// Replaces the tables whose changes are to be logged by what `change` makes of them.
    pub fn change_logged_tables(&self, change: impl Fn(&mut BTreeSet<TableId>)) {
        self.logged.rcu(|logged| {
            let mut logged = BTreeSet::clone(logged);
            change(&mut logged);
            logged
        });
    }

    /// Makes the commits of a durable group visible. Called by one thread at a time, in order of commit,
    /// before any reply of the group is handed to a worker.
    pub fn publish(&self, sets: Vec<Arc<ChangeSet>>, view: View) {
        let rows_count = view.rows_count();
        for set in sets {
            self.history.push(set, rows_count);
        }
        self.published.store(Arc::new(view));
    }
}
