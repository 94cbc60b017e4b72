//! The distribution's own scripts, unchanged, start and stop the databases with the programs under test first in
//! `PATH`; and the way back to the packaged server stays open.

mod node;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::peer::packaged_program;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Remote, Scratch, ServerOptions, schema, wait};
use serde_json::{Value, json};

use crate::node::Node;

#[test]
fn ovn_ctl_starts_and_stops_the_databases() {
    let node = Node::new(Peer::under_test());

    node.ovn_ctl(&["start_ovsdb"]);
    for database in ["ovnnb_db", "ovnsb_db"] {
        node.assert_runs_program_under_test(database);
    }
    let status = node.ovn_ctl(&["status_ovsdb"]);
    for line in ["OVN Northbound DB is running.", "OVN Southbound DB is running."] {
        assert!(status.contains(line), "{line} is missing:\n{status}");
    }
    node.nbctl(&["ls-add", "kept"]);
    assert!(node.nbctl(&["show"]).contains("(kept)"));

    let stopped = node.ovn_ctl(&["stop_ovsdb"]);
    assert!(
        stopped.contains("Exiting ovnnb_db") && stopped.contains("Exiting ovnsb_db"),
        "{stopped}"
    );
    assert!(
        !stopped.contains("Killing"),
        "the servers did not leave in time:\n{stopped}"
    );
    for file in ["ovnnb_db.pid", "ovnsb_db.pid", "ovnnb_db.ctl", "ovnnb_db.sock"] {
        assert!(!node.join(file).exists(), "{file} is left behind");
    }

    node.ovn_ctl(&["start_ovsdb"]);
    assert!(
        node.nbctl(&["show"]).contains("(kept)"),
        "the switch has not survived a restart"
    );
    node.ovn_ctl(&["stop_ovsdb"]);
}

/// The scripts back a database up, compact it and convert it when the schema of the distribution has changed.
#[test]
fn ovn_ctl_upgrades_a_database_to_a_new_schema() {
    let node = Node::new(Peer::under_test());
    node.ovn_ctl(&["start_nb_ovsdb"]);
    node.nbctl(&["ls-add", "kept"]);
    node.ovn_ctl(&["stop_nb_ovsdb"]);

    let text = fs::read(schema::installed(schema::OVN_NORTHBOUND)).expect("the schema can be read");
    let mut newer: Value = serde_json::from_slice(&text).expect("the schema is JSON");
    newer["version"] = json!("99.0.0");
    newer["tables"]["Logical_Switch"]["columns"]["added"] = json!({"type": "integer"});
    let newer = node.scratch.write("newer.ovsschema", newer.to_string());

    let started = node.ovn_ctl(&["start_nb_ovsdb", &format!("--db-nb-schema={}", newer.display())]);
    for line in [
        "Backing up database",
        "Compacting database",
        "Converting database schema",
    ] {
        assert!(started.contains(line), "{line} is missing:\n{started}");
    }
    assert!(!started.contains("failed"), "{started}");
    assert!(
        node.nbctl(&["show"]).contains("(kept)"),
        "the switch has not survived the conversion"
    );
    let select =
        json!([{"op": "select", "table": "Logical_Switch", "where": [], "columns": ["name", "added"]}]);
    let found = Client::unix(&node.join("ovnnb_db.sock")).transact("OVN_Northbound", select);
    assert_eq!(found, [json!({"rows": [{"name": "kept", "added": 0}]})]);
    node.ovn_ctl(&["stop_nb_ovsdb"]);
}

/// The scripts start every server with `--monitor`.
#[test]
fn a_crashed_server_is_started_again() {
    let node = Node::new(Peer::under_test());
    node.ovn_ctl(&["start_nb_ovsdb"]);
    node.nbctl(&["ls-add", "kept"]);

    let crashed = node.pid("ovnnb_db").expect("the server has a pidfile");
    run_ok(
        node.scratch
            .command("kill")
            .args(["-s", "ABRT", &crashed.to_string()]),
    );
    wait::until("another process in the pidfile", || {
        node.pid("ovnnb_db").filter(|pid| *pid != crashed)
    });
    node.assert_runs_program_under_test("ovnnb_db");
    wait::until("the switch after the crash", || {
        run(&mut node.nbctl_command(&["show"]))
            .stdout
            .contains("(kept)")
            .then_some(())
    });
    node.ovn_ctl(&["stop_nb_ovsdb"]);
}

