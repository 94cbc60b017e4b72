//! Remotes that cannot be opened, or through which little may be done: rows 32 and 44 of the list in `README.md`.

use std::net::{SocketAddr, TcpListener};

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Remote, Scratch, ServerOptions, schema, wait};
use serde_json::json;

use crate::bystander::{Bystander, Scene};

/// The port of another program, or an address that moves to this machine later: the server serves its other remotes
/// and takes this one when it can, as upstream does.
#[test]
fn a_taken_port_is_listened_on_once_it_is_free() {
    let scratch = Scratch::new();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(Peer::under_test(), &scratch, "load.db", &schema);
    let taken = TcpListener::bind("127.0.0.1:0").expect("the kernel has a port left");
    let address: SocketAddr = taken.local_addr().expect("a bound socket has an address");
    let server = ServerOptions::new(Peer::under_test(), "load")
        .database(&file)
        .argument(format!("--remote=ptcp:{}:127.0.0.1", address.port()))
        .start(&scratch);
    assert!(server.log().contains("listen failed: Address already in use"));
    drop(taken);
    wait::until("a server that listens", || {
        let mut client = Client::try_connect(&Remote::Tcp(address)).ok()?;
        client.call("list_dbs", json!([])).ok()
    });
    server.stop();
}

/// Whatever an operator writes, the others go on; where it can never work he is told (COMPAT.md).
#[test]
fn a_remote_that_makes_no_sense_disturbs_no_other() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let long = format!("punix:{}", "p".repeat(200));
    for target in [
        "",
        "xyz",
        "xyz:1",
        "ptcp:99999",
        "ptcp:-1",
        "ptcp:0:no-address",
        "ptcp:0:[::1",
        "tcp:",
        "tcp::1",
        "punix:",
        "punix:/no/such/directory/x.sock",
        "unix:/no/such/directory/x.sock",
        "db:Load",
        "db:Load,Nope,nope",
        "db:Nope,Nope,nope",
        &long,
    ] {
        let outcome = scene.server.control("ovsdb-server/add-remote", &[target]);
        println!("{target}: {outcome:?}");
        bystander.check();
        if outcome.is_ok() {
            scene
                .server
                .control("ovsdb-server/remove-remote", &[target])
                .expect("what was added can be removed");
        }
    }
    // The same twice is the same once.
    for _ in 0..2 {
        scene
            .server
            .control("ovsdb-server/add-remote", &["ptcp:0:127.0.0.1"])
            .expect("a good remote");
    }
    bystander.check();
}

/// Thousands of rows with remotes that cannot work, one that does, and one that may only be read from.
#[test]
fn remotes_of_a_table_are_opened_where_they_can_be() {
    const ROWS: usize = 2000;
    const SCHEMA: &str = r#"{"name": "Load", "version": "1.0.0", "tables": {
        "Item": {"columns": {"name": {"type": "string"}}, "isRoot": true},
        "Connection": {"isRoot": true, "columns": {
            "target": {"type": "string"},
            "read_only": {"type": {"key": "boolean", "min": 0, "max": 1}}}},
        "Config": {"isRoot": true, "columns": {
            "connections": {"type": {"key": {"type": "uuid", "refTable": "Connection"},
                "min": 0, "max": "unlimited"}}}}}}"#;
    let scratch = Scratch::new();
    let schema = scratch.write("load.ovsschema", SCHEMA);
    let file = create_database(Peer::under_test(), &scratch, "load.db", &schema);
    let server = ServerOptions::new(Peer::under_test(), "load")
        .database(&file)
        .argument("--remote=db:Load,Config,connections")
        .start(&scratch);
    let socket = scratch.join("reading.sock");
    let mut operations: Vec<serde_json::Value> = (0..ROWS)
        .map(|at| {
            let target = match at % 4 {
                0 => format!("xyz{at}"),
                1 => format!("ptcp:{}", 70_000 + at),
                2 => format!("punix:/no/such/directory/{at}"),
                _ => format!("ptcp:0:host-{at}"),
            };
            json!({"op": "insert", "table": "Connection", "row": {"target": target}, "uuid-name": format!("c{at}")})
        })
        .collect();
    operations.push(
        json!({"op": "insert", "table": "Connection", "uuid-name": "reading",
        "row": {"target": format!("punix:{}", socket.display()), "read_only": true}}),
    );
    // Other rows that name it do not take that back, in whatever order they come.
    const AGAIN: usize = 5;
    for at in 0..AGAIN {
        operations.push(
            json!({"op": "insert", "table": "Connection", "uuid-name": format!("again{at}"),
            "row": {"target": format!("punix:{}", socket.display())}}),
        );
    }
    let mut all: Vec<_> = (0..ROWS)
        .map(|at| json!(["named-uuid", format!("c{at}")]))
        .collect();
    all.push(json!(["named-uuid", "reading"]));
    all.extend((0..AGAIN).map(|at| json!(["named-uuid", format!("again{at}")])));
    operations.push(json!({"op": "insert", "table": "Config", "row": {"connections": ["set", all]}}));
    let results = server.client().transact("Load", operations.into());
    assert_eq!(results.len(), ROWS + AGAIN + 2);

    let mut reader = wait::until("the remote that works", || {
        Client::try_connect(&Remote::Unix(socket.clone())).ok()
    });
    let select = json!([{"op": "select", "table": "Item", "where": []}]);
    assert_eq!(reader.transact("Load", select)[0], json!({"rows": []}));
    let insertion = json!({"op": "insert", "table": "Item", "row": {"name": "n"}});
    let results = reader.transact("Load", json!([{"op": "comment", "comment": "c"}, insertion]));
    assert_eq!(results[1]["error"], "not allowed", "{results:?}");
    let refused = reader
        .call("lock", json!(["l"]))
        .expect_err("locks are for those who write");
    assert!(refused.to_string().contains("not allowed"), "{refused}");
    reader
        .call("monitor", json!(["Load", "m", {"Item": {}}]))
        .expect("monitors read");
    server
        .client()
        .call("list_dbs", json!([]))
        .expect("others are served");
    server.stop();
}
