//! What a bad client must not cost: the time of others, and memory beyond four times what it has sent.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ovsdb_harness::{Client, Peer, Server};
use serde_json::json;

/// Longest time that anybody else waits for an answer, less the time that the machine had other things to do.
/// Programs built without optimization are some times slower.
const ANSWER_MAX: Duration = Duration::from_secs(if cfg!(debug_assertions) { 2 } else { 1 });

/// Clients that ask at a time: more than there are workers, so that each worker has one.
const CLIENTS: usize = 4;

/// Bytes of memory for each byte of a bad input.
const FACTOR_MAX: u64 = 4;

/// Memory that any work may take, such as buffers that are kept for the next one. Several tests of one process have
/// servers of their own, so it is one server's.
const SLACK_BYTES: u64 = 16 << 20;

/// Clients that go on asking while something bad is under way.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Watch {
    pub(crate) fn start(server: &Server) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let pid = server.pid();
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.client()).collect();
        for client in &mut clients {
            // A conversion would end the others.
            let aware = client.call("set_db_change_aware", json!([true]));
            assert_eq!(aware, Ok(json!({})));
        }
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut longest = Duration::ZERO;
                while !stop.load(Ordering::Relaxed) {
                    for client in &mut clients {
                        longest = longest.max(answered_in(client, pid));
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
                longest
            }
        });
        Watch { stop, thread }
    }

    /// Panics if one of them had to wait.
    pub(crate) fn finish(self, what: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let longest = self.thread.join().expect("the others were served");
        println!("{what}: others waited {} ms at most", longest.as_millis());
        assert!(longest < ANSWER_MAX, "{what}: somebody else waited {longest:?}");
    }
}

/// How long a client waits for an echo and for a row.
fn answered_in(client: &mut Client, pid: u32) -> Duration {
    let (start, queued) = (Instant::now(), queued(pid));
    let echo = client.call("echo", json!(["there?"]));
    assert_eq!(echo, Ok(json!(["there?"])));
    let select = json!([{"op": "select", "table": "Counter", "where": [["name", "==", "none"]]}]);
    assert_eq!(client.transact("Load", select)[0], json!({"rows": []}));
    start
        .elapsed()
        .saturating_sub(self::queued(pid).saturating_sub(queued))
}

/// How long the threads of a server, and this one, have been ready and had no processor (proc(5), `schedstat`).
fn queued(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the server lives");
    let paths = threads.filter_map(|thread| Some(thread.ok()?.path().join("schedstat")));
    let own = PathBuf::from("/proc/thread-self/schedstat");
    // A thread may be gone by now.
    let queued =
        |path: PathBuf| -> Option<u64> { fs::read_to_string(path).ok()?.split(' ').nth(1)?.parse().ok() };
    Duration::from_nanos(paths.chain([own]).filter_map(queued).sum())
}

/// How much memory a server takes for something.
pub(crate) struct Memory {
    pid: u32,
    before: u64,
}

impl Memory {
    /// From here on what the server takes is counted.
    pub(crate) fn mark(server: &Server) -> Memory {
        let pid = server.pid();
        // Resets the peak (proc(5)).
        fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the server is ours");
        let before = status_bytes(pid, "VmRSS:");
        Memory { pid, before }
    }

    /// What the server has taken so far is kept, as the rows that it was asked to store are, and counts no more.
    pub(crate) fn keep(&mut self) {
        self.before = self.before.max(status_bytes(self.pid, "VmRSS:"));
    }

    /// Most bytes taken at a time since.
    pub(crate) fn peak(&self) -> u64 {
        status_bytes(self.pid, "VmHWM:").saturating_sub(self.before)
    }

    /// Panics if `input` bytes have cost more than [`FACTOR_MAX`] times as many.
    pub(crate) fn check(&self, what: &str, input: usize) {
        let peak = self.peak();
        println!("{what}: {} KiB for {} KiB", peak >> 10, input >> 10);
        if Peer::under_test() == Peer::Packaged {
            // It promises nothing.
            return;
        }
        let most = input as u64 * FACTOR_MAX + SLACK_BYTES;
        assert!(peak <= most, "{what}: {peak} bytes for {input}");
    }
}

/// How much processor time a server takes for something.
pub(crate) struct Processor {
    pid: u32,
    before: Duration,
}

impl Processor {
    /// From here on the server's time is counted.
    pub(crate) fn mark(server: &Server) -> Processor {
        let pid = server.pid();
        let before = processor_time(pid);
        Processor { pid, before }
    }

    /// Panics if it took longer than `most`.
    pub(crate) fn check(&self, what: &str, most: Duration) {
        let took = processor_time(self.pid).saturating_sub(self.before);
        println!("{what}: {} ms of processor time", took.as_millis());
        assert!(took <= most, "{what}: {took:?} of processor time");
    }
}

/// What all threads of a process have had, in steps of the kernel's clock (proc(5), `stat`).
fn processor_time(pid: u32) -> Duration {
    /// Linux has told times to programs in hundredths for ever (`USER_HZ`).
    const TICKS_PER_SECOND: u64 = 100;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server lives");
    // The name before it may hold blanks.
    let (_, fields) = stat.rsplit_once(") ").expect("Linux tells it");
    let ticks = |at: usize| -> u64 {
        let field = fields.split(' ').nth(at);
        field.and_then(|field| field.parse().ok()).expect("a number")
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 1000 / TICKS_PER_SECOND)
}

fn status_bytes(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server lives");
    let line = status
        .lines()
        .find(|line| line.starts_with(name))
        .expect("Linux tells it");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("a number");
    kib << 10
}
