//! Locks: who is granted one sees all that its former owner has committed under it.

use std::thread;

use ovsdb_harness::Client;
use serde_json::{Value, json};

use crate::scene::{LIMIT, add_one, insert_counter, on_each, select_total, total};

const LOCK: &str = "turn";

/// Transactions that an owner has on the way when the lock goes.
const PIPELINED: usize = 60;

fn read(client: &mut Client) -> i64 {
    total(&client.transact("Load", json!([select_total("turns")]))[0])
}

/// Waits for the lock that was asked for by request `id`.
fn granted(client: &mut Client, id: u64) {
    let reply = client.reply(id).expect("a lock may be asked for");
    if reply["locked"] == json!(false) {
        let notice = client.notification(LIMIT).expect("the lock comes round");
        assert_eq!(notice["method"], json!("locked"));
    }
}

/// Read, then write what was read plus one, in two transactions: only the lock makes it whole.
#[test]
fn a_queued_lock_passes_after_what_its_owner_did_is_seen() {
    const ROUNDS: i64 = 15;
    on_each(|scene, _| {
        scene
            .server
            .client()
            .transact("Load", json!([insert_counter("turns")]));
        thread::scope(|scope| {
            for _ in 0..4 {
                let mut client = scene.server.client();
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        let id = client.send("lock", json!([LOCK]));
                        granted(&mut client, id);
                        let next = read(&mut client) + 1;
                        let update = json!({"op": "update", "table": "Counter", "where": [["name", "==", "turns"]],
                            "row": {"total": next}});
                        let results = client.transact("Load", json!([update, {"op": "assert", "lock": LOCK}]));
                        assert_eq!(results[0]["count"], json!(1), "{results:?}");
                        client.call("unlock", json!([LOCK])).expect("the lock is ours");
                    }
                });
            }
        });
        assert_eq!(read(&mut scene.server.client()), 4 * ROUNDS, "a turn was lost");
    });
}

/// Sends additions that assert the lock, and gives their ids.
fn send_additions(client: &mut Client) -> Vec<u64> {
    (0..PIPELINED)
        .map(|_| {
            client.send(
                "transact",
                json!(["Load", add_one("turns"), {"op": "assert", "lock": LOCK}]),
            )
        })
        .collect()
}

/// How many of them were done; all others must have been refused for the lock.
fn count_done(client: &mut Client, ids: Vec<u64>) -> i64 {
    let mut done = 0;
    for id in ids {
        let results = client.reply(id).expect("results");
        match results[1].get("error") {
            None => done += 1,
            Some(error) => assert_eq!(error, "not owner", "{results}"),
        }
    }
    done
}

/// A thief that is told it has the lock finds the owner's last commit; none comes after that.
#[test]
fn a_stolen_lock_is_granted_after_the_last_commit_of_its_owner() {
    on_each(|scene, random| {
        scene
            .server
            .client()
            .transact("Load", json!([insert_counter("turns")]));
        let mut expected = 0;
        for _ in 0..6 {
            let (mut owner, mut thief) = (scene.server.client(), scene.server.client());
            let id = owner.send("lock", json!([LOCK]));
            granted(&mut owner, id);
            let ids = send_additions(&mut owner);
            // Somewhere in the middle.
            let heard = random.below(PIPELINED as u64 / 2) as usize;
            for id in &ids[..heard] {
                let results: Value = owner.reply(*id).expect("results");
                assert!(results[1].get("error").is_none(), "{results}");
            }
            let stolen = thief.call("steal", json!([LOCK])).expect("locks can be stolen");
            assert_eq!(stolen["locked"], json!(true));
            let seen = read(&mut thief);
            let done = heard as i64 + count_done(&mut owner, ids[heard..].to_vec());
            expected += done;
            assert_eq!(seen, expected, "the owner has committed after the theft");
            assert_eq!(read(&mut thief), expected);
            let notice = owner.notification(LIMIT).expect("the owner is told");
            assert_eq!(notice["method"], json!("stolen"));
            thief
                .call("unlock", json!([LOCK]))
                .expect("the lock is the thief's");
        }
    });
}

/// The same for an owner that gives the lock back behind its last transaction, or vanishes.
#[test]
fn a_lock_given_up_is_granted_after_the_last_commit_of_its_owner() {
    on_each(|scene, random| {
        scene
            .server
            .client()
            .transact("Load", json!([insert_counter("turns")]));
        for round in 0..6 {
            let (mut owner, mut heir) = (scene.server.client(), scene.server.client());
            let id = owner.send("lock", json!([LOCK]));
            granted(&mut owner, id);
            let before = read(&mut owner);
            let queued = heir.send("lock", json!([LOCK]));
            let ids = send_additions(&mut owner);
            if round % 2 == 0 {
                owner.send("unlock", json!([LOCK]));
                granted(&mut heir, queued);
                let seen = read(&mut heir);
                assert_eq!(seen - before, count_done(&mut owner, ids));
            } else {
                let heard = random.below(PIPELINED as u64) as usize;
                for id in &ids[..heard] {
                    owner.reply(*id).expect("results");
                }
                drop(owner);
                granted(&mut heir, queued);
                let seen = read(&mut heir);
                assert!(seen - before >= heard as i64, "acknowledged and not seen");
                // Nothing comes behind: the heir's own additions are the next ones.
                let results = heir.transact("Load", json!([add_one("turns"), select_total("turns")]));
                assert_eq!(total(&results[1]), seen + 1);
            }
        }
    });
}
