//! A server started for a trial, in a directory of its own; it ends with the value.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::error::{Failure, Result};
use crate::fleet::Address;
use crate::limits::{START_PAUSE, STOP_MAX};
use crate::measure::process::Process;
use crate::output;
use crate::server::background;
use crate::server::certificates::Certificates;
use crate::server::janitor::Janitor;
use crate::server::{Control, database};

/// Name of the database's file.
const DATABASE: &str = "load.db";

/// How clients connect to a started server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Tcp,
    Unix,
    Tls,
}

impl Via {
    /// What stands in a command for the address.
    fn word(self) -> &'static str {
        match self {
            Via::Tcp => "{port}",
            Via::Unix => "{sock}",
            Via::Tls => "{sslport}",
        }
    }
}

/// Fails for a command that does not take what it is to serve, or where.
pub fn check_command(command: &str, via: Via) -> Result<()> {
    for (word, what) in [("{db}", "the database"), (via.word(), "where to listen")] {
        if !command.contains(word) {
            return Err(Failure::Usage(format!(
                "the command \"{command}\" has no {word} for {what}"
            )));
        }
    }
    Ok(())
}

/// A child process that serves.
#[derive(Debug)]
pub struct Spawned {
    /// The command with everything filled in.
    command: String,
    child: Child,
    address: Address,
    /// Longest time until it answers.
    patience: Duration,
    /// Before the directory, which it removes unless it is dismissed first.
    janitor: Janitor,
    directory: TempDir,
}

