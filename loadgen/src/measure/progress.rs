//! The live line on the terminal and the time line of the report: both look at the board now and then.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::fleet::Board;
use crate::limits::{PHASES_MAX, SHOW_INTERVAL_MS};
use crate::measure::live::Counts;
use crate::measure::outcome::Phase;
use crate::measure::process::Process;
use crate::measure::table::number;
use crate::measure::timeline::{Moment, Sample, Timeline};
use crate::output;

/// What a phase counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Clients that are ready.
    Ready,
    /// The scenario's own unit.
    Done,
}

/// The phase that is under way.
struct Watched {
    board: Arc<Board>,
    what: String,
    goal: u64,
    counter: Counter,
}

/// What the scenario's thread tells the watcher's.
#[derive(Default)]
struct Told {
    watched: Option<Arc<Watched>>,
    process: Option<Process>,
    phases: Vec<Phase>,
}

struct Shared {
    start: Instant,
    server: String,
    told: Mutex<Told>,
    ended: AtomicBool,
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("no thread panics with the lock")
    }
}

/// A watcher of one scenario. Dropping it takes the line away.
pub struct Progress {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Timeline>>,
}

impl Progress {
    /// Starts to watch a scenario on the server of that name.
    pub fn start(scenario: &str, server: String, process: Option<Process>, is_quiet: bool) -> Progress {
        let shared = Arc::new(Shared {
            start: Instant::now(),
            server,
            told: Mutex::new(Told {
                process,
                ..Told::default()
            }),
            ended: AtomicBool::new(false),
        });
        let its_shared = shared.clone();
        // It draws nothing where the error output is no terminal.
        let bar = if is_quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(0)
        };
        bar.set_style(style());
        bar.set_prefix(scenario.to_owned());
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || watch(&its_shared, &bar))
            .ok();
        Progress { shared, thread }
    }

    /// A new phase: `counter` of the board is to reach `goal`; 0 if there is none to reach.
    pub fn phase(&self, what: &str, board: &Arc<Board>, counter: Counter, goal: u64) {
        let mut told = self.shared.told();
        if told.phases.len() < PHASES_MAX {
            told.phases.push(Phase {
                name: what.to_owned(),
                from_s: self.shared.start.elapsed().as_secs_f64(),
            });
        }
        told.watched = Some(Arc::new(Watched {
            board: board.clone(),
            what: what.to_owned(),
            goal,
            counter,
        }));
    }

    /// The server is another process now.
    pub fn restarted(&self, process: Option<Process>) {
        self.shared.told().process = process;
    }

    /// Stops to watch, and gives the phases and the time line.
    pub fn end(mut self) -> (Vec<Phase>, Vec<Moment>) {
        let moments = self.join().map_or_else(Vec::new, |timeline| timeline.moments());
        (std::mem::take(&mut self.shared.told().phases), moments)
    }

    fn join(&mut self) -> Option<Timeline> {
        self.shared.ended.store(true, Ordering::Release);
        let thread = self.thread.take()?;
        thread.thread().unpark();
        let joined = thread.join();
        if joined.is_err() {
            output::tell("the progress thread panicked");
        }
        joined.ok()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.join();
    }
}

/// Takes the live line away, for a last message.
pub fn clear_line() {
    if std::io::stderr().is_terminal() {
        write!(std::io::stderr(), "\r\x1b[2K").unwrap_or_default();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {bar:6} {wide_msg}")
        .expect("the template is sound")
        .progress_chars("━╸ ")
}

/// Samples until the scenario has ended, one last time then.
fn watch(shared: &Shared, bar: &ProgressBar) -> Timeline {
    let mut timeline = Timeline::default();
    let mut fine = Look::new(shared);
    let mut shown = fine.clone();
    let show_interval = Duration::from_millis(SHOW_INTERVAL_MS);
    loop {
        std::thread::park_timeout(timeline.interval().min(show_interval));
        let has_ended = shared.ended.load(Ordering::Acquire);
        let now = Look::new(shared);
        timeline.push(now.since(&fine, shared.start));
        if now.at - shown.at >= show_interval {
            if let Some(watched) = &now.watched {
                show(
                    bar,
                    &shared.server,
                    watched,
                    &now.since(&shown, shared.start).moment(),
                );
            }
            shown = now.clone();
        }
        fine = now;
        if has_ended {
            bar.finish_and_clear();
            return timeline;
        }
    }
}

fn show(bar: &ProgressBar, server: &str, watched: &Watched, moment: &Moment) {
    let counter = match watched.counter {
        Counter::Ready => &watched.board.ready,
        Counter::Done => &watched.board.done,
    };
    let done = Board::get(counter);
    bar.set_message(format!("{}  {server}", line(watched, done, moment)));
    // Without a goal the bar is full from the beginning.
    bar.set_length(watched.goal.max(1));
    bar.set_position(if watched.goal == 0 {
        1
    } else {
        done.min(watched.goal)
    });
}

/// What the live line says behind the bar, what matters most first: the terminal may be narrow.
fn line(watched: &Watched, done: u64, moment: &Moment) -> String {
    let mut line = format!("{} {done}", watched.what);
    if watched.goal > 0 {
        line += &format!("/{}", watched.goal);
    }
    line += &format!("  {:.0} msg/s", moment.messages_per_s);
    if let (Some(p50), Some(p99)) = (moment.p50_ms, moment.p99_ms) {
        line += &format!("  p50 {} p99 {} ms", number(p50), number(p99));
    }
    if let Some(cpu) = moment.cpu {
        line += &format!("  CPU {cpu:.2}");
    }
    if let Some(resident) = moment.resident {
        line += &format!("  {} MB", resident / 1_000_000);
    }
    line
}

/// All counters at one moment.
#[derive(Clone)]
struct Look {
    at: Instant,
    watched: Option<Arc<Watched>>,
    messages: u64,
    ready: u64,
    latencies: Counts,
    process: Option<Process>,
    cpu: Option<Duration>,
    resident: Option<u64>,
}

impl Look {
    fn new(shared: &Shared) -> Look {
        // The lock is not held while /proc is read: the scenario may wait for it.
        let (watched, process) = {
            let told = shared.told();
            (told.watched.clone(), told.process)
        };
        let board = watched.as_ref().map(|watched| &watched.board);
        Look {
            at: Instant::now(),
            messages: board.map_or(0, |board| Board::get(&board.replies) + Board::get(&board.updates)),
            ready: board.map_or(0, |board| Board::get(&board.ready)),
            latencies: board.map_or_else(Counts::default, |board| board.latencies.counts()),
            process,
            cpu: process.and_then(Process::cpu),
            resident: process.and_then(Process::resident),
            watched,
        }
    }

    /// What has changed. A new board has counted from zero, and so has a new process.
    fn since(&self, before: &Look, start: Instant) -> Sample {
        let is_same_board = match (&self.watched, &before.watched) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(&mine.board, &theirs.board),
            (mine, theirs) => mine.is_none() && theirs.is_none(),
        };
        let is_same_process =
            self.process.map(|process| process.pid) == before.process.map(|process| process.pid);
        Sample {
            at: self.at - start,
            length: self.at - before.at,
            messages: if is_same_board {
                self.messages - before.messages
            } else {
                self.messages
            },
            ready: self.ready,
            latencies: if is_same_board {
                self.latencies.since(&before.latencies)
            } else {
                self.latencies.clone()
            },
            cpu: match (self.cpu, before.cpu) {
                // A thread that ended takes its time along.
                (Some(now), Some(before)) if is_same_process => Some(now.saturating_sub(before)),
                (now, _) => now,
            },
            resident: self.resident,
        }
    }
}
