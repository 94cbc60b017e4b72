//! The thread that writes ahead what large transactions insert, while others compile the rest of them.
//!
//! It ends when nobody can leave anything for it any more. Without it, whoever compiles writes.

use crate::db::lower_priority;
use crossbeam::channel::{Sender, unbounded};
use ovsdb_engine::commit::Drafting;
use std::sync::Arc;
use std::thread;

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Drafts(Option<Sender<Arc<Drafting>>>);

impl Drafts {
    /// Starts the thread, if there is a processor for it.
    pub(super) fn start() -> Drafts {
        if thread::available_parallelism().map_or(1, usize::from) == 1 {
            return Drafts(None);
        }
        let (sender, receiver) = unbounded::<Arc<Drafting>>();
        let work = move || {
            lower_priority();
            receiver.iter().for_each(|drafting| drafting.work());
        };
        match thread::Builder::new().name("drafts".to_owned()).spawn(work) {
            Ok(_) => Drafts(Some(sender)),
            Err(error) => {
                log::warn!(target: "ovsdb_server", "cannot start a background thread ({error})");
                Drafts(None)
            }
        }
    }

    /// Has what has come be written.
    pub(super) fn go_on(&self, drafting: &Arc<Drafting>) {
        match &self.0 {
            Some(thread) => thread
                .send(Arc::clone(drafting))
                .unwrap_or_else(|unsent| unsent.0.work()),
            None => drafting.work(),
        }
    }
}