impl Spawned {
    /// Starts `command`, which [`check_command`] has passed, on a new database of `schema` and waits until it answers.
    pub fn start(command: &str, schema: &str, via: Via, patience: Duration) -> Result<Spawned> {
        let machine = |error: std::io::Error| Failure::Machine(format!("cannot prepare a server: {error}"));
        let directory = tempfile::Builder::new()
            .prefix("loadgen-")
            .tempdir()
            .map_err(machine)?;
        let db = directory.path().join(DATABASE);
        database::create(&db, schema)?;
        let sock = directory.path().join("db.sock");
        let port = free_port().map_err(machine)?;
        let command = command
            .replace("{db}", &db.display().to_string())
            .replace("{sock}", &sock.display().to_string())
            .replace("{port}", &port.to_string())
            .replace("{sslport}", &port.to_string());
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (command, address) = match via {
            Via::Unix => (command, Address::Unix(sock)),
            Via::Tcp => (command, Address::Tcp(local)),
            Via::Tls => {
                let certificates = Certificates::make(directory.path())?;
                let address = Address::tls(local, Ipv4Addr::LOCALHOST.to_string(), certificates.of_client())?;
                (certificates.fill_in(&command), address)
            }
        };
        let mut janitor = Janitor::hire(directory.path())?;
        let child = launch(&command, &directory)?;
        janitor.watch(Some(child.id()));
        let mut spawned = Spawned {
            command,
            child,
            address,
            patience,
            janitor,
            directory,
        };
        spawned.wait_until_serving()?;
        Ok(spawned)
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    pub fn process(&self) -> Process {
        Process { pid: self.child.id() }
    }

    /// Starts the server again on the same database and address, after [`Spawned::stop`].
    pub fn start_again(&mut self) -> Result<()> {
        self.child = launch(&self.command, &self.directory)?;
        self.janitor.watch(Some(self.child.id()));
        self.wait_until_serving()
    }

    /// Runs a control command: at the socket that the command line names, or else where upstream puts it.
    pub fn command(&self, method: &str, argument: &str) -> Result<()> {
        let named = self.command.split_whitespace().find_map(|word| {
            let path = word.strip_prefix("--unixctl=")?;
            Some(PathBuf::from(path.trim_matches(['\'', '"'])))
        });
        let default = format!("ovsdb-server.{}.ctl", self.child.id());
        let path = named.unwrap_or_else(|| self.directory.path().join(default));
        let mut control = Control::open(&Address::Unix(path), self.patience).map_err(|failure| {
            Failure::Usage(format!(
                "{failure}; give the server --unixctl={{sock}}.ctl to be controlled by"
            ))
        })?;
        control.call_raw(method, &format!("[\"{argument}\"]"))?;
        Ok(())
    }

    /// The size of the database's file.
    pub fn database_bytes(&self) -> Result<u64> {
        let path = self.directory.path().join(DATABASE);
        let metadata = std::fs::metadata(&path);
        metadata
            .map(|metadata| metadata.len())
            .map_err(|error| Failure::Machine(format!("{}: {error}", path.display())))
    }

    /// What happened, if the server has ended.
    pub fn ended(&mut self) -> Option<String> {
        // Its connections break before the kernel has done with it.
        let deadline = Instant::now() + Duration::from_millis(200);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    let said = self.last_words();
                    return Some(format!("the server ended with {status}{said}"));
                }
                Ok(None) if Instant::now() < deadline => std::thread::sleep(START_PAUSE),
                _ => return None,
            }
        }
    }

    fn wait_until_serving(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                self.require_foreground()?;
                let said = self.last_words();
                return Err(Failure::Server(format!(
                    "the server ended with {status} instead of serving{said}"
                )));
            }
            // It may listen and say nothing.
            let rest = deadline.saturating_duration_since(Instant::now());
            match Control::connect(&self.address, rest.max(START_PAUSE)) {
                Ok(_) => return Ok(()),
                Err(Failure::Lost(_)) if Instant::now() > deadline => {
                    return Err(Failure::Server(format!(
                        "{} is silent: the server listens, but has not answered in {} seconds (--patience){}",
                        self.address,
                        self.patience.as_secs_f64(),
                        self.last_words()
                    )));
                }
                Err(failure) if Instant::now() > deadline => {
                    return Err(Failure::Server(format!("{failure}{}", self.last_words())));
                }
                Err(_) => std::thread::sleep(START_PAUSE),
            }
        }
    }

    /// Fails if the process that was started has ended and others serve instead of it, which are ended.
    pub(super) fn require_foreground(&mut self) -> Result<()> {
        let has_left = matches!(self.child.try_wait(), Ok(Some(status)) if status.success());
        if has_left && background::end(self.directory.path()) > 0 {
            return Err(Failure::Usage(format!(
                "the command \"{}\" puts its server into the background, where it cannot be measured; it must stay in the \
                 foreground (no --detach)",
                self.command
            )));
        }
        Ok(())
    }

    /// The last line that the server wrote, after a colon.
    pub fn last_words(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines()
            .rfind(|line| !line.trim().is_empty())
            .map_or_else(String::new, |line| format!(": it wrote: {line}"))
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Ends the server, by force if it does not end by itself.
    pub fn stop(&mut self) {
        // A process that has ended already may have left its number to another.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.end();
        }
        self.janitor.watch(None);
    }

    fn end(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let asked = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let deadline = Instant::now() + STOP_MAX;
        while asked.is_ok() && Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(START_PAUSE),
                _ => return,
            }
        }
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            output::tell(&format!("pid {}: {error}", self.child.id()));
        }
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts a command through the shell, which it replaces, so that its pid is the server's.
fn launch(command: &str, directory: &TempDir) -> Result<Child> {
    let machine = |error: std::io::Error| Failure::Machine(format!("cannot start \"{command}\": {error}"));
    let log = File::options()
        .create(true)
        .append(true)
        .open(directory.path().join("log"))
        .map_err(machine)?;
    let twin = log.try_clone().map_err(machine)?;
    Command::new("sh")
        .arg("-c")
        .arg(format!("exec {command}"))
        .env("OVS_RUNDIR", directory.path())
        .env("OVS_LOGDIR", directory.path())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(twin)
        .spawn()
        .map_err(machine)
}

/// A port that nobody listens on now.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
