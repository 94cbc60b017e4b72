//! A server in a scratch directory: started, asked whether it serves, stopped or killed.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, Remote};
use crate::command::{Finished, run, run_ok};
use crate::daemon::Daemon;
use crate::peer::Peer;
use crate::scratch::Scratch;
use crate::wait;

/// Longest time between the `exit` command and the end of the process (the distribution's scripts give up after 2 s).
const EXIT_MAX: Duration = Duration::from_secs(10);

/// Makes a standalone database from a schema with the peer's own tool.
pub fn create_database(peer: Peer, scratch: &Scratch, name: &str, schema: &Path) -> PathBuf {
    let file = scratch.join(name);
    run_ok(scratch.command(peer.tool()).arg("create").arg(&file).arg(schema));
    file
}

/// What a server is started with.
#[derive(Debug)]
pub struct ServerOptions {
    peer: Peer,
    name: String,
    databases: Vec<PathBuf>,
    arguments: Vec<String>,
    tcp: bool,
    wrapper: Vec<String>,
}

impl ServerOptions {
    /// A server of `peer`. `name` tells the sockets and logs of several servers in one directory apart.
    pub fn new(peer: Peer, name: &str) -> ServerOptions {
        ServerOptions {
            peer,
            name: name.to_owned(),
            databases: Vec::new(),
            arguments: Vec::new(),
            tcp: false,
            wrapper: Vec::new(),
        }
    }

    /// Adds a database file.
    pub fn database(mut self, file: &Path) -> ServerOptions {
        self.databases.push(file.to_path_buf());
        self
    }

    /// Adds an argument of the command line.
    pub fn argument(mut self, argument: impl Into<String>) -> ServerOptions {
        self.arguments.push(argument.into());
        self
    }

    /// Listens on a TCP port of the kernel's choice, too.
    pub fn tcp(mut self) -> ServerOptions {
        self.tcp = true;
        self
    }

    /// Runs the server through another program, such as one that enters a network namespace and then becomes it.
    pub fn wrapper(mut self, words: Vec<String>) -> ServerOptions {
        self.wrapper = words;
        self
    }

    /// The command, its sockets and logs in `scratch`.
    fn command(&self, scratch: &Scratch) -> Command {
        let mut words = self.wrapper.clone();
        words.push(self.peer.server().display().to_string());
        let mut command = scratch.command(&words[0]);
        command
            .args(&words[1..])
            .arg(format!("--remote=punix:{}", self.socket(scratch).display()))
            .arg(format!("--unixctl={}", self.control(scratch).display()))
            .args(["-vconsole:info", "-vsyslog:off"])
            .args(&self.arguments);
        if self.tcp {
            command.arg("--remote=ptcp:0:127.0.0.1");
        }
        command.args(&self.databases);
        command
    }

    fn socket(&self, scratch: &Scratch) -> PathBuf {
        scratch.join(&format!("{}.sock", self.name))
    }

    fn control(&self, scratch: &Scratch) -> PathBuf {
        scratch.join(&format!("{}.ctl", self.name))
    }

    /// Starts the server and waits until it answers.
    pub fn start(&self, scratch: &Scratch) -> Server {
        let log = scratch.join(&format!("{}.log", self.name));
        let daemon = Daemon::start(&self.name, self.command(scratch), &log);
        let mut server = Server {
            daemon,
            socket: self.socket(scratch),
            control: self.control(scratch),
            port: None,
        };
        server.wait_until_serving();
        if self.tcp {
            server.port = Some(server.logged_port(1));
        }
        server
    }

    /// Starts a server that cannot serve, and gives what it said when it ended.
    pub fn start_in_vain(&self, scratch: &Scratch) -> Finished {
        run(&mut self.command(scratch))
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    daemon: Daemon,
    socket: PathBuf,
    control: PathBuf,
    port: Option<u16>,
}

impl Server {
    /// The unix socket it listens on.
    pub fn remote(&self) -> Remote {
        Remote::Unix(self.socket.clone())
    }

    /// The TCP address it listens on.
    pub fn tcp(&self) -> Remote {
        let port = self.port.expect("the server was started with a TCP remote");
        Remote::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// A new connection to its unix socket.
    pub fn client(&self) -> Client {
        Client::unix(&self.socket)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// The status, if the server has ended.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.daemon.status()
    }

    /// Runs a command of the control socket; `Err` is the server's error text.
    pub fn control(&self, method: &str, arguments: &[&str]) -> Result<String, String> {
        match self.control_client().call(method, json!(arguments)) {
            Ok(Value::String(text)) => Ok(text),
            Err(Value::String(text)) => Err(text),
            other => panic!("a control command answers with a text, not {other:?}"),
        }
    }

    /// A new connection to its control socket, for commands whose answer may never come.
    pub fn control_client(&self) -> Client {
        Client::unix(&self.control)
    }

    /// Stops the server as an operator does, and checks that it ends well and in time.
    pub fn stop(mut self) {
        self.control("exit", &[])
            .expect("the server takes the command to exit");
        let status = self.daemon.wait(EXIT_MAX);
        assert!(status.success(), "the server ended with {status}");
    }

    /// Kills the server as a power cut of the process would.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    fn wait_until_serving(&mut self) {
        wait::until("a server that serves", || {
            if let Some(status) = self.daemon.status() {
                panic!(
                    "the server ended with {status} instead of serving:\n{}",
                    self.daemon.log()
                );
            }
            let mut client = UnixStream::connect(&self.socket).ok().map(|_| self.client())?;
            client.call("list_dbs", json!([])).ok()
        });
    }

    /// The port that the kernel chose last, from the lines that the server logs about them, once there are `count`.
    pub fn logged_port(&self, count: usize) -> u16 {
        wait::until("the log line about the port", || {
            let log = self.log();
            let lines = log.lines().filter(|line| line.contains("listening on port"));
            let line = lines.clone().next_back().filter(|_| lines.count() >= count)?;
            line.rsplit(' ').next()?.trim().parse().ok()
        })
    }
}
