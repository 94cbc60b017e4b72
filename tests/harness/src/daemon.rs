//! Programs that stay: started in the foreground, ended by pid when their owner is dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait;

/// Bytes of a log shown when a test fails.
const LOG_TAIL_BYTES: usize = 6000;

/// A running program. Dropping it kills it; when that happens in a failing test, the tail of its log is printed.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Daemon {
    /// Starts `command` with both outputs in the file `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Daemon {
        let file = File::create(log).expect("can write to the scratch directory");
        let twin = file.try_clone().expect("a file can be opened twice");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(file))
            .stderr(Stdio::from(twin))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        Daemon {
            name: name.to_owned(),
            child,
            log: log.to_path_buf(),
            ended: None,
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything the program has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The status, if the program has ended by itself.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait::until_within(limit, &what, || self.status())
    }

    /// Ends the program as a crash would: SIGKILL, no last words.
    pub fn kill(&mut self) {
        if self.status().is_none() {
            end(&mut self.child);
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log
                .char_indices()
                .rev()
                .nth(LOG_TAIL_BYTES)
                .map_or(0, |(at, _)| at);
            eprintln!(
                "---- {} (pid {}) said:\n{}----",
                self.name,
                self.child.id(),
                &log[tail..]
            );
        }
    }
}

/// Kills a child and reaps it. It may have ended in the meantime, which is as good.
pub(crate) fn end(child: &mut Child) {
    if let Err(error) = child.kill() {
        eprintln!("pid {}: {error}", child.id());
    }
    if let Err(error) = child.wait() {
        eprintln!("pid {}: {error}", child.id());
    }
}
