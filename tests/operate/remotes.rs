//! Remotes that stand in a database: what their rows are told.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use ovsdb_harness::command::run_ok;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Remote, Scratch, Server, ServerOptions, wait};
use serde_json::{Value, json};

const SCHEMA: &str = r#"{"name": "Site", "tables": {
    "Site": {"isRoot": true, "columns": {
        "managers": {"type": {"key": {"type": "uuid", "refTable": "Manager"}, "min": 0, "max": "unlimited"}}}},
    "Manager": {"columns": {
        "target": {"type": "string"},
        "is_connected": {"type": "boolean", "ephemeral": true},
        "status": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}, "ephemeral": true}}}}}"#;

/// A server whose remotes stand in its database, at first one with this target.
fn start(peer: Peer, scratch: &Scratch, target: &str) -> Server {
    let schema = scratch.write("site.ovsschema", SCHEMA);
    let file = create_database(peer, scratch, "site.db", &schema);
    let server = ServerOptions::new(peer, "site")
        .database(&file)
        .argument("--remote=db:Site,Site,managers")
        .start(scratch);
    let row = json!({"op": "insert", "table": "Manager", "uuid-name": "m", "row": {"target": target}});
    let site = json!({"op": "insert", "table": "Site", "row": {"managers": ["named-uuid", "m"]}});
    server.client().transact("Site", json!([row, site]));
    server
}

/// The column `status` of the only manager.
fn status(server: &Server) -> BTreeMap<String, String> {
    let select = json!({"op": "select", "table": "Manager", "where": [], "columns": ["status"]});
    let results = server.client().transact("Site", json!([select]));
    let pairs: Vec<(String, String)> =
        serde_json::from_value(results[0]["rows"][0]["status"][1].clone()).expect("a map of strings");
    pairs.into_iter().collect()
}

/// A request on a connection that the server has made, and its reply.
fn ask(stream: &mut UnixStream, method: &str, params: Value) -> Value {
    let request = json!({"id": method, "method": method, "params": params});
    stream
        .write_all(request.to_string().as_bytes())
        .expect("the server reads");
    let mut text = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the server answers");
        text.push(byte[0]);
        if let Ok(reply) = serde_json::from_slice::<Value>(&text) {
            if reply["id"] == json!(method) {
                assert_eq!(reply["error"], Value::Null, "{method}");
                return reply["result"].clone();
            }
            // A notification about a lock.
            text.clear();
        }
    }
}

/// Locks that a manager holds, waits for and has lost, as its row tells them.
fn locks_told(peer: Peer) -> BTreeMap<String, String> {
    let scratch = Scratch::new();
    let socket = scratch.join("manager.sock");
    let listener = UnixListener::bind(&socket).expect("the scratch directory takes a socket");
    let server = start(peer, &scratch, &format!("unix:{}", socket.display()));
    let (mut manager, _) = listener.accept().expect("the server connects");
    let mut other = server.client();
    assert_eq!(other.call("lock", json!(["wanted"])), Ok(json!({"locked": true})));
    assert_eq!(
        ask(&mut manager, "lock", json!(["mine"])),
        json!({"locked": true})
    );
    assert_eq!(
        ask(&mut manager, "lock", json!(["wanted"])),
        json!({"locked": false})
    );
    assert_eq!(
        ask(&mut manager, "steal", json!(["stolen"])),
        json!({"locked": true})
    );
    assert_eq!(
        other.call("steal", json!(["stolen"])),
        Ok(json!({"locked": true}))
    );
    let told = wait::until_within(Duration::from_secs(30), "the locks in the row", || {
        let told = status(&server);
        told.contains_key("locks_lost").then_some(told)
    });
    drop((manager, other));
    server.stop();
    told.into_iter()
        .filter(|(key, _)| key.starts_with("locks_") || key == "state")
        .collect()
}

#[test]
fn a_row_tells_what_locks_its_manager_has() {
    let ours = locks_told(Peer::under_test());
    assert_eq!(ours, locks_told(Peer::Packaged));
    assert_eq!(ours["locks_held"], "mine");
    assert_eq!(ours["locks_waiting"], "wanted");
    assert_eq!(ours["locks_lost"], "stolen");
}

#[test]
fn a_row_cannot_name_a_descriptor_of_the_process() {
    let scratch = Scratch::new();
    let server = start(Peer::Ours, &scratch, "pfd:0");
    let said = "pfd: remotes can only be specified on the command line; ignoring \"pfd:0\" from database";
    wait::until("the reason in the log", || {
        server.log().contains(said).then_some(())
    });
    assert!(!server.log().contains("pfd:0: "), "{}", server.log());
    server.stop();
}

/// A port that stays taken is told of in two lines, as upstream does, and then in one for each attempt.
#[test]
fn a_taken_port_is_told_of_briefly() {
    let scratch = Scratch::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let port = taken.local_addr().expect("it is bound").port();
    let server = start(Peer::Ours, &scratch, &format!("ptcp:{port}:127.0.0.1"));
    let count = |text: &str| server.log().matches(text).count();
    wait::until_within(Duration::from_secs(30), "a second attempt", || {
        (count("listen failed: Address already in use") >= 2).then_some(())
    });
    assert_eq!(count("bind: Address already in use"), 1);
    drop(taken);
    let again = format!("ptcp:{port}:127.0.0.1: listening after ");
    wait::until_within(Duration::from_secs(60), "the port", || {
        (count(&again) == 1).then_some(())
    });
    let address = format!("127.0.0.1:{port}").parse().expect("an address");
    assert!(
        Client::connect(&Remote::Tcp(address))
            .call("echo", json!([]))
            .is_ok()
    );
    server.stop();
}

/// Words before a program for which the name `twofold` has these addresses.
fn with_name(scratch: &Scratch, addresses: [&str; 2]) -> Vec<String> {
    let hosts: String = addresses
        .iter()
        .map(|address| format!("{address} twofold\n"))
        .collect();
    let hosts = scratch.write("hosts", hosts);
    let script = format!("mount --bind '{}' /etc/hosts && exec \"$@\"", hosts.display());
    ["unshare", "--mount", "sh", "-c", &script, "sh"]
        .map(str::to_owned)
        .to_vec()
}

#[test]
fn a_name_is_tried_at_each_of_its_addresses() {
    // Whichever comes first, there is one order in which nobody answers there.
    for addresses in [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]] {
        let scratch = Scratch::new();
        let words = with_name(&scratch, addresses);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let port = listener.local_addr().expect("it is bound").port();
        let schema = scratch.write("site.ovsschema", SCHEMA);
        let file = create_database(Peer::Ours, &scratch, "site.db", &schema);
        let server = ServerOptions::new(Peer::Ours, "site")
            .database(&file)
            .tcp()
            .argument(format!("--remote=tcp:twofold:{port}"))
            .wrapper(words.clone())
            .start(&scratch);
        // The first attempt finds it: there is no second one within the second that is waited for that.
        let (_manager, _) = listener.accept().expect("the server connects");
        assert!(
            !server.log().contains("connection attempt failed"),
            "{}",
            server.log()
        );

        let Remote::Tcp(address) = server.tcp() else {
            panic!("a TCP address")
        };
        let listed = run_ok(
            scratch
                .command(&words[0])
                .args(&words[1..])
                .arg(Peer::Ours.client())
                .args(["list-dbs", &format!("tcp:twofold:{}", address.port())]),
        );
        assert_eq!(listed.stdout, "Site\n_Server\n");
        server.stop();
    }
}
