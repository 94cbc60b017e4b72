//! Monitors in numbers, with large ids and conditions, and with ids of transactions that never were: rows 21 to 23 of
//! the list in `README.md`.

use ovsdb_harness::{Client, Peer};
use serde_json::{Value, json};

use crate::bystander::{Bystander, Scene};
use crate::watch::{Memory, Watch};

/// Clauses of one condition.
const CLAUSES: usize = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};

/// The first number that it selects. Short numbers would take more than four times their text.
const FIRST: usize = 1_000_000_000;

/// Monitors that one client asks for; it may have a thousand.
const MONITORS: usize = 10_000;
const MONITORS_MAX: usize = 1000;

#[test]
fn a_client_has_so_many_monitors_and_no_more() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let (memory, watch) = (Memory::mark(&scene.server), Watch::start(&scene.server));
    let mut client = Client::connect(&scene.server.tcp());
    let ids: Vec<u64> = (0..MONITORS)
        .map(|at| client.send("monitor_cond", json!(["Load", at, {"Counter": {}}])))
        .collect();
    for (at, id) in ids.into_iter().enumerate() {
        match client.reply(id) {
            Ok(_) => assert!(at < MONITORS_MAX, "monitor {at} is accepted"),
            Err(error) => {
                assert!(at >= MONITORS_MAX, "monitor {at}: {error}");
                assert_eq!(error["error"], "resources exhausted");
            }
        }
    }
    watch.finish("monitors");
    let request =
        json!({"id": MONITORS, "method": "monitor_cond", "params": ["Load", MONITORS, {"Counter": {}}]});
    memory.check("monitors", MONITORS * request.to_string().len());
    drop(client);
    bystander.check();
}

/// An id may be any JSON value; it comes back with every update, and has to be sent again to cancel.
#[test]
fn an_id_of_a_megabyte_is_an_id() {
    let scene = Scene::new();
    let (memory, watch) = (Memory::mark(&scene.server), Watch::start(&scene.server));
    let mut client = Client::connect(&scene.server.tcp());
    let mut id = json!({"deep": [null, true, 1.5, "s".repeat(1000)]});
    while id.to_string().len() < 1 << 20 {
        id = json!([id, id]);
    }
    let monitor = json!(["Load", id, {"Counter": {"columns": ["name"]}}]);
    client
        .call("monitor", monitor.clone())
        .expect("the monitor is accepted");
    assert_eq!(
        client.call("monitor", monitor).expect_err("the id is taken")["details"],
        "duplicate monitor ID"
    );
    let insertion = json!({"op": "insert", "table": "Counter", "row": {"name": "n"}});
    scene.server.client().transact("Load", json!([insertion]));
    let update = client
        .notification(ovsdb_harness::wait::DEADLINE)
        .expect("an update");
    assert_eq!(update["params"][0], id);
    client
        .call("monitor_cancel", json!([id]))
        .expect("the monitor is there");
    let again = client
        .call("monitor_cancel", json!([id]))
        .expect_err("it is gone");
    assert_eq!(again, json!("unknown monitor"));
    watch.finish("a long id");
    memory.check("a long id", 4 * id.to_string().len());
}

/// Conditions may speak of columns that are not monitored and of `_uuid`, with literals in between.
#[test]
fn odd_conditions_select_what_they_say() {
    let scene = Scene::new();
    let mut client = scene.server.client();
    let rows: Vec<Value> = (0..4)
        .map(|number| json!({"op": "insert", "table": "Item", "row": {"number": number, "name": "odd"}}))
        .collect();
    let results = client.transact("Load", Value::Array(rows));
    let first = results[0]["uuid"].clone();
    for (at, (clauses, expected)) in [
        (json!([["number", "==", 1]]), 1),
        (json!([["_uuid", "==", first], ["number", "==", 1]]), 2),
        (json!([false]), 0),
        (json!([true]), 4),
        (json!([false, ["number", "<", 2]]), 2),
        (json!([true, ["number", "<", 2]]), 4),
        (json!([]), 4),
    ]
    .into_iter()
    .enumerate()
    {
        let requests = json!({"Item": [{"columns": ["name"], "where": clauses}]});
        let initial = client
            .call("monitor_cond", json!(["Load", at, requests]))
            .expect("the monitor is accepted");
        let found = initial["Item"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(found, expected, "{clauses}");
        // What the condition looks at is not shown.
        if let Some(row) = initial["Item"].as_object().and_then(|rows| rows.values().next()) {
            assert_eq!(row["initial"], json!({"name": "odd"}));
        }
    }
}

#[test]
fn a_condition_of_a_million_clauses_selects() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let clauses: Vec<Value> = (0..CLAUSES)
        .map(|at| json!(["number", "==", FIRST + at]))
        .collect();
    let requests = json!({"Item": [{"columns": ["number"], "where": clauses}]});
    let length = requests.to_string().len();
    let mut client = Client::connect(&scene.server.tcp());
    let memory = Memory::mark(&scene.server);
    let watch = Watch::start(&scene.server);
    client
        .call("monitor_cond", json!(["Load", "m", requests]))
        .expect("the monitor is accepted");
    let insertion = |number: usize| json!({"op": "insert", "table": "Item", "row": {"number": number}});
    let mut writer = scene.server.client();
    writer.transact(
        "Load",
        json!([insertion(FIRST - 1), insertion(FIRST + CLAUSES / 2)]),
    );
    let update = client
        .notification(ovsdb_harness::wait::DEADLINE)
        .expect("an update");
    let rows = update["params"][1]["Item"].as_object().expect("rows of Item");
    assert_eq!(rows.len(), 1, "{update}");
    drop(client);
    bystander.check();
    watch.finish("a large condition");
    println!("{} KiB for {} KiB of clauses", memory.peak() >> 10, length >> 10);
}

