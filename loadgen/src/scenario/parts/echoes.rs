//! Echoes at given times, by which clients learn how long the server answers nobody.
//!
//! They have connections and a thread of their own, so that they do not wait for this program's other clients, and that
//! thread comes before everything else on the machine where that is allowed: what is measured is how long the server
//! takes. One that comes late because those before it were answered late counts from when it was meant to be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::error::{Failure, Result};
use crate::limits::{ECHO_CONNECTIONS, ECHO_NICENESS};
use crate::measure::latency::Latencies;
use crate::scenario::Trial;
use crate::scenario::parts::arrivals::Arrivals;
use crate::server::Control;

/// Echoes that are being sent, until they are ended.
#[derive(Debug)]
pub(in crate::scenario) struct Echoes {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Latencies>>,
}

impl Echoes {
    /// Sends `rate` of them a second from now on, in turns on connections to several of the server's threads. Their
    /// latencies are a series of this name.
    pub(in crate::scenario) fn begin(trial: &Trial<'_>, series: &'static str, rate: f64) -> Result<Echoes> {
        let mut connections: Vec<Control> = (0..ECHO_CONNECTIONS)
            .map(|_| Control::open(trial.server.address(), trial.settings.patience))
            .collect::<Result<_>>()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let asked_to_end = is_over.clone();
        let work = move || {
            come_first();
            let mut latencies = Latencies::default();
            let mut arrivals = Arrivals::new(Instant::now(), rate, u64::MAX);
            for at in (0..connections.len()).cycle() {
                let Some(intended) = arrivals.next() else { break };
                thread::sleep(intended.saturating_duration_since(Instant::now()));
                if asked_to_end.load(Ordering::Relaxed) {
                    break;
                }
                arrivals.take(intended);
                connections[at].call_raw("echo", "[]")?;
                let us = u64::try_from(intended.elapsed().as_micros()).unwrap_or(u64::MAX);
                latencies.record(series, us);
            }
            Ok(latencies)
        };
        let thread = thread::Builder::new().name("echoes".to_owned()).spawn(work);
        let thread = thread.map_err(|error| Failure::Machine(format!("cannot start a thread: {error}")))?;
        Ok(Echoes { is_over, thread })
    }

    /// Sends no more, and gives the latencies of those that were sent.
    pub(in crate::scenario) fn end(self) -> Result<Latencies> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the thread does not panic")
    }
}

/// Gives the present thread the highest priority, if this user may.
fn come_first() {
    let this = rustix::thread::gettid();
    // Without it, what is measured includes how long this thread waits for a processor.
    rustix::process::setpriority_process(Some(this), ECHO_NICENESS).unwrap_or_default();
}
