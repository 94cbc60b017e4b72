//! The limits that an operator sets: what the client beyond one sees, and that others see nothing of it.

use std::path::Path;
use std::time::Duration;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Scratch, Server, ServerOptions, schema, wait};
use serde_json::{Value, json};

/// Far more than a server takes to close a connection that it does not want.
const LONG: Duration = Duration::from_secs(20);

/// Our server with the load schema and one more option.
fn start(scratch: &Scratch, option: &str) -> Server {
    let load = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(Peer::Ours, scratch, "load.db", &load);
    ServerOptions::new(Peer::Ours, "load")
        .database(&file)
        .tcp()
        .argument(option)
        .start(scratch)
}

/// A transaction that waits until a row of this name is there.
fn wait_for(name: &str) -> Value {
    json!(["Load", {"op": "wait", "table": "Item", "where": [["name", "==", name]], "columns": ["name"],
        "until": "==", "rows": [{"name": name}]}])
}

fn insert(name: &str) -> Value {
    json!([{"op": "insert", "table": "Item", "row": {"name": name}}])
}

fn assert_serves(server: &Server) {
    assert_eq!(server.client().call("echo", json!(["x"])), Ok(json!(["x"])));
}

/// An echo of so many small numbers, each of which takes four times its text when it is parsed.
fn numbers(count: usize) -> Value {
    json!(vec![12345; count])
}

#[test]
fn a_message_that_takes_too_much_memory_ends_its_connection() {
    let scratch = Scratch::new();
    let server = start(&scratch, "--message-memory-factor-max=1");
    let mut client = server.client();
    for count in [10, 20_000] {
        assert_eq!(client.call("echo", numbers(count)), Ok(numbers(count)));
    }
    // Its share of memory, and the megabytes that every message may take, do not hold it.
    if client.try_send("echo", numbers(3_000_000)).is_ok() {
        client.expect_closed();
    }
    wait::until("the reason in the log", || {
        server.log().contains("error parsing stream").then_some(())
    });
    assert_serves(&server);
    server.stop();

    let scratch = Scratch::new();
    let server = start(&scratch, "--message-memory-factor-max=4");
    assert!(server.client().call("echo", numbers(3_000_000)).is_ok());
    server.stop();
}

#[test]
fn a_session_with_much_input_is_answered_all_the_same() {
    let scratch = Scratch::new();
    let server = start(&scratch, "--session-input-bytes-max=1");
    let mut client = server.client();
    let ids: Vec<u64> = (0..500)
        .map(|number| {
            let row = json!({"number": number});
            let operation = json!({"op": "insert", "table": "Item", "row": row});
            client.send("transact", json!(["Load", operation]))
        })
        .collect();
    for id in ids {
        assert!(client.reply(id).expect("a transaction that is taken")[0]["uuid"].is_array());
    }
    // What waits is held for long, so it is refused rather than left unread.
    let waiting = client.send("transact", wait_for("later"));
    let refused = wait::until("a refusal", || {
        let refused = client.call("transact", wait_for("never"));
        refused.err()
    });
    assert_eq!(refused["error"], "resources exhausted");
    assert_eq!(
        refused["details"].as_str().expect("a text").split(" that").next(),
        Some("transactions of this session are waiting")
    );
    server.client().transact("Load", insert("later"));
    assert_eq!(client.reply(waiting), Ok(json!([{}])));
    assert_eq!(client.transact("Load", insert("after")).len(), 1);
    server.stop();
}

/// An echo is answered at once, whatever the server is busy with for its client, unless it is behind a transaction that
/// is not taken yet.
#[test]
fn a_session_with_much_input_is_not_read() {
    let answered_first = |option: &str| {
        let scratch = Scratch::new();
        let server = start(&scratch, option);
        let mut client = server.client();
        let row = |number| json!({"op": "insert", "table": "Item", "row": {"number": number}});
        let mut params = vec![json!("Load")];
        params.extend((0..3000).map(row));
        let long = client.send("transact", Value::Array(params));
        let short = client.send("transact", json!(["Load", row(3000)]));
        let echo = client.send("echo", json!([]));
        let mut answered = Vec::new();
        for _ in 0..3 {
            let message = client.next_message(wait::DEADLINE).expect("an answer");
            answered.push(message["id"].clone());
        }
        let place = |id: u64| answered.iter().position(|answered| *answered == json!(id));
        assert!(place(long) < place(short), "{answered:?}");
        server.stop();
        if place(echo) < place(long) {
            "echo"
        } else {
            "transact"
        }
    };
    assert_eq!(answered_first("--session-input-bytes-max=1000"), "transact");
    // Unless this process was not let run in between.
    wait::until("an echo that overtakes a transaction", || {
        (answered_first("--session-input-bytes-max=10000000") == "echo").then_some(())
    });
}

#[test]
fn a_session_with_too_many_waits_is_told() {
    let scratch = Scratch::new();
    let server = start(&scratch, "--session-waits-max=2");
    let mut client = server.client();
    let ids = ["a", "b"].map(|name| client.send("transact", wait_for(name)));
    let refused = wait::until("a refusal", || {
        // A transaction counts once it is known to wait; one that slips in before that fails after its time.
        let operation = json!({"op": "wait", "timeout": 0, "table": "Item", "where": [], "columns": ["name"],
            "until": "==", "rows": [{"name": "c"}]});
        client.call("transact", json!(["Load", operation])).err()
    });
    assert_eq!(refused["error"], "resources exhausted");
    assert_eq!(refused["details"], "2 transactions of this session are waiting");
    let mut other = server.client();
    other.transact("Load", insert("a"));
    assert_eq!(client.reply(ids[0]), Ok(json!([{}])));
    client.transact("Load", insert("b"));
    assert_eq!(client.reply(ids[1]), Ok(json!([{}])));
    server.stop();
}

