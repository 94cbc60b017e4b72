//! Whose programs a test runs: ours, or those of the distribution.

use std::path::{Path, PathBuf};

/// Names the peer under test when set: `ours` (the default) or `packaged`.
pub const PEER_VARIABLE: &str = "OVSDB_TEST_PEER";

/// Where the packaged programs are looked for. Not `PATH`: a test may put ours in front there.
const PACKAGED_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/usr/bin"];

/// Whose `ovsdb-server`, `ovsdb-tool` and `ovsdb-client` are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The programs of this workspace.
    Ours,
    /// The programs of the packages openvswitch-switch and openvswitch-common.
    Packaged,
}

impl Peer {
    /// The peer that the suites put to the test: ours, unless [`PEER_VARIABLE`] says otherwise.
    pub fn under_test() -> Peer {
        match std::env::var(PEER_VARIABLE).as_deref() {
            Err(_) | Ok("ours") => Peer::Ours,
            Ok("packaged") => Peer::Packaged,
            Ok(other) => panic!("{PEER_VARIABLE} is \"{other}\", not \"ours\" or \"packaged\""),
        }
    }

    /// The server of this peer.
    pub fn server(self) -> PathBuf {
        self.program("ovsdb-server")
    }

    /// The file tool of this peer.
    pub fn tool(self) -> PathBuf {
        self.program("ovsdb-tool")
    }

    /// The command-line client of this peer.
    pub fn client(self) -> PathBuf {
        self.program("ovsdb-client")
    }

    /// The directory to put first in `PATH` so that scripts run this peer's server.
    pub fn directory(self) -> PathBuf {
        let server = self.server();
        server
            .parent()
            .expect("a program lies in a directory")
            .to_path_buf()
    }

    fn program(self, name: &str) -> PathBuf {
        match self {
            Peer::Ours => our_program(name),
            Peer::Packaged => packaged_program(name),
        }
    }
}

/// One of our binaries. Cargo builds them before the integration tests of the root package and puts them in the
/// parent of the directory of the running test (`target/PROFILE/deps`), or beside a running tool.
fn our_program(name: &str) -> PathBuf {
    let running = std::env::current_exe().expect("the running test knows its own path");
    let candidates = running
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name));
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not built beside {}", running.display()))
}

/// A program of the distribution. Panics with the remedy when it is not installed: a test without its peer would
/// show nothing.
pub fn packaged_program(name: &str) -> PathBuf {
    PACKAGED_DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; tests/run installs what the tests need"))
}
