//! Starts the workers, shares the main thread between worker 0 and the control future, and is how other
//! threads reach a worker.

use super::driver::{Driver, Executor};
use super::handler::{ConnMeta, Handler, Security};
use super::worker::serve;
use crate::limits::{WORKERS_DEFAULT_MAX, WORKERS_MAX};
use parking_lot::Mutex;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::spawn_local;

/// How to run the workers.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Worker threads, at least 1. The first shares the calling thread with the control future.
    pub threads: usize,
    pub driver: Driver,
}

/// What a worker and the other threads share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) wake: Notify,
    pub(super) stopping: AtomicBool,
    /// Connections held, and those handed over but not yet taken: the measure of load.
    pub(super) connection_count: AtomicUsize,
    /// The longest turn since it was last asked for, in microseconds.
    pub(super) longest_turn_us: AtomicU64,
    adopted: Mutex<Vec<Adopted>>,
}

/// A socket that is handed over.
#[derive(Debug)]
pub(super) struct Adopted {
    pub(super) socket: OwnedFd,
    pub(super) meta: ConnMeta,
    pub(super) security: Security,
}

impl Shared {
    pub(super) fn take_adopted(&self) -> Vec<Adopted> {
        std::mem::take(&mut self.adopted.lock())
    }
}

/// One worker, from any thread.
#[derive(Clone, Debug)]
pub struct WorkerHandle {
    index: usize,
    shared: Arc<Shared>,
}

impl WorkerHandle {
    /// Place among the workers, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Hands a connected stream socket over. The worker sets its options and tells its handler.
    pub fn adopt(&self, socket: OwnedFd, meta: ConnMeta, security: Security) {
        self.shared.connection_count.fetch_add(1, Ordering::Relaxed);
        self.shared.adopted.lock().push(Adopted {
            socket,
            meta,
            security,
        });
        self.wake();
    }

    /// Has the handler's `woken` called soon. Cheap when that is already due; calls may become one.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Connections that the worker holds or has been handed.
    pub fn connection_count(&self) -> usize {
        self.shared.connection_count.load(Ordering::Relaxed)
    }

    /// The longest that the worker was busy without looking for events, since this was last called.
    pub fn take_longest_turn(&self) -> Duration {
        Duration::from_micros(self.shared.longest_turn_us.swap(0, Ordering::Relaxed))
    }

    fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.wake();
    }
}

/// All workers.
#[derive(Clone, Debug)]
pub struct Workers(Arc<[WorkerHandle]>);

impl Workers {
    pub fn iter(&self) -> impl Iterator<Item = &WorkerHandle> {
        self.0.iter()
    }

    /// Handle of worker `index`.
    pub fn get(&self, index: usize) -> &WorkerHandle {
        &self.0[index]
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The worker with the fewest connections.
    pub fn least_loaded(&self) -> &WorkerHandle {
        self.0
            .iter()
            .min_by_key(|worker| worker.connection_count())
            .expect("there is a worker")
    }

    /// Wakes every worker.
    pub fn wake_all(&self) {
        for worker in self.iter() {
            worker.wake();
        }
    }
}

/// Worker threads by default: the processors we may use, at most four.
pub fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(WORKERS_DEFAULT_MAX))
}

/// Runs `config.threads` workers, each with the handler that `make_handler` gives it on its own thread, and on
/// the present thread also the future that `control` makes; returns what that future returns, after all
/// workers have ended.
///
/// `control` may use [`tokio::task::spawn_local`], timers and sockets of tokio; it shares its thread with
/// worker 0, so it must not wait otherwise.
pub fn run<H, M, C, F>(config: &Config, make_handler: M, control: C) -> io::Result<F::Output>
where
    H: Handler,
    M: Fn(&WorkerHandle, &Workers) -> H + Send + Sync,
    C: FnOnce(Workers) -> F,
    F: Future,
{
    assert!(
        (1..=WORKERS_MAX).contains(&config.threads),
        "the number of threads was checked before"
    );
    let clock = Instant::now();
    let workers = Workers(
        (0..config.threads)
            .map(|index| WorkerHandle {
                index,
                shared: Arc::default(),
            })
            .collect(),
    );
    let driver = config.driver;
    thread::scope(|scope| {
        let executor = Executor::new(driver)?;
        let stop = StopOnExit(&workers);
        for worker in workers.iter().skip(1) {
            let (workers, make_handler) = (&workers, &make_handler);
            thread::Builder::new()
                .name(format!("worker{}", worker.index))
                .spawn_scoped(scope, move || {
                    let executor = Executor::new(driver).expect("the main thread got its executor");
                    let handler = make_handler(worker, workers);
                    executor.block_on(serve(driver, handler, Arc::clone(&worker.shared), clock));
                })?;
        }
        let first = workers.get(0);
        let handler = make_handler(first, &workers);
        let result = executor.block_on(async {
            let serving = spawn_local(serve(driver, handler, Arc::clone(&first.shared), clock));
            let result = control(workers.clone()).await;
            drop(stop);
            serving.await.expect("a worker does not panic");
            result
        });
        Ok(result)
    })
}

/// Stops the workers also when a later one could not be started.
struct StopOnExit<'a>(&'a Workers);

impl Drop for StopOnExit<'_> {
    fn drop(&mut self) {
        for worker in self.0.iter() {
            worker.stop();
        }
    }
}
