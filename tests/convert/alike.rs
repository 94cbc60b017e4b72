//! What clients of both servers hear.

use std::time::Duration;

use ovsdb_harness::{Client, Peer, Scratch, Server};
use serde_json::{Value, json};

use crate::schemas::{self, NAME, aware, schema};

/// What is heard within this time, a server that has something to say has said.
const SILENCE: Duration = Duration::from_millis(400);

/// Everything a client hears until the server has nothing more to say, or closes the connection.
pub(crate) fn heard(client: &mut Client) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        match client.next_message(SILENCE) {
            Ok(message) => all.push(message),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return all,
            Err(_) => {
                all.push(json!("closed"));
                return all;
            }
        }
    }
}

fn with_monitor(mut client: Client, id: &str) -> Client {
    let monitored = client.call("monitor", json!([NAME, id, {"Item": {}}]));
    assert!(monitored.is_ok(), "{monitored:?}");
    client
}

/// Sends a transaction that waits for a row.
fn wait_for_a_row(client: &mut Client) {
    let wait = json!([NAME, {"op": "wait", "table": "Item", "where": [], "columns": ["number"], "until": "!=", "rows": []}]);
    client.send("transact", wait);
    // What comes back to this shows that the other has arrived.
    assert!(client.call("echo", json!([])).is_ok());
}

/// All sorts of clients, a conversion, and what each hears of it.
fn story(server: &Server) -> Vec<(&'static str, Vec<Value>)> {
    let mut idle = server.client();
    assert!(idle.call("list_dbs", json!([])).is_ok());
    let mut idle_aware = aware(server.client());
    let mut watcher = with_monitor(with_monitor(aware(server.client()), "one"), "two");
    wait_for_a_row(&mut watcher);
    let mut unaware = with_monitor(server.client(), "mine");
    wait_for_a_row(&mut unaware);
    let mut lock_holder = aware(server.client());
    assert!(lock_holder.call("lock", json!(["kept"])).is_ok());

    // The one who converts pipelines: what follows is done in the new schema.
    let mut converter = with_monitor(aware(server.client()), "own");
    converter.send("convert", json!([NAME, schema(1)]));
    converter.send(
        "transact",
        json!([NAME, {"op": "insert", "table": "Item", "row": {"added": 5}}, {"op": "select", "table": "Item", "where": [], "columns": ["added"]}]),
    );
    converter.send("monitor", json!([NAME, "own", {"Item": {"columns": ["added"]}}]));
    let heard_by_converter = heard(&mut converter).into_iter().map(without_uuids).collect();

    let mut unaware_converter = with_monitor(server.client(), "gone");
    let stories = vec![
        ("converter", heard_by_converter),
        ("idle", heard(&mut idle)),
        ("idle and aware", heard(&mut idle_aware)),
        ("watcher", heard(&mut watcher)),
        ("unaware", heard(&mut unaware)),
        ("lock holder", heard(&mut lock_holder)),
    ];
    unaware_converter.send("convert", json!([NAME, schema(2)]));
    let mut stories = stories;
    stories.push(("unaware converter", heard(&mut unaware_converter)));
    stories.push(("watcher again", heard(&mut watcher)));
    // Its lock has survived.
    let mut other = server.client();
    stories.push((
        "lock",
        vec![other.call("lock", json!(["kept"])).expect("a reply")],
    ));
    stories
}

/// A message whose object keys that are uuids, and uuids themselves, are the same for all.
fn without_uuids(message: Value) -> Value {
    match message {
        Value::Array(items) if items.len() == 2 && items[0] == json!("uuid") => json!("a uuid"),
        Value::Array(items) => items.into_iter().map(without_uuids).collect(),
        Value::Object(members) => {
            let rename = |key: String| if key.len() == 36 { "a uuid".to_owned() } else { key };
            members
                .into_iter()
                .map(|(key, value)| (rename(key), without_uuids(value)))
                .collect()
        }
        other => other,
    }
}

#[test]
fn clients_hear_of_a_conversion_what_the_packaged_server_tells_them() {
    let tell = |peer: Peer| {
        let scratch = Scratch::new();
        let file = schemas::create(peer, &scratch);
        story(&schemas::options(peer, &file).start(&scratch))
    };
    let (ours, theirs) = (tell(Peer::Ours), tell(Peer::Packaged));
    for ((who, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "what the {who} hears");
    }
    let of = |who: &str| &ours.iter().find(|(name, _)| *name == who).expect("one of them").1;
    assert_eq!(of("unaware"), &[json!("closed")]);
    assert_eq!(of("watcher").len(), 3, "{:?}", of("watcher"));
}

