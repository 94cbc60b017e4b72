//! A queue between threads whose reader is woken at most once for all that it has not yet looked at.
//!
//! Unbounded on purpose: what may be in it is bounded by the credits of the sessions that push, so no
//! push can fail and nobody waits on anybody.
//!
//! Whoever pushes may do the reader's work himself where that is set up ([`Inbox::set_helper`]): two switches of
//! threads cost more than most of the work.

use crossbeam::queue::SegQueue;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The shared end of a queue. Cloning shares it.
pub struct Inbox<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    queue: SegQueue<T>,
    /// The reader has been woken and has not begun to read since.
    is_woken: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
    helper: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Inbox<T> {
        Inbox {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Inbox<T> {
    /// `wake` makes the reading thread call [`Inbox::drain`] soon; it may be called from any thread.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Inbox<T> {
        let shared = Shared {
            queue: SegQueue::new(),
            is_woken: AtomicBool::new(false),
            wake: Box::new(wake),
            helper: OnceLock::new(),
        };
        Inbox {
            shared: Arc::new(shared),
        }
    }

    pub fn push(&self, item: T) {
        self.shared.queue.push(item);
        self.wake();
    }

    /// Adds an item and wakes nobody. The caller is to call [`Inbox::help`] before it rests.
    pub fn leave(&self, item: T) {
        self.shared.queue.push(item);
    }

    /// Has what was left here looked at: by the caller's own thread if a helper is set, otherwise by the reader.
    pub fn help(&self) {
        match self.shared.helper.get() {
            Some(helper) => helper(),
            None => self.wake(),
        }
    }

    /// Sets what [`Inbox::help`] does, once. It may be called from any thread.
    pub fn set_helper(&self, helper: impl Fn() + Send + Sync + 'static) {
        let is_first = self.shared.helper.set(Box::new(helper)).is_ok();
        assert!(is_first, "an inbox has one helper");
    }

    /// To be called by the reader: it drains soon in any case, so nobody needs to wake it before.
    pub fn expect(&self) {
        self.shared.is_woken.store(true, Ordering::SeqCst);
    }

    pub fn is_empty(&self) -> bool {
        self.shared.queue.is_empty()
    }

    /// Wakes the reader without an item.
    pub fn wake(&self) {
        if !self.shared.is_woken.swap(true, Ordering::SeqCst) {
            (self.shared.wake)();
        }
    }

    /// Takes what is there. Whatever is pushed after the call has begun wakes the reader again.
    pub fn drain(&self) -> impl Iterator<Item = T> {
        self.shared.is_woken.store(false, Ordering::SeqCst);
        std::iter::from_fn(|| self.shared.queue.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::Inbox;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_burst_wakes_once_and_a_push_after_the_drain_wakes_again() {
        let wakes = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&wakes);
        let inbox = Inbox::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        inbox.push(1);
        inbox.push(2);
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        assert_eq!(inbox.drain().collect::<Vec<_>>(), [1, 2]);
        inbox.push(3);
        assert_eq!(wakes.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn what_is_left_wakes_nobody_until_help_is_asked_for() {
        let wakes = Arc::new(AtomicU32::new(0));
        let inbox = || {
            let count = Arc::clone(&wakes);
            Inbox::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
            })
        };
        let lonely = inbox();
        lonely.leave(1);
        assert_eq!(wakes.load(Ordering::SeqCst), 0);
        lonely.help();
        assert_eq!(
            wakes.load(Ordering::SeqCst),
            1,
            "without a helper the reader is woken"
        );
        let helped = inbox();
        let taken = Arc::new(AtomicU32::new(0));
        helped.set_helper({
            let (inbox, taken) = (helped.clone(), Arc::clone(&taken));
            move || taken.store(inbox.drain().sum(), Ordering::SeqCst)
        });
        helped.leave(2);
        helped.help();
        assert_eq!(taken.load(Ordering::SeqCst), 2);
        assert!(helped.is_empty());
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_reader_that_will_drain_is_not_woken() {
        let wakes = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&wakes);
        let inbox = Inbox::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        inbox.expect();
        inbox.push(1);
        assert_eq!(wakes.load(Ordering::SeqCst), 0);
        assert_eq!(inbox.drain().collect::<Vec<_>>(), [1]);
        inbox.push(2);
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
    }
}
