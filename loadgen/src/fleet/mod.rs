//! Thousands of clients over few threads.
//!
//! ```text
//!   scenario (main thread)  ── jobs: closures ──►  shard: one thread, one epoll, its share of the clients
//!           ▲                                        │  socket → Scanner → reply │ update → Folds
//!           └────────── Board (counters, failure) ◄──┘            └──► Behaviour (the scenario's reactions)
//! ```
//!
//! Goes in: where the server is, what each client monitors, and a [`Behaviour`] for each shard. Comes out: counters as
//! it goes, histograms and digests in the end. Holds: a client that is not in the middle of a message keeps no bytes;
//! it costs its socket, its reconnect machine and a pointer to a shared state. The first wrong answer stops the run.

mod block;
mod board;
mod client;
mod connect;
pub mod echo;
mod expected;
mod gate;
mod handshake;
mod moments;
mod pace;
mod port;
mod references;
pub mod scanner;
mod shard;

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use board::Board;
pub use client::{Ending, Phase};
pub use connect::Address;
pub use expected::Expected;
pub use port::{Port, Reply, Request};

use crate::error::{Failure, Result};
use crate::fleet::shard::{Job, Shard, Waker};
use crate::fold::columns::Columns;
use crate::fold::state::Change;
use crate::measure::latency::Latencies;
use crate::output;

/// What all clients of a fleet have in common.
pub struct Plan {
    pub address: Address,
    pub columns: Arc<Columns>,
    /// The monitor requests of each client, by its number in the fleet; `None` for one that monitors nothing.
    pub monitor: MonitorOf,
    /// Clients of one shard that may be on their way to being ready at the same time; fewer after some have failed.
    pub connecting_max: usize,
    /// Clients of one shard that may be agreeing on TLS at the same time.
    pub securing_max: usize,
    /// Clients of one shard whose first contents may be awaited at the same time.
    pub asking_max: usize,
    /// What clients say first.
    pub greeting: Greeting,
    /// Whether a connection that the server closes is made again; otherwise it fails the run.
    pub reconnects: bool,
    /// Names of the latencies that behaviours record, by their index.
    pub series: &'static [&'static str],
}

/// What a client says first on a connection, and what must be answered before it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// What upstream's library says: it asks for the schema of `_Server` and monitors that.
    Library,
    /// One echo.
    Echo,
}

/// The function of [`Plan::monitor`].
pub type MonitorOf = Arc<dyn Fn(usize) -> Option<Arc<str>> + Send + Sync>;

/// What a scenario's clients do. One value serves all clients of a shard.
pub trait Behaviour: Send + 'static {
    /// A client is connected and has its first contents; `since` is when it was meant to start.
    fn ready(&mut self, _port: &mut Port, _client: usize, _since: Instant) {}
    /// The answer to a request; it was checked for errors already.
    fn reply(&mut self, _port: &mut Port, _client: usize, _reply: &Reply<'_>) {}
    /// An update of the client's monitor, already folded.
    fn update(&mut self, _port: &mut Port, _client: usize, _change: &Change) {}
    /// Called once in each turn of the loop; gives when it wants to be called at the latest.
    fn turn(&mut self, _port: &mut Port, _now: Instant) -> Option<Instant> {
        None
    }
}

/// Clients that do nothing of their own.
pub struct Quiet;

impl Behaviour for Quiet {}

/// The clients of a scenario. Dropping it closes all connections.
pub struct Fleet<B: Behaviour> {
    shards: Vec<Handle<B>>,
    board: Arc<Board>,
    clients: usize,
}

struct Handle<B: Behaviour> {
    jobs: mpsc::Sender<Job<B>>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

/// What a client knows at the end.
#[derive(Clone, Debug)]
pub struct Known {
    pub client: usize,
    pub digest: u128,
    pub rows: usize,
}

impl<B: Behaviour> Fleet<B> {
    /// Makes `clients` clients over `threads` threads, none of which connects yet.
    pub fn new(
        plan: Plan,
        clients: usize,
        threads: usize,
        behaviour: impl Fn(usize) -> B,
    ) -> Result<Fleet<B>> {
        let plan = Arc::new(plan);
        let board = Arc::new(Board::default());
        let threads = threads.clamp(1, clients.max(1));
        let mut shards = Vec::new();
        for index in 0..threads {
            let (jobs, inbox) = mpsc::channel();
            let waker = Arc::new(Waker::new()?);
            let share = clients * index / threads..clients * (index + 1) / threads;
            let (behaviour, plan, board) = (behaviour(index), plan.clone(), board.clone());
            let its_waker = waker.clone();
            let thread = std::thread::Builder::new()
                .name(format!("clients-{index}"))
                .spawn(
                    move || match Shard::new(plan, board.clone(), share, its_waker, inbox, behaviour) {
                        Ok(shard) => shard.run(),
                        Err(failure) => board.fail(failure),
                    },
                )
                .map_err(|error| Failure::Machine(format!("cannot start a thread: {error}")))?;
            shards.push(Handle {
                jobs,
                waker,
                thread: Some(thread),
            });
        }
        Ok(Fleet {
            shards,
            board,
            clients,
        })
    }

    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The number of clients.
    pub fn len(&self) -> usize {
        self.clients
    }

