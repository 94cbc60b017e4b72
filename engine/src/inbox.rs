//! A queue between threads whose reader is woken at most once for all that it has not yet looked at.
//!
//! Unbounded on purpose: what may be in it is bounded by the credits of the sessions that push, so no
//! push can fail and nobody waits on anybody.

use crossbeam::queue::SegQueue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The shared end of a queue. Cloning shares it.
pub struct Inbox<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    queue: SegQueue<T>,
    /// The reader has been woken and has not begun to read since.
    is_woken: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
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
        };
        Inbox {
            shared: Arc::new(shared),
        }
    }

    pub fn push(&self, item: T) {
        self.shared.queue.push(item);
        self.wake();
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
}
