//! The server as a whole: databases, remotes, workers and the control socket, from start to exit.
//!
//! ```text
//!  main thread: worker 0 + control (listeners, unixctl, signals, remotes, compaction schedule)
//!  other workers ── one thread each        each database ── sequencer thread + log thread
//! ```

mod commands;
mod compaction;
mod configuration;
mod coverage;
mod listing;
mod memory;
mod replication;
mod table_log;

use crate::background::Background;
use crate::bounds::Bounds;
use crate::daemon::{Running, Signals, run_command};
use crate::db::{self, Durability, HostSettings, Hosted, Opened, Placement};
use crate::errors::strerror;
use crate::limits::LISTING_POLL;
use crate::net;
use crate::remotes::{RemoteTable, Remotes};
use crate::runtime::{self, IoChoice, Workers};
use crate::settings::{Model, Source};
use crate::tally::Tallies;
use crate::tls;
use crate::unixctl::{self, Commands};
use crate::worker::{Overheard, Worker};
use bumpalo::Bump;
pub use commands::descriptions;
use compaction::Compactions;
use configuration::ServedFile;
use coverage::Coverage;
use nix::sys::signal::Signal;
use ovsdb_engine::database::Database;
use ovsdb_engine::ids::WorkerId;
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::schema::Schema;
use ovsdb_engine::sequencer::{ColumnDiff, Settings};
use ovsdb_engine::server_db;
use ovsdb_engine::session::{Catalog, Shared};
use ovsdb_engine::store::Store;
use ovsdb_engine::txn::Program;
use ovsdb_storage::disk::{Disk, RealDisk};
use ovsdb_wire::strict;
pub use replication::Syncing;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

/// How often what is due from time to time is looked at; upstream's interval for the status of remotes.
const HOUSEKEEPING: Duration = Duration::from_millis(2500);

/// Least time between two looks at which remotes the databases hold.
const REMOTES_INTERVAL: Duration = Duration::from_millis(100);

/// Longest wait at the start for the first status of remotes to be written.
const STATUS_WAIT_MAX: Duration = Duration::from_secs(1);

/// What a server is to do, resolved from the command line.
#[derive(Debug)]
pub struct Config {
    /// Where databases and remotes stand.
    pub source: Source,
    /// Relative names of databases are looked up here, also when the process has left it.
    pub directory: PathBuf,
    /// What connections by TLS are secured with.
    pub tls: tls::Sources,
    /// Path of the control socket, `none`, or the default.
    pub unixctl: Option<String>,
    /// First line of `--version`, which `version` answers too.
    pub version_line: String,
    pub threads: usize,
    /// What clients may have.
    pub bounds: Bounds,
    pub io: IoChoice,
    pub durability: Durability,
    /// What is said about following another server.
    pub sync: Syncing,
    /// Log columns as differences; off for servers before 2.15.
    pub column_diff: bool,
    /// Clients that come back get what changed since they left. Otherwise they get everything, as from upstream's
    /// standalone databases, whose transaction ids are zero.
    pub resume: bool,
    /// `--disable-file-no-data-conversion`: changes nothing but that the command to enable it is there.
    pub disable_no_data_conversion: bool,
    /// A shell command to run; the server ends with it.
    pub run: Option<String>,
}

/// The server behind its commands.
struct Server {
    shared: Arc<Shared>,
    /// Where database files lie.
    disk: Arc<dyn Disk>,
    settings: HostSettings,
    source: Source,
    directory: PathBuf,
    /// What is served from files, by their names as an operator gave them.
    files: BTreeMap<String, ServedFile>,
    replication: Syncing,
    disable_no_data_conversion: bool,
    tallies: Arc<Tallies>,
    coverage: Coverage,
    remotes: Remotes,
    /// By name; `_Server` is among them.
    databases: BTreeMap<String, Hosted>,
    compactions: Compactions,
    exit: Rc<Notify>,
}

