//! A well-behaved client beside the bad ones, and the server that both talk to.

use std::time::Duration;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Scratch, Server, ServerOptions, schema, wait};
use serde_json::{Value, json};

/// A server on the load schema with a TCP remote and no limit on its log.
pub(crate) struct Scene {
    pub(crate) server: Server,
    _scratch: Scratch,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        Scene::with_schema(schema::LOAD)
    }

    /// The same on a schema that has the tables of the load schema, and others.
    pub(crate) fn with_schema(text: &str) -> Scene {
        Scene::with(text, ServerOptions::tcp)
    }

    /// The same with what `refine` adds to the options instead of the TCP remote.
    pub(crate) fn with(schema: &str, refine: impl FnOnce(ServerOptions) -> ServerOptions) -> Scene {
        let scratch = Scratch::new();
        let schema = scratch.write("load.ovsschema", schema);
        let file = create_database(Peer::under_test(), &scratch, "load.db", &schema);
        let options = ServerOptions::new(Peer::under_test(), "load").database(&file);
        let server = refine(options).start(&scratch);
        // Repeated warnings would be left out otherwise.
        server
            .control("vlog/disable-rate-limit", &[])
            .expect("the log takes commands");
        Scene {
            server,
            _scratch: scratch,
        }
    }

    /// Waits for a text in what the server logs from `start` on.
    pub(crate) fn wait_for_log(&self, start: usize, text: &str) {
        wait::until(&format!("\"{text}\" in the log"), || {
            self.server.log()[start..].contains(text).then_some(())
        });
    }
}

/// A client that goes on: it monitors all items, and whatever it writes it hears of.
pub(crate) struct Bystander {
    client: Client,
    rows: i64,
}

/// Longest wait for an update that the server owes.
const UPDATE_MAX: Duration = Duration::from_secs(30);

impl Bystander {
    pub(crate) fn new(server: &Server) -> Bystander {
        // Not over TCP, where it would have to answer probes while a test is busy with other things.
        let mut client = server.client();
        let monitor = json!(["Load", "all", {"Item": {"columns": ["name", "number"]}}]);
        client.call("monitor", monitor).expect("the monitor is accepted");
        Bystander { client, rows: 0 }
    }

    /// Panics unless the connection is as good as new: what is written is acknowledged, heard of, and found with all
    /// that was written before.
    pub(crate) fn check(&mut self) {
        self.rows += 1;
        let inserted = self.client.transact(
            "Load",
            json!([
                {"op": "insert", "table": "Item", "row": {"number": self.rows, "name": "bystander"}},
            ]),
        );
        assert!(inserted[0].get("uuid").is_some(), "{inserted:?}");
        // Updates about the rows of others come, too.
        let own = json!({"name": "bystander", "number": self.rows});
        loop {
            let update = self
                .client
                .notification(UPDATE_MAX)
                .expect("the monitor hears of the row");
            assert_eq!(update["method"], "update");
            let rows = update["params"][1]["Item"].as_object().expect("rows of Item");
            if rows.values().any(|change| change["new"] == own) {
                break;
            }
        }
        let found = self.client.transact("Load", json!([
            {"op": "select", "table": "Item", "where": [["name", "==", "bystander"]], "columns": ["number"]},
        ]));
        let mut numbers: Vec<i64> = found[0]["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| row["number"].as_i64().expect("a number"))
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=self.rows).collect::<Vec<_>>());
    }
}

/// How many items there are beside the bystander's.
pub(crate) fn foreign_items(client: &mut Client) -> usize {
    let found = client.transact(
        "Load",
        json!([
            {"op": "select", "table": "Item", "where": [["name", "!=", "bystander"]], "columns": ["_uuid"]},
        ]),
    );
    found[0]["rows"].as_array().map_or(0, Vec::len)
}

/// The request that inserts an item, as bytes.
pub(crate) fn insertion(id: u64, name: &str) -> Value {
    json!({"id": id, "method": "transact", "params": [
        "Load", {"op": "insert", "table": "Item", "row": {"name": name}},
    ]})
}
