//! Signals that end a run: what was found out before is written.
//!
//! A thread waits for them, so that writing is ordinary code. They are not blocked: a server that is started would inherit
//! that, and could not be ended by them. A server under load is ended by its janitor when this process is gone.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use crate::error::{Failure, Result};

/// Calls `finish` with the name of the first signal that comes, and then exits as a shell tells of it.
pub fn watch(finish: impl FnOnce(&str) + Send + 'static) -> Result<()> {
    let machine = |error: std::io::Error| Failure::Machine(format!("cannot wait for signals: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(machine)?;
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            finish(signal_name(signal).unwrap_or("a signal"));
            std::process::exit(128 + signal);
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)
        .map_err(machine)?;
    Ok(())
}
