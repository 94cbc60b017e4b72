//! The sequencer and the log of a database, worked by whichever thread has something for them.
//!
//! ```text
//!   worker, turn's end ─┐                       ┌─► LogRole: write, publish      under the relaxed rule, if it is little
//!   log, after a sync  ─┼─► SequencerRole ──────┤
//!   its own thread     ─┘   whoever gets it     └─► the log's own thread: write, sync, publish
//! ```
//!
//! A switch of threads costs as much as executing a small transaction, so a worker does not hand its transactions to
//! another thread and wait: it takes the sequencer if nobody has it, executes all that is in the inbox, also what others
//! have left there, and answers in the same turn. What may take long is left to the role's own thread, and everything
//! behind it with it. Nobody waits for a lock: who does not get one leaves, for whoever has it looks again after having
//! given it back.

use super::log_role::{LogEvent, LogRole};
use super::role::{Left, Role, Waker};
use super::sequencer_role::SequencerRole;
use crate::limits::HELP_ROUNDS_MAX;
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::sequencer::Event;
use parking_lot::Mutex;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

pub(super) struct Works {
    pub(super) inbox: Inbox<Event>,
    pub(super) log_inbox: Inbox<LogEvent>,
    /// `None` once the database has been closed.
    pub(super) sequencer: Mutex<Option<SequencerRole>>,
    pub(super) log: Mutex<Option<LogRole>>,
    /// Of the threads of sequencer and log.
    pub(super) wakers: [Waker; 2],
    /// The log may be worked by others than its own thread.
    pub(super) has_light_log: bool,
}

impl Works {
    /// Does what is in the inboxes, on a thread that has other things to do too. Returns soon.
    pub(super) fn help(&self) {
        for _ in 0..HELP_ROUNDS_MAX {
            if self.help_sequencer() == Left::ForItsThread {
                self.wakers[0].wake();
            }
            self.help_log();
            fence(Ordering::SeqCst);
            if self.inbox.is_empty() {
                return;
            }
        }
        self.wakers[0].wake();
    }

    fn help_sequencer(&self) -> Left {
        // What the caller has left in the inbox is there before it looks at the lock.
        fence(Ordering::SeqCst);
        match self.sequencer.try_lock() {
            Some(mut role) => role.as_mut().map_or(Left::Nothing, SequencerRole::help),
            None => Left::Nothing,
        }
    }

    fn help_log(&self) {
        if !self.has_light_log {
            if !self.log_inbox.is_empty() {
                self.log_inbox.wake();
            }
            return;
        }
        while !self.log_inbox.is_empty() {
            let Some(mut role) = self.log.try_lock() else {
                return;
            };
            let left = role.as_mut().map_or(Left::ForItsThread, LogRole::help);
            drop(role);
            if left == Left::ForItsThread {
                return self.wakers[1].wake();
            }
            fence(Ordering::SeqCst);
        }
    }

    /// A turn of the sequencer's own thread.
    pub(super) fn turn_sequencer(&self) -> Option<Duration> {
        let again = self.sequencer.lock().as_mut().and_then(Role::turn);
        self.help_log();
        fence(Ordering::SeqCst);
        // Whoever found the sequencer taken has left something and gone.
        if self.inbox.is_empty() {
            again
        } else {
            Some(Duration::ZERO)
        }
    }

    /// A turn of the log's own thread.
    pub(super) fn turn_log(&self) -> Option<Duration> {
        let again = self.log.lock().as_mut().and_then(Role::turn);
        // The next group has gathered meanwhile.
        self.help();
        fence(Ordering::SeqCst);
        if self.log_inbox.is_empty() {
            again
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Ends the work of the sequencer; what it has not handled is not handled any more.
    pub(super) fn close_sequencer(&self) {
        drop(self.sequencer.lock().take());
    }

    /// Ends the work of the log, and gives its file back.
    pub(super) fn close_log(&self) {
        drop(self.log.lock().take());
    }
}