/// Why a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Exit,
    /// By a signal, by which the process is to end too.
    Signal(Signal),
}

/// Runs a server until it is told to end. `ready` is called once databases are open and remotes listen.
///
/// Errors at the start have been logged; the text returned is for standard error.
pub fn run(config: Config, ready: impl FnOnce() -> Running) -> Result<Ended, String> {
    run_on(Arc::new(RealDisk), config, ready)
}

/// The same, with the database files on `disk`; tests have theirs fail.
pub fn run_on(disk: Arc<dyn Disk>, config: Config, ready: impl FnOnce() -> Running) -> Result<Ended, String> {
    net::raise_descriptor_limit();
    let driver = config
        .io
        .resolve()
        .map_err(|refused| format!("--io=uring: {refused}"))?;
    let workers: Arc<OnceLock<Workers>> = Arc::default();
    let watch: Arc<Notify> = Arc::default();
    let shared = Arc::new(Shared::new(
        Uuid::new_v4(),
        config.bounds.session,
        inboxes(config.threads, &workers),
        {
            let watch = Arc::clone(&watch);
            move || watch.notify_one()
        },
    ));
    let table: Arc<RemoteTable> = Arc::default();
    let tallies = Arc::new(Tallies::new(config.threads));
    let background = Arc::new(Background::new(Arc::clone(&shared)));
    let runtime_config = runtime::Config {
        threads: config.threads,
        driver,
    };
    let bounds = config.bounds;
    let make_worker = |handle: &runtime::WorkerHandle, all: &Workers| {
        workers.get_or_init(|| all.clone());
        let id = WorkerId(handle.index() as u16);
        Overheard::new(Worker::new(
            id,
            Arc::clone(&shared),
            Arc::clone(&table),
            Arc::clone(&tallies),
            bounds,
            {
                let handle = handle.clone();
                let prepared = Inbox::new(move || handle.wake());
                (Arc::clone(&background), prepared)
            },
        ))
    };
    let control = |workers: Workers| {
        let remotes = Remotes::new(
            Arc::clone(&shared),
            workers,
            Arc::clone(&table),
            config.tls.clone(),
        );
        control(
            config,
            disk,
            Arc::clone(&shared),
            Arc::clone(&tallies),
            remotes,
            watch,
            ready,
        )
    };
    runtime::run(&runtime_config, make_worker, control)
        .map_err(|error| format!("failed to start ({error})"))?
}

/// One inbox for each worker, which wakes it once it runs.
fn inboxes(
    threads: usize,
    workers: &Arc<OnceLock<Workers>>,
) -> Vec<Inbox<ovsdb_engine::session::WorkerEvent>> {
    let inbox = |index: usize| {
        let workers = Arc::clone(workers);
        Inbox::new(move || {
            if let Some(workers) = workers.get() {
                workers.get(index).wake();
            }
        })
    };
    (0..threads).map(inbox).collect()
}

async fn control(
    config: Config,
    disk: Arc<dyn Disk>,
    shared: Arc<Shared>,
    tallies: Arc<Tallies>,
    remotes: Remotes,
    watch: Arc<Notify>,
    ready: impl FnOnce() -> Running,
) -> Result<Ended, String> {
    let placement = if config.threads == 1 {
        Placement::MainThread
    } else {
        Placement::Threads
    };
    let settings = HostSettings {
        durability: config.durability,
        resume: config.resume,
        sequencer: Settings {
            column_diff: ColumnDiff::new(config.column_diff),
            nonce: Uuid::new_v4(),
        },
        placement,
    };
    let exit: Rc<Notify> = Rc::default();
    let server = Rc::new(RefCell::new(Server {
        shared,
        disk,
        settings,
        source: config.source,
        directory: config.directory,
        files: BTreeMap::new(),
        replication: config.sync,
        disable_no_data_conversion: config.disable_no_data_conversion,
        tallies,
        coverage: Coverage::default(),
        remotes,
        databases: BTreeMap::new(),
        compactions: Compactions::default(),
        exit: Rc::clone(&exit),
    }));
    let result = match set_up(config.unixctl.as_deref(), &config.version_line, &server).await {
        Ok(unixctl) => {
            let running = ready();
            // With --run the server is more of a tool, and its standard error is read.
            if config.run.is_none() {
                log::info!(target: "ovsdb_server", "{}", config.version_line);
            }
            let result = serve(config.run.as_deref(), &server, &watch, &exit).await;
            drop(unixctl);
            drop(running);
            result
        }
        Err(error) => Err(error),
    };
    let databases = std::mem::take(&mut server.borrow_mut().databases);
    for (_, database) in databases {
        database.close();
    }
    result
}

