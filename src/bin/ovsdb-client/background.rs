//! Running in the background: `--detach`, `--pidfile`, and the control socket of what runs there.
//!
//! The program's own thread waits for the server's messages. A second thread serves the control socket and
//! takes the signals, which [`daemon::start`] has blocked. Neither waits for the other but at the [`Gate`].

use ovsdb::cli::options::DaemonOptions;
use ovsdb::cli::{Fatal, Result};
use ovsdb_io::daemon::{self, Daemon, Output, Running, Signals, cleanup};
use ovsdb_io::unixctl::{self, Answer, Commands};
use ovsdb_io::vlog;
use std::cell::RefCell;
use std::io;
use std::process;
use std::rc::Rc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;
use tokio::runtime::{self, Runtime};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::PROGRAM;

/// Between the command to exit and the end: time for its answer to leave.
const EXIT_DELAY: Duration = Duration::from_millis(50);

/// The program's way into the background, if the options send it there.
pub struct Background {
    is_detached: bool,
    state: State,
}

enum State {
    /// No option asks for anything. Final.
    Foreground,
    /// Whoever started the program waits. → Serving
    Starting(Daemon),
    /// The pidfile is held until the end. Final.
    Serving { _running: Running },
}

impl Background {
    /// Forks, if the options ask for it; returns in the process that goes on, which keeps `output`. There must be no
    /// other thread.
    pub fn start(options: &DaemonOptions, output: Output) -> Background {
        let resolved = daemon::Options {
            output,
            ..options.resolve()
        };
        let is_foreground = resolved
            == daemon::Options {
                output,
                ..daemon::Options::default()
            };
        Background {
            is_detached: resolved.detach,
            state: if is_foreground {
                State::Foreground
            } else {
                State::Starting(daemon::start(&resolved))
            },
        }
    }

    /// Starts the second thread, unless the program is in the foreground: for the signals and, if it has
    /// detached, for a control socket with the commands that `register` adds and `exit`.
    pub fn control(&self, register: impl FnOnce(&mut Commands) + Send + 'static) -> Result<()> {
        self.start_thread(self.is_detached, register)
    }

    /// The same without a control socket.
    pub fn take_signals(&self) -> Result<()> {
        self.start_thread(false, |_| {})
    }

    fn start_thread(
        &self,
        has_socket: bool,
        register: impl FnOnce(&mut Commands) + Send + 'static,
    ) -> Result<()> {
        if matches!(self.state, State::Foreground) {
            return Ok(());
        }
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let served = executor()
                .and_then(|executor| LocalSet::new().block_on(&executor, serve(has_socket, register, &tell)));
            if let Err(error) = served
                && tell.send(Err(error)).is_err()
            {
                log::warn!(target: "ovsdb_client", "nobody takes signals any more");
            }
        });
        let result = told
            .recv()
            .expect("the thread tells how it starts before it ends");
        result.map_err(|error| Fatal::with_io("failed to create unixctl server", &error))
    }

    /// The first result is out: whoever started the program may go on.
    pub fn complete(&mut self) {
        if let State::Starting(_) = self.state
            && let State::Starting(daemon) = std::mem::replace(&mut self.state, State::Foreground)
        {
            self.state = State::Serving {
                _running: daemon.complete(),
            };
        }
    }
}

fn executor() -> io::Result<Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
}

/// Serves the control socket, if there is to be one, until a signal ends the process; tells when it is there.
async fn serve(
    has_socket: bool,
    register: impl FnOnce(&mut Commands),
    tell: &mpsc::Sender<io::Result<()>>,
) -> io::Result<()> {
    let signals = Signals::open()?;
    let _server = if has_socket {
        let mut commands = Commands::new();
        register(&mut commands);
        vlog::register_commands(&mut commands);
        commands.register("exit", Some(""), 0..=0, |_, answer| exit_soon(answer));
        let version = ovsdb::version_text(PROGRAM);
        let version = version.lines().next().unwrap_or_default();
        Some(unixctl::Server::start(
            unixctl::socket_path(None),
            version,
            Rc::new(RefCell::new(commands)),
        )?)
    } else {
        None
    };
    tell.send(Ok(()))
        .map_err(|_| io::Error::other("the program has ended"))?;
    daemon::die_of(signals.next().await?)
}

fn exit_soon(answer: Answer) {
    answer.done();
    drop(spawn_local(async {
        sleep(EXIT_DELAY).await;
        cleanup::run();
        process::exit(0);
    }));
}

/// What the program's thread passes before it takes up a message; the control socket can close it.
#[derive(Default)]
pub struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    /// Waits while the gate is closed.
    pub fn pass(&self) {
        let mut is_closed = self.lock();
        while *is_closed {
            is_closed = self
                .opened
                .wait(is_closed)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Closes the gate; false if it was closed already.
    pub fn close(&self) -> bool {
        !std::mem::replace(&mut *self.lock(), true)
    }

    /// Opens the gate; false if it was open already.
    pub fn open(&self) -> bool {
        self.opened.notify_all();
        std::mem::replace(&mut *self.lock(), false)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
