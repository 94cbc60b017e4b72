//! Threads for what would keep a worker from its other clients for too long: parsing and compiling large messages.
//!
//! They are started when they are first needed and take jobs in order of arrival. What has come of a message is compiled
//! while the rest is received; what is made of the whole goes back through the worker's inbox.

mod ahead;
mod drafts;

pub(crate) use ahead::Ahead;

use self::drafts::Drafts;
use crate::db::lower_priority;
use crate::limits::BACKGROUND_THREADS_MAX;
use crate::runtime::ConnId;
use crossbeam::channel::{Receiver, SendError, Sender, unbounded};
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::session::{Compiled, Shared};
use ovsdb_wire::frame::{Flags, Framer};
use parking_lot::Mutex;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

/// A large message.
pub(crate) struct Large {
    pub(crate) conn: ConnId,
    pub(crate) text: Vec<u8>,
    pub(crate) flags: Flags,
    /// See [`ovsdb_wire::frame::Framer::cuts`].
    pub(crate) cuts: Vec<usize>,
    /// What has been made of it while it came.
    pub(crate) ahead: Arc<Ahead>,
}

/// A large message that has been looked at.
pub(crate) struct Prepared {
    pub(crate) message: Large,
    /// The transaction that it is; without one it is to be looked at by the worker, as a whole.
    pub(crate) compiled: Option<Compiled>,
}

/// The threads, shared by all workers.
pub(crate) struct Background {
    shared: Arc<Shared>,
    threads: Mutex<usize>,
    /// Started with the first thread, each of which knows it.
    drafts: OnceLock<Drafts>,
    /// Jobs that no thread has finished.
    unfinished: Arc<AtomicUsize>,
    jobs: (Sender<Job>, Receiver<Job>),
}

enum Job {
    Part(Arc<Ahead>),
    Whole(Large, Inbox<Prepared>),
}

impl Background {
    pub(crate) fn new(shared: Arc<Shared>) -> Background {
        Background {
            shared,
            threads: Mutex::new(0),
            drafts: OnceLock::new(),
            unfinished: Arc::default(),
            jobs: unbounded(),
        }
    }

    /// Has a message looked at; `done` hears of it. One connection has one message here at most, whose bytes are
    /// those that were received anyway.
    pub(crate) fn prepare(&self, message: Large, done: Inbox<Prepared>) {
        if let Err(Job::Whole(message, done)) = self.send(Job::Whole(message, done)) {
            done.push(Prepared {
                message,
                compiled: None,
            });
        }
    }

    /// Has what has come of a large message looked at; see [`Ahead::feed`].
    pub(crate) fn go_ahead(&self, ahead: &Arc<Ahead>, received: &[u8], framer: &Framer) {
        if ahead.feed(received, framer) {
            // Without a thread it is all left for the end.
            self.send(Job::Part(Arc::clone(ahead))).unwrap_or_else(drop);
        }
    }

    /// Gives the job back if there is no thread.
    fn send(&self, job: Job) -> Result<(), Job> {
        let unfinished = self.unfinished.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.has_threads_for(unfinished) {
            self.unfinished.fetch_sub(1, Ordering::Relaxed);
            return Err(job);
        }
        if let Err(SendError(_)) = self.jobs.0.send(job) {
            unreachable!("a receiver is kept here");
        }
        Ok(())
    }

    /// Starts a thread if there are fewer than jobs; false if there is none at all.
    fn has_threads_for(&self, jobs: usize) -> bool {
        let mut threads = self.threads.lock();
        let processors = thread::available_parallelism().map_or(1, usize::from);
        if *threads < jobs.min(processors).min(BACKGROUND_THREADS_MAX) {
            match self.start_thread() {
                Ok(()) => *threads += 1,
                Err(error) => {
                    log::warn!(target: "ovsdb_server", "cannot start a background thread ({error})");
                }
            }
        }
        *threads > 0
    }

    fn start_thread(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let unfinished = Arc::clone(&self.unfinished);
        let jobs = self.jobs.1.clone();
        let drafts = self.drafts.get_or_init(Drafts::start).clone();
        let work = move || {
            lower_priority();
            for job in jobs {
                match job {
                    Job::Part(ahead) => {
                        ahead.work(&shared, &drafts);
                        unfinished.fetch_sub(1, Ordering::Relaxed);
                    }
                    Job::Whole(message, done) => {
                        let Large {
                            text, cuts, flags, ..
                        } = &message;
                        let compiled = message.ahead.finish(&shared, &drafts, text, cuts, *flags);
                        unfinished.fetch_sub(1, Ordering::Relaxed);
                        done.push(Prepared { message, compiled });
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("background".to_owned());
        thread.spawn(work).map(drop)
    }
}
