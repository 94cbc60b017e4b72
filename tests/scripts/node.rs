//! A machine as the scripts see it: their directories in a scratch directory, the programs under test first in `PATH`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::peer::packaged_program;
use ovsdb_harness::{Peer, Scratch};

const OVN_CTL: &str = "/usr/share/ovn/scripts/ovn-ctl";
const OVS_CTL: &str = "/usr/share/openvswitch/scripts/ovs-ctl";
/// Names of the pidfiles that the scripts make servers write, without their suffix.
const PIDFILES: [&str; 3] = ["ovnnb_db", "ovnsb_db", "ovsdb-server"];

/// The machine. Whatever the scripts have started ends with it.
pub(crate) struct Node {
    peer: Peer,
    pub(crate) scratch: Scratch,
}

impl Node {
    pub(crate) fn new(peer: Peer) -> Node {
        let scratch = Scratch::new();
        // Configuration lives in subdirectories, which the packages make.
        for name in ["openvswitch", "ovn"] {
            fs::create_dir(scratch.join(name)).expect("can write to the scratch directory");
        }
        Node { peer, scratch }
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Runs `ovn-ctl` and gives everything it said.
    pub(crate) fn ovn_ctl(&self, words: &[&str]) -> String {
        self.script(OVN_CTL, words)
    }

    /// Runs `ovs-ctl` and gives everything it said.
    pub(crate) fn ovs_ctl(&self, words: &[&str]) -> String {
        self.script(OVS_CTL, words)
    }

    fn script(&self, script: &str, words: &[&str]) -> String {
        assert!(
            Path::new(script).is_file(),
            "{script} is not installed; tests/run installs what the tests need"
        );
        let path = format!(
            "{}:/usr/sbin:/usr/bin:/sbin:/bin",
            self.peer.directory().display()
        );
        run_ok(self.scratch.command(script).args(words).env("PATH", path)).text()
    }

    /// Runs `ovn-nbctl` on the database that `ovn-ctl` serves.
    pub(crate) fn nbctl(&self, words: &[&str]) -> String {
        run_ok(&mut self.nbctl_command(words)).stdout
    }

    pub(crate) fn nbctl_command(&self, words: &[&str]) -> Command {
        let database = format!("--db=unix:{}", self.join("ovnnb_db.sock").display());
        let mut command = self.scratch.command(packaged_program("ovn-nbctl"));
        command.arg(database).arg("--timeout=30").args(words);
        command
    }

    /// Runs `ovs-vsctl` on the database that `ovs-ctl` serves. No switch runs that could be waited for.
    pub(crate) fn vsctl(&self, words: &[&str]) -> String {
        let mut command = self.scratch.command(packaged_program("ovs-vsctl"));
        run_ok(command.args(["--no-wait", "--timeout=30"]).args(words)).stdout
    }

    /// The process of a pidfile, if there is one.
    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        let text = fs::read_to_string(self.join(&format!("{name}.pid"))).ok()?;
        text.trim().parse().ok()
    }

    /// Panics unless the process of a pidfile runs the server that this test is about, under the name that the
    /// scripts look for.
    pub(crate) fn assert_runs_program_under_test(&self, name: &str) {
        let pid = self.pid(name).unwrap_or_else(|| panic!("{name} has no pidfile"));
        let program = fs::read_link(format!("/proc/{pid}/exe")).expect("the process runs");
        assert_eq!(
            program,
            fs::canonicalize(self.peer.server()).expect("the server exists"),
            "{name}"
        );
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).expect("the process runs");
        assert_eq!(command.trim(), "ovsdb-server", "{name}");
    }

    /// Kills what the process of a pidfile has left running: first its monitor, which would start it again.
    fn kill(&self, name: &str) {
        let Some(pid) = self.pid(name) else { return };
        let Ok(program) = fs::read_link(format!("/proc/{pid}/exe")) else {
            return;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(1))
            .unwrap_or("1")
            .to_owned();
        if fs::read_link(format!("/proc/{parent}/exe")).is_ok_and(|monitor| monitor == program) {
            run(self.scratch.command("kill").args(["-9", &parent]));
        }
        run(self.scratch.command("kill").args(["-9", &pid.to_string()]));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for name in PIDFILES {
            if std::thread::panicking() && self.pid(name).is_some() {
                eprintln!("{name} still runs and is killed");
            }
            self.kill(name);
        }
        if std::thread::panicking() {
            for log in ["ovsdb-server-nb.log", "ovsdb-server-sb.log", "ovsdb-server.log"] {
                eprintln!(
                    "---- {log}:\n{}----",
                    fs::read_to_string(self.join(log)).unwrap_or_default()
                );
            }
        }
    }
}
