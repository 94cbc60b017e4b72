//! Transactions that wait, in numbers: rows 19 and 25 of the list in `README.md`.

use ovsdb_harness::{Client, Peer, wait};
use serde_json::{Value, json};

use crate::bystander::{Bystander, Scene};
use crate::watch::{Memory, Watch};

/// Waits of one client: more than it may have.
const WAITS: u64 = 5_000;

/// Clients that wait.
const CLIENTS: u64 = 3;

/// How often such a crowd comes and goes.
const ROUNDS: usize = 2;

/// A wait for what never comes.
fn wait_for_ever() -> Value {
    json!({"op": "wait", "table": "Counter", "where": [["name", "==", "never"]], "until": "==",
        "columns": ["name"], "rows": [{"name": "never"}]})
}

/// Waits beyond a client's share are refused; those that are left when it goes are gone with it: a second crowd
/// finds the memory of the first.
#[test]
fn very_many_waits_are_bounded_and_go_with_their_client() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let memory = Memory::mark(&scene.server);
    let watch = Watch::start(&scene.server);
    let params = json!(["Load", wait_for_ever()]);
    for _ in 0..ROUNDS {
        let mut clients: Vec<Client> = Vec::new();
        for _ in 0..CLIENTS {
            let mut client = Client::connect(&scene.server.tcp());
            let ids: Vec<u64> = (0..WAITS)
                .map(|_| client.send("transact", params.clone()))
                .collect();
            // The last ones are beyond what it may have.
            let last = client.reply(*ids.last().expect("waits were sent"));
            assert_eq!(last.expect_err("too many")["error"], "resources exhausted");
            clients.push(client);
        }
        bystander.check();
        drop(clients);
        bystander.check();
    }
    watch.finish("waits");
    memory.check("waits", (WAITS * CLIENTS) as usize * params.to_string().len());
}

#[test]
fn a_lock_that_is_not_held_undoes_the_transaction() {
    let scene = Scene::new();
    let (mut owner, mut other) = (scene.server.client(), scene.server.client());
    owner.call("lock", json!(["l"])).expect("the lock is free");
    let operations = json!([
        {"op": "insert", "table": "Item", "row": {"name": "undone"}},
        {"op": "assert", "lock": "l"}
    ]);
    let results = other.transact("Load", operations.clone());
    assert_eq!(results[1]["error"], "not owner", "{results:?}");
    assert_eq!(crate::bystander::foreign_items(&mut other), 0);
    let reply = other.call("lock", json!(["l"])).expect("it may be waited for");
    assert_eq!(reply["locked"], json!(false));
    let results = other.transact("Load", operations.clone());
    assert_eq!(results[1]["error"], "not owner", "{results:?}");
    owner.call("unlock", json!(["l"])).expect("the lock is held");
    other.notification(wait::DEADLINE).expect("the lock comes");
    assert_eq!(other.transact("Load", operations).len(), 2);
    assert_eq!(crate::bystander::foreign_items(&mut other), 1);
}
