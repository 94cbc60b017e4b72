//! What the server has acknowledged survives it: it is killed 200 times under load, and after each kill the file
//! opens with the programs of both peers, holds every acknowledged transaction whole, and nothing that nobody sent.

mod writer;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ovsdb_harness::command::run;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Random, Scratch, ServerOptions, schema, wait};
use serde_json::{Value, json};

use crate::writer::{PAIR, Writer};

/// How often the server is killed.
const KILLS: u64 = 200;
/// Writers at a time. Every second one asks for durability itself, the others rely on the server's default.
const WRITERS: u64 = 6;
/// The server is killed after at most so many acknowledgements of a round.
const ACKNOWLEDGED_MAX: u64 = 80;
/// Every so many rounds the database is compacted while the writers write and the server is killed.
const COMPACTION_PERIOD: u64 = 4;

#[test]
fn no_acknowledged_row_is_lost_in_200_kills() {
    let peer = Peer::under_test();
    let scratch = Scratch::new();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(peer, &scratch, "load.db", &schema);
    let mut random = Random::from_environment();

    let mut held = BTreeSet::new();
    for round in 0..KILLS {
        let options = ServerOptions::new(peer, "load").database(&file);
        let mut server = options.start(&scratch);
        assert_eq!(
            server_numbers(&server.client().transact("Load", select())),
            held,
            "round {round}: after the start"
        );
        // What a round has proven need not be carried along; that it stays away is proven by the next one.
        let cleared = server.client().transact(
            "Load",
            json!([
                {"op": "delete", "table": "Item", "where": []},
                {"op": "commit", "durable": true},
            ]),
        );
        assert_eq!(cleared.len(), 2, "round {round}: {cleared:?}");

        let acknowledged = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|index| {
                Writer::start(
                    server.client(),
                    round * WRITERS + index,
                    index % 2 == 0,
                    &acknowledged,
                )
            })
            .collect();
        let enough = 1 + random.below(ACKNOWLEDGED_MAX);
        wait::until("acknowledgements", || {
            (acknowledged.load(Ordering::Relaxed) >= enough / 2).then_some(())
        });
        if round % COMPACTION_PERIOD == 0 {
            let mut control = server.control_client();
            control.send("ovsdb-server/compact", json!([]));
        }
        wait::until("acknowledgements", || {
            (acknowledged.load(Ordering::Relaxed) >= enough).then_some(())
        });
        server.kill();

        let reports: Vec<_> = writers.into_iter().map(Writer::finish).collect();
        let acknowledged: BTreeSet<i64> = reports
            .iter()
            .flat_map(|report| report.acknowledged.clone())
            .collect();
        let sent: BTreeSet<i64> = reports.iter().flat_map(|report| report.sent.clone()).collect();
        held = numbers_in_file(Peer::Packaged, &scratch, &file);
        assert_eq!(
            numbers_in_file(Peer::Ours, &scratch, &file),
            held,
            "round {round}: the programs differ"
        );
        let lost: Vec<_> = acknowledged.difference(&held).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        let invented: Vec<_> = held.difference(&sent).collect();
        assert!(
            invented.is_empty(),
            "round {round}: held and never sent: {invented:?}"
        );
    }
}

/// Asks for all items.
fn select() -> Value {
    json!([{"op": "select", "table": "Item", "where": [], "columns": ["number", "name"]}])
}

/// The numbers of all items, checked to be there in whole transactions: each has inserted [`PAIR`] of a number.
fn server_numbers(results: &[Value]) -> BTreeSet<i64> {
    let rows = results[0]["rows"]
        .as_array()
        .unwrap_or_else(|| panic!("no rows: {results:?}"));
    let mut halves: Vec<(i64, &str)> = rows
        .iter()
        .map(|row| {
            (
                row["number"].as_i64().expect("a number"),
                row["name"].as_str().expect("a name"),
            )
        })
        .collect();
    halves.sort_unstable();
    let mut numbers = BTreeSet::new();
    for pair in halves.chunks(PAIR.len()) {
        let number = pair[0].0;
        let names: Vec<&str> = pair
            .iter()
            .filter(|half| half.0 == number)
            .map(|half| half.1)
            .collect();
        assert_eq!(names, PAIR, "transaction {number} is not whole");
        numbers.insert(number);
    }
    numbers
}

/// Opens the file with a peer's programs. A kill in the middle of a write tears the last record: the file tools of both
/// peers refuse such a file and name the place, the servers serve what is before it. They would cut the rest off, so
/// that they get a copy.
fn numbers_in_file(peer: Peer, scratch: &Scratch, file: &Path) -> BTreeSet<i64> {
    let found = run(&mut query(peer, scratch, file));
    if found.status.success() {
        return server_numbers(
            &serde_json::from_str::<Vec<Value>>(&found.stdout).expect("the tool prints JSON"),
        );
    }
    assert!(
        TORN.iter().any(|text| found.stderr.contains(text)),
        "not a torn tail: {}",
        found.text()
    );
    println!("{peer:?}: {}", found.stderr.trim());
    let copy = scratch.join("copy.db");
    std::fs::copy(file, &copy).expect("the file can be copied");
    let server = ServerOptions::new(peer, "copy").database(&copy).start(scratch);
    let numbers = server_numbers(&server.client().transact("Load", select()));
    server.stop();
    numbers
}

/// What upstream says of a record that ends too early, in its body and in its header.
const TORN: [&str; 2] = ["(End of file)", "in header line"];

fn query(peer: Peer, scratch: &Scratch, file: &Path) -> Command {
    let mut query = select();
    query.as_array_mut().expect("an array").insert(0, json!("Load"));
    let mut command = scratch.command(peer.tool());
    command.arg("query").arg(file).arg(query.to_string());
    command
}