#[test]
fn conversions_are_refused_with_the_same_words() {
    let mut bad_reference = schema(1);
    bad_reference["tables"]["Item"]["columns"]["peer"]["type"]["key"]["refTable"] = json!("Nothing");
    let mut narrow = schema(1);
    narrow["tables"]["Item"]["columns"]["number"] =
        json!({"type": {"key": {"type": "integer", "maxInteger": 3}}});
    let mut full = schema(1);
    full["tables"]["Item"]["maxRows"] = json!(1);
    let mut index = schema(1);
    index["tables"]["Item"]["indexes"] = json!([["name"]]);
    let mut not_a_number = schema(1);
    not_a_number["tables"]["Item"]["columns"]["name"] = json!({"type": "integer"});
    let mut other_name = schema(1);
    other_name["name"] = json!("Other");
    let requests = [
        json!([NAME]),
        json!([NAME, schema(1), 3]),
        json!([]),
        json!(["Nothing", schema(1)]),
        json!([NAME, 7]),
        json!([NAME, {}]),
        json!([NAME, {"name": NAME, "tables": {"Item": {}}}]),
        json!([NAME, bad_reference]),
        json!([NAME, narrow]),
        json!([NAME, full]),
        json!([NAME, index]),
        json!([NAME, not_a_number]),
        json!([NAME, other_name]),
    ];
    // The packaged server dies of some; it is started again, and the others are compared.
    let answers = |peer: Peer| -> Vec<Option<Value>> {
        let scratch = Scratch::new();
        let file = schemas::create(peer, &scratch);
        let options = schemas::options(peer, &file);
        let mut server = options.start(&scratch);
        for number in [2, 7] {
            let id = format!("aaaaaaaa-0000-4000-8000-00000000000{number}");
            let row = json!({"op": "insert", "table": "Item", "uuid": id, "row": {"number": number, "name": "same"}});
            assert!(server.client().transact(NAME, json!([row]))[0]["error"].is_null());
        }
        let mut answer = |params: &Value| {
            let mut client = aware(server.client());
            let id = client.send("convert", params.clone());
            let Ok(reply) = client.try_reply(id) else {
                server.kill();
                server = options.start(&scratch);
                return None;
            };
            // Nothing has happened.
            let schema = client.call("get_schema", json!([NAME])).expect("the schema");
            assert_eq!(schema["version"], json!("0.0.0"));
            Some(reply.expect_err("none of them makes sense"))
        };
        requests.iter().map(&mut answer).collect()
    };
    let (ours, theirs) = (answers(Peer::Ours), answers(Peer::Packaged));
    for ((request, ours), theirs) in requests.iter().zip(ours).zip(theirs) {
        assert!(ours.is_some(), "{request}");
        match theirs {
            Some(theirs) => assert_eq!(ours, Some(theirs), "{request}"),
            None => println!("the packaged server dies of {request}; ours says {ours:?}"),
        }
    }
}

/// A column that becomes ephemeral keeps its values until the server ends, and has lost them when it is persistent again.
#[test]
fn a_column_becomes_ephemeral_and_persistent_as_at_the_packaged_server() {
    let mut ephemeral = schema(1);
    ephemeral["tables"]["Item"]["columns"]["name"]["ephemeral"] = json!(true);
    let tell = |peer: Peer| -> Vec<Value> {
        let scratch = Scratch::new();
        let file = schemas::create(peer, &scratch);
        let options = schemas::options(peer, &file);
        let row = json!([{"op": "insert", "table": "Item", "row": {"number": 7, "name": "seven"}}]);
        let select = json!([{"op": "select", "table": "Item", "where": [], "columns": ["number", "name"]}]);
        let mut told = Vec::new();
        let server = options.start(&scratch);
        let mut client = aware(server.client());
        assert!(client.transact(NAME, row)[0]["error"].is_null());
        told.push(
            client
                .call("convert", json!([NAME, ephemeral]))
                .expect("it can be"),
        );
        told.extend(client.transact(NAME, select.clone()));
        server.stop();
        let server = options.start(&scratch);
        let mut client = aware(server.client());
        told.extend(client.transact(NAME, select.clone()));
        told.push(
            client
                .call("convert", json!([NAME, schema(2)]))
                .expect("it can be"),
        );
        told.extend(client.transact(NAME, select));
        server.stop();
        told
    };
    let ours = tell(Peer::Ours);
    assert_eq!(ours, tell(Peer::Packaged));
    assert_eq!(ours[2], json!({"rows": [{"number": 7, "name": ""}]}), "{ours:?}");
}

#[test]
fn what_the_server_writes_itself_cannot_be_converted() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    let mut client = server.client();
    let schema = client.call("get_schema", json!(["_Server"])).expect("the schema");
    let refused = client.call("convert", json!(["_Server", schema]));
    assert_eq!(
        refused,
        Err(
            json!({"error": "not allowed", "details": "conversion is not allowed for reserved database _Server"})
        )
    );
}
