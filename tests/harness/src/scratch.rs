//! A test's own directory, and the environment that keeps every program inside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Variables that tell OVS and OVN programs and scripts where their files are. All lead to the scratch directory.
const DIRECTORY_VARIABLES: [&str; 8] = [
    "OVS_RUNDIR",
    "OVS_LOGDIR",
    "OVS_DBDIR",
    "OVS_SYSCONFDIR",
    "OVN_RUNDIR",
    "OVN_LOGDIR",
    "OVN_DBDIR",
    "OVN_SYSCONFDIR",
];

/// Variables that would lead a client to somebody else's server.
const REMOTE_VARIABLES: [&str; 4] = ["OVN_NB_DB", "OVN_SB_DB", "OVS_DB", "OVN_NB_DAEMON"];

/// A directory that vanishes with the value. The path is short: a unix socket's name has at most 107 bytes.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
}

impl Scratch {
    /// A new empty directory under the system's directory for temporary files.
    pub fn new() -> Scratch {
        let directory = tempfile::Builder::new()
            .prefix("ovsdb-")
            .tempdir()
            .expect("can make a temporary directory");
        Scratch { directory }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file of the directory; it need not exist.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file of the directory and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, content).expect("can write to the scratch directory");
        path
    }

    /// A command that runs in the directory and keeps its files there.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        self.confine(&mut command);
        command
    }

    /// Points the environment and the working directory of `command` into the scratch directory.
    pub fn confine(&self, command: &mut Command) {
        for variable in DIRECTORY_VARIABLES {
            command.env(variable, self.path());
        }
        for variable in REMOTE_VARIABLES {
            command.env_remove(variable);
        }
        command.current_dir(self.path());
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch::new()
    }
}