#[test]
fn ovs_ctl_starts_and_stops_the_switch_database() {
    let node = Node::new(Peer::under_test());
    let options = ["--system-id=host-1", "--no-ovs-vswitchd", "--no-record-hostname"];
    let start = |command: &str| node.ovs_ctl(&[&[command], options.as_slice()].concat());

    let started = start("start");
    assert!(started.contains("Enabling remote OVSDB managers"), "{started}");
    assert!(!started.contains("failed"), "{started}");
    node.assert_runs_program_under_test("ovsdb-server");
    let id = node.vsctl(&["get", "Open_vSwitch", ".", "external_ids:system-id"]);
    assert_eq!(id.trim(), "host-1");

    // The script has asked for the remotes of a column; a manager set there is listened on.
    node.vsctl(&["set-manager", "ptcp:0:127.0.0.1"]);
    let port = wait::until("the port of the manager", || {
        node.vsctl(&["--if-exists", "get", "Manager", ".", "status:bound_port"])
            .trim()
            .trim_matches('"')
            .parse()
            .ok()
    });
    let manager = Remote::Tcp(SocketAddr::from(([127, 0, 0, 1], port)));
    let databases = Client::connect(&manager).call("list_dbs", json!([]));
    assert!(
        databases
            .expect("the manager is answered")
            .to_string()
            .contains("Open_vSwitch")
    );

    node.vsctl(&["add-br", "kept"]);
    start("restart");
    assert_eq!(node.vsctl(&["list-br"]).trim(), "kept");

    let stopped = node.ovs_ctl(&["stop", "--no-ovs-vswitchd"]);
    assert!(stopped.contains("Exiting ovsdb-server"), "{stopped}");
    assert!(
        !stopped.contains("Killing"),
        "the server did not leave in time:\n{stopped}"
    );
    assert!(
        !node.join("ovsdb-server.pid").exists(),
        "the pidfile is left behind"
    );
}

/// An operator can go back: the packaged server serves a file that ours has written, diffs and compaction included,
/// and ours serves what the packaged one has added.
#[test]
fn a_file_of_ours_is_served_by_the_packaged_server_and_back() {
    let scratch = Scratch::new();
    let peer = Peer::under_test();
    let file = create_database(
        peer,
        &scratch,
        "nb.db",
        &schema::installed(schema::OVN_NORTHBOUND),
    );
    let nbctl = |socket: &Path, words: &[&str]| {
        let database = format!("--db=unix:{}", socket.display());
        run_ok(
            scratch
                .command(packaged_program("ovn-nbctl"))
                .arg(database)
                .arg("--timeout=30")
                .args(words),
        )
        .stdout
    };
    let socket = scratch.join("nb.sock");
    let serve = |peer| ServerOptions::new(peer, "nb").database(&file).start(&scratch);

    let server = serve(peer);
    for switch in ["sw0", "sw1", "sw2"] {
        nbctl(&socket, &["ls-add", switch]);
    }
    server
        .control("ovsdb-server/compact", &[])
        .expect("the database can be compacted");
    for port in ["a", "b", "c"] {
        nbctl(
            &socket,
            &["lsp-add", "sw1", port, "--", "lsp-set-addresses", port, "dynamic"],
        );
    }
    nbctl(&socket, &["lsp-del", "b"]);
    nbctl(&socket, &["ls-del", "sw2"]);
    let ours = nbctl(&socket, &["show"]);
    server.stop();

    let server = serve(Peer::Packaged);
    assert_eq!(nbctl(&socket, &["show"]), ours);
    nbctl(&socket, &["lsp-add", "sw1", "d"]);
    nbctl(&socket, &["lsp-del", "a"]);
    let theirs = nbctl(&socket, &["show"]);
    server.stop();

    let server = serve(peer);
    assert_eq!(nbctl(&socket, &["show"]), theirs);
    server.stop();

    for tool in [peer.tool(), Peer::Packaged.tool()] {
        let query =
            r#"["OVN_Northbound",{"op":"select","table":"Logical_Switch","where":[],"columns":["name"]}]"#;
        let found = run_ok(scratch.command(tool).arg("query").arg(&file).arg(query)).stdout;
        assert!(
            found.contains("sw0") && found.contains("sw1") && !found.contains("sw2"),
            "{found}"
        );
    }
}