#[test]
fn a_session_that_does_not_take_its_answers_is_closed() {
    let scratch = Scratch::new();
    let server = start(&scratch, "--session-output-bytes-max=1000000");
    let name = "x".repeat(100_000);
    server.client().transact("Load", insert(&name));
    let mut client = server.client();
    let select = json!(["Load", {"op": "select", "table": "Item", "where": []}]);
    for _ in 0..100 {
        // The server may have seen enough before the last of them.
        if client.try_send("transact", select.clone()).is_err() {
            break;
        }
    }
    wait::until("the reason in the log", || {
        server
            .log()
            .contains("bytes are not read, disconnecting")
            .then_some(())
    });
    assert_serves(&server);
    client.expect_closed();
    server.stop();
}

/// Commits so much that no socket holds it, while `stalled` does not read.
fn flood(server: &Server) {
    let name = "x".repeat(100_000);
    let mut client = server.client();
    for number in 0..50 {
        let row = json!({"name": format!("{number} {name}")});
        let operation = json!({"op": "update", "table": "Item", "where": [], "row": row});
        client.transact("Load", json!([operation]));
    }
}

#[test]
fn a_client_that_stalls_is_closed_when_it_costs_too_much() {
    let scratch = Scratch::new();
    let server = start(&scratch, "--stalled-bytes-max=500000");
    server.client().transact("Load", insert("first"));
    let request =
        json!(["Load", "m", {"Item": [{"columns": ["name"]}]}, "00000000-0000-0000-0000-000000000000"]);
    let mut stalled = server.client();
    let first = stalled
        .call("monitor_cond_since", request.clone())
        .expect("a monitor");
    let last_id = first[1].clone();
    let mut reading = server.client();
    reading.call("monitor_cond_since", request).expect("a monitor");
    let commits = std::thread::scope(|scope| {
        scope.spawn(|| flood(&server));
        let mut commits = 0;
        while commits < 1 || !server.log().contains("too far behind") {
            commits += usize::from(reading.notification(LONG).is_some());
        }
        commits
    });
    assert!(commits > 0);
    stalled.expect_closed();
    // It comes back and gets what it has missed, not everything.
    let again = server
        .client()
        .call(
            "monitor_cond_since",
            json!(["Load", "m", {"Item": [{"columns": ["name"]}]}, last_id]),
        )
        .expect("a monitor");
    assert_eq!(again[0], json!(true));
    server.stop();
}

#[test]
fn a_client_over_a_network_that_says_nothing_is_closed_in_time() {
    let scratch = Scratch::new();
    let server = start(&scratch, "--first-message-timeout=1");
    let mut silent = Client::connect(&server.tcp());
    let mut dripping = Client::connect(&server.tcp());
    dripping.send_raw(b"{\"id\":").expect("the server takes bytes");
    let mut local = server.client();
    let mut known = Client::connect(&server.tcp());
    known.call("echo", json!([])).expect("an answer");
    for client in [&mut silent, &mut dripping] {
        let ended = client.next_message(LONG).expect_err("there is nothing to say");
        assert_ne!(ended.kind(), std::io::ErrorKind::TimedOut, "{ended}");
    }
    assert!(
        server
            .log()
            .contains("no message within 1 seconds, disconnecting")
    );
    for client in [&mut local, &mut known] {
        assert!(client.call("list_dbs", json!([])).is_ok());
    }
    server.stop();
}

/// A limit that makes no sense is refused with the option's name.
#[test]
fn nonsense_is_refused() {
    let scratch = Scratch::new();
    let load = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(Peer::Ours, &scratch, "load.db", &load);
    let cases = [
        "--sessions-max=0",
        "--message-bytes-max=much",
        "--message-bytes-max=0",
        "--message-bytes-max=1",
        "--message-memory-factor-max=0",
        "--session-input-bytes-max=-1",
        "--session-output-bytes-max=",
        "--session-output-bytes-max=0",
        "--session-waits-max=1.5",
        "--stalled-bytes-max=x",
        "--stalled-bytes-max=0",
        "--first-message-timeout=soon",
    ];
    for option in cases {
        let ended = refusal(&scratch, &file, option);
        assert!(
            ended.starts_with(&format!("ovsdb-server: {option}")),
            "{option}: {ended}"
        );
    }
}

#[test]
fn a_word_that_is_not_known_is_refused_with_those_that_are() {
    let scratch = Scratch::new();
    let ended = refusal(&scratch, &scratch.join("load.db"), "--durability=fast");
    assert_eq!(
        ended,
        "ovsdb-server: --durability=fast: not one of group, relaxed\n"
    );
}

fn refusal(scratch: &Scratch, file: &Path, option: &str) -> String {
    ServerOptions::new(Peer::Ours, "load")
        .database(file)
        .argument(option)
        .start_in_vain(scratch)
        .stderr
}
