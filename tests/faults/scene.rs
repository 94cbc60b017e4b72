//! A server of this process on a disk that fails as planned.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Remote, Scratch, schema, wait};
use ovsdb_io::bounds::Bounds;
use ovsdb_io::daemon::Running;
use ovsdb_io::db::Durability;
use ovsdb_io::runtime::IoChoice;
use ovsdb_io::server::{Config, Ended, Syncing, run_on};
use ovsdb_io::settings::{Kept, Settings, Source};
use ovsdb_io::tls;
use ovsdb_storage::disk::RealDisk;
use ovsdb_storage::disk::faulty::{Faults, FaultyDisk};
use serde_json::{Value, json};

/// Sequencer and log as tasks of the main thread, and on threads of their own.
pub(crate) const THREADS: [usize; 2] = [1, 3];

/// How long a notification may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How long nothing is waited for.
pub(crate) const SHORT: Duration = Duration::from_millis(50);

type Outcome = Result<Ended, String>;

pub(crate) struct Scene {
    scratch: Scratch,
    threads: usize,
    /// The database that is written to; a second one lies beside it.
    pub(crate) file: PathBuf,
    other: PathBuf,
    pub(crate) faults: Arc<Faults>,
    server: Option<JoinHandle<Outcome>>,
}

impl Scene {
    /// A server of so many workers on two databases, `Load` and `Other`.
    pub(crate) fn start(threads: usize) -> Scene {
        let scratch = Scratch::new();
        let load = scratch.write("load.ovsschema", schema::LOAD);
        let other = scratch.write("other.ovsschema", schema::LOAD.replace("\"Load\"", "\"Other\""));
        let mut scene = Scene {
            threads,
            file: create_database(Peer::Ours, &scratch, "load.db", &load),
            other: create_database(Peer::Ours, &scratch, "other.db", &other),
            faults: Arc::default(),
            server: None,
            scratch,
        };
        scene.restart();
        scene
    }

    fn config(&self) -> Config {
        let name = |path: &PathBuf| path.display().to_string();
        let remote = format!("punix:{}", self.socket().display());
        let settings = Settings::new([remote], [name(&self.file), name(&self.other)]);
        Config {
            source: Source::Commands(Kept::new(&settings).expect("settings can be kept")),
            directory: self.scratch.path().to_path_buf(),
            tls: tls::Sources::default(),
            unixctl: Some(name(&self.control_socket())),
            version_line: "test".to_owned(),
            threads: self.threads,
            bounds: Bounds::default(),
            io: IoChoice::Auto,
            durability: Durability::Group,
            sync: Syncing::default(),
            disable_no_data_conversion: false,
            column_diff: true,
            resume: true,
            run: None,
        }
    }

    fn socket(&self) -> PathBuf {
        self.scratch.join("db.sock")
    }

    fn control_socket(&self) -> PathBuf {
        self.scratch.join("db.ctl")
    }

    fn run(&self) -> JoinHandle<Outcome> {
        let (config, faults) = (self.config(), Arc::clone(&self.faults));
        std::thread::spawn(move || {
            let disk = Arc::new(FaultyDisk::new(Arc::new(RealDisk), faults));
            run_on(disk, config, Running::default)
        })
    }

    /// Runs a server that cannot start.
    pub(crate) fn run_to_its_end(&self) -> Outcome {
        self.run().join().expect("the server does not panic")
    }

    /// Ends the server, if one is running, and starts another one.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.server = Some(self.run());
        wait::until("a server that serves", || {
            let mut client = Client::try_connect(&Remote::Unix(self.socket())).ok()?;
            client.call("list_dbs", json!([])).ok()
        });
    }

    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            self.control("exit", &[])
                .expect("the server takes the command to exit");
            let outcome = server.join().expect("the server does not panic");
            assert_eq!(outcome, Ok(Ended::Exit));
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::unix(&self.socket())
    }

    /// Runs a command of the control socket; `Err` is the server's error text.
    pub(crate) fn control(&self, method: &str, arguments: &[&str]) -> Result<String, String> {
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        Client::unix(&self.control_socket())
            .call(method, json!(arguments))
            .map(text)
            .map_err(text)
    }

    /// What lies in the directory.
    pub(crate) fn entries(&self) -> BTreeSet<PathBuf> {
        let entries = std::fs::read_dir(self.scratch.path()).expect("the scratch directory");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

pub(crate) fn insertion(name: &str) -> Value {
    json!({"op": "insert", "table": "Item", "row": {"name": name}})
}

/// The results of inserting an item.
pub(crate) fn insert(client: &mut Client, name: &str) -> Vec<Value> {
    client.transact("Load", json!([insertion(name)]))
}

/// The names of all items.
pub(crate) fn items(client: &mut Client) -> BTreeSet<String> {
    let select = json!([{"op": "select", "table": "Item", "where": [], "columns": ["name"]}]);
    let rows = client.transact("Load", select).swap_remove(0);
    let rows = rows["rows"].as_array().expect("rows");
    rows.iter()
        .map(|row| row["name"].as_str().expect("a name").to_owned())
        .collect()
}

pub(crate) fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
