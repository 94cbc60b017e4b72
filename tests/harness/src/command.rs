//! Programs that run to their end.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait;

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything it wrote to standard output.
    pub stdout: String,
    /// Everything it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// Standard output and standard error after each other, for searching.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a program to its end, without input. Panics when it cannot be started or outlives [`wait::DEADLINE`].
pub fn run(command: &mut Command) -> Finished {
    run_within(wait::DEADLINE, command)
}

/// Like [`run`], with a limit of its own.
pub fn run_within(limit: Duration, command: &mut Command) -> Finished {
    let shown = format!("{command:?}");
    // Files, not pipes: a daemon that the program leaves behind would hold a pipe open after the end.
    let mut stdout = tempfile::tempfile().expect("can make a temporary file");
    let mut stderr = tempfile::tempfile().expect("can make a temporary file");
    let child = command
        .stdin(Stdio::null())
        .stdout(duplicate(&stdout))
        .stderr(duplicate(&stderr))
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
    let mut running = Running { child, ended: false };
    let status = wait::until_within(limit, &format!("the end of {shown}"), || running.poll());
    Finished {
        status,
        stdout: content(&mut stdout),
        stderr: content(&mut stderr),
    }
}

/// Like [`run`], and panics with what the program said unless it ended with status 0.
pub fn run_ok(command: &mut Command) -> Finished {
    let shown = format!("{command:?}");
    let finished = run(command);
    assert!(
        finished.status.success(),
        "{shown}: {}\nstdout: {}\nstderr: {}",
        finished.status,
        finished.stdout,
        finished.stderr
    );
    finished
}

/// A child that is killed when its owner gives up on it.
struct Running {
    child: Child,
    ended: bool,
}

impl Running {
    fn poll(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("a child can be waited for");
        self.ended = status.is_some();
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            crate::daemon::end(&mut self.child);
        }
    }
}

fn duplicate(file: &File) -> Stdio {
    file.try_clone().expect("a file can be opened twice").into()
}

fn content(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .expect("a temporary file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
