//! `_Server` and the databases tell the same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ovsdb_harness::{Peer, Scratch};
use serde_json::json;

use crate::schemas::{self, NAME, aware, convert, listed_schema, schema};

/// How often the schema is changed while others look.
const CONVERSIONS: u64 = 60;

#[test]
fn the_row_in_server_tells_the_schema_when_the_conversion_is_answered() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    let (mut converter, mut other) = (aware(server.client()), aware(server.client()));
    let id = "_Server row";
    let monitored = other.call(
        "monitor_cond",
        json!(["_Server", id, {"Database": [{"columns": ["schema"]}]}]),
    );
    let rows = monitored.expect("a reply")["Database"]
        .as_object()
        .expect("rows")
        .len();
    assert_eq!(rows, 2);
    for n in 1..5 {
        assert_eq!(convert(&mut converter, n), Ok(json!({})));
        assert_eq!(listed_schema(&mut converter)["version"], schema(n)["version"]);
        // One change of one row, not a row that goes and another that comes.
        let update = other.notification(Duration::from_secs(10)).expect("an update");
        assert_eq!(update["params"][0], json!(id));
        let changed = update["params"][1]["Database"].as_object().expect("rows");
        assert_eq!(changed.len(), 1, "{update}");
        let text = changed.values().next().expect("one")["modify"]["schema"]
            .as_str()
            .expect("the schema");
        assert!(text.contains(&format!("\"version\":\"{n}.0.0\"")), "{update}");
    }
}

/// Whoever has seen a schema in `_Server` never gets an older one from the database.
#[test]
fn nobody_sees_a_database_that_is_older_than_its_row() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            let mut client = aware(server.client());
            let is_over = &is_over;
            scope.spawn(move || {
                let mut seen = 0;
                while !is_over.load(Ordering::SeqCst) {
                    let row = version(&listed_schema(&mut client));
                    let own = client.call("get_schema", json!([NAME])).expect("a schema");
                    let own = version(&own);
                    assert!(
                        seen <= row && row <= own,
                        "{seen}, then {row} in _Server, then {own}"
                    );
                    let results = client.transact(
                        NAME,
                        json!([{"op": "select", "table": "Item", "where": [], "columns": ["added"]}]),
                    );
                    assert_eq!(
                        results[0]["error"].is_null(),
                        own > 0 || results[0]["error"].is_null(),
                        "{results:?}"
                    );
                    seen = own;
                }
            });
        }
        let mut converter = aware(server.client());
        for n in 1..=CONVERSIONS {
            assert_eq!(convert(&mut converter, n), Ok(json!({})));
        }
        is_over.store(true, Ordering::SeqCst);
    });
}

fn version(schema: &serde_json::Value) -> u64 {
    let text = schema["version"].as_str().expect("a version");
    let (major, _) = text.split_once('.').expect("a dot");
    major.parse().expect("a number")
}
