//! A client's common name decides what role-based access control lets it write.

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, ServerOptions};
use serde_json::json;

use crate::site::Site;
use ovsdb_harness::pki::Authority;

const SCHEMA: &str = r#"{"name": "Rights", "version": "1.0.0", "tables": {
  "RBAC_Role": {"isRoot": true, "columns": {
    "name": {"type": "string"},
    "permissions": {"type": {"key": "string",
      "value": {"type": "uuid", "refTable": "RBAC_Permission", "refType": "weak"}, "min": 0, "max": "unlimited"}}}},
  "RBAC_Permission": {"isRoot": true, "columns": {
    "table": {"type": "string"},
    "authorization": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
    "insert_delete": {"type": "boolean"},
    "update": {"type": {"key": "string", "min": 0, "max": "unlimited"}}}},
  "Remote": {"isRoot": true, "columns": {"target": {"type": "string"}, "role": {"type": "string"}}},
  "Root": {"isRoot": true, "columns": {
    "remotes": {"type": {"key": {"type": "uuid", "refTable": "Remote"}, "min": 0, "max": "unlimited"}}}},
  "Chassis": {"isRoot": true, "columns": {"name": {"type": "string"}, "note": {"type": "string"}}}}}"#;

#[test]
fn a_client_writes_its_own_rows_only() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let schema = scratch.write("rights.ovsschema", SCHEMA);
    let file = create_database(Peer::under_test(), &scratch, "rights.db", &schema);
    let mut options = ServerOptions::new(Peer::under_test(), "rights").database(&file);
    for option in site.server.options(&site.pki.authority(Authority::Clients)) {
        options = options.argument(option);
    }
    let server = options
        .argument("--remote=db:Rights,Root,remotes")
        .start(&scratch);
    let results = server.client().transact(
        "Rights",
        json!([
            {"op": "insert", "table": "RBAC_Permission", "uuid-name": "own", "row": {"table": "Chassis",
                "authorization": "name", "insert_delete": true, "update": "note"}},
            {"op": "insert", "table": "RBAC_Role", "row": {"name": "hypervisor",
                "permissions": ["map", [["Chassis", ["named-uuid", "own"]]]]}},
            {"op": "insert", "table": "Remote", "uuid-name": "ssl", "row": {"target": "pssl:0:127.0.0.1",
                "role": "hypervisor"}},
            {"op": "insert", "table": "Root", "row": {"remotes": ["named-uuid", "ssl"]}},
            {"op": "insert", "table": "Chassis", "row": {"name": "client", "note": ""}},
            {"op": "insert", "table": "Chassis", "row": {"name": "other", "note": ""}},
        ]),
    );
    assert!(
        results.iter().all(|result| result.get("error").is_none()),
        "{results:?}"
    );
    let target = format!("ssl:127.0.0.1:{}", server.logged_port(1));

    let note = |name: &str| {
        let transaction = json!(["Rights", {"op": "update", "table": "Chassis",
            "where": [["name", "==", name]], "row": {"note": "mine"}}]);
        let mut command = site.command(Peer::Ours.client());
        run(command.args(["transact", &target, &transaction.to_string()])).text()
    };
    assert_eq!(note("client"), "[{\"count\":1}]\n");
    let refused = note("other");
    let told = "RBAC rules for client \\\"client\\\" role \\\"hypervisor\\\" prohibit modification of table \\\"Chassis\\\".";
    assert!(refused.contains(told), "{refused}");
    run_ok(
        site.command(Peer::Packaged.client())
            .args(["dump", &target, "Rights", "Chassis"]),
    );
    server.stop();
}
