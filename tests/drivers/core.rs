//! The core: transactions, monitors, locks, large and many messages, over every kind of socket.

use std::net::SocketAddr;

use ovsdb_harness::machine::Feature;
use ovsdb_harness::{Client, Peer, Remote, Server, wait};
use serde_json::{Value, json};

/// Connections open at once. The packaged server accepts some twenty in a second and drops those that were silent
/// for five, so that it gets fewer.
fn connections() -> i64 {
    match Peer::under_test() {
        Peer::Ours => 300,
        Peer::Packaged => 30,
    }
}

/// Requests sent before the first reply is read.
const PIPELINED: u64 = 1000;
/// A message far above every buffer.
const LARGE_BYTES: usize = 8 << 20;

/// Runs everything on a server with the load schema, an empty database, and a TCP remote.
pub(crate) fn run(server: &Server) {
    every_remote_is_served(server);
    replies_come_in_the_order_of_requests(server);
    an_update_comes_before_its_reply(server);
    conditional_monitors_follow_changes(server);
    a_missed_update_is_caught_up(server);
    large_messages_pass_both_ways(server);
    many_connections_are_served(server);
    locks_pass_from_hand_to_hand(server);
    compaction_goes_on_beside_writes(server);
    the_server_starts_over_its_connections(server);
}

/// Checks what [`run`] has left in the database, after a restart.
pub(crate) fn check_kept(server: &Server) {
    let mut client = server.client();
    assert_eq!(
        count(&mut client, "remote"),
        if Feature::Ipv6.is_present() { 3 } else { 2 }
    );
    assert_eq!(count(&mut client, "pipelined"), PIPELINED as usize);
    assert_eq!(count(&mut client, "many"), connections() as usize);
    assert_eq!(count(&mut client, &"x".repeat(LARGE_BYTES)), 1);
}

fn insertion(name: &str, number: i64) -> Value {
    json!({"op": "insert", "table": "Item", "row": {"name": name, "number": number}})
}

fn insert(client: &mut Client, name: &str, number: i64) {
    let results = client.transact("Load", json!([insertion(name, number)]));
    assert!(results[0].get("uuid").is_some(), "{results:?}");
}

/// Rows of a name.
fn count(client: &mut Client, name: &str) -> usize {
    let select =
        json!([{"op": "select", "table": "Item", "where": [["name", "==", name]], "columns": ["_uuid"]}]);
    client.transact("Load", select)[0]["rows"]
        .as_array()
        .map_or(0, Vec::len)
}

fn every_remote_is_served(server: &Server) {
    let mut remotes = vec![server.remote(), server.tcp()];
    if Feature::Ipv6.is_present() {
        let before = server.log().len();
        server
            .control("ovsdb-server/add-remote", &["ptcp:0:[::1]"])
            .expect("a remote can be added");
        let port = wait::until("the log line about the new port", || {
            let log = server.log();
            let line = log[before..]
                .lines()
                .find(|line| line.contains("listening on port"))?
                .to_owned();
            line.rsplit(' ').next()?.parse::<u16>().ok()
        });
        let address: std::net::IpAddr = "::1".parse().expect("an address");
        remotes.push(Remote::Tcp(SocketAddr::from((address, port))));
    }
    for remote in remotes {
        let mut client = Client::connect(&remote);
        insert(&mut client, "remote", 1);
        assert_eq!(client.call("echo", json!(["here"])), Ok(json!(["here"])));
    }
}

fn replies_come_in_the_order_of_requests(server: &Server) {
    let mut client = Client::connect(&server.tcp());
    let first = client.send("echo", json!([]));
    for number in 0..PIPELINED {
        client.send("transact", json!(["Load", insertion("pipelined", number as i64)]));
    }
    for id in first..=first + PIPELINED {
        let reply = client.next_message(wait::DEADLINE).expect("a reply");
        assert_eq!(reply["id"], json!(id), "out of order: {reply}");
        assert_eq!(reply["error"], Value::Null, "{reply}");
    }
}

fn an_update_comes_before_its_reply(server: &Server) {
    let mut client = Client::connect(&server.tcp());
    client
        .call(
            "monitor",
            json!(["Load", "m", {"Item": {"select": {"initial": false}}}]),
        )
        .expect("a monitor");
    for number in 0..50 {
        let id = client.send("transact", json!(["Load", insertion("ordered", number)]));
        let first = client.next_message(wait::DEADLINE).expect("an update");
        assert_eq!(first["method"], "update", "{first}");
        assert!(first["params"][1].to_string().contains("ordered"), "{first}");
        let second = client.next_message(wait::DEADLINE).expect("a reply");
        assert_eq!(second["id"], json!(id), "{second}");
    }
}

fn conditional_monitors_follow_changes(server: &Server) {
    let mut client = Client::connect(&server.tcp());
    let mut writer = server.client();
    insert(&mut writer, "seen", 1);
    insert(&mut writer, "unseen", 1);
    let condition = |name: &str| json!([{"columns": ["name", "number"], "where": [["name", "==", name]]}]);
    let initial = client
        .call("monitor_cond", json!(["Load", "c", {"Item": condition("seen")}]))
        .expect("a monitor");
    assert_eq!(
        initial["Item"].as_object().map(serde_json::Map::len),
        Some(1),
        "{initial}"
    );

    insert(&mut writer, "unseen", 2);
    insert(&mut writer, "seen", 2);
    let update = client.notification(wait::DEADLINE).expect("an update");
    assert_eq!(update["method"], "update2");
    let rows: Vec<&Value> = update["params"][1]["Item"]
        .as_object()
        .expect("rows")
        .values()
        .collect();
    assert_eq!(rows, [&json!({"insert": {"name": "seen", "number": 2}})]);

    let changed = json!([{"where": [["name", "==", "unseen"]]}]);
    client
        .call("monitor_cond_change", json!(["c", "c", {"Item": changed}]))
        .expect("another condition");
    let update = client
        .notification(wait::DEADLINE)
        .expect("an update about the condition");
    let rows = update["params"][1]["Item"].as_object().expect("rows");
    let inserted = rows
        .values()
        .filter(|row| row.get("insert").is_some() || row.get("initial").is_some())
        .count();
    let deleted = rows.values().filter(|row| row.get("delete").is_some()).count();
    assert_eq!((inserted, deleted), (2, 2), "{update}");
}

