//! Conversions, good and bad, by many at once: row 26 of the list in `README.md`. What they say is in suite `convert`.

use ovsdb_harness::{Client, Peer, schema};
use serde_json::{Value, json};

use crate::bystander::{Scene, foreign_items};
use crate::watch::{Memory, Watch};

/// Clients that convert at the same time, and how often each does.
const CONVERTERS: usize = 10;
const ROUNDS: usize = 3;

/// Rows that are converted each time.
const ROWS: usize = 2000;

/// A client that may see a database change.
fn aware(mut client: Client) -> Client {
    let reply = client.call("set_db_change_aware", json!([true]));
    assert_eq!(reply, Ok(json!({})));
    client
}

/// The schema as it is, with a column that becomes ephemeral, with a reference to nothing, and none at all.
fn requests() -> [(Value, bool); 4] {
    let plain: Value = serde_json::from_str(schema::LOAD).expect("it is JSON");
    let mut ephemeral = plain.clone();
    ephemeral["tables"]["Item"]["columns"]["number"]["ephemeral"] = json!(true);
    let mut bad = plain.clone();
    bad["tables"]["Item"]["columns"]["peer"]["type"]["key"]["refTable"] = json!("Nothing");
    [
        (plain, true),
        (ephemeral, true),
        (bad, false),
        (json!({"name": "Load"}), false),
    ]
}

#[test]
fn conversions_by_many_at_once_hold_up_nobody() {
    if Peer::under_test() == Peer::Packaged {
        // It does nothing else meanwhile.
        return;
    }
    let scene = Scene::new();
    let mut writer = aware(scene.server.client());
    let rows: Vec<Value> = (0..ROWS)
        .map(|number| json!({"op": "insert", "table": "Item", "row": {"number": number, "name": "x".repeat(100)}}))
        .collect();
    writer.transact("Load", json!(rows));
    let sent = json!(rows).to_string().len() + CONVERTERS * ROUNDS * 4 * schema::LOAD.len();
    let memory = Memory::mark(&scene.server);
    let watch = Watch::start(&scene.server);
    std::thread::scope(|scope| {
        let converters: Vec<_> = (0..CONVERTERS)
            .map(|_| {
                let mut client = aware(scene.server.client());
                scope.spawn(move || {
                    for (schema, is_good) in (0..ROUNDS).flat_map(|_| requests()) {
                        let reply = client.call("convert", json!(["Load", schema]));
                        assert_eq!(reply.is_ok(), is_good, "{reply:?}");
                    }
                })
            })
            .collect();
        while !converters.iter().all(|converter| converter.is_finished()) {
            let touch = json!([{"op": "update", "table": "Item", "where": [["number", "==", 1]], "row": {"number": 1}}]);
            assert!(writer.transact("Load", touch)[0]["error"].is_null());
        }
    });
    watch.finish("conversions");
    memory.check("conversions", sent);
    assert_eq!(foreign_items(&mut writer), ROWS);
}
