//! Clients that were away, ask for something else, or read slowly: in the end they know what the others know.

use std::thread;

use ovsdb_harness::{Client, Random, Server};
use serde_json::{Value, json};

use crate::copy::{self, Copy};
use crate::scene::{LIMIT, on_each};
use crate::storm::{NUMBERS, Storm};
use crate::updates::reply_after_updates;

/// The id before the first transaction.
const NOTHING: &str = "00000000-0000-0000-0000-000000000000";

/// Size of the name that a client is told of and does not read; some of them fill every socket buffer.
const LARGE_BYTES: usize = 200_000;

/// Panics unless `copy`, brought up to date by `client`, is what is selected under `clauses`.
fn settle(client: &mut Client, copy: &mut Copy, clauses: Value) {
    let id = client.send("transact", json!(["Load", copy::select(clauses)]));
    let results = reply_after_updates(client, id, copy);
    assert_eq!(*copy, Copy::selected(&results[0]));
}

/// A client that goes away and comes back with the id of the last update it has seen.
struct Wanderer {
    copy: Copy,
    last: Value,
    resumed: usize,
}

impl Wanderer {
    fn come(&mut self, server: &Server) -> Client {
        let mut client = server.client();
        let params = json!(["Load", "m", copy::request(None), self.last]);
        let id = client.send("monitor_cond_since", params);
        let reply = reply_after_updates(&mut client, id, &mut Copy::default());
        if reply[0] == json!(true) {
            self.resumed += 1;
        } else {
            self.copy = Copy::default();
        }
        self.last = reply[1].clone();
        self.copy.apply(&reply[2]);
        client
    }

    fn take(&mut self, notification: &Value) {
        self.last = notification["params"][1].clone();
        self.copy.notified(notification);
    }
}

#[test]
fn a_client_that_comes_back_by_its_last_id_misses_nothing() {
    on_each(|scene, random| {
        let storm = Storm::start(&scene.server, 3, random);
        storm.wait_for(20);
        let mut wanderer = Wanderer {
            copy: Copy::default(),
            last: json!(NOTHING),
            resumed: 0,
        };
        for _ in 0..15 {
            let mut client = wanderer.come(&scene.server);
            for _ in 0..random.below(6) {
                wanderer.take(&client.notification(LIMIT).expect("the storm goes on"));
            }
            // It leaves, and leaves behind what it has not read.
            drop(client);
            storm.wait_for(random.below(10));
        }
        storm.stop();
        let mut client = wanderer.come(&scene.server);
        settle(&mut client, &mut wanderer.copy, json!([]));
        assert!(
            wanderer.resumed >= 15,
            "only {} of 15 returns were resumed",
            wanderer.resumed
        );
    });
}

/// A random condition: some numbers, all, or none.
fn condition(random: &mut Random) -> Value {
    match random.below(6) {
        0 => json!([true]),
        1 => json!([false]),
        _ => {
            let clause = |_| json!(["number", "==", random.below(NUMBERS)]);
            (0..3).map(clause).collect()
        }
    }
}

/// Rows come in when a condition begins to hold, and go when it ceases to, once, while they change all the time.
#[test]
fn changed_conditions_show_what_they_select_under_load() {
    on_each(|scene, random| {
        let storm = Storm::start(&scene.server, 3, random);
        thread::scope(|scope| {
            for _ in 0..4 {
                let (mut client, mut random) = (scene.server.client(), random.fork());
                scope.spawn(move || {
                    let first = condition(&mut random);
                    let mut copy = Copy::monitored(&mut client, Some(first));
                    for _ in 0..25 {
                        let change = json!({"Item": [{"where": condition(&mut random)}]});
                        let id = client.send("monitor_cond_change", json!(["m", "m", change]));
                        reply_after_updates(&mut client, id, &mut copy);
                    }
                    // Clauses of a monitor are alternatives, those of a selection must all hold: one clause is both.
                    let one = json!([["number", "==", random.below(NUMBERS)]]);
                    let change = json!({"Item": [{"where": one}]});
                    let id = client.send("monitor_cond_change", json!(["m", "m", change]));
                    reply_after_updates(&mut client, id, &mut copy);
                    for _ in 0..5 {
                        settle(&mut client, &mut copy, one.clone());
                    }
                });
            }
        });
        storm.stop();
    });
}

/// A client that does not read falls behind; what it has missed comes merged, and is whole.
#[test]
fn a_slow_reader_catches_up_with_the_contents() {
    on_each(|scene, random| {
        let mut slow = scene.server.client();
        let mut copy = Copy::monitored(&mut slow, None);
        let mut writer = scene.server.client();
        let name = "l".repeat(LARGE_BYTES);
        let storm = Storm::start(&scene.server, 2, random);
        for round in 0..3 {
            // Its socket fills.
            for number in 0..20 {
                let insertion =
                    json!({"op": "insert", "table": "Item", "row": {"number": 100 + number, "name": name}});
                writer.transact("Load", json!([insertion]));
            }
            storm.wait_for(20);
            // Some of what it was not told yet is taken back.
            let deletion = json!({"op": "delete", "table": "Item", "where": [["number", ">=", 110]]});
            writer.transact("Load", json!([deletion]));
            // In one round it reads some and falls behind again, in others it asks at once.
            for _ in 0..round {
                copy.notified(&slow.notification(LIMIT).expect("updates are kept"));
            }
            settle(&mut slow, &mut copy, json!([]));
            writer.transact(
                "Load",
                json!([{"op": "delete", "table": "Item", "where": [["number", ">=", 100]]}]),
            );
        }
        storm.stop();
        settle(&mut slow, &mut copy, json!([]));
    });
}
