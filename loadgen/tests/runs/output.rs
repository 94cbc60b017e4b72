//! What becomes of a run whose output nobody takes.

use std::fs::File;
use std::process::{Output, Stdio};

use loadgen::measure::results::Results;
use ovsdb_harness::{Peer, Scratch};

use crate::{loadgen, spawn};

/// Runs two scenarios into `out`, with results in a file if there is one.
fn run_into(out: Stdio, arguments: &[&str]) -> Output {
    let child = loadgen(arguments)
        .stdout(out)
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen can be run");
    child.wait_with_output().expect("it is ours")
}

/// A pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("there are descriptors");
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it")
        .into()
}

#[test]
fn files_are_written_whoever_reads_the_tables() {
    let ours = spawn(&Peer::Ours.server());
    for (out, status, errors) in [
        (unread(), 141, ""),
        (
            full(),
            1,
            "loadgen: standard output: No space left on device (os error 28)\n",
        ),
    ] {
        let scratch = Scratch::new();
        let (json, report) = (scratch.join("results.json"), scratch.join("page.html"));
        let (json_path, report_path) = (json.display().to_string(), report.display().to_string());
        let files = ["--json", &json_path, "--report", &report_path];
        let scenarios = ["--spawn", &ours, "--scenario=connect", "--scenario=txn"];
        let ended = run_into(out, &[&files[..], &scenarios[..]].concat());
        assert_eq!(String::from_utf8_lossy(&ended.stderr), errors);
        assert_eq!(ended.status.code(), Some(status));
        assert_eq!(Results::read(&json).expect("it is whole").scenarios.len(), 2);
        assert!(report.exists());
    }
}

#[test]
fn nothing_that_is_printed_panics() {
    let lists = ["--list"];
    let ended = run_into(unread(), &lists);
    assert_eq!((ended.status.code(), &ended.stderr[..]), (Some(141), &b""[..]));
    let ended = run_into(full(), &lists);
    assert_eq!(ended.status.code(), Some(1));
    let mut silent = loadgen(&["--scenario=nonsense"]);
    let status = silent.stderr(full()).status().expect("loadgen can be run");
    assert_eq!(status.code(), Some(2));
}
