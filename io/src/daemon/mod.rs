//! What makes the process a daemon: going to the background, the process that watches over it, the pidfile,
//! signals, and what must not outlive it (upstream `lib/daemon-unix.c`, `lib/fatal-signal.c`).
//!
//! ```text
//!  shell ── fork ──► monitor ── fork ──► daemon: pidfile, ring, threads, databases, remotes
//!    │                 │                   │
//!    └── waits ◄───────┴────── waits ◄─────┘  one byte through a pipe: started
//! ```
//!
//! [`start`] forks, so it comes before any thread, ring or lock. It returns only in the daemon;
//! [`Daemon::complete`] then releases whoever waits in the foreground.

pub mod cleanup;
mod fork;
mod monitor;
mod pidfile;
mod run;
pub mod service_manager;
mod signals;
mod title;
mod user;

pub use run::{CommandFailed, run_command};
pub use signals::{Signals, die_of, end_after, signal_name};

use crate::{dirs, vlog};
use fork::Forked;
use pidfile::Pidfile;
use std::io::PipeWriter;
use std::path::{Path, PathBuf};

/// Module of the log for everything here.
const MODULE: &str = "daemon_unix";

/// How to run, from the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--detach`: in the background.
    pub detach: bool,
    /// `--monitor`: with a process that starts it again after a crash.
    pub monitor: bool,
    /// `--no-chdir`: in the present directory instead of `/`.
    pub no_chdir: bool,
    /// `--pidfile`, see [`pidfile_path`].
    pub pidfile: Option<PathBuf>,
    /// `--overwrite-pidfile`: also if another process holds it.
    pub overwrite_pidfile: bool,
    /// `--user=USER[:GROUP]`
    pub user: Option<String>,
    pub output: Output,
}

/// What becomes of standard output and standard error in the background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// They are left to others.
    #[default]
    Closed,
    /// Standard output stays what it was, for programs whose output is what they are run for.
    Stdout,
    /// Both stay, so that who reads the output hears of its end as well.
    StdoutAndStderr,
}

/// The pidfile that `--pidfile[=NAME]` means: in the directory of sockets, after the program by default.
pub fn pidfile_path(name: Option<&str>) -> PathBuf {
    match name {
        Some(name) => dirs::absolute(&dirs::rundir(), name),
        None => dirs::rundir().join(format!("{}.pid", vlog::program_name())),
    }
}

/// A daemon that is starting.
#[derive(Debug)]
pub struct Daemon {
    detach: bool,
    no_chdir: bool,
    output: Output,
    /// Releases the process that waits for us.
    started: Option<PipeWriter>,
    /// Holds the lock.
    pidfile: Option<Pidfile>,
}

/// Changes the user, forks and writes the pidfile, as `options` ask; returns in the daemon. Errors end the
/// process with a message. From here on the signals that end a process wait for [`Signals`].
pub fn start(options: &Options) -> Daemon {
    fork::assert_single_threaded();
    signals::let_crashes_crash();
    if let Some(user) = &options.user {
        user::become_user(user);
    }
    let mut started = None;
    if options.detach {
        match fork::fork_and_wait() {
            Ok(Forked::Parent { .. }) => std::process::exit(0),
            Ok(Forked::Child(pipe)) => started = Some(pipe),
            Err(_) => vlog::fatal(MODULE, format_args!("could not detach from foreground session")),
        }
        if let Err(error) = nix::unistd::setsid() {
            log::warn!(target: MODULE, "setsid failed ({})", error.desc());
        }
    }
    signals::block();
    if options.monitor {
        match fork::fork_and_wait() {
            Ok(Forked::Parent { child }) => {
                if let Some(pipe) = started {
                    fork::tell_started(pipe);
                }
                if options.detach {
                    close_standard_streams(Output::Closed);
                }
                started = Some(monitor::watch(child));
            }
            Ok(Forked::Child(pipe)) => started = Some(pipe),
            Err(_) => vlog::fatal(MODULE, format_args!("could not initiate process monitoring")),
        }
    }
    let pidfile = options
        .pidfile
        .as_deref()
        .map(|path| Pidfile::create(path, options.overwrite_pidfile));
    Daemon {
        detach: options.detach,
        no_chdir: options.no_chdir,
        output: options.output,
        started,
        pidfile,
    }
}

impl Daemon {
    /// The daemon serves: releases who waits for that, and leaves the foreground's directory and streams. The
    /// result is to be kept until the process ends.
    pub fn complete(self) -> Running {
        if let Some(pipe) = self.started {
            fork::tell_started(pipe);
        }
        if self.detach {
            if !self.no_chdir
                && let Err(error) = std::env::set_current_dir(Path::new("/"))
            {
                log::warn!(target: MODULE, "cannot change to /: {}", crate::errors::strerror(&error));
            }
            close_standard_streams(self.output);
        }
        Running {
            _pidfile: self.pidfile,
        }
    }
}

/// A daemon that serves. Holds the pidfile's lock; the default holds none.
#[derive(Debug, Default)]
pub struct Running {
    _pidfile: Option<Pidfile>,
}

/// Leaves the terminal, or whatever the streams were, to others, but for output that is to be kept.
fn close_standard_streams(output: Output) {
    match std::fs::File::options().read(true).write(true).open("/dev/null") {
        Ok(null) => {
            let replaced = rustix::stdio::dup2_stdin(&null)
                .and_then(|()| match output {
                    Output::Closed => rustix::stdio::dup2_stdout(&null),
                    Output::Stdout | Output::StdoutAndStderr => Ok(()),
                })
                .and_then(|()| match output {
                    Output::Closed | Output::Stdout => rustix::stdio::dup2_stderr(&null),
                    Output::StdoutAndStderr => Ok(()),
                });
            if let Err(error) = replaced {
                log::warn!(target: MODULE, "cannot replace the standard streams: {error}");
            }
        }
        Err(error) => {
            log::warn!(target: MODULE, "could not open /dev/null: {}", crate::errors::strerror(&error));
        }
    }
    vlog::silence_console();
}
