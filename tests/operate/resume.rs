//! `--resume=off`: as little to come back by as the packaged server gives.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Scratch, ServerOptions, schema};
use serde_json::{Value, json};

/// The id that comes first, and here always.
const ZERO: &str = "00000000-0000-0000-0000-000000000000";

/// How long a notification may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Asks for all counters since `last`; returns whether that was found, the id, and how many rows came.
fn monitor(client: &mut Client, id: &str, last: &Value) -> (Value, Value, usize) {
    let requests = json!({"Counter": [{"columns": ["name"]}]});
    let reply = client
        .call("monitor_cond_since", json!(["Load", id, requests, last]))
        .expect("a good monitor");
    let rows = reply[2]["Counter"].as_object().map_or(0, serde_json::Map::len);
    (reply[0].clone(), reply[1].clone(), rows)
}

/// Adds a counter and returns the id that its update comes with.
fn add_counter(client: &mut Client, name: &str) -> Value {
    let insertion = json!({"op": "insert", "table": "Counter", "row": {"name": name}});
    client.transact("Load", json!([insertion]));
    let update = client.notification(LIMIT).expect("the monitor hears of it");
    assert_eq!(update["method"], "update3");
    update["params"][1].clone()
}

/// What a client is told that leaves and comes back, before and after a restart and a conversion.
fn told(
    peer: Peer,
    scratch: &Scratch,
    schema_file: &Path,
    options: &ServerOptions,
) -> Vec<(Value, Value, usize)> {
    let mut told = Vec::new();
    let server = options.start(scratch);
    let mut client = server.client();
    told.push(monitor(&mut client, "a", &json!(ZERO)));
    let first = add_counter(&mut client, "one");
    told.push((json!("update"), first.clone(), 1));
    told.push(monitor(&mut server.client(), "b", &first));
    let compacted = server.control("ovsdb-server/compact", &["Load"]);
    assert_eq!(compacted.as_deref(), Ok(""), "{peer:?}");
    server.stop();

    let server = options.start(scratch);
    told.push(monitor(&mut server.client(), "a", &first));
    let schema: Value = serde_json::from_slice(&fs::read(schema_file).expect("it is there")).expect("JSON");
    let converted = server.client().call("convert", json!(["Load", schema]));
    assert_eq!(converted, Ok(json!({})), "{peer:?}");
    let mut client = server.client();
    told.push(monitor(&mut client, "a", &first));
    told.push((json!("update"), add_counter(&mut client, "two"), 1));
    server.stop();
    told
}

#[test]
fn without_resuming_every_id_is_zero_as_in_the_packaged_server() {
    let scratch = Scratch::new();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let told_by = |peer: Peer, switch: &[&str]| {
        let name = format!("{peer:?}{}", switch.len());
        let file = create_database(peer, &scratch, &format!("{name}.db"), &schema);
        let options = ServerOptions::new(peer, &name).database(&file);
        let options = switch
            .iter()
            .fold(options, |options, argument| options.argument(*argument));
        let told = told(peer, &scratch, &schema, &options);
        let file = fs::read(&file).expect("it is there");
        let has_id = file.windows(12).any(|part| part == b"(transaction");
        (told, has_id)
    };
    let packaged = told_by(Peer::Packaged, &[]);
    assert_eq!(told_by(Peer::Ours, &["--resume=off"]), packaged);
    assert!(packaged.0.iter().all(|(_, id, _)| *id == json!(ZERO)));

    let (resumed, has_id) = told_by(Peer::Ours, &[]);
    assert!(has_id, "ids outlive compaction");
    assert_eq!(resumed[2].0, json!(true));
    assert_eq!(resumed[3].0, json!(true), "also after a restart");
}
