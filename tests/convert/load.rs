//! Conversions while many clients write and watch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ovsdb_harness::{Client, Peer, Random, Scratch, Server};
use serde_json::{Value, json};

use crate::schemas::{self, NAME, aware, convert};

const WRITERS: u64 = 6;
const WATCHERS: u64 = 4;
const CONVERSIONS: u64 = 40;

/// Transactions in flight of a writer.
const PIPELINE: usize = 8;

/// Adds to its own row and the common one; each transaction says what its own row held before, so that order
/// shows. Returns how many were acknowledged.
fn write(mut client: Client, writer: u64, is_over: &AtomicBool) -> u64 {
    let mut acknowledged = 0;
    let mut sent = Vec::new();
    let mut last = -1;
    while !is_over.load(Ordering::SeqCst) || !sent.is_empty() {
        while sent.len() < PIPELINE && !is_over.load(Ordering::SeqCst) {
            let own = json!([["name", "==", writer.to_string()]]);
            let ops = json!([
                NAME,
                {"op": "select", "table": "Counter", "where": own, "columns": ["total"]},
                {"op": "mutate", "table": "Counter", "where": own, "mutations": [["total", "+=", 1]]},
                {"op": "mutate", "table": "Counter", "where": [["name", "==", "all"]], "mutations": [["total", "+=", 1]]},
            ]);
            sent.push(client.send("transact", ops));
        }
        match client.reply(sent.remove(0)) {
            Ok(results) => {
                assert_eq!(results.as_array().map(Vec::len), Some(3), "{results}");
                let before = results[0]["rows"][0]["total"].as_i64().expect("a number");
                assert_eq!(before, last + 1, "in the order sent, and nothing lost: {results}");
                last = before;
                acknowledged += 1;
            }
            Err(error) => panic!("transactions of clients that know of changes are not lost: {error}"),
        }
    }
    acknowledged
}

/// Follows the counters by `monitor_cond_since` over all conversions; returns what they held at last.
fn watch(mut client: Client, expected: &dyn Fn(&BTreeMap<String, Value>) -> bool) {
    let mut restarts = 0;
    'restart: loop {
        let id = json!(["watch", restarts]);
        restarts += 1;
        let zero = "00000000-0000-0000-0000-000000000000";
        let begun = client.call(
            "monitor_cond_since",
            json!([NAME, id, {"Counter": [{"columns": ["name", "total"]}]}, zero]),
        );
        let begun = begun.expect("a monitor");
        let mut rows: BTreeMap<String, Value> = BTreeMap::new();
        fold(&mut rows, &begun[2]);
        loop {
            if expected(&rows) {
                return;
            }
            let message = client
                .notification(Duration::from_secs(60))
                .expect("something happens");
            match message["method"].as_str() {
                Some("update3") if message["params"][0] == id => fold(&mut rows, &message["params"][2]),
                Some("monitor_canceled") if message["params"][0] == id => continue 'restart,
                other => panic!("{other:?}: {message}"),
            }
        }
    }
}

/// Applies a table-updates2 to rows by uuid.
fn fold(rows: &mut BTreeMap<String, Value>, updates: &Value) {
    let Some(table) = updates["Counter"].as_object() else {
        return;
    };
    for (uuid, change) in table {
        let change = change.as_object().expect("an update");
        let (kind, columns) = change.iter().next().expect("one kind");
        match kind.as_str() {
            "initial" | "insert" => drop(rows.insert(uuid.clone(), columns.clone())),
            "modify" => {
                let row = rows.get_mut(uuid).expect("the row is known");
                for (column, value) in columns.as_object().expect("columns") {
                    row[column] = value.clone();
                }
            }
            _ => drop(rows.remove(uuid)),
        }
    }
}

fn total_of(rows: &BTreeMap<String, Value>, name: &str) -> Option<i64> {
    let row = rows.values().find(|row| row["name"] == json!(name))?;
    row["total"].as_i64().or(Some(0))
}

fn fill(server: &Server) {
    let names = (0..WRITERS)
        .map(|writer| writer.to_string())
        .chain(["all".to_owned()]);
    let ops: Vec<Value> = names
        .map(|name| json!({"op": "insert", "table": "Counter", "row": {"name": name}}))
        .collect();
    server.client().transact(NAME, json!(ops));
}