/// Opens databases, then remotes, then the control socket: who can connect finds everything in its place.
async fn set_up(
    unixctl: Option<&str>,
    version_line: &str,
    server: &Rc<RefCell<Server>>,
) -> Result<Option<unixctl::Server>, String> {
    server.borrow_mut().open_server_database()?;
    if !configuration::load(server).await {
        return Err("server configuration failed".to_owned());
    }
    wait_for_status(server).await;
    let mut commands = Commands::new();
    crate::vlog::register_commands(&mut commands);
    commands::register(&mut commands, server);
    let commands = Rc::new(RefCell::new(commands));
    let path = match unixctl {
        Some("none") => return Ok(None),
        path => path,
    };
    let path = unixctl::socket_path(path);
    let shown = path.display().to_string();
    unixctl::Server::start(path, version_line, commands)
        .map(Some)
        .map_err(|error| {
            format!(
                "{shown}: could not initialize control socket ({})",
                strerror(&error)
            )
        })
}

/// Waits until databases that hold remotes say what has become of these: whoever reads that first finds it. Not for
/// long; a database that cannot be written is served all the same.
async fn wait_for_status(server: &Rc<RefCell<Server>>) {
    server.borrow().report_status();
    let deadline = Instant::now() + STATUS_WAIT_MAX;
    while !server.borrow().remotes.reports().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(LISTING_POLL).await;
    }
}

/// Serves until `exit`, a signal, or the end of the command `run`.
async fn serve(
    run: Option<&str>,
    server: &Rc<RefCell<Server>>,
    watch: &Notify,
    exit: &Notify,
) -> Result<Ended, String> {
    let signals = Signals::open().map_err(|error| format!("signals cannot be awaited ({error})"))?;
    let command = run
        .map(run_command)
        .transpose()
        .map_err(|error| error.to_string())?;
    let mut command = std::pin::pin!(async {
        match command {
            Some(ended) => ended.await,
            None => std::future::pending().await,
        }
    });
    let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
    let mut sampling = tokio::time::interval(coverage::SAMPLE_INTERVAL);
    // However fast commits come, remotes are looked at ten times a second at most.
    let mut has_changed = false;
    let mut next_look = Instant::now();
    loop {
        tokio::select! {
            () = exit.notified() => return Ok(Ended::Exit),
            signal = signals.next() => {
                return signal.map(Ended::Signal).map_err(|error| format!("signals cannot be awaited ({error})"));
            }
            ended = &mut command => return ended.map(|()| Ended::Exit).map_err(|error| error.to_string()),
            () = watch.notified(), if !has_changed => has_changed = true,
            () = tokio::time::sleep_until(next_look), if has_changed => {
                has_changed = false;
                next_look = Instant::now() + REMOTES_INTERVAL;
                server.borrow_mut().remotes.reconcile();
            }
            _ = housekeeping.tick() => server.borrow_mut().keep_house(),
            _ = sampling.tick() => server.borrow_mut().sample(),
        }
    }
}

impl Server {
    fn open_server_database(&mut self) -> Result<(), String> {
        let store = Store::new(server_db::schema(), self.shared.next_epoch(), Uuid::new_v4());
        let started = Hosted::start(store, None, &self.shared, &self.settings);
        let (hosted, database) = started.map_err(|e| e.to_string())?;
        self.host(hosted, &database);
        Ok(())
    }

