//! Order and visibility across threads (`ARCHITECTURE.md`, "Life of a transaction"): who sees what, and when, while
//! several workers serve many clients at once.

mod full_disk;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;

use ovsdb_harness::random::Random;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Scratch, Server, ServerOptions, schema, wait};
use serde_json::{Value, json};
use std::time::Duration;

/// Workers of the servers here: more than this machine has cores, so that every hand-over happens.
const THREADS: &str = "--threads=4";

/// How long a notification may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

struct Scene {
    scratch: Scratch,
    options: ServerOptions,
    file: PathBuf,
    server: Server,
}

impl Scene {
    fn new() -> Scene {
        let scratch = Scratch::new();
        let schema = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(Peer::Ours, &scratch, "load.db", &schema);
        let options = ServerOptions::new(Peer::Ours, "load")
            .database(&file)
            .argument(THREADS);
        let server = options.start(&scratch);
        Scene {
            scratch,
            options,
            file,
            server,
        }
    }
}

fn item(number: i64) -> Value {
    json!({"op": "insert", "table": "Item", "row": {"number": number}})
}

fn select(number: i64) -> Value {
    json!({"op": "select", "table": "Item", "where": [["number", "==", number]], "columns": ["number"]})
}

fn found(results: &[Value]) -> usize {
    results
        .last()
        .and_then(|result| result["rows"].as_array())
        .map_or(0, Vec::len)
}

#[test]
fn a_connection_sees_its_own_insertion_in_the_next_request() {
    let scene = Scene::new();
    let mut client = scene.server.client();
    for number in 0..300 {
        let insertion = client.send("transact", json!(["Load", item(number)]));
        let selection = client.send("transact", json!(["Load", select(number)]));
        client.reply(insertion).expect("the row is new");
        let results = client.reply(selection).expect("the selection is good");
        assert_eq!(found(results.as_array().expect("results")), 1, "row {number}");
    }
}

#[test]
fn what_is_acknowledged_to_one_is_seen_by_all() {
    let scene = Scene::new();
    let mut writer = scene.server.client();
    // More connections than workers, so that each worker has some.
    let mut readers: Vec<Client> = (0..8).map(|_| scene.server.client()).collect();
    for number in 0..200 {
        writer.transact("Load", json!([item(number)]));
        for reader in &mut readers {
            assert_eq!(
                found(&reader.transact("Load", json!([select(number)]))),
                1,
                "row {number}"
            );
        }
    }
}

#[test]
fn a_monitor_registered_in_a_storm_misses_nothing_and_doubles_nothing() {
    const WRITERS: i64 = 4;
    const ROWS: i64 = 400;
    let scene = Scene::new();
    let mut random = Random::from_environment();
    let starts: Vec<u64> = (0..12).map(|_| random.below((WRITERS * ROWS) as u64)).collect();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let mut client = scene.server.client();
            scope.spawn(move || {
                for number in 0..ROWS {
                    client.transact("Load", json!([item(writer * ROWS + number)]));
                }
            });
        }
        for start in starts {
            let (mut probe, mut client) = (scene.server.client(), scene.server.client());
            scope.spawn(move || {
                wait::until("the storm", || {
                    let all = json!([{"op": "select", "table": "Item", "where": [], "columns": ["number"]}]);
                    let results = probe.transact("Load", all);
                    (results[0]["rows"].as_array().expect("rows").len() as u64 >= start).then_some(())
                });
                let requests = json!({"Item": [{"columns": ["number"]}]});
                let first = client
                    .call("monitor_cond", json!(["Load", "m", requests]))
                    .expect("a good monitor");
                let mut seen = BTreeMap::new();
                fold(&first, "initial", &mut seen);
                while seen.len() < (WRITERS * ROWS) as usize {
                    let update = client.notification(LIMIT).expect("rows are still missing");
                    fold(&update["params"][1], "insert", &mut seen);
                }
            });
        }
    });
}

/// Adds the rows of an update, each of which must be new.
fn fold(update: &Value, kind: &str, seen: &mut BTreeMap<String, i64>) {
    let Some(rows) = update["Item"].as_object() else {
        return;
    };
    for (uuid, row) in rows {
        // A number of 0 is the default, which is left out.
        let number = row[kind]
            .get("number")
            .map_or(0, |number| number.as_i64().expect("a number"));
        assert!(row.get(kind).is_some(), "only new rows come: {row}");
        assert_eq!(seen.insert(uuid.clone(), number), None, "{uuid} comes twice");
    }
}

