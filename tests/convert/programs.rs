//! Programs and scripts that convert, and files that both peers open.

use ovsdb_harness::command::run_ok;
use ovsdb_harness::{Peer, Scratch, Server, schema as harness_schema};
use serde_json::{Value, json};

use crate::schemas::{self, NAME, aware, convert, listed_schema, schema};

fn client_says(peer: Peer, scratch: &Scratch, server: &Server, command: &str, n: u64) -> String {
    let file = scratch.write("wanted.ovsschema", schema(n).to_string());
    let remote = server.remote().target();
    let mut run = scratch.command(peer.client());
    run_ok(run.arg(command).arg(remote).arg(file)).stdout
}

#[test]
fn ovsdb_client_of_both_peers_converts() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    for (n, peer) in [(1, Peer::Packaged), (2, Peer::Ours)] {
        assert_eq!(
            client_says(peer, &scratch, &server, "needs-conversion", n),
            "yes\n"
        );
        assert_eq!(client_says(peer, &scratch, &server, "convert", n), "");
        assert_eq!(
            client_says(peer, &scratch, &server, "needs-conversion", n),
            "no\n"
        );
        assert_eq!(
            listed_schema(&mut server.client())["version"],
            schema(n)["version"]
        );
    }
}

/// `ovn-ctl` upgrades a running database by this function of the distribution's `ovs-lib`.
#[test]
fn the_scripts_upgrade_a_running_northbound_and_southbound_database() {
    for installed in [harness_schema::OVN_NORTHBOUND, harness_schema::OVN_SOUTHBOUND] {
        let scratch = Scratch::new();
        let newest = harness_schema::installed(installed);
        let text = std::fs::read(&newest).expect("the schema can be read");
        let mut older: Value = serde_json::from_slice(&text).expect("the schema is JSON");
        older["version"] = json!("1.0.0");
        let name = older["name"].as_str().expect("a name").to_owned();
        let table = if name == "OVN_Northbound" {
            "NB_Global"
        } else {
            "SB_Global"
        };
        let columns = older["tables"][table]["columns"]
            .as_object_mut()
            .expect("columns");
        assert!(columns.remove("options").is_some());
        let older = scratch.write("older.ovsschema", older.to_string());
        let file = ovsdb_harness::server::create_database(Peer::Ours, &scratch, "ovn.db", &older);
        let server = schemas::options(Peer::Ours, &file).start(&scratch);
        let mut client = aware(server.client());
        let row = json!([{"op": "insert", "table": table, "row": {"nb_cfg": 7}}]);
        assert_eq!(client.transact(&name, row).len(), 1);

        let script = format!(
            "PATH={}:$PATH; . /usr/share/openvswitch/scripts/ovs-lib; upgrade_cluster {} {}",
            Peer::Ours.directory().display(),
            newest.display(),
            server.remote().target()
        );
        let said = run_ok(scratch.command("sh").arg("-c").arg(&script)).text();
        assert!(
            said.contains("Upgrading database") && !said.contains("failed"),
            "{said}"
        );
        let select = json!([{"op": "select", "table": table, "where": [], "columns": ["nb_cfg", "options"]}]);
        let found = client.transact(&name, select);
        assert_eq!(found, [json!({"rows": [{"nb_cfg": 7, "options": ["map", []]}]})]);
        // Done once, there is nothing to do.
        let again = run_ok(scratch.command("sh").arg("-c").arg(&script)).text();
        assert!(!again.contains("Upgrading database"), "{again}");
        server.stop();
    }
}

#[test]
fn a_converted_file_goes_to_the_packaged_server_and_back() {
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let mut expected = Vec::new();
    for (n, peer) in (1..).zip([Peer::Ours, Peer::Packaged, Peer::Ours, Peer::Packaged]) {
        let server = schemas::options(peer, &file).start(&scratch);
        let mut client = aware(server.client());
        let insert = |number: u64| json!([{"op": "insert", "table": "Item", "row": {"number": number}}]);
        client.transact(NAME, insert(2 * n));
        assert_eq!(convert(&mut client, n), Ok(json!({})));
        client.transact(NAME, insert(2 * n + 1));
        expected.extend([2 * n, 2 * n + 1]);
        let select = json!([{"op": "select", "table": "Item", "where": [], "columns": ["number"], "sort": ["number"]}]);
        let rows: Vec<Value> = expected.iter().map(|number| json!({"number": number})).collect();
        assert_eq!(client.transact(NAME, select), [json!({"rows": rows})], "{peer:?}");
        server.stop();
    }
}
