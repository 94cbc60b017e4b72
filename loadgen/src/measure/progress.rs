//! The live line on the terminal and the time line of the report: both look at the board now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::fleet::Board;
use crate::limits::SAMPLE_INTERVAL_MS;
use crate::measure::outcome::Moment;
use crate::measure::process::Process;

/// What the watcher looks at.
struct Watched {
    board: Arc<Board>,
    what: String,
    goal: u64,
    counter: Counter,
}

/// What a phase counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Clients that are ready.
    Ready,
    /// The scenario's own unit.
    Done,
}

/// A watcher of one scenario. Dropping it takes the line away.
pub struct Progress {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    watched: Mutex<Option<Watched>>,
    moments: Mutex<Vec<Moment>>,
    ended: AtomicBool,
}

impl Progress {
    /// Starts to watch; `label` names scenario and server.
    pub fn start(label: String, process: Option<Process>, is_quiet: bool) -> Progress {
        let shared = Arc::new(Shared::default());
        let its_shared = shared.clone();
        let bar = if is_quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(0)
        };
        bar.set_style(style());
        bar.set_prefix(label);
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || watch(&its_shared, &bar, process))
            .ok();
        Progress { shared, thread }
    }

    /// A new phase: `counter` of the board is to reach `goal`.
    pub fn phase(&self, what: &str, board: &Arc<Board>, counter: Counter, goal: u64) {
        let watched = Watched {
            board: board.clone(),
            what: what.to_owned(),
            goal,
            counter,
        };
        *self
            .shared
            .watched
            .lock()
            .expect("no thread panics with the lock") = Some(watched);
    }

    /// The time line so far.
    pub fn moments(&self) -> Vec<Moment> {
        self.shared
            .moments
            .lock()
            .expect("no thread panics with the lock")
            .clone()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                eprintln!("loadgen: the progress thread panicked");
            }
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<24} {bar:24} {pos}/{len} {msg}")
        .expect("the template is sound")
        .progress_chars("━╸ ")
}

fn watch(shared: &Shared, bar: &ProgressBar, process: Option<Process>) {
    let start = Instant::now();
    let mut before = Totals::default();
    let mut at = start;
    while !shared.ended.load(Ordering::Acquire) {
        std::thread::park_timeout(Duration::from_millis(SAMPLE_INTERVAL_MS));
        let elapsed = at.elapsed().as_secs_f64();
        let watched = shared.watched.lock().expect("no thread panics with the lock");
        let Some(watched) = &*watched else { continue };
        if elapsed < SAMPLE_INTERVAL_MS as f64 / 2e3 {
            continue;
        }
        at = Instant::now();
        let now = Totals::of(&watched.board, process);
        // A new fleet's board starts at zero.
        let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now) as f64;
        let latencies = since(now.latencies, before.latencies);
        let moment = Moment {
            at_s: start.elapsed().as_secs_f64(),
            messages_per_s: since(now.messages, before.messages) / elapsed,
            latency_ms: if latencies > 0.0 {
                since(now.latency_us, before.latency_us) / latencies / 1e3
            } else {
                0.0
            },
            cpu: now.cpu.saturating_sub(before.cpu).as_secs_f64() / elapsed,
            resident: process.and_then(Process::resident).unwrap_or(0),
        };
        before = now;
        show(bar, watched, &moment);
        shared
            .moments
            .lock()
            .expect("no thread panics with the lock")
            .push(moment);
    }
    bar.finish_and_clear();
}

fn show(bar: &ProgressBar, watched: &Watched, moment: &Moment) {
    let counter = match watched.counter {
        Counter::Ready => &watched.board.ready,
        Counter::Done => &watched.board.done,
    };
    bar.set_length(watched.goal);
    bar.set_position(Board::get(counter).min(watched.goal));
    bar.set_message(format!(
        "{}  {:.0} msg/s  {:.2} ms  CPU {:.2}  {} MB",
        watched.what,
        moment.messages_per_s,
        moment.latency_ms,
        moment.cpu,
        moment.resident >> 20
    ));
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    messages: u64,
    latency_us: u64,
    latencies: u64,
    cpu: Duration,
}

impl Totals {
    fn of(board: &Board, process: Option<Process>) -> Totals {
        Totals {
            messages: Board::get(&board.replies) + Board::get(&board.updates),
            latency_us: Board::get(&board.latency_us),
            latencies: Board::get(&board.latencies),
            cpu: process.and_then(Process::cpu).unwrap_or_default(),
        }
    }
}
