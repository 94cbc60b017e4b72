//! The server that a test looks at, in each of its forms.

use std::path::PathBuf;
use std::time::Duration;

use ovsdb_harness::machine::Feature;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Random, Scratch, Server, ServerOptions, schema};
use serde_json::{Value, json};

/// How long a notification may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Workers of the servers: as many as this machine has cores, and more, so that every hand-over happens.
const THREADS: [usize; 2] = [2, 4];

/// A server on the load schema.
pub(crate) struct Scene {
    scratch: Scratch,
    options: ServerOptions,
    pub(crate) file: PathBuf,
    pub(crate) server: Server,
}

impl Scene {
    fn start(threads: usize, io: &str) -> Scene {
        println!("{threads} workers on {io}");
        let scratch = Scratch::new();
        let schema = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(Peer::Ours, &scratch, "load.db", &schema);
        let options = ServerOptions::new(Peer::Ours, "load")
            .database(&file)
            .argument(format!("--threads={threads}"))
            .argument(format!("--io={io}"));
        let server = options.start(&scratch);
        Scene {
            scratch,
            options,
            file,
            server,
        }
    }

    /// Ends the server as a power cut of the process would, and starts it again.
    pub(crate) fn kill_and_start(&mut self) {
        self.server.kill();
        self.server = self.options.start(&self.scratch);
    }
}

/// Runs `test` on each form of the server, with choices that depend on the seed alone.
pub(crate) fn on_each(test: impl Fn(&mut Scene, &mut Random)) {
    let mut random = Random::from_environment();
    for threads in THREADS {
        for io in ["uring", "epoll"] {
            if io == "epoll" || Feature::Uring.is_present() {
                test(&mut Scene::start(threads, io), &mut random.fork());
            }
        }
    }
}

pub(crate) fn insert_item(number: i64) -> Value {
    json!({"op": "insert", "table": "Item", "row": {"number": number}})
}

pub(crate) fn select_item(number: i64) -> Value {
    json!({"op": "select", "table": "Item", "where": [["number", "==", number]], "columns": ["number"]})
}

/// The number of rows that the last operation has selected.
pub(crate) fn found(results: &[Value]) -> usize {
    results
        .last()
        .and_then(|result| result["rows"].as_array())
        .map_or(0, Vec::len)
}

pub(crate) fn insert_counter(name: &str) -> Value {
    json!({"op": "insert", "table": "Counter", "row": {"name": name, "total": 0}})
}

pub(crate) fn add_one(name: &str) -> Value {
    json!({"op": "mutate", "table": "Counter", "where": [["name", "==", name]], "mutations": [["total", "+=", 1]]})
}

pub(crate) fn select_total(name: &str) -> Value {
    json!({"op": "select", "table": "Counter", "where": [["name", "==", name]], "columns": ["total"]})
}

/// The total that [`select_total`] has found.
pub(crate) fn total(result: &Value) -> i64 {
    result["rows"][0]["total"]
        .as_i64()
        .expect("a counter of that name")
}
