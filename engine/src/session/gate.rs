//! Which requests of a database's clients are answered, while it is being converted.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a worker lets pass; a database without a gate takes everything. What does not pass waits, and is done on
/// whatever the database has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing that its sequencer would have to execute.
    Reads,
    /// Nothing at all: what the old schema says might contradict what the client has been told of the new one.
    Closed,
}

/// Calls a function when all workers have come to it.
pub struct Barrier {
    /// Workers that have not.
    missing: AtomicUsize,
    then: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Barrier {
    /// For so many workers, at least one.
    pub(super) fn new(workers_count: usize, then: impl FnOnce() + Send + 'static) -> Barrier {
        assert!(workers_count > 0, "somebody has to come to a barrier");
        Barrier {
            missing: AtomicUsize::new(workers_count),
            then: Mutex::new(Some(Box::new(then))),
        }
    }

    /// A worker has come.
    pub(super) fn arrive(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            let then = self.then.lock().take().expect("one worker is the last");
            then();
        }
    }
}

impl std::fmt::Debug for Barrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Barrier").field("missing", &self.missing).finish()
    }
}