    /// Whether there are no clients.
    pub fn is_empty(&self) -> bool {
        self.clients == 0
    }

    /// Has every shard do something, without waiting for it.
    pub fn post(&self, job: impl Fn(&mut B, &mut Port) + Clone + Send + 'static) {
        for shard in &self.shards {
            shard.post(job.clone());
        }
    }

    /// Has every shard do something and gives their results in the order of the clients.
    pub fn ask<R: Send + 'static>(
        &self,
        job: impl Fn(&mut B, &mut Port) -> R + Clone + Send + 'static,
    ) -> Result<Vec<R>> {
        let mut answers = Vec::new();
        for shard in &self.shards {
            let (sender, receiver) = mpsc::channel();
            let job = job.clone();
            shard.post(move |behaviour, port| {
                // The asker may have given up after a failure; then nobody wants the answer.
                sender.send(job(behaviour, port)).unwrap_or_default();
            });
            answers.push(receiver);
        }
        let gone = |_| {
            self.board
                .failure()
                .unwrap_or_else(|| Failure::Machine("a client thread ended".to_owned()))
        };
        answers
            .into_iter()
            .map(|answer| answer.recv().map_err(gone))
            .collect()
    }

    /// Starts all clients. They count as meant to start now.
    pub fn connect(&self) {
        let now = Instant::now();
        self.post(move |_, port| port.start_all(now));
    }

    /// Starts the first client of each shard, and gives how many these are.
    pub fn connect_first(&self) -> usize {
        let now = Instant::now();
        self.post(move |_, port| port.start_first(now));
        self.shards.len()
    }

    /// Waits until `done` says so of the board. Fails with the clients' first failure, or when for longer than `limit`
    /// no more clients became ready and nothing more was done, with what `what` was awaited.
    pub fn wait(&self, what: &str, limit: Duration, done: impl FnMut(&Board) -> bool) -> Result<()> {
        self.wait_for(what, limit, done, false)
    }

    /// Waits until a time while requests are answered, or there are none: fails if for longer than `limit` none of those
    /// that are unanswered was.
    pub fn pass(&self, until: Instant, limit: Duration) -> Result<()> {
        self.wait_for("the next reply", limit, |_| Instant::now() >= until, true)
    }

    fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        mut done: impl FnMut(&Board) -> bool,
        may_idle: bool,
    ) -> Result<()> {
        let mut deadline = Instant::now() + limit;
        let mut progress = (0, 0);
        let heard = || (Board::get(&self.board.updates), Board::get(&self.board.bytes));
        let (mut updates, mut bytes) = heard();
        loop {
            let (ready, done_so_far) = (Board::get(&self.board.ready), Board::get(&self.board.done));
            let is_idle = may_idle && Board::get(&self.board.asked) == Board::get(&self.board.replies);
            if ready > progress.0 || done_so_far > progress.1 || is_idle {
                progress = (ready.max(progress.0), done_so_far.max(progress.1));
                deadline = Instant::now() + limit;
                (updates, bytes) = heard();
            }
            if let Some(failure) = self.board.failure() {
                return Err(failure);
            }
            if done(&self.board) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Failure::Lost(format!(
                    "after {} seconds without progress {what} is still to come ({}){}",
                    limit.as_secs_f64(),
                    self.board.describe(self.clients),
                    match (heard().0 - updates, heard().1 - bytes) {
                        (0, 0) => "; the server is silent".to_owned(),
                        (0, _) => String::new(),
                        (came, _) => format!(
                            "; {came} updates came meanwhile: give it more time by --patience, or fewer --clients"
                        ),
                    }
                )));
            }
            self.board.park(Duration::from_millis(1));
        }
    }

    /// What each client knows.
    pub fn known(&self) -> Result<Vec<Known>> {
        Ok(self.ask(|_, port| port.known())?.concat())
    }

    /// The latencies that were recorded since the last call, all shards together.
    pub fn latencies(&self) -> Result<Latencies> {
        let mut all = Latencies::default();
        for latencies in self.ask(|_, port| port.take_latencies())? {
            all.add(latencies);
        }
        Ok(all)
    }
}

impl<B: Behaviour> Handle<B> {
    fn post(&self, job: impl FnOnce(&mut B, &mut Port) + Send + 'static) {
        // A shard that has ended left its failure on the board.
        self.jobs.send(Job::Call(Box::new(job))).unwrap_or_default();
        self.waker.wake();
    }
}

impl<B: Behaviour> Drop for Fleet<B> {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.jobs.send(Job::End).unwrap_or_default();
            shard.waker.wake();
        }
        for shard in &mut self.shards {
            if let Some(thread) = shard.thread.take()
                && thread.join().is_err()
            {
                output::tell("a client thread panicked");
            }
        }
    }
}

/// A failure that several threads may report; the first counts.
#[derive(Debug, Default)]
pub struct FirstFailure(Mutex<Option<Failure>>);

impl FirstFailure {
    fn set(&self, failure: Failure) {
        self.0
            .lock()
            .expect("no thread panics with the lock")
            .get_or_insert(failure);
    }

    fn get(&self) -> Option<Failure> {
        self.0.lock().expect("no thread panics with the lock").clone()
    }
}
