//! Conversions that fail, and servers that die in the middle of one.

use std::fs;
use std::thread;
use std::time::Duration;

use ovsdb_harness::command::run_ok;
use ovsdb_harness::{Client, Peer, Random, Scratch, Server, SmallDisk, schema as harness_schema};
use serde_json::{Value, json};

use crate::schemas::{self, NAME, aware, convert, listed_schema, schema};

fn insert(client: &mut Client, number: u64, text: &str) {
    let row = json!({"op": "insert", "table": "Item", "row": {"number": number, "name": text}});
    let results = client.transact(NAME, json!([row]));
    assert!(results[0]["error"].is_null(), "{results:?}");
}

fn numbers(client: &mut Client) -> Vec<u64> {
    let select = json!([{"op": "select", "table": "Item", "where": [], "columns": ["number"]}]);
    let found = client.transact(NAME, select);
    let rows = found[0]["rows"].as_array().expect("rows");
    let mut numbers: Vec<u64> = rows
        .iter()
        .map(|row| row["number"].as_u64().expect("a number"))
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Monitors go on, waiting transactions wait on, and the next conversion is none the worse.
#[test]
fn a_failed_conversion_leaves_everything_as_it_was() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    let mut client = aware(server.client());
    insert(&mut client, 7, "x");
    let mut unaware = server.client();
    assert!(
        unaware
            .call("monitor", json!([NAME, 1, {"Item": {"columns": ["number"]}}]))
            .is_ok()
    );
    let wait = json!([NAME, {"op": "wait", "table": "Item", "where": [["number", "==", 8]], "columns": ["number"], "until": "==", "rows": [{"number": 8}]}]);
    let waiting = unaware.send("transact", wait);
    assert!(unaware.call("echo", json!([])).is_ok());
    let file_before = fs::read(&file).expect("the file is there");

    let mut narrow = schema(1);
    narrow["tables"]["Item"]["columns"]["number"] =
        json!({"type": {"key": {"type": "integer", "maxInteger": 3}}});
    let failed = client.call("convert", json!([NAME, narrow]));
    assert_eq!(
        failed.expect_err("7 does not fit")["error"],
        json!("constraint violation")
    );

    assert_eq!(fs::read(&file).expect("the file is there"), file_before);
    assert_eq!(listed_schema(&mut client)["version"], json!("0.0.0"));
    insert(&mut client, 8, "y");
    assert_eq!(unaware.reply(waiting), Ok(json!([{}])));
    let update = unaware
        .notification(Duration::from_secs(10))
        .expect("the monitor goes on");
    assert_eq!(update["method"], json!("update"));
    assert_eq!(convert(&mut client, 1), Ok(json!({})));
    assert_eq!(numbers(&mut client), [7, 8]);
}

#[test]
fn a_full_disk_leaves_the_old_database_which_goes_on() {
    let scratch = Scratch::new();
    let disk = SmallDisk::mount(scratch.join("disk"), 1 << 20);
    let schema_file = scratch.write("0.ovsschema", schema(0).to_string());
    let file = ovsdb_harness::server::create_database(Peer::Ours, &scratch, "disk/load.db", &schema_file);
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    let mut client = aware(server.client());
    for number in 0..20 {
        insert(&mut client, number, &"x".repeat(20_000));
    }
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; 400 << 10]).expect("the disk takes that much");
    let failed = convert(&mut client, 1).expect_err("there is no room for two of them");
    assert_eq!(failed["error"], json!("I/O error"), "{failed}");
    assert_eq!(failed["io-error"], json!("No space left on device"), "{failed}");
    assert!(
        !disk.path().join("load.db.tmp").exists(),
        "what was begun is removed"
    );
    assert_eq!(listed_schema(&mut client)["version"], json!("0.0.0"));
    insert(&mut client, 100, "small");
    fs::remove_file(&ballast).expect("it is there");
    assert_eq!(convert(&mut client, 1), Ok(json!({})));
    let expected: Vec<u64> = (0..20).chain([100]).collect();
    assert_eq!(numbers(&mut client), expected);
    server.stop();
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    assert_eq!(numbers(&mut server.client()), expected);
    server.stop();
}

/// After kill -9 at any moment the file is of the old schema or of the new one, with every acknowledged row; and of the
/// new one if the conversion had been answered.
#[test]
fn a_server_killed_in_a_conversion_leaves_one_whole_file() {
    const KILLS: u64 = 40;
    let mut random = Random::from_environment();
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let mut old = 0;
    let mut expected = Vec::new();
    let mut survivors = [0, 0];
    for round in 0..KILLS {
        let mut server = schemas::options(Peer::Ours, &file).start(&scratch);
        let mut client = aware(server.client());
        assert_eq!(numbers(&mut client), expected, "round {round}");
        insert(&mut client, round, &"x".repeat(3000));
        expected.push(round);
        let new = old + 1;
        let request = client.send("convert", json!([NAME, schema(new)]));
        let answered = if random.chance(30) {
            client.reply(request).expect("the conversion succeeds");
            true
        } else {
            thread::sleep(Duration::from_micros(random.below(12_000)));
            false
        };
        server.kill();
        let peer = *random.pick(&[Peer::Ours, Peer::Packaged]);
        let version = run_ok(scratch.command(peer.tool()).arg("db-version").arg(&file)).stdout;
        let is_new = version.trim() == format!("{new}.0.0");
        assert!(
            is_new || version.trim() == format!("{old}.0.0") && !answered,
            "round {round}: {version}"
        );
        survivors[usize::from(is_new)] += 1;
        if is_new {
            old = new;
        }
    }
    println!(
        "{} times the old file, {} times the new one",
        survivors[0], survivors[1]
    );
    assert!(survivors[1] > 0);
}

/// While a database is large its conversion takes long; others do not wait for it.
#[test]
fn clients_of_other_databases_do_not_wait_for_a_conversion() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let other = scratch.write(
        "other.ovsschema",
        harness_schema::LOAD.replace("\"Load\"", "\"Other\""),
    );
    let other = ovsdb_harness::server::create_database(Peer::Ours, &scratch, "other.db", &other);
    let server = schemas::options(Peer::Ours, &file)
        .database(&other)
        .start(&scratch);
    let mut client = aware(server.client());
    for batch in 0..20 {
        let ops: Vec<Value> = (0..1000)
            .map(|n| json!({"op": "insert", "table": "Item", "row": {"number": batch * 1000 + n, "name": "some text of a row"}}))
            .collect();
        client.transact(NAME, json!(ops));
    }
    let mut bystander = aware(server.client());
    let request = client.send("convert", json!([NAME, schema(1)]));
    let mut served = 0;
    // The reply has not come as long as the schema is the old one; reading goes on meanwhile, too.
    while bystander.call("get_schema", json!([NAME])).expect("a schema")["version"] == json!("0.0.0") {
        let results = bystander.transact("Other", json!([{"op": "insert", "table": "Item", "row": {}}]));
        assert!(results[0]["error"].is_null());
        served += 1;
    }
    client.reply(request).expect("the conversion succeeds");
    println!("{served} transactions on the other database meanwhile");
    assert_eq!(numbers(&mut bystander).len(), 20_000);
    stop(server);
}

fn stop(server: Server) {
    server.stop();
}
