//! The role `ovn-controller` as ovn-northd defines it, on OVN's southbound database.

use ovsdb_harness::peer::packaged_program;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Daemon, Peer, Scratch, ServerOptions, schema, wait};
use serde_json::{Value, json};

use crate::named::NamedClient;
use crate::site::Site;

const SB: &str = "OVN_Southbound";

fn is_permitted(results: &[Value]) -> bool {
    if let Some(error) = results.iter().find(|result| !result["error"].is_null()) {
        assert_eq!(error["error"], json!("permission error"), "{results:?}");
        return false;
    }
    true
}

/// A chassis with its encapsulation, as ovn-controller registers itself.
fn registration(name: &str) -> Vec<Value> {
    vec![
        json!({"op": "insert", "table": "Encap", "uuid-name": "e",
            "row": {"chassis_name": name, "type": "geneve", "ip": format!("192.0.2.{}", name.as_bytes()[2])}}),
        json!({"op": "insert", "table": "Chassis",
            "row": {"name": name, "hostname": name, "encaps": ["named-uuid", "e"]}}),
    ]
}

/// One operation on a row of another chassis or of its own.
fn update(table: &str, key: &str, name: &str, row: &Value) -> Vec<Value> {
    vec![json!({"op": "update", "table": table, "where": [[key, "==", name]], "row": row})]
}

fn delete(table: &str, key: &str, name: &str) -> Vec<Value> {
    vec![json!({"op": "delete", "table": table, "where": [[key, "==", name]]})]
}

/// What `hv1` may do, in order: each line once, with the expected verdict.
fn trials() -> Vec<(Vec<Value>, bool)> {
    let hostname = json!({"hostname": "renamed"});
    let config = json!({"other_config": ["map", [["a", "b"]]], "external_ids": ["map", []]});
    vec![
        (registration("hv1"), true),
        (registration("hv3"), false),
        (update("Chassis", "name", "hv1", &config), true),
        (update("Chassis", "name", "hv2", &config), false),
        (update("Chassis", "name", "nobody", &config), true),
        (update("Chassis", "name", "hv1", &hostname), false),
        (
            update("Encap", "chassis_name", "hv1", &json!({"ip": "192.0.2.7"})),
            true,
        ),
        (
            update("Encap", "chassis_name", "hv2", &json!({"ip": "192.0.2.7"})),
            false,
        ),
        (delete("Chassis", "name", "hv2"), false),
        (
            vec![json!({"op": "update", "table": "SB_Global", "where": [], "row": {"nb_cfg": 9}})],
            false,
        ),
        (
            vec![json!({"op": "insert", "table": "Logical_DP_Group", "row": {}})],
            false,
        ),
        (
            vec![
                json!({"op": "update", "table": "RBAC_Permission", "where": [], "row": {"authorization": ""}}),
            ],
            false,
        ),
        (
            vec![json!({"op": "delete", "table": "RBAC_Role", "where": []})],
            false,
        ),
        (
            vec![
                json!({"op": "mutate", "table": "RBAC_Role", "where": [], "mutations": [["permissions", "delete", "Chassis"]]}),
            ],
            false,
        ),
        (
            vec![
                json!({"op": "select", "table": "RBAC_Role", "where": []}),
                json!({"op": "select", "table": "Chassis", "where": []}),
            ],
            true,
        ),
        (delete("Chassis", "name", "hv1"), true),
    ]
}

fn run(peer: Peer) -> Vec<Vec<Value>> {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let identity = site.identity("hv1");
    let nb = create_database(
        peer,
        &scratch,
        "nb.db",
        &schema::installed(schema::OVN_NORTHBOUND),
    );
    let sb = create_database(
        peer,
        &scratch,
        "sb.db",
        &schema::installed(schema::OVN_SOUTHBOUND),
    );
    let northbound = ServerOptions::new(peer, "nb").database(&nb).start(&scratch);
    let southbound = site
        .options(peer, "sb", &sb, "OVN_Southbound,SB_Global,connections")
        .start(&scratch);
    let mut root = southbound.client();
    let results = root.transact(SB, json!([
        {"op": "insert", "table": "Connection", "uuid-name": "c", "row": {"target": "pssl:0:127.0.0.1", "role": "ovn-controller"}},
        {"op": "insert", "table": "SB_Global", "row": {"connections": ["named-uuid", "c"]}}]));
    assert_eq!(results.len(), 2, "{results:?}");
    // It is northd that fills in the role.
    let mut command = scratch.command(packaged_program("ovn-northd"));
    command.args([
        format!("--ovnnb-db={}", northbound.remote().target()),
        format!("--ovnsb-db={}", southbound.remote().target()),
    ]);
    command.args(["-vsyslog:off", "-vfile:off", "--unixctl=northd.ctl"]);
    let northd = Daemon::start("ovn-northd", command, &scratch.join("northd.log"));
    wait_for_role(&mut root);
    assert!(is_permitted(&root.transact(SB, json!(registration("hv2")))));
    let mut chassis: NamedClient = site.connect(&identity, southbound.logged_port(1));
    let mut said = Vec::new();
    for (operations, expected) in trials() {
        let results = chassis.transact(SB, &operations);
        assert_eq!(
            is_permitted(&results),
            expected,
            "{peer:?}: {operations:?}: {results:?}"
        );
        said.push(results);
    }
    drop(northd);
    said
}

fn wait_for_role(root: &mut Client) {
    wait::until("the role that northd makes", || {
        let select = json!([{"op": "select", "table": "RBAC_Role", "where": [["name", "==", "ovn-controller"]], "columns": ["permissions"]}]);
        let found = root.transact(SB, select);
        let permissions = found[0]["rows"][0]["permissions"][1].as_array()?.len();
        (permissions > 5).then_some(())
    });
}

/// The errors, which are texts that operators look for.
fn errors(said: &[Vec<Value>]) -> Vec<Value> {
    let errors = said.iter().flatten().filter(|result| !result["error"].is_null());
    errors.cloned().collect()
}

#[test]
fn a_chassis_writes_what_northd_lets_it() {
    let (ours, theirs) = (run(Peer::Ours), run(Peer::Packaged));
    assert_eq!(errors(&ours), errors(&theirs));
    assert!(!errors(&ours).is_empty());
}
