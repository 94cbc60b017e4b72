//! The schemas that the tests convert between, and how clients ask for it.

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Scratch, ServerOptions, client::Reply};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Name of the database.
pub(crate) const NAME: &str = "Load";

/// Schema number `n`: from 1 on with a column `added`, whose default the old rows get.
pub(crate) fn schema(n: u64) -> Value {
    let mut schema: Value =
        serde_json::from_str(ovsdb_harness::schema::LOAD).expect("the schema of the harness is JSON");
    schema["version"] = json!(format!("{n}.0.0"));
    if n > 0 {
        schema["tables"]["Item"]["columns"]["added"] = json!({"type": "integer"});
    }
    schema
}

/// An empty database in schema 0.
pub(crate) fn create(peer: Peer, scratch: &Scratch) -> PathBuf {
    let file = scratch.write("0.ovsschema", schema(0).to_string());
    create_database(peer, scratch, "load.db", &file)
}

/// A server of that database.
pub(crate) fn options(peer: Peer, file: &std::path::Path) -> ServerOptions {
    let options = ServerOptions::new(peer, "load").database(file);
    match peer {
        Peer::Ours => options.argument("--threads=3"),
        Peer::Packaged => options,
    }
}

/// Asks for schema `n`.
pub(crate) fn convert(client: &mut Client, n: u64) -> Reply {
    client.call("convert", json!([NAME, schema(n)]))
}

/// Makes the client one that understands changes of databases.
pub(crate) fn aware(mut client: Client) -> Client {
    let reply = client.call("set_db_change_aware", json!([true]));
    assert_eq!(reply, Ok(json!({})));
    client
}

/// The schema text of the database in the `_Server` database.
pub(crate) fn listed_schema(client: &mut Client) -> Value {
    let select = json!([{"op": "select", "table": "Database", "where": [["name", "==", NAME]], "columns": ["schema"]}]);
    let found = client.transact("_Server", select);
    let text = found[0]["rows"][0]["schema"]
        .as_str()
        .expect("the database is listed");
    serde_json::from_str(text).expect("a schema is JSON")
}
