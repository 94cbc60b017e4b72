//! A role is work that is done when there is some: the sequencer of a database, its log. It has a thread of its own, or
//! is a task of the main thread where threads are to be few; the code is the same. Others may help it (see
//! [`works`](super::works)).

use crate::limits::ROLE_NICENESS;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;
use tokio::sync::Notify;

/// Something that works in turns.
pub(super) trait Role {
    /// Does what there is to do; returns after how long to come again if nobody wakes it before, which is at once if
    /// zero.
    fn turn(&mut self) -> Option<Duration>;

    /// Does what takes microseconds, on the thread of somebody else.
    fn help(&mut self) -> Left;
}

/// What a helper leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// The role's own thread has something to do.
    ForItsThread,
}

/// Wakes a role from any thread, also before it runs.
#[derive(Clone, Default)]
pub(super) struct Waker {
    shared: Arc<WakerShared>,
}

#[derive(Default)]
struct WakerShared {
    thread: OnceLock<Thread>,
    task: Notify,
    is_stopping: AtomicBool,
}

impl Waker {
    pub(super) fn wake(&self) {
        match self.shared.thread.get() {
            Some(thread) => thread.unpark(),
            None => self.shared.task.notify_one(),
        }
    }

    /// Ends the role after its next turn.
    pub(super) fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn is_stopping(&self) -> bool {
        self.shared.is_stopping.load(Ordering::SeqCst)
    }
}

/// Takes the turns of a role on a thread of its own, at a lower priority than the workers.
pub(super) fn spawn_thread(
    name: String,
    waker: Waker,
    turn: impl Fn() -> Option<Duration> + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(move || {
        lower_priority();
        let is_first = waker.shared.thread.set(thread::current()).is_ok();
        assert!(is_first, "a waker belongs to one role");
        loop {
            let is_last = waker.is_stopping();
            let again = turn();
            if is_last {
                return;
            }
            match again {
                Some(Duration::ZERO) => {}
                Some(after) => thread::park_timeout(after),
                None => thread::park(),
            }
        }
    })
}

/// Takes the turns of a role as a task of the present thread.
pub(super) async fn run_task(waker: Waker, turn: impl Fn() -> Option<Duration>) {
    loop {
        let is_last = waker.is_stopping();
        let again = turn();
        if is_last {
            return;
        }
        match again {
            // Others of this thread have work, too.
            Some(Duration::ZERO) => tokio::task::yield_now().await,
            // A timeout that passes is as good as a wake-up: both mean another turn.
            Some(after) => drop(tokio::time::timeout(after, waker.shared.task.notified()).await),
            None => waker.shared.task.notified().await,
        }
    }
}

/// On two busy cores a worker's echo is not to wait behind a whole scheduler slice of this thread.
pub(crate) fn lower_priority() {
    let this = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(this), ROLE_NICENESS) {
        log::debug!(target: "ovsdb_server", "priority of a background thread not lowered ({error})");
    }
}