#[test]
fn conversions_under_load_lose_no_update_and_keep_the_order() {
    let mut random = Random::from_environment();
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let options = schemas::options(Peer::Ours, &file);
    let server = options.start(&scratch);
    fill(&server);
    let is_over = AtomicBool::new(false);
    let done = AtomicBool::new(false);
    let total = thread::scope(|scope| {
        let (is_over, done) = (&is_over, &done);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let client = aware(server.client());
                scope.spawn(move || write(client, writer, is_over))
            })
            .collect();
        for _ in 0..WATCHERS {
            let client = aware(server.client());
            scope.spawn(move || {
                watch(client, &|rows| {
                    // The sum is right at any time, as far as it is followed: commits are seen whole.
                    let own: Option<i64> = (0..WRITERS)
                        .map(|writer| total_of(rows, &writer.to_string()))
                        .sum();
                    assert_eq!(own, total_of(rows, "all"), "{rows:?}");
                    done.load(Ordering::SeqCst)
                });
            });
        }
        let mut converter = aware(server.client());
        for n in 1..=CONVERSIONS {
            assert_eq!(convert(&mut converter, n % 3), Ok(json!({})));
            thread::sleep(Duration::from_millis(random.below(20)));
            if n % 10 == 0 {
                // A compaction may be under way when the next conversion comes, or the other way round.
                compact_aside(scope, &server);
            }
        }
        is_over.store(true, Ordering::SeqCst);
        let acknowledged: u64 = writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer does not panic"))
            .sum();
        done.store(true, Ordering::SeqCst);
        // One last change, so that the watchers look once more.
        converter.transact(
            NAME,
            json!([{"op": "insert", "table": "Counter", "row": {"name": "end"}}]),
        );
        acknowledged
    });
    let count = |server: &Server| {
        let select = json!([{"op": "select", "table": "Counter", "where": [["name", "==", "all"]], "columns": ["total"]}]);
        server.client().transact(NAME, select)[0]["rows"][0]["total"].clone()
    };
    assert!(total > 0);
    assert_eq!(count(&server), json!(total));
    server.stop();
    let server = options.start(&scratch);
    assert_eq!(count(&server), json!(total), "after a restart");
}

fn compact_aside<'scope>(scope: &'scope thread::Scope<'scope, '_>, server: &Server) {
    let mut client = server.control_client();
    scope.spawn(move || {
        // It may be refused because the file is being converted.
        drop(client.call("ovsdb-server/compact", json!([])));
    });
}

#[test]
fn conversions_asked_for_at_once_are_all_done() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    thread::scope(|scope| {
        for n in 1..=10 {
            let mut client = aware(server.client());
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_eq!(convert(&mut client, n), Ok(json!({})));
                }
            });
        }
    });
    let mut client = server.client();
    let own = client.call("get_schema", json!([NAME])).expect("a schema");
    assert_eq!(schemas::listed_schema(&mut client)["version"], own["version"]);
}

#[test]
fn nobody_resumes_from_before_a_conversion() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let options = schemas::options(Peer::Ours, &file);
    let server = options.start(&scratch);
    fill(&server);
    let mut client = aware(server.client());
    let since = |client: &mut Client, id: &str, last: &Value| {
        let request = json!([NAME, id, {"Counter": [{"columns": ["name", "total"]}]}, last]);
        client.call("monitor_cond_since", request).expect("a monitor")
    };
    let zero = json!("00000000-0000-0000-0000-000000000000");
    let before = since(&mut client, "a", &zero)[1].clone();
    assert_eq!(since(&mut client, "b", &before)[0], json!(true));
    assert_eq!(convert(&mut client, 1), Ok(json!({})));
    let again = since(&mut client, "c", &before);
    assert_eq!(again[0], json!(false), "{again}");
    assert_eq!(
        again[2]["Counter"].as_object().map(|rows| rows.len() as u64),
        Some(WRITERS + 1)
    );
    let after = again[1].clone();
    assert_ne!(after, before);
    assert_eq!(since(&mut client, "d", &after)[0], json!(true));
    server.stop();
    let server = options.start(&scratch);
    let mut client = aware(server.client());
    assert_eq!(since(&mut client, "e", &before)[0], json!(false));
    assert_eq!(
        since(&mut client, "f", &after)[0],
        json!(true),
        "ids of after it survive a restart"
    );
}
