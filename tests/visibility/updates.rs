//! Updates of monitors: before the reply, once each, and together what a `select` finds.

use std::io::Write;
use std::thread;

use ovsdb_harness::Client;
use serde_json::{Value, json};

use crate::copy::{self, Copy};
use crate::scene::{LIMIT, insert_counter, insert_item, on_each};
use crate::storm::Storm;

#[test]
fn an_update_comes_before_the_reply_to_its_transaction() {
    on_each(|scene, _| {
        thread::scope(|scope| {
            for number in 0..6 {
                let mut client = scene.server.client();
                scope.spawn(move || count_up(&mut client, &format!("c{number}")));
            }
        });
    });
}

/// Counts a counter up. Whatever comes before each reply has to hold the new value.
fn count_up(client: &mut Client, name: &str) {
    let requests = json!({"Counter": [{"columns": ["total"]}]});
    client
        .call("monitor_cond", json!(["Load", "m", requests]))
        .expect("a good monitor");
    let uuid = client.transact("Load", json!([insert_counter(name)]))[0]["uuid"][1].clone();
    let uuid = uuid.as_str().expect("a uuid").to_owned();
    for total in 1..50 {
        let update = json!({"op": "update", "table": "Counter", "where": [["_uuid", "==", ["uuid", uuid]]],
            "row": {"total": total}});
        let id = client.send("transact", json!(["Load", update]));
        let mut last = None;
        loop {
            let message = client.next_message(LIMIT).expect("an answer");
            if message["id"] == json!(id) {
                break;
            }
            let change = &message["params"][1]["Counter"][&uuid]["modify"]["total"];
            last = change.as_i64().or(last);
        }
        assert_eq!(last, Some(total), "the reply to {name} was early");
    }
}

/// What a large transaction has changed is told in steps, while others write and ask.
#[test]
fn the_update_of_a_large_transaction_comes_before_its_reply() {
    const ROWS: i64 = 5000;
    on_each(|scene, random| {
        let storm = Storm::start(&scene.server, 2, random);
        thread::scope(|scope| {
            for writer in 1..4 {
                let mut client = scene.server.client();
                scope.spawn(move || {
                    let mut copy = Copy::monitored(&mut client, None);
                    for round in 0..2 {
                        let first = (writer * 10 + round) * 1_000_000;
                        let rows = first..first + ROWS;
                        let mut params = vec![json!("Load")];
                        params.extend(rows.clone().map(insert_item));
                        let id = first as u64;
                        let request = json!({"id": id, "method": "transact", "params": params}).to_string();
                        let mut sender = client.sender();
                        // A client that takes nothing meanwhile is not read.
                        let sent = scope.spawn(move || sender.write_all(request.as_bytes()));
                        reply_after_updates(&mut client, id, &mut copy);
                        sent.join().expect("no panic").expect("the server reads");
                        let told = copy.0.values().filter(|item| rows.contains(&item.0)).count();
                        assert_eq!(told, ROWS as usize, "the reply was early");
                        let id = client.send("transact", json!(["Load", copy::select(json!([]))]));
                        let results = reply_after_updates(&mut client, id, &mut copy);
                        assert_eq!(copy, Copy::selected(&results[0]));
                    }
                });
            }
        });
        storm.stop();
    });
}

/// Whenever a client asks, its copy is what it finds: updates have brought it to just the version that is read.
#[test]
fn a_copy_equals_what_is_selected_at_any_moment() {
    on_each(|scene, random| {
        let storm = Storm::start(&scene.server, 3, random);
        thread::scope(|scope| {
            for _ in 0..4 {
                let mut client = scene.server.client();
                scope.spawn(move || {
                    let mut copy = Copy::monitored(&mut client, None);
                    for _ in 0..60 {
                        let id = client.send("transact", json!(["Load", copy::select(json!([]))]));
                        let results = reply_after_updates(&mut client, id, &mut copy);
                        assert_eq!(copy, Copy::selected(&results[0]));
                    }
                });
            }
        });
        storm.stop();
    });
}

/// Applies what comes before the reply to request `id`, and gives its result.
pub(crate) fn reply_after_updates(client: &mut Client, id: u64, copy: &mut Copy) -> Value {
    loop {
        let mut message = client.next_message(LIMIT).expect("an answer");
        if message["id"] == json!(id) {
            assert!(message["error"].is_null(), "{message}");
            return message["result"].take();
        }
        copy.notified(&message);
    }
}

#[test]
fn a_monitor_registered_in_a_storm_misses_nothing_and_doubles_nothing() {
    const WRITERS: i64 = 4;
    const ROWS: i64 = 100;
    on_each(|scene, random| {
        let starts: Vec<u64> = (0..12).map(|_| random.below((WRITERS * ROWS) as u64)).collect();
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let mut client = scene.server.client();
                scope.spawn(move || {
                    for number in 0..ROWS {
                        client.transact("Load", json!([insert_item(writer * ROWS + number)]));
                    }
                });
            }
            for start in starts {
                let mut client = scene.server.client();
                scope.spawn(move || {
                    while selected(&mut client).0.len() < start as usize {}
                    let mut copy = Copy::monitored(&mut client, None);
                    while copy.0.len() < (WRITERS * ROWS) as usize {
                        copy.notified(&client.notification(LIMIT).expect("rows are still missing"));
                    }
                    assert_eq!(copy, selected(&mut client));
                });
            }
        });
    });
}

fn selected(client: &mut Client) -> Copy {
    Copy::selected(&client.transact("Load", json!([copy::select(json!([]))]))[0])
}
