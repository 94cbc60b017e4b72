//! Debian's Python clients, the IDL and ovsdbapp: transactions from 64 threads at once, every one applied whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ovsdb_harness::command::{Finished, run_within};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, ServerOptions, schema};
use serde_json::{Value, json};

/// The interpreter that Debian's python3-openvswitch and python3-ovsdbapp belong to.
const PYTHON: &str = "/usr/bin/python3";
/// Threads of a client program, with a transaction in flight each.
const THREADS: usize = 64;
/// Transactions of each thread.
const ROUNDS: usize = 20;
/// Counters that the threads of the IDL compete for.
const COUNTERS: usize = 16;
/// Longest run of a client program, most of it spent in the interpreter.
const RUN_MAX: Duration = Duration::from_secs(180);

/// Runs one of the client programs beside this file, and checks that it has done all its transactions.
fn run_client(scratch: &Scratch, program: &str, arguments: &[&str]) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/python")
        .join(program);
    let Finished {
        status,
        stdout,
        stderr,
    } = run_within(RUN_MAX, scratch.command(PYTHON).arg(path).args(arguments));
    assert!(status.success(), "{program}: {status}\n{stdout}{stderr}");
    assert_eq!(stdout.trim(), (THREADS * ROUNDS).to_string(), "{stderr}");
}

#[test]
fn transactions_of_64_threads_through_the_idl_are_applied_whole() {
    let scratch = Scratch::new();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(Peer::under_test(), &scratch, "load.db", &schema);
    let server = ServerOptions::new(Peer::under_test(), "load")
        .database(&file)
        .tcp()
        .start(&scratch);
    let counters: Vec<Value> = (0..COUNTERS)
        .map(|index| json!({"op": "insert", "table": "Counter", "row": {"name": format!("counter{index}")}}))
        .collect();
    server.client().transact("Load", Value::Array(counters));

    let (threads, rounds, counters) = (THREADS.to_string(), ROUNDS.to_string(), COUNTERS.to_string());
    let schema = schema.display().to_string();
    run_client(
        &scratch,
        "idl_load.py",
        &[&server.tcp().target(), &schema, &threads, &rounds, &counters],
    );

    let results = server.client().transact("Load", json!([
        {"op": "select", "table": "Counter", "where": [], "columns": ["total"]},
        {"op": "select", "table": "Item", "where": [], "columns": ["_uuid", "number", "name", "peer", "tags"]},
    ]));
    for counter in results[0]["rows"].as_array().expect("rows") {
        assert_eq!(
            counter["total"],
            json!(THREADS * ROUNDS / COUNTERS),
            "an addition is lost or doubled"
        );
    }
    let items = results[1]["rows"].as_array().expect("rows");
    let by_uuid: BTreeMap<String, &Value> = items
        .iter()
        .map(|item| (item["_uuid"].to_string(), item))
        .collect();
    assert_eq!(items.len(), 2 * THREADS * ROUNDS);
    for item in items {
        let peer = by_uuid
            .get(&item["peer"].to_string())
            .expect("the other half is there");
        assert_eq!(
            peer["number"], item["number"],
            "the halves of two transactions are mixed"
        );
        assert_eq!(
            peer["peer"], item["_uuid"],
            "the halves do not point at each other"
        );
        assert_ne!(peer["name"], item["name"], "the halves are the same");
        assert_eq!(
            item["tags"][1].as_array().map(Vec::len),
            Some(2),
            "a tag is missing"
        );
    }
    server.stop();
}

#[test]
fn transactions_of_64_threads_through_ovsdbapp_are_applied_whole() {
    let scratch = Scratch::new();
    let peer = Peer::under_test();
    let file = create_database(
        peer,
        &scratch,
        "nb.db",
        &schema::installed(schema::OVN_NORTHBOUND),
    );
    let server = ServerOptions::new(peer, "nb")
        .database(&file)
        .tcp()
        .start(&scratch);

    run_client(
        &scratch,
        "ovsdbapp_load.py",
        &[&server.tcp().target(), &THREADS.to_string(), &ROUNDS.to_string()],
    );

    let results = server.client().transact("OVN_Northbound", json!([
        {"op": "select", "table": "Logical_Switch", "where": [], "columns": ["name", "ports"]},
        {"op": "select", "table": "Logical_Switch_Port", "where": [], "columns": ["_uuid", "name", "addresses"]},
    ]));
    let ports: BTreeMap<String, &Value> = results[1]["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|port| (port["_uuid"].to_string(), port))
        .collect();
    let switches = results[0]["rows"].as_array().expect("rows");
    assert_eq!(switches.len(), THREADS * ROUNDS);
    assert_eq!(ports.len(), 2 * THREADS * ROUNDS);
    for switch in switches {
        let name = switch["name"].as_str().expect("a name");
        let mut names: Vec<&str> = switch["ports"][1]
            .as_array()
            .expect("a set of ports")
            .iter()
            .map(|uuid| {
                let port = ports
                    .get(&uuid.to_string())
                    .expect("a port that is referred to is there");
                assert_eq!(port["addresses"], "dynamic", "the port is not finished");
                port["name"].as_str().expect("a name")
            })
            .collect();
        names.sort_unstable();
        assert_eq!(names, [format!("{name}-a"), format!("{name}-b")]);
    }
    server.stop();
}
