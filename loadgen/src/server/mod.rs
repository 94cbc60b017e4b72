//! Servers under load: those that run already and those that are started for a trial.

mod background;
mod certificates;
pub mod control;
pub mod database;
mod janitor;
mod secured;
pub mod spawn;
mod version;

pub use control::Control;
pub use spawn::{Spawned, Via, check_command};

use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Failure, Result};
use crate::fleet::Address;
use crate::measure::process::Process;

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A server that runs.
    Running { address: Address, pid: Option<u32> },
    /// A command to start one, with `{db}` and `{port}`, `{sslport}` or `{sock}` in it; for `{sslport}`, `{key}`,
    /// `{cert}` and `{ca}` stand for the server's files.
    Command { command: String, label: String },
}

impl Target {
    /// Our own server, which tables call `label` and which lies beside this program.
    pub fn ours(arguments: &str, via: Via, label: &str) -> Result<Target> {
        let program = beside("ovsdb-server")?;
        let network = match via {
            Via::Tcp | Via::Unix => "--remote=ptcp:{port}:127.0.0.1",
            Via::Tls => {
                "--remote=pssl:{sslport}:127.0.0.1 --private-key={key} --certificate={cert} --ca-cert={ca}"
            }
        };
        let command = format!(
            "'{}' --unixctl={{sock}}.ctl {network} --remote=punix:{{sock}} -vconsole:warn {arguments} {{db}}",
            program.display()
        );
        Ok(Target::Command {
            command,
            label: label.to_owned(),
        })
    }

    /// What tables call it.
    pub fn label(&self) -> String {
        match self {
            Target::Running { address, .. } => address.to_string(),
            Target::Command { label, .. } => label.clone(),
        }
    }
}

/// A server that answers.
#[derive(Debug)]
pub enum Server {
    Running {
        address: Address,
        process: Option<Process>,
    },
    Spawned(Box<Spawned>),
}

impl Server {
    /// Reaches or starts it. A started one serves an empty database of `schema`.
    /// It must answer within `patience`.
    pub fn start(target: &Target, schema: &str, via: Via, patience: Duration) -> Result<Server> {
        match target {
            Target::Running { address, pid } => {
                let process = pid.map(|pid| Process { pid });
                if let Some(Process { pid }) = process.filter(|process| process.cpu().is_none()) {
                    return Err(Failure::Usage(format!(
                        "--pid {pid}: there is no such process here"
                    )));
                }
                Control::connect(address, patience)?;
                Ok(Server::Running {
                    address: address.clone(),
                    process,
                })
            }
            Target::Command { command, .. } => {
                let spawned = Spawned::start(command, schema, via, patience)?;
                Ok(Server::Spawned(Box::new(spawned)))
            }
        }
    }

    pub fn address(&self) -> &Address {
        match self {
            Server::Running { address, .. } => address,
            Server::Spawned(spawned) => spawned.address(),
        }
    }

    pub fn process(&self) -> Option<Process> {
        match self {
            Server::Running { process, .. } => *process,
            Server::Spawned(spawned) => Some(spawned.process()),
        }
    }

    /// What its program says of its version, in a line; `None` if its process is not known.
    pub fn version(&self) -> Option<String> {
        self.process().and_then(version::of)
    }

    /// Fails if a server that was started here has left for the background: what was measured is not the server then.
    pub fn require_foreground(&mut self) -> Result<()> {
        match self {
            Server::Running { .. } => Ok(()),
            Server::Spawned(spawned) => spawned.require_foreground(),
        }
    }

    /// Fails unless the server can be stopped, started and told what to do.
    pub fn require_control(&mut self) -> Result<()> {
        self.spawned().map(|_| ())
    }

    /// Ends the server.
    pub fn stop(&mut self) -> Result<()> {
        self.spawned()?.stop();
        Ok(())
    }

    /// Starts the server again on the same database and address, and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        self.spawned()?.start_again()
    }

    /// Runs a control command and waits for its end.
    pub fn command(&mut self, method: &str, argument: &str) -> Result<()> {
        self.spawned()?.command(method, argument)
    }

    /// The size of the database's file.
    pub fn database_bytes(&mut self) -> Result<u64> {
        self.spawned()?.database_bytes()
    }

    /// The server, if we have started it.
    fn spawned(&mut self) -> Result<&mut Spawned> {
        match self {
            Server::Running { address, .. } => Err(Failure::Usage(format!(
                "this scenario starts, stops or controls the server, which it cannot with {address}; use --spawn instead of --server"
            ))),
            Server::Spawned(spawned) => Ok(spawned),
        }
    }

    /// A better reason for a failure of a scenario: that the server has ended, or what it wrote last if it is the one to
    /// ask.
    pub fn explain(&mut self, failure: Failure) -> Failure {
        match (self, failure) {
            // A wrong answer is what matters, whatever became of the server.
            (_, failure @ Failure::Wrong(_)) | (Server::Running { .. }, failure) => failure,
            (Server::Spawned(spawned), failure) => match (spawned.ended(), failure) {
                (Some(end), _) => Failure::Lost(end),
                (None, Failure::Lost(reason)) => Failure::Lost(format!("{reason}{}", spawned.last_words())),
                (None, failure) => failure,
            },
        }
    }
}

/// A program in the directory of this one, or of its parent, where cargo puts tests.
fn beside(name: &str) -> Result<PathBuf> {
    let me =
        std::env::current_exe().map_err(|error| Failure::Server(format!("cannot find myself: {error}")))?;
    me.ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Failure::Server(format!(
                "there is no {name} beside {}; build it, or name a server by --server or --spawn",
                me.display()
            ))
        })
}
