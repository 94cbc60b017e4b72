//! Input that is large, deep, unfinished or many: rows 3, 5, 6 and 12 of the list in `README.md`.

use std::io::ErrorKind;
use std::thread;

use ovsdb_harness::{Client, Peer, wait};
use serde_json::{Value, json};

use crate::bystander::{Bystander, Scene, foreign_items};
use crate::watch::{Memory, Watch};

const MIB: usize = 1 << 20;

// Those that wait for an answer do so on the unix socket, where no probe comes in between.

/// Sends as much as the server takes; true if it has taken all.
fn send(client: &mut Client, bytes: &[u8]) -> bool {
    match client.send_raw(bytes) {
        Ok(()) => true,
        Err(error) => {
            let is_closed = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
            assert!(is_closed, "{error}");
            false
        }
    }
}

/// A text of `length` bytes that goes on with `element`s after `begin`, and has no end.
fn unfinished(begin: &str, element: &str, length: usize) -> Vec<u8> {
    let mut text = begin.as_bytes().to_vec();
    while text.len() < length {
        text.extend_from_slice(element.as_bytes());
    }
    text
}

#[test]
fn an_unfinished_message_takes_no_more_than_four_times_its_bytes() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    for (what, element) in [
        ("zeros", "0,"),
        ("empty arrays", "[],"),
        ("empty objects", "{},"),
        ("digits", "1"),
        ("strings", "\"\","),
        ("one string", "x"),
    ] {
        let begin = match what {
            "one string" => r#"{"id":1,"method":"echo","params":[""#,
            _ => r#"{"id":1,"method":"echo","params":["#,
        };
        let text = unfinished(begin, element, 19 * MIB);
        let memory = Memory::mark(&scene.server);
        let watch = Watch::start(&scene.server);
        let mut client = Client::connect(&scene.server.tcp());
        send(&mut client, &text);
        // What the kernel still holds is read before others are answered again.
        bystander.check();
        watch.finish(what);
        if Peer::under_test() == Peer::Ours {
            memory.check(what, text.len());
        }
        drop(client);
    }
}

/// The same, ended: answered, or refused for what it would take in memory.
#[test]
fn a_finished_message_takes_no_more_than_four_times_its_bytes() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    for (what, element, is_answered) in [
        ("zeros", "0", false),
        ("empty arrays", "[]", false),
        ("empty objects", "{}", false),
        (
            "uuids",
            r#"["uuid","01234567-89ab-cdef-0123-456789abcdef"]"#,
            true,
        ),
        ("long strings", &format!("\"{}\"", "s".repeat(1000)), true),
    ] {
        let mut text = unfinished(
            r#"{"id":1,"method":"echo","params":["#,
            &format!("{element},"),
            19 * MIB,
        );
        text.pop();
        text.extend_from_slice(b"]}");
        let length = text.len();
        let start = scene.server.log().len();
        let watch = Watch::start(&scene.server);
        let memory = Memory::mark(&scene.server);
        let mut client = scene.server.client();
        send(&mut client, &text);
        drop(text);
        if is_answered {
            client.next_text(wait::DEADLINE).expect("an answer");
        } else {
            client.expect_closed();
            scene.wait_for_log(start, "of memory");
        }
        watch.finish(what);
        memory.check(what, length);
        bystander.check();
    }
}

/// Many names in one object, and one name many times, of which the last counts.
#[test]
fn an_object_of_a_million_members_costs_what_it_is_worth() {
    let scene = Scene::new();
    let count = 1_000_000;
    let members = |name: &dyn Fn(usize) -> String| {
        let mut text = String::from(r#"{"id":1,"method":"echo","params":[{"#);
        for at in 0..count {
            text.push_str(&format!("\"{}\":{at},", name(at)));
        }
        text.pop();
        text.push_str("}]}");
        text.into_bytes()
    };
    for (what, text, held) in [
        ("distinct names", members(&|at| format!("name {at}")), count),
        ("one name", members(&|_| "the one name".to_owned()), 1),
    ] {
        let memory = Memory::mark(&scene.server);
        let watch = Watch::start(&scene.server);
        let mut client = scene.server.client();
        assert!(send(&mut client, &text));
        let answer = client.next_message(wait::DEADLINE).expect("an answer");
        watch.finish(what);
        let object = answer["result"][0].as_object().expect("the object comes back");
        assert_eq!(object.len(), held, "{what}");
        if held == 1 {
            assert_eq!(object["the one name"], json!(count - 1));
        }
        if Peer::under_test() == Peer::Ours {
            // The answer is as long as the question.
            memory.check(what, 2 * text.len());
        }
    }
}

#[test]
fn a_transaction_of_very_many_operations_is_answered_or_refused() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    for (what, operation, count) in [
        ("comments", json!({"op": "comment", "comment": ""}), 200_000),
        (
            "selections",
            json!({"op": "select", "table": "Counter", "where": [], "columns": []}),
            200_000,
        ),
        (
            "insertions",
            json!({"op": "insert", "table": "Item", "row": {}}),
            50_000,
        ),
    ] {
        let mut params = vec![operation; count];
        params.insert(0, json!("Load"));
        params.push(json!({"op": "abort"}));
        let text = json!({"id": 1, "method": "transact", "params": params}).to_string();
        let memory = Memory::mark(&scene.server);
        let watch = Watch::start(&scene.server);
        let mut client = scene.server.client();
        assert!(send(&mut client, text.as_bytes()));
        let answer = client.next_text(wait::DEADLINE).expect("an answer");
        watch.finish(what);
        println!("{what}: {} operations, {} KiB taken", count, memory.peak() >> 10);
        let answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
        let results = answer["result"].as_array().expect("results");
        assert_eq!(results.len(), count + 1, "{what}");
        assert_eq!(results[count]["error"], "aborted", "{what}");
    }
    assert_eq!(foreign_items(&mut scene.server.client()), 0);
    bystander.check();
}

/// The answers to synced transactions pile up in front of a client that does not read: the server stops reading from
/// it, and serves the others. When the client reads again it gets every answer, in order.
#[test]
fn unread_answers_hold_up_their_client_only() {
    const REQUESTS: u64 = 10_000;
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let memory = Memory::mark(&scene.server);
    let watch = Watch::start(&scene.server);
    let mut client = scene.server.client();
    let mut text = String::new();
    for id in 0..REQUESTS {
        let params = json!([
            "Load",
            {"op": "insert", "table": "Item", "row": {"number": id}},
            {"op": "select", "table": "Item", "where": [["number", "==", id]]},
            {"op": "commit", "durable": true}
        ]);
        text.push_str(&json!({"id": id, "method": "transact", "params": params}).to_string());
    }
    let length = text.len();
    let mut sender = client.sender();
    let sending = thread::spawn(move || {
        sender
            .write_all(text.as_bytes())
            .expect("the server takes all in the end")
    });
    bystander.check();
    bystander.check();
    for id in 0..REQUESTS {
        let message = client.next_message(wait::DEADLINE).expect("an answer");
        assert_eq!(message["id"], json!(id));
    }
    sending.join().expect("everything was sent");
    watch.finish("durable commits");
    if Peer::under_test() == Peer::Ours {
        // Requests, answers, and rows of some hundred bytes each.
        memory.check("durable commits", 3 * length);
    }
    bystander.check();
}
