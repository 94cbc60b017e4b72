//! Servers that run already: what is asked of their databases, and that these are left as they were found.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use loadgen::fleet::Address;
use loadgen::server::Control;
use ovsdb_harness::pki::{Authority, Pki};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, Server, ServerOptions};
use serde_json::{Value, json};

use crate::{run, southbound_server_of};

const PEERS: [Peer; 2] = [Peer::Ours, Peer::Packaged];

/// The rows of all tables, by table, but for their versions.
fn contents(server: &Server) -> Value {
    let mut client = server.client();
    let schema = client
        .call("get_schema", json!(["OVN_Southbound"]))
        .expect("it has one");
    let tables = schema["tables"].as_object().expect("a schema has tables").keys();
    let rows = tables.map(|table| {
        let select = json!([{"op": "select", "table": table, "where": []}]);
        let mut rows = client.transact("OVN_Southbound", select)[0]["rows"].take();
        for row in rows.as_array_mut().into_iter().flatten() {
            row["_version"].take();
        }
        (table.clone(), rows)
    });
    Value::Object(rows.collect())
}

#[test]
fn the_default_scenarios_run_in_two_rounds_and_leave_nothing() {
    for peer in PEERS {
        let scratch = Scratch::new();
        let server = southbound_server_of(peer, &scratch);
        let before = contents(&server);
        let remote = server.tcp().target();
        let (succeeded, tables, errors) = run(&["--server", &remote, "--rounds=2", "--clients=5"]);
        assert!(succeeded, "{peer:?}: {errors}");
        assert_eq!(
            errors,
            format!("loadgen: compact is left out: it controls the server, which it cannot with {remote}\n")
        );
        for scenario in loadgen::scenario::DEFAULT
            .iter()
            .filter(|name| **name != "compact")
        {
            assert!(
                tables
                    .lines()
                    .any(|line| line.starts_with(&format!("{scenario} ("))),
                "{scenario}: {tables}"
            );
        }
        assert_eq!(contents(&server), before, "{peer:?}");
    }
}

/// As `ovn-sbctl init` and `set-connection` leave it.
#[test]
fn rows_that_are_no_site_stay_as_they_were() {
    for peer in PEERS {
        let scratch = Scratch::new();
        let server = southbound_server_of(peer, &scratch);
        server.client().transact(
            "OVN_Southbound",
            json!([
                {"op": "insert", "table": "SB_Global", "row": {"nb_cfg": 7, "connections": ["named-uuid", "c"]}},
                {"op": "insert", "table": "Connection", "uuid-name": "c", "row": {"target": "punix:other.sock"}},
            ]),
        );
        let before = contents(&server);
        let remote = server.tcp().target();
        for scenario in ["slow", "nbcfg", "fanout"] {
            let (succeeded, _, errors) = run(&["--server", &remote, "--scenario", scenario]);
            assert!(succeeded, "{peer:?}, {scenario}: {errors}");
            assert_eq!(contents(&server), before, "{peer:?}, {scenario}");
        }
    }
}

#[test]
fn rows_in_the_way_are_told_of_by_their_tables() {
    let scratch = Scratch::new();
    let server = southbound_server_of(Peer::Ours, &scratch);
    let rows = ["a", "b"].map(|name| json!({"op": "insert", "table": "Address_Set", "row": {"name": name}}));
    server.client().transact("OVN_Southbound", json!(rows));
    let before = contents(&server);
    let remote = server.tcp().target();
    let (succeeded, _, errors) = run(&["--server", &remote, "--scenario=txn"]);
    assert!(!succeeded);
    assert_eq!(
        errors,
        format!(
            "loadgen: txn on {remote}: rows of the database OVN_Southbound are in the way (Address_Set has 2); delete \
             them, or name a server with an empty database\n"
        )
    );
    // What fills in nothing is in nobody's way.
    let (succeeded, _, errors) = run(&["--server", &remote, "--scenario=connect", "--scenario=fanout"]);
    assert!(succeeded, "{errors}");
    assert_eq!(contents(&server), before);
}

