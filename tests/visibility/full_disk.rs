//! A disk that fills up under load, and has room again: on a small file system of its own.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, ServerOptions, SmallDisk, schema};
use serde_json::{Value, json};

/// Size of the file system, and of what fills most of it.
const DISK_BYTES: usize = 1 << 20;
const BALLAST_BYTES: usize = DISK_BYTES - (160 << 10);

fn numbers(rows: &Value) -> BTreeSet<i64> {
    let rows = rows.as_array().expect("rows");
    rows.iter()
        .map(|row| row["number"].as_i64().expect("a number"))
        .collect()
}

#[test]
fn a_full_disk_costs_what_did_not_fit_and_does_not_outlast_itself() {
    let scratch = Scratch::new();
    let disk = SmallDisk::mount(scratch.join("disk"), DISK_BYTES);
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(Peer::Ours, &scratch, "disk/load.db", &schema);
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; BALLAST_BYTES]).expect("the disk takes that much");
    let options = ServerOptions::new(Peer::Ours, "load")
        .database(&file)
        .argument("--threads=3");
    let server = options.start(&scratch);

    // Four writers go on until each has failed some times.
    let outcomes: Vec<(BTreeSet<i64>, BTreeSet<i64>)> = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let mut client = server.client();
                scope.spawn(move || {
                    let (mut done, mut failed) = (BTreeSet::new(), BTreeSet::new());
                    for number in (0..).map(|n| writer * 1_000_000 + n) {
                        let row = json!({"number": number, "name": "x".repeat(300)});
                        let insertion = json!({"op": "insert", "table": "Item", "row": row});
                        let results = client.transact("Load", json!([insertion]));
                        if results.len() == 1 {
                            done.insert(number);
                        } else {
                            assert_eq!(results[1]["error"], json!("I/O error"), "{results:?}");
                            failed.insert(number);
                        }
                        if failed.len() == 5 {
                            break;
                        }
                    }
                    (done, failed)
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer ends"))
            .collect()
    });
    let done: BTreeSet<i64> = outcomes.iter().flat_map(|(done, _)| done.clone()).collect();
    assert!(!done.is_empty(), "some rows fitted");

    // Nothing that failed is seen, everything acknowledged is.
    let mut client = server.client();
    let select = json!([{"op": "select", "table": "Item", "where": [], "columns": ["number"]}]);
    assert_eq!(numbers(&client.transact("Load", select.clone())[0]["rows"]), done);

    // With room again the server writes again, without having been told.
    fs::remove_file(&ballast).expect("the ballast is there");
    let insertion = json!([{"op": "insert", "table": "Item", "row": {"number": -1}}]);
    assert_eq!(client.transact("Load", insertion).len(), 1);
    server.stop();

    let server = options.start(&scratch);
    let mut expected = done;
    expected.insert(-1);
    assert_eq!(
        numbers(&server.client().transact("Load", select)[0]["rows"]),
        expected
    );
    server.stop();
}
