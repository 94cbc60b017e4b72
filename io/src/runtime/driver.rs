//! The two ways a worker waits, and an executor for either.

use crate::limits::{RING_COMPLETIONS, RING_ENTRIES};
use std::fmt;
use std::future::Future;
use std::io;
use tokio::task::LocalSet;

/// How a worker waits for its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// tokio-uring: reads are posted on a ring.
    Uring,
    /// Plain tokio: reads follow readiness.
    Epoll,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Driver::Uring => "io_uring",
            Driver::Epoll => "epoll",
        })
    }
}

impl Driver {
    /// Lets everything that is ready run, and the kernel take and answer what was submitted.
    ///
    /// On the ring a mere yield is not enough: posted reads are submitted only when the thread is about to
    /// wait, so one no-op is sent around.
    pub(super) async fn breathe(self) {
        match self {
            Driver::Epoll => tokio::task::yield_now().await,
            Driver::Uring => {
                if let Err(error) = tokio_uring::no_op().await {
                    log::debug!(target: "runtime", "no-op on the ring failed: {error}");
                }
            }
        }
    }
}

/// A runtime for the present thread. Tasks are spawned with [`tokio::task::spawn_local`] under both drivers.
pub(super) enum Executor {
    Uring(tokio_uring::Runtime),
    Epoll(tokio::runtime::Runtime, LocalSet),
}

impl Executor {
    pub(super) fn new(driver: Driver) -> io::Result<Executor> {
        Ok(match driver {
            Driver::Uring => {
                let mut ring = tokio_uring::uring_builder();
                ring.setup_cqsize(RING_COMPLETIONS);
                let mut builder = tokio_uring::builder();
                builder.entries(RING_ENTRIES).uring_builder(&ring);
                Executor::Uring(tokio_uring::Runtime::new(&builder)?)
            }
            Driver::Epoll => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                Executor::Epoll(runtime, LocalSet::new())
            }
        })
    }

    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self {
            Executor::Uring(runtime) => runtime.block_on(future),
            Executor::Epoll(runtime, local) => runtime.block_on(local.run_until(future)),
        }
    }
}
