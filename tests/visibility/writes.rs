//! Writes: acknowledged means seen by all, in the order asked for, and resting on durable rows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ovsdb_harness::Client;
use serde_json::{Value, json};

use crate::scene::{
    LIMIT, add_one, found, insert_counter, insert_item, on_each, select_item, select_total, total,
};
use crate::storm::Storm;

#[test]
fn a_connection_sees_its_own_insertion_in_the_next_request() {
    on_each(|scene, _| {
        let mut client = scene.server.client();
        for number in 0..100 {
            let insertion = client.send("transact", json!(["Load", insert_item(number)]));
            let selection = client.send("transact", json!(["Load", select_item(number)]));
            client.reply(insertion).expect("the row is new");
            let results = client.reply(selection).expect("the selection is good");
            assert_eq!(found(results.as_array().expect("results")), 1, "row {number}");
        }
    });
}

#[test]
fn what_is_acknowledged_to_one_is_seen_by_all() {
    on_each(|scene, _| {
        let mut writer = scene.server.client();
        // More connections than workers, so that each worker has some.
        let mut readers: Vec<Client> = (0..8).map(|_| scene.server.client()).collect();
        for number in 0..50 {
            writer.transact("Load", json!([insert_item(number)]));
            for reader in &mut readers {
                assert_eq!(
                    found(&reader.transact("Load", json!([select_item(number)]))),
                    1,
                    "row {number}"
                );
            }
        }
    });
}

/// Replies leave in the order of requests, and each transaction sees what those before it have done.
#[test]
fn pipelined_requests_are_done_and_answered_in_order() {
    on_each(|scene, random| {
        let storm = Storm::start(&scene.server, 2, random);
        thread::scope(|scope| {
            for number in 0..4 {
                let (mut client, mut random) = (scene.server.client(), random.fork());
                scope.spawn(move || {
                    let name = format!("c{number}");
                    client.transact("Load", json!([insert_counter(&name)]));
                    let mut expected = 0;
                    let sent: Vec<(u64, i64)> = (0..200)
                        .map(|_| {
                            let operations = match random.below(3) {
                                0 => json!(["Load", select_total(&name)]),
                                1 => json!(["Load", add_one(&name), select_total(&name)]),
                                _ => json!(["Load", add_one(&name), add_one(&name), select_total(&name)]),
                            };
                            expected += operations.as_array().map_or(0, Vec::len) as i64 - 2;
                            (client.send("transact", operations), expected)
                        })
                        .collect();
                    for (id, expected) in sent {
                        let message = client.next_message(LIMIT).expect("an answer");
                        assert_eq!(message["id"], json!(id), "replies are out of order");
                        let results = message["result"].as_array().expect("results");
                        assert_eq!(total(results.last().expect("a selection")), expected);
                    }
                });
            }
        });
        storm.stop();
    });
}

/// A transaction that begins after another one was acknowledged comes after it, for everybody: clients pass a token
/// round, and whoever has it writes the next number.
#[test]
fn the_order_of_acknowledgements_is_the_order_of_commits() {
    const ROUNDS: i64 = 40;
    on_each(|scene, random| {
        let requests = json!({"Item": [{"columns": ["number"], "where": [["number", ">=", 1000]]}]});
        let mut listeners: Vec<Client> = (0..4).map(|_| scene.server.client()).collect();
        for listener in &mut listeners {
            listener
                .call("monitor_cond", json!(["Load", "m", requests]))
                .expect("a good monitor");
        }
        let storm = Storm::start(&scene.server, 2, random);
        let mut writers: Vec<Client> = (0..4).map(|_| scene.server.client()).collect();
        for number in 0..ROUNDS {
            let writer = random.below(4) as usize;
            writers[writer].transact("Load", json!([insert_item(1000 + number)]));
        }
        storm.stop();
        for listener in &mut listeners {
            let mut next = 1000;
            while next < 1000 + ROUNDS {
                let update = listener.notification(LIMIT).expect("numbers are missing");
                let rows = update["params"][1]["Item"].as_object().expect("rows of Item");
                let mut numbers: Vec<i64> = rows
                    .values()
                    .map(|row| row["insert"]["number"].as_i64().expect("a number"))
                    .collect();
                numbers.sort_unstable();
                // Updates may be merged, but neither overtake each other nor leave one out.
                assert_eq!(numbers, (next..next + numbers.len() as i64).collect::<Vec<_>>());
                next += numbers.len() as i64;
            }
        }
    });
}

/// Counted among those who write until it goes, by a panic too, so that nobody waits for a writer that has failed.
struct Writing<'c>(&'c AtomicUsize);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What one connection reads never goes back in time.
#[test]
fn a_reader_never_sees_an_older_state() {
    on_each(|scene, _| {
        let insertion = insert_counter("clock");
        scene.server.client().transact("Load", json!([insertion]));
        let writing = AtomicUsize::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (mut writer, writing) = (scene.server.client(), Writing(&writing));
                scope.spawn(move || {
                    let _writing = writing;
                    for _ in 0..150 {
                        writer.transact("Load", json!([add_one("clock")]));
                    }
                });
            }
            for _ in 0..4 {
                let (mut reader, writing) = (scene.server.client(), &writing);
                scope.spawn(move || {
                    let mut last = 0;
                    let mut is_last = false;
                    while !is_last {
                        is_last = writing.load(Ordering::SeqCst) == 0;
                        let results = reader.transact("Load", json!([select_total("clock")]));
                        let now = total(&results[0]);
                        assert!(now >= last, "{now} after {last}");
                        last = now;
                    }
                    assert_eq!(last, 300, "what is acknowledged is seen by all");
                });
            }
        });
    });
}

/// An index violation rests on the row that it names: whoever hears of it may rely on that row.
#[test]
fn no_error_that_rests_on_a_row_leaves_before_the_row_is_durable() {
    on_each(|scene, _| {
        for round in 0..8 {
            let name = format!("n{round}");
            let params = json!(["Load", insert_counter(&name)]);
            let (mut first, mut second) = (scene.server.client(), scene.server.client());
            first.send("transact", params.clone());
            let id = second.send("transact", params);
            let results = second.reply(id).expect("a transaction is answered");
            let is_refused = results.as_array().is_some_and(|results| results.len() == 2);
            scene.kill_and_start();
            let results: Vec<Value> = scene
                .server
                .client()
                .transact("Load", json!([select_total(&name)]));
            assert_eq!(
                found(&results),
                1,
                "round {round}, refused: {is_refused}: the row is gone from {}",
                scene.file.display()
            );
        }
    });
}
