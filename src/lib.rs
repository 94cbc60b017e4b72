//! What the three programs share: command lines, tables, the version they speak for.

pub mod cli;
pub mod database_file;

/// The Open vSwitch release whose behaviour, files and protocol the programs keep. Scripts compare the last
/// word of the first line of `--version` with it (`ovs-lib` wants at least 2.5.90).
pub const UPSTREAM_VERSION: &str = "3.5.0";

/// What `--version` prints: upstream's line first, then the release of this project.
pub fn version_text(program: &str) -> String {
    format!(
        "{program} (Open vSwitch) {UPSTREAM_VERSION}\novsdb {}\n",
        env!("CARGO_PKG_VERSION")
    )
}