/// Such a run has written already when it fails.
#[test]
fn a_run_that_fails_leaves_nothing_either() {
    let scratch = Scratch::new();
    let server = southbound_server_of(Peer::Ours, &scratch);
    let before = contents(&server);
    let text = [
        "[site]\nnodes = 3\npods-per-node = 2\n[[clients]]\nname = \"c\"\ncount = 1\nmonitor = \"everything\"\n",
        "[[writers]]\nname = \"w\"\nclients = \"c\"\ndepth = 1\n",
        r#"transaction = '[{"op": "insert", "table": "Chassis", "row": {"name": 5}}]'"#,
    ];
    let workload = scratch.write("fails.toml", text.concat()).display().to_string();
    let (succeeded, _, errors) = run(&["--server", &server.tcp().target(), "--workload", &workload]);
    assert!(!succeeded);
    assert!(errors.contains("the transaction failed"), "{errors}");
    assert_eq!(contents(&server), before);
}

/// A server may give its probes any id, and any parameters (RFC 7047, section 4.1.11).
#[test]
fn probes_are_answered_with_what_they_ask() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = Address::Tcp(listener.local_addr().expect("it is bound"));
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("somebody connects");
        let probe = json!({"id": ["probe", 7], "method": "echo", "params": [1, "a"]});
        socket
            .write_all(probe.to_string().as_bytes())
            .expect("it is there");
        let mut came = String::new();
        let mut buffer = [0; 4096];
        let mut is_answered = false;
        while let Ok(read @ 1..) = socket.read(&mut buffer) {
            came.push_str(std::str::from_utf8(&buffer[..read]).expect("JSON is text"));
            if !is_answered && came.contains("probe") {
                is_answered = true;
                socket
                    .write_all(br#"{"id":1,"result":[],"error":null}"#)
                    .expect("it is there");
            }
        }
        came
    });
    Control::connect(&address, Duration::from_secs(30)).expect("it answers");
    let came = server.join().expect("it does not panic");
    let messages: Vec<Value> = serde_json::Deserializer::from_str(&came)
        .into_iter()
        .map(|message| message.expect("it is JSON"))
        .collect();
    let answer = json!({"id": ["probe", 7], "result": [1, "a"], "error": null});
    assert!(messages.contains(&answer), "{came}");
}

/// Not by a number of the system's.
#[test]
fn certificates_that_are_refused_are_told_of_in_words() {
    for peer in PEERS {
        let scratch = Scratch::new();
        let pki = Pki::new(&scratch);
        let server = pki.identity("server", Authority::Servers);
        let client = pki.identity("client", Authority::Clients);
        let stranger = pki.self_signed("stranger");
        let [servers, clients] = [Authority::Servers, Authority::Clients].map(|of| pki.authority(of));
        let schema = scratch.write(
            "sb.ovsschema",
            loadgen::server::database::schema(None).expect("there is always one"),
        );
        let file = create_database(Peer::Packaged, &scratch, "sb.db", &schema);
        let mut options = ServerOptions::new(peer, "sb").database(&file);
        for option in server.options(&clients) {
            options = options.argument(option);
        }
        let running = options.argument("--remote=pssl:0:127.0.0.1").start(&scratch);
        let remote = format!("ssl:127.0.0.1:{}", running.logged_port(1));
        let run_as = |options: [String; 3]| {
            let options = options.iter().map(String::as_str);
            let line = ["--server", &remote, "--scenario=connect"]
                .into_iter()
                .chain(options);
            run(&line.collect::<Vec<_>>())
        };
        let (succeeded, _, errors) = run_as(client.options(&servers));
        assert!(succeeded, "{peer:?}: {errors}");
        for (identity, authority, expected) in [
            (&client, &clients, "invalid peer certificate"),
            (&stranger, &servers, "received fatal alert"),
        ] {
            let (succeeded, _, errors) = run_as(identity.options(authority));
            assert!(!succeeded, "{peer:?}");
            assert!(errors.contains(expected), "{peer:?}: {errors}");
            assert_eq!(errors.lines().count(), 1, "{errors}");
        }
    }
}
