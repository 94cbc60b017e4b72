//! The role comes from the remote, and the name from the certificate.

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Remote, Scratch, schema};
use serde_json::{Value, json};
use std::net::SocketAddr;

use crate::site::Site;

const SB: &str = "OVN_Southbound";

/// Operations that give the role `limited` every right on table Chassis and add a remote with it.
fn with_remote(target: &str) -> Value {
    json!([
        {"op": "insert", "table": "RBAC_Permission", "uuid-name": "p", "row": {"table": "Chassis",
            "authorization": "", "insert_delete": true, "update": "nb_cfg"}},
        {"op": "insert", "table": "RBAC_Role", "row": {"name": "limited", "permissions": ["map", [["Chassis", ["named-uuid", "p"]]]]}},
        {"op": "insert", "table": "Connection", "uuid-name": "c", "row": {"target": target, "role": "limited"}},
        {"op": "insert", "table": "SB_Global", "row": {"connections": ["named-uuid", "c"]}}])
}

fn touch() -> Value {
    json!([{"op": "update", "table": "Chassis", "where": [], "row": {"nb_cfg": 1}}])
}

/// What a client without a certificate hears, and who has no role.
fn nameless(peer: Peer) -> Vec<Value> {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let file = create_database(
        peer,
        &scratch,
        "sb.db",
        &schema::installed(schema::OVN_SOUTHBOUND),
    );
    let server = site
        .options(peer, "sb", &file, "OVN_Southbound,SB_Global,connections")
        .start(&scratch);
    let mut root = server.client();
    assert_eq!(root.transact(SB, with_remote("ptcp:0:127.0.0.1")).len(), 4);
    let address = SocketAddr::from(([127, 0, 0, 1], server.logged_port(1)));
    let mut client = Client::connect(&Remote::Tcp(address));
    let schema = root.call("get_schema", json!([SB])).expect("the schema");
    let mut heard = client.transact(SB, touch());
    heard.extend(client.transact(
        SB,
        json!([{"op": "delete", "table": "Chassis", "where": [["name", "==", "x"]]}]),
    ));
    heard.extend(client.transact(SB, json!([{"op": "insert", "table": "Chassis", "row": {}}])));
    heard.extend(client.transact(
        SB,
        json!([{"op": "select", "table": "Chassis", "where": []}, {"op": "comment", "comment": "free"}]),
    ));
    heard.push(client.call("lock", json!(["free"])).expect("a lock"));
    heard.push(
        client
            .call("convert", json!([SB, schema]))
            .expect_err("for the root role only"),
    );
    heard.extend(root.transact(SB, touch()));
    heard
}

#[test]
fn a_client_without_a_name_is_permitted_nothing() {
    let ours = nameless(Peer::Ours);
    assert_eq!(ours, nameless(Peer::Packaged));
    let refused = ours
        .iter()
        .filter(|result| result["error"] == json!("permission error"));
    assert_eq!(refused.count(), 4, "{ours:?}");
}

/// Whoever is connected when the role of the remote changes has to come again, and finds the new one.
#[test]
fn a_new_role_of_a_remote_drops_its_clients() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let identity = site.identity("hv1");
    let file = create_database(
        Peer::Ours,
        &scratch,
        "sb.db",
        &schema::installed(schema::OVN_SOUTHBOUND),
    );
    let server = site
        .options(Peer::Ours, "sb", &file, "OVN_Southbound,SB_Global,connections")
        .start(&scratch);
    let mut root = server.client();
    assert_eq!(root.transact(SB, with_remote("pssl:0:127.0.0.1")).len(), 4);
    let mut client = site.connect(&identity, server.logged_port(1));
    let touch = touch();
    let touch = touch.as_array().expect("operations");
    assert_eq!(client.transact(SB, touch), [json!({"count": 0})]);
    let role =
        |role: &str| json!([{"op": "update", "table": "Connection", "where": [], "row": {"role": role}}]);
    root.transact(SB, role("other"));
    while client.call("echo", &json!([])).is_some() {}
    let mut client = site.connect(&identity, server.logged_port(2));
    let refused = client.transact(SB, touch);
    assert_eq!(refused[0]["error"], json!("permission error"), "{refused:?}");
    // Whoever wonders why finds it in the log, however often it happens.
    for _ in 0..20 {
        client.transact(SB, touch);
    }
    let told = r#"rbac: role "other" not found in rbac roles table"#;
    let count = server.log().matches(told).count();
    assert!((1..=3).contains(&count), "once a minute: {}", server.log());
    root.transact(SB, role(""));
    while client.call("echo", &json!([])).is_some() {}
    let mut client = site.connect(&identity, server.logged_port(3));
    assert_eq!(client.transact(SB, touch), [json!({"count": 0})]);
}
