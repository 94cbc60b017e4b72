//! What loadgen promises of its own figures.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use loadgen::measure::results::Results;
use ovsdb_harness::{Client, Peer, Scratch, wait};
use serde_json::json;

use crate::{loadgen, run, spawn};

/// The pause of a server that is to be seen in latencies.
const PAUSE: Duration = Duration::from_secs(1);

/// The only figure of that name in a file of results.
fn figure(json: &Path, name: &str) -> f64 {
    let results = Results::read(json).expect("the file is whole");
    let figures = &results.scenarios[0][0][0].figures;
    let found = figures.iter().find(|figure| figure.name == name);
    found.unwrap_or_else(|| panic!("{name} is not there")).value
}

#[test]
fn a_client_takes_no_more_than_16_kib() {
    let scratch = Scratch::new();
    let json = scratch.join("results.json");
    let ours = spawn(&Peer::Ours.server());
    let (succeeded, _, errors) = run(&[
        "--clients=2000",
        "--connecting=200",
        "--patience=120",
        "--scenario=fanout",
        "--spawn",
        &ours,
        "--json",
        &json.display().to_string(),
    ]);
    assert!(succeeded, "{errors}");
    let kib = figure(&json, "loadgen memory a client");
    println!("{kib:.1} KiB a client");
    assert!(kib <= 16.0, "{kib} KiB");
}

/// Transactions that were to be sent while nobody answered count from then (no coordinated omission).
#[test]
fn a_pause_of_the_server_is_in_the_latencies() {
    let scratch = Scratch::new();
    let (json, pid, sock) = (
        scratch.join("results.json"),
        scratch.join("pid"),
        scratch.join("own.sock"),
    );
    let server = format!(
        "sh -c 'echo $$ > {}; exec {} --remote=punix:{}'",
        pid.display(),
        spawn(&Peer::Ours.server()),
        sock.display()
    );
    let running = loadgen(&["--scenario=txn", "--rate=200", "--seconds=5", "--spawn", &server])
        .args(["--json", &json.display().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen can be run");
    wait::until("the server's socket", || sock.exists().then_some(()));
    let mut client = Client::unix(&sock);
    wait::until("the first transactions", || {
        let written = json!([{"op": "select", "table": "Chassis_Private", "where": [["nb_cfg", ">", 0]]}]);
        let rows = client.transact("OVN_Southbound", written);
        (!rows[0]["rows"].as_array()?.is_empty()).then_some(())
    });
    let pid = std::fs::read_to_string(&pid).expect("it was written");
    let signal = |signal: &str| {
        let sent = Command::new("kill").args([signal, pid.trim()]).status();
        assert!(sent.expect("kill can be run").success());
    };
    signal("-STOP");
    // The time itself is what is measured.
    std::thread::sleep(PAUSE);
    signal("-CONT");
    let output = running.wait_with_output().expect("it is ours");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let p99_ms = figure(&json, "transaction p99");
    assert!(p99_ms >= PAUSE.as_secs_f64() * 900.0, "{p99_ms} ms");
}
