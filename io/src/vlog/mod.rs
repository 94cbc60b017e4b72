//! The log, in the form that operators and scripts know: modules, levels per module and destination, patterns
//! (`ovs-appctl`(8), "LOGGING COMMANDS").
//!
//! Code logs through the `log` crate; the target of a message is its module's name, by upstream's names where
//! upstream has them. A message goes to the console (standard error), to the system log and, once one is opened,
//! to a log file. Whether anybody wants a message is one comparison as long as nobody does.

mod commands;
mod level;
mod modules;
mod pattern;
mod rate_limit;
mod sinks;
mod spec;

pub use commands::{COMMANDS, register_commands};
pub use level::{Destination, Level};
pub use rate_limit::RateLimit;
pub use sinks::SyslogMethod;

use crate::{dirs, errors};
use log::{LevelFilter, Log, Metadata, Record};
use modules::Modules;
use parking_lot::RwLock;
use pattern::{Fields, Patterns};
use sinks::{LogFile, Syslog};
use spec::Spec;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

thread_local! {
    /// Number of the thread's last message.
    static MESSAGE_NUMBER: Cell<u32> = const { Cell::new(0) };
    /// Name of the thread in messages, where it is not the thread's own.
    static SUBPROGRAM: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The module of access control. Clients cause its messages as fast as they like, and it has no clock to limit them by.
const RBAC: &str = "ovsdb_rbac";

/// Upstream's limit for them.
static RBAC_LIMIT: RateLimit = RateLimit::new(1, 1);

static LOGGER: LazyLock<Logger> = LazyLock::new(Logger::new);

struct Logger {
    started: Instant,
    state: RwLock<State>,
}

struct State {
    program: String,
    modules: Modules,
    patterns: Patterns,
    facility: Option<u8>,
    file: LogFile,
    syslog: Syslog,
}

impl Logger {
    fn new() -> Logger {
        let state = State {
            program: "ovsdb".to_owned(),
            modules: Modules::new(),
            patterns: Patterns::default(),
            facility: None,
            file: LogFile::default(),
            syslog: Syslog::default(),
        };
        Logger {
            started: Instant::now(),
            state: RwLock::new(state),
        }
    }

    /// Writes one message wherever its module's levels want it.
    fn write(&self, module: &str, level: Level, message: fmt::Arguments<'_>, console: Console) {
        let state = self.state.read();
        let levels = state.modules.levels(module);
        let wanted = |destination: Destination| levels[destination as usize] >= level;
        let to_console = console == Console::AsConfigured && wanted(Destination::Console);
        let to_syslog = wanted(Destination::Syslog);
        let to_file = state.file.is_open() && wanted(Destination::File);
        if to_console || to_syslog || to_file {
            let number = MESSAGE_NUMBER.get().wrapping_add(1);
            MESSAGE_NUMBER.set(number);
            let message = message.to_string();
            with_thread_name(|thread| {
                let fields = Fields {
                    program: &state.program,
                    module,
                    level,
                    message: message.trim_end_matches('\n'),
                    number,
                    thread,
                    facility: state.facility,
                    running: self.started.elapsed(),
                };
                state.emit(&fields, to_console, to_syslog, to_file);
            });
        }
        let known = state.modules.knows(module);
        drop(state);
        if !known {
            self.state.write().modules.add(module);
        }
    }
}

/// Whether a message may go to the console.
#[derive(Clone, Copy, PartialEq)]
enum Console {
    AsConfigured,
    /// It is printed there in another form.
    Not,
}

impl State {
    fn emit(&self, fields: &Fields<'_>, to_console: bool, to_syslog: bool, to_file: bool) {
        if to_console {
            let mut line = self.patterns.format(Destination::Console, fields);
            line.push('\n');
            // There is nowhere left to say that standard error is gone.
            drop(io::stderr().write_all(line.as_bytes()));
        }
        if to_syslog {
            let text = self.patterns.format(Destination::Syslog, fields);
            self.syslog.send(&self.program, self.facility, &text, fields);
        }
        if to_file {
            let mut line = self.patterns.format(Destination::File, fields);
            line.push('\n');
            self.file.write(line.as_bytes());
        }
    }

    /// Has the `log` crate drop early what no destination wants.
    fn update_filter(&self) {
        log::set_max_level(match self.modules.most_verbose(self.file.is_open()) {
            Level::Off | Level::Emer => LevelFilter::Off,
            Level::Err => LevelFilter::Error,
            Level::Warn => LevelFilter::Warn,
            Level::Info => LevelFilter::Info,
            Level::Dbg => LevelFilter::Trace,
        });
    }
}

fn with_thread_name(use_name: impl FnOnce(&str)) {
    SUBPROGRAM.with_borrow(|name| match name {
        Some(name) => use_name(name),
        None => match std::thread::current().name() {
            None | Some("main") => use_name(""),
            Some(name) => use_name(name),
        },
    });
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let state = self.state.read();
        let levels = state.modules.levels(module_of(metadata.target()));
        let level = Level::from(metadata.level());
        Destination::ALL.iter().any(|&destination| {
            (destination != Destination::File || state.file.is_open())
                && levels[destination as usize] >= level
        })
    }

    fn log(&self, record: &Record<'_>) {
        // Packages below us trace more than anybody reads.
        if record.level() == log::Level::Trace {
            return;
        }
        let (module, level) = (module_of(record.target()), record.level().into());
        if module == RBAC {
            match RBAC_LIMIT.admit(module) {
                Err(()) => return,
                Ok(None) => {}
                Ok(Some(told)) => self.write(module, level, format_args!("{told}"), Console::AsConfigured),
            }
        }
        self.write(module, level, *record.args(), Console::AsConfigured);
    }

    fn flush(&self) {}
}