#[test]
fn an_update_comes_before_the_reply_to_its_transaction() {
    let scene = Scene::new();
    thread::scope(|scope| {
        for client_number in 0..6 {
            let mut client = scene.server.client();
            scope.spawn(move || {
                let requests = json!({"Counter": [{"columns": ["total"]}]});
                client
                    .call("monitor_cond", json!(["Load", "m", requests]))
                    .expect("a good monitor");
                let row = json!({"name": format!("c{client_number}"), "total": 0});
                let insertion = json!({"op": "insert", "table": "Counter", "row": row});
                let uuid = client.transact("Load", json!([insertion]))[0]["uuid"][1].clone();
                let uuid = uuid.as_str().expect("a uuid").to_owned();
                for total in 1..150 {
                    let update = json!({"op": "update", "table": "Counter",
                        "where": [["_uuid", "==", ["uuid", uuid]]], "row": {"total": total}});
                    let id = client.send("transact", json!(["Load", update]));
                    // Whatever comes before the reply has to hold the new value.
                    let mut last = None;
                    loop {
                        let message = client.next_message(LIMIT).expect("an answer");
                        if message["id"] == json!(id) {
                            break;
                        }
                        let change = &message["params"][1]["Counter"][&uuid]["modify"]["total"];
                        last = change.as_i64().or(last);
                    }
                    assert_eq!(last, Some(total), "the reply of client {client_number} was early");
                }
            });
        }
    });
}

/// An index violation rests on the row that it names: whoever hears of it may rely on that row.
#[test]
fn no_error_that_rests_on_a_row_leaves_before_the_row_is_durable() {
    let mut scene = Scene::new();
    for round in 0..30 {
        let name = format!("n{round}");
        let insertion = json!([{"op": "insert", "table": "Counter", "row": {"name": name}}]);
        let (mut first, mut second) = (scene.server.client(), scene.server.client());
        let params = json!(["Load", insertion[0]]);
        first.send("transact", params.clone());
        let id = second.send("transact", params.clone());
        let results = second.reply(id).expect("a transaction is answered");
        let is_refused = results.as_array().is_some_and(|results| results.len() == 2);
        scene.server.kill();
        scene.server = scene.options.start(&scene.scratch);
        let mut client = scene.server.client();
        let select = json!([{"op": "select", "table": "Counter", "where": [["name", "==", name]]}]);
        let rows = found(&client.transact("Load", select));
        assert_eq!(
            rows,
            1,
            "round {round}, refused: {is_refused}: the row is gone from {}",
            scene.file.display()
        );
    }
}

#[test]
fn a_lock_passes_only_after_what_its_owner_did_is_seen() {
    const ROUNDS: i64 = 60;
    let scene = Scene::new();
    let insertion = json!({"op": "insert", "table": "Counter", "row": {"name": "turns", "total": 0}});
    scene.server.client().transact("Load", json!([insertion]));
    thread::scope(|scope| {
        for _ in 0..4 {
            let mut client = scene.server.client();
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let reply = client.call("lock", json!(["turn"])).expect("a lock");
                    if reply["locked"] == json!(false) {
                        let notice = client.notification(LIMIT).expect("the lock comes round");
                        assert_eq!(notice["method"], json!("locked"));
                    }
                    // Read, then write what was read plus one, in two transactions: only the lock makes it whole.
                    let read =
                        json!([{"op": "select", "table": "Counter", "where": [], "columns": ["total"]}]);
                    let total = client.transact("Load", read)[0]["rows"][0]["total"]
                        .as_i64()
                        .expect("a total");
                    let results = client.transact(
                        "Load",
                        json!([
                            {"op": "update", "table": "Counter", "where": [], "row": {"total": total + 1}},
                            {"op": "assert", "lock": "turn"}
                        ]),
                    );
                    assert_eq!(results[0]["count"], json!(1), "{results:?}");
                    client.call("unlock", json!(["turn"])).expect("the lock is ours");
                }
            });
        }
    });
    let read = json!([{"op": "select", "table": "Counter", "where": [], "columns": ["total"]}]);
    let total = scene.server.client().transact("Load", read)[0]["rows"][0]["total"].clone();
    assert_eq!(total, json!(4 * ROUNDS), "a turn was lost");
}
