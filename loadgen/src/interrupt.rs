//! Signals that end a run: what was found out before is written.
//!
//! They are blocked in all threads and awaited by one, so that writing is ordinary code. Processes that are started get
//! them unblocked by the standard library; a server under load is ended by its janitor when this process is gone.

use nix::sys::signal::{SigSet, Signal};

use crate::error::{Failure, Result};

const SIGNALS: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];

/// Calls `finish` with the name of the first signal that comes, and then exits as a shell tells of it. To be called
/// before any thread is started.
pub fn watch(finish: impl FnOnce(&str) + Send + 'static) -> Result<()> {
    let signals: SigSet = SIGNALS.into_iter().collect();
    let machine = |reason: String| Failure::Machine(format!("cannot wait for signals: {reason}"));
    signals
        .thread_block()
        .map_err(|error| machine(error.to_string()))?;
    let wait = move || match signals.wait() {
        Ok(signal) => {
            finish(signal.as_str());
            std::process::exit(128 + signal as i32);
        }
        Err(error) => eprintln!("loadgen: cannot wait for signals: {error}"),
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)
        .map_err(|error| machine(error.to_string()))?;
    Ok(())
}