/// Module of a log target: the target itself, or the last part of a path such as `mio::poll`.
fn module_of(target: &str) -> &str {
    target.rsplit("::").next().unwrap_or(target)
}

/// Makes this the process's log, which calls itself `program`. To be called once, first of all.
pub fn init(program: &str) {
    LOGGER.state.write().program = program.to_owned();
    if log::set_logger(&*LOGGER).is_ok() {
        LOGGER.state.read().update_filter();
    }
}

/// The program's name, as given to [`init`].
pub fn program_name() -> String {
    LOGGER.state.read().program.clone()
}

/// Names the present thread in its messages, such as `monitor`; without a name it is the main thread.
pub fn set_subprogram_name(name: Option<&str>) {
    SUBPROGRAM.set(Some(name.unwrap_or("").to_owned()));
}

/// Applies one `-v` argument or `vlog/set` word; the error is what to tell the user.
pub fn set(spec: &str) -> Result<(), String> {
    let mut state = LOGGER.state.write();
    match Spec::parse(spec, |name| state.modules.knows(name))? {
        Spec::Pattern(destinations, pattern) => {
            for destination in destinations {
                state.patterns.set(destination, &pattern);
            }
        }
        Spec::Facility(facility) => state.facility = Some(facility),
        Spec::Levels {
            module,
            destinations,
            level,
        } => {
            state.modules.set_levels(module.as_deref(), &destinations, level);
        }
    }
    state.update_filter();
    Ok(())
}

/// Everything to be logged everywhere (`-v` alone).
pub fn set_most_verbose() {
    let mut state = LOGGER.state.write();
    state.modules.set_levels(None, &Destination::ALL, Level::Dbg);
    state.update_filter();
}

/// Nothing more to the console, which is nobody's any more.
pub(crate) fn silence_console() {
    let mut state = LOGGER.state.write();
    state
        .modules
        .set_levels(None, &[Destination::Console], Level::Off);
    state.update_filter();
}

/// Name of the log file by default: in the log directory, after the program.
fn default_log_file() -> PathBuf {
    dirs::logdir().join(format!("{}.log", program_name()))
}

/// Logs to `path` from now on (`--log-file`), by default to `PROGRAM.log` in the directory of logs. A file that is open
/// already, under the same inode, stays as it is. A failure has been logged.
pub fn set_log_file(path: Option<&Path>) -> io::Result<()> {
    let path = path.map_or_else(default_log_file, Path::to_owned);
    let file = match LogFile::open(path.clone()) {
        Ok(file) => file,
        Err(error) => {
            let text = errors::strerror(&error);
            log::warn!(target: "vlog", "failed to open {} for logging: {text}", path.display());
            return Err(error);
        }
    };
    let (same, was_open) = {
        let state = LOGGER.state.read();
        (state.file.is_same(&file), state.file.is_open())
    };
    if same {
        return Ok(());
    }
    if was_open {
        log::info!(target: "vlog", "closing log file");
    }
    {
        let mut state = LOGGER.state.write();
        state.file = file;
        state.update_filter();
    }
    log::info!(target: "vlog", "opened log file {}", path.display());
    Ok(())
}

/// Opens the log file anew, after it was moved away (`vlog/reopen`). Says whether there is one.
pub fn reopen_log_file() -> io::Result<bool> {
    let path = LOGGER.state.read().file.path().map(Path::to_owned);
    match path {
        Some(path) => set_log_file(Some(&path)).map(|()| true),
        None => Ok(false),
    }
}

/// Closes the log file until it is opened anew (`vlog/close`).
pub fn close_log_file() {
    let mut state = LOGGER.state.write();
    state.file.close();
    state.update_filter();
}

/// Gives the log file to a user and group (`--user`).
pub fn change_log_file_owner(user: u32, group: u32) -> io::Result<()> {
    match LOGGER.state.read().file.path() {
        Some(path) => std::os::unix::fs::chown(path, Some(user), Some(group)),
        None => Ok(()),
    }
}

/// How the system log is reached (`--syslog-method`); only the first call counts, as upstream has it.
pub fn set_syslog_method(method: SyslogMethod) {
    LOGGER.state.write().syslog.set_method(method);
}

/// Also sends to `target`, `HOST:PORT`, over UDP (`--syslog-target`).
pub fn set_syslog_target(target: &str) -> io::Result<()> {
    LOGGER.state.write().syslog.set_target(target)
}

/// Levels of all modules (`vlog/list`).
fn levels_text() -> String {
    LOGGER.state.read().modules.list()
}

/// Patterns of all destinations (`vlog/list-pattern`).
fn patterns_text() -> String {
    let state = LOGGER.state.read();
    state.patterns.list(state.syslog.prefix())
}

/// Honours rate limits in a module or, without one, in all; whether there is such a module.
fn set_rate_limits(module: Option<&str>, honour: bool) -> bool {
    LOGGER.state.write().modules.set_rate_limits(module, honour)
}

fn honours_rate_limits(module: &str) -> bool {
    LOGGER.state.read().modules.honours_rate_limits(module)
}

/// Logs `message` with the highest urgency, prints it after the program's name and ends the process with status 1,
/// after removing its files. For errors of the operator; a monitor does not restart the process.
pub fn fatal(module: &str, message: fmt::Arguments<'_>) -> ! {
    LOGGER.write(module, Level::Emer, message, Console::Not);
    let program = program_name();
    with_thread_name(|thread| match thread {
        "" => eprintln!("{program}: {message}"),
        thread => eprintln!("{program}({thread}): {message}"),
    });
    crate::daemon::cleanup::run();
    std::process::exit(1)
}