/// `monitor_cond_since` from a transaction that the server remembers gives what came after it and no more.
fn a_missed_update_is_caught_up(server: &Server) {
    let monitor = |last: &str| json!(["Load", "s", {"Item": [{"columns": ["name", "number"]}]}, last]);
    let mut client = Client::connect(&server.tcp());
    let nothing = "00000000-0000-0000-0000-000000000000";
    let initial = client
        .call("monitor_cond_since", monitor(nothing))
        .expect("a monitor");
    assert_eq!(initial[0], json!(false));
    let mut writer = server.client();
    insert(&mut writer, "known", 1);
    let update = client.notification(wait::DEADLINE).expect("an update");
    assert_eq!(update["method"], "update3");
    let last = update["params"][1].as_str().expect("a transaction id").to_owned();
    drop(client);

    insert(&mut writer, "missed", 1);
    let mut client = Client::connect(&server.tcp());
    let resumed = client
        .call("monitor_cond_since", monitor(&last))
        .expect("a monitor");
    // The packaged server keeps no history of standalone databases and sends everything again.
    if resumed[0] == json!(true) {
        let rows: Vec<&Value> = resumed[2]["Item"].as_object().expect("rows").values().collect();
        assert_eq!(rows, [&json!({"insert": {"name": "missed", "number": 1}})]);
    } else {
        assert!(resumed[2].to_string().contains("missed"));
    }
}

fn large_messages_pass_both_ways(server: &Server) {
    for remote in [server.tcp(), server.remote()] {
        let mut client = Client::connect(&remote);
        let name = "x".repeat(LARGE_BYTES);
        let results = client.transact(
            "Load",
            json!([
                {"op": "delete", "table": "Item", "where": [["name", "==", name]]},
                insertion(&name, 7),
                {"op": "select", "table": "Item", "where": [["number", "==", 7]], "columns": ["name"]},
            ]),
        );
        let selected = results[2]["rows"].as_array().expect("rows");
        assert!(
            selected.iter().any(|row| row["name"].as_str() == Some(&name)),
            "the text has changed"
        );
    }
}

fn many_connections_are_served(server: &Server) {
    let mut clients: Vec<Client> = (0..connections())
        .map(|_| Client::connect(&server.tcp()))
        .collect();
    let ids: Vec<u64> = clients
        .iter_mut()
        .zip(0..)
        .map(|(client, number)| client.send("transact", json!(["Load", insertion("many", number)])))
        .collect();
    for (client, id) in clients.iter_mut().zip(ids) {
        let results = client.reply(id).expect("the transaction is understood");
        assert!(results[0].get("uuid").is_some(), "{results}");
    }
    assert_eq!(count(&mut clients[0], "many"), connections() as usize);
}

fn locks_pass_from_hand_to_hand(server: &Server) {
    let [mut first, mut second, mut third] = std::array::from_fn(|_| Client::connect(&server.tcp()));
    assert_eq!(first.call("lock", json!(["l"])), Ok(json!({"locked": true})));
    assert_eq!(second.call("lock", json!(["l"])), Ok(json!({"locked": false})));
    let guarded = json!([{"op": "assert", "lock": "l"}, insertion("guarded", 1)]);
    assert_eq!(second.transact("Load", guarded.clone())[0]["error"], "not owner");
    assert_eq!(first.transact("Load", guarded.clone())[0], json!({}));

    drop(first);
    let granted = second.notification(wait::DEADLINE).expect("the lock is granted");
    assert_eq!(
        (&granted["method"], &granted["params"]),
        (&json!("locked"), &json!(["l"]))
    );
    assert_eq!(second.transact("Load", guarded)[0], json!({}));

    assert_eq!(third.call("steal", json!(["l"])), Ok(json!({"locked": true})));
    let stolen = second.notification(wait::DEADLINE).expect("the lock is stolen");
    assert_eq!(
        (&stolen["method"], &stolen["params"]),
        (&json!("stolen"), &json!(["l"]))
    );
}

fn compaction_goes_on_beside_writes(server: &Server) {
    let mut control = server.control_client();
    let id = control.send("ovsdb-server/compact", json!([]));
    let mut client = Client::connect(&server.tcp());
    for number in 0..100 {
        insert(&mut client, "compacted", number);
    }
    control.reply(id).expect("the database can be compacted");
    assert_eq!(count(&mut client, "compacted"), 100);
}

fn the_server_starts_over_its_connections(server: &Server) {
    let mut client = Client::connect(&server.tcp());
    client.call("echo", json!([])).expect("an echo");
    server
        .control("ovsdb-server/reconnect", &[])
        .expect("connections can be dropped");
    client.expect_closed();
    insert(&mut Client::connect(&server.tcp()), "reconnected", 1);
}