/// Whatever is not a transaction of this database gets everything.
#[test]
fn a_transaction_id_that_never_was_finds_nothing() {
    let scene = Scene::new();
    let mut client = scene.server.client();
    let insertion = json!({"op": "insert", "table": "Counter", "row": {"name": "n"}});
    client.transact("Load", json!([insertion]));
    for (at, id) in [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "01234567-89ab-4def-8123-456789abcdef",
    ]
    .into_iter()
    .enumerate()
    {
        let reply = client
            .call("monitor_cond_since", json!(["Load", at, {"Counter": [{}]}, id]))
            .expect("the monitor is accepted");
        assert_eq!(reply[0], json!(false), "{id}");
        assert_eq!(
            reply[2]["Counter"].as_object().map(serde_json::Map::len),
            Some(1),
            "{id}"
        );
    }
    // An id of another database is as good as a random one.
    let other = client
        .call(
            "monitor_cond_since",
            json!(["_Server", "s", {"Database": [{}]}, "00000000-0000-0000-0000-000000000000"]),
        )
        .expect("the monitor is accepted");
    let reply = client
        .call(
            "monitor_cond_since",
            json!(["Load", "o", {"Counter": [{}]}, other[1]]),
        )
        .expect("the monitor is accepted");
    assert_eq!(reply[0], json!(false));
    for wrong in [json!("nope"), json!(7), json!(["uuid", "x"])] {
        client
            .call(
                "monitor_cond_since",
                json!(["Load", "w", {"Counter": [{}]}, wrong]),
            )
            .expect_err("no id of a transaction");
    }
}

/// Row 46: in a control group of 256 MiB a large monitor must not be the end of the server. A hundred clients ask for
/// 16 MiB each, and for two changes of all of it, and read next to nothing; what they have in common is there once.
#[test]
fn a_large_monitor_of_many_who_do_not_read_fits_into_a_small_machine() {
    if Peer::under_test() == Peer::Packaged {
        // It keeps a copy for each.
        return;
    }
    const CLIENTS: usize = 100;
    const ROWS: usize = 160;
    const ROW_BYTES: usize = 100 << 10;
    const MOST: u64 = 256 << 20;
    let scene = Scene::new();
    let mut writer = scene.server.client();
    for number in 0..ROWS {
        let row = json!({"number": number, "name": "x".repeat(ROW_BYTES)});
        writer.transact("Load", json!([{"op": "insert", "table": "Item", "row": row}]));
    }
    let mut bystander = Bystander::new(&scene.server);
    let memory = Memory::mark(&scene.server);
    let watch = Watch::start(&scene.server);
    let mut deaf: Vec<Client> = (0..CLIENTS).map(|_| scene.server.client()).collect();
    for client in &mut deaf {
        client.send("monitor", json!(["Load", "all", {"Item": {}}]));
    }
    // Whose contents begin later is told of a later version, of which less is the same as the others'.
    deaf.iter_mut().for_each(Client::expect_something);
    for letter in ["y", "z"] {
        for number in 0..ROWS {
            let change = json!([{"op": "update", "table": "Item", "where": [["number", "==", number], ["name", "!=", "bystander"]],
                "row": {"name": letter.repeat(ROW_BYTES)}}]);
            assert_eq!(writer.transact("Load", change), [json!({"count": 1})]);
        }
    }
    watch.finish("a large monitor of many");
    let peak = memory.peak();
    println!(
        "{} MiB for {CLIENTS} monitors of {} MiB",
        peak >> 20,
        (ROWS * ROW_BYTES) >> 20
    );
    assert!(peak < MOST, "{peak} bytes");
    drop(deaf);
    bystander.check();
}
