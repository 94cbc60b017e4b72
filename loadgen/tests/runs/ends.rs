//! Runs that end before they are through: what is told, what is written, and what is left behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use loadgen::measure::results::Results;
use ovsdb_harness::peer::packaged_program;
use ovsdb_harness::{Peer, Scratch, wait};

use crate::{loadgen, run, spawn};

/// A run of three scenarios, the second of which takes long.
struct Run {
    child: Child,
    scratch: Scratch,
    json: PathBuf,
}

/// What came of it.
struct Ended {
    status: ExitStatus,
    errors: String,
    scratch: Scratch,
    json: PathBuf,
}

impl Run {
    /// Starts it, and waits until the second scenario is under way.
    fn start() -> Run {
        let scratch = Scratch::new();
        let json = scratch.join("results.json");
        let temporary = scratch.join("temporary");
        std::fs::create_dir(&temporary).expect("there is room");
        let server = format!(
            "sh -c 'echo $$ >> {}; exec {}'",
            scratch.join("starts").display(),
            spawn(&Peer::Ours.server())
        );
        let scenarios = ["--scenario=connect", "--scenario=txn", "--scenario=fanout"];
        let child = loadgen(&scenarios)
            .args(["--seconds=100", "--spawn", &server])
            .args(["--json", &json.display().to_string()])
            .env("TMPDIR", &temporary)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("loadgen can be run");
        let run = Run { child, scratch, json };
        wait::until("the second server's start", || {
            (run.servers().len() == 2).then_some(())
        });
        run
    }

    /// The processes of the servers that were started.
    fn servers(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.scratch.join("starts")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Sends it a signal, and waits until its servers are gone and so is what they left.
    fn end(self, signal: &str) -> Ended {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill can be run").success());
        let servers = self.servers();
        let output = self.child.wait_with_output().expect("it is ours");
        wait::until("the servers' end", || {
            let is_alive = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
            (!servers.iter().any(is_alive)).then_some(())
        });
        let temporary = self.scratch.join("temporary");
        wait::until("the directory's removal", || {
            let mut left = std::fs::read_dir(&temporary).expect("it was made");
            left.next().is_none().then_some(())
        });
        Ended {
            status: output.status,
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
            scratch: self.scratch,
            json: self.json,
        }
    }
}

/// The scenarios of a file of results.
fn through(json: &Path) -> Vec<String> {
    let results = Results::read(json).expect("the file is whole");
    let scenarios = results.scenarios.iter();
    scenarios.map(|runs| runs[0][0].scenario.clone()).collect()
}

#[test]
fn an_interrupt_writes_what_was_through() {
    for (signal, name, status) in [("-INT", "SIGINT", 130), ("-TERM", "SIGTERM", 143)] {
        let ended = Run::start().end(signal);
        assert_eq!(ended.status.code(), Some(status), "{}", ended.errors);
        let expected = format!("loadgen: txn on sh: ended by {name}; scenarios that were through: 1\n");
        assert_eq!(ended.errors, expected);
        assert_eq!(through(&ended.json), ["connect"]);
    }
}

#[test]
fn a_kill_leaves_nothing_behind() {
    let ended = Run::start().end("-KILL");
    assert_eq!(ended.status.code(), None);
    assert!(!ended.json.exists());
    let folder = std::fs::read_dir(ended.scratch.path()).expect("it is there");
    let drafts: Vec<String> = folder
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(".loadgen"))
        .collect();
    assert_eq!(drafts, Vec::<String>::new());
}

#[test]
fn a_failure_leaves_the_results_of_what_was_through() {
    let scratch = Scratch::new();
    let json = scratch.join("results.json");
    // A server that can be started once.
    let server = format!(
        "sh -c 'mkdir {} && exec {}'",
        scratch.join("once").display(),
        spawn(&Peer::Ours.server())
    );
    let path = json.display().to_string();
    let scenarios = ["--scenario=txn", "--scenario=connect"];
    let (succeeded, _, errors) = run(&[&["--spawn", &server, "--json", &path][..], &scenarios].concat());
    assert!(!succeeded);
    assert!(
        errors.starts_with("loadgen: connect on sh: the server ended with exit status: 1"),
        "{errors}"
    );
    assert_eq!(through(&json), ["txn"]);
}

/// Its processor time and memory would be unknown, and nobody would end it.
#[test]
fn a_server_that_leaves_for_the_background_is_refused_and_ended() {
    for server in [Peer::Ours.server(), packaged_program("ovsdb-server")] {
        let scratch = Scratch::new();
        let pid = scratch.join("pid");
        let command = format!(
            "{} --detach --no-chdir --pidfile={}",
            spawn(&server),
            pid.display()
        );
        let (succeeded, _, errors) = run(&["--scenario=connect", "--spawn", &command]);
        assert!(!succeeded);
        assert!(errors.contains("puts its server into the background"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        // It removes the file when it ends.
        wait::until("the server's end", || (!pid.exists()).then_some(()));
    }
}