    /// Opens the file `given` and serves it; `_Server` lists it soon after. Texts of errors are upstream's.
    fn add_database(&mut self, given: &str, model: Model) -> Result<(), String> {
        configuration::check_model(given, model)?;
        let path = configuration::locate(&self.directory, given);
        // The same file by another name, too: its lock is held by this very process.
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let wanted = real(&path);
        let is_open = |hosted: &Hosted| hosted.file.as_deref().is_some_and(|file| real(file) == wanted);
        if self.databases.values().any(is_open) {
            return Err(format!("ovsdb error: {given}: already open"));
        }
        let opened = db::open(&self.disk, &path, self.shared.next_epoch());
        let Opened { store, writer } =
            opened.map_err(|error| configuration::open_failed(given, model, &error))?;
        configuration::check_served(given, model)?;
        let name = store.schema().name.clone();
        if name.starts_with('_') {
            return Err(format!(
                "ovsdb error: {name}: names beginning with \"_\" are reserved"
            ));
        }
        if self.databases.contains_key(&name) {
            return Err(format!("ovsdb error: {name}: duplicate database name"));
        }
        self.files.insert(
            given.to_owned(),
            ServedFile {
                database: name,
                model,
            },
        );
        let file = Some((std::path::absolute(&path).unwrap_or(path), writer));
        let started = Hosted::start(store, file, &self.shared, &self.settings);
        let (hosted, database) = started.map_err(|e| e.to_string())?;
        self.host(hosted, &database);
        Ok(())
    }

    fn host(&mut self, hosted: Hosted, database: &Arc<Database>) {
        self.shared.add(database);
        self.databases.insert(hosted.name.clone(), hosted);
        let (name, schema_json) = (database.name(), &database.schema_json);
        self.tell_server_database(|schema| server_db::put(schema, name, schema_json, Uuid::new_v4()));
    }

    /// Takes a database out of `_Server`, which does not list it any more soon after. It is to be ended by
    /// [`listing::withdraw`].
    fn unlist_database(&mut self, name: &str) -> Result<Hosted, String> {
        let not_found = "Failed to find the database.";
        if self.databases.contains_key(name) && name.starts_with('_') {
            return Err("Cannot remove reserved database.".to_owned());
        }
        let hosted = self.databases.remove(name).ok_or(not_found)?;
        self.files.retain(|_, file| file.database != name);
        self.tell_server_database(|schema| server_db::remove(schema, name));
        Ok(hosted)
    }

    fn tell_server_database(&self, program: impl FnOnce(&Arc<Schema>) -> Program) {
        let database = self.server_database();
        db::submit(&database, program(&database.schema));
    }

    fn server_database(&self) -> Arc<Database> {
        let database = self.shared.database(server_db::NAME);
        database.expect("it is there from the start, and cannot be removed")
    }

    /// Whether `_Server` has a row for each database, and no other.
    fn is_listing_complete(&self) -> bool {
        let view = self.server_database().view();
        let listed = view
            .schema()
            .table_ids()
            .map(|table| view.table(table).len())
            .sum::<usize>();
        listed == self.databases.len()
    }

    /// What is due from time to time.
    fn keep_house(&mut self) {
        self.compactions.start_due(&self.databases);
        self.remotes.retry();
        self.report_status();
    }

    fn sample(&mut self) {
        self.coverage.sample(self.tallies.totals());
    }

    /// Tells databases that hold remotes what has become of these.
    fn report_status(&self) {
        for report in self.remotes.reports() {
            let arena = Bump::new();
            let value = strict::parse(&report.ops, &arena).expect("written by us");
            let ops = value.as_array().expect("an array was written");
            db::submit(
                &report.database,
                Program::compile(&report.database.schema, ops, &mut Uuid::new_v4),
            );
        }
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.shared.catalog()
    }
}
