//! `ovsdb-server`: reads the command line and hands the server what it means.

mod limits;
mod manual;
mod memory;
mod options;
mod quickstart;

use mimalloc::MiMalloc;
use options::{Options, Switch};
use ovsdb::cli::{Fatal, Result, program};
use ovsdb_engine::hash;
use ovsdb_io::daemon::service_manager;
use ovsdb_io::server::{self, Config, Ended, Syncing};
use ovsdb_io::settings::{Kept, Settings, Source};
use ovsdb_io::{daemon, dirs, pages, runtime, vlog};
use std::env;
use std::process::ExitCode;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PROGRAM: &str = "ovsdb-server";

fn main() -> ExitCode {
    pages::use_small();
    memory::give_back_soon();
    program::run(PROGRAM, manual::sections, run)
}

fn run(mut options: Options) -> Result<ExitCode> {
    // Before the first table. A random UUID has six bits that are none; folded, every bit is random.
    let (high, low) = Uuid::new_v4().as_u64_pair();
    hash::set_key(high ^ low.rotate_left(32));
    vlog::init(PROGRAM);
    options.log.apply()?;
    if options.quickstart {
        quickstart::prepare(&mut options)?;
    }
    let config = config(&options)?;
    let daemon = daemon::start(&options.daemon.resolve());
    let greeting = options.quickstart.then(|| quickstart::greeting(&options));
    let ready = || {
        memory::give_back();
        if let Some(text) = greeting {
            // Nobody may be listening; the server does not depend on it.
            program::print(text.as_bytes()).unwrap_or_else(|fatal| log::debug!("{fatal}"));
        }
        let running = daemon.complete();
        service_manager::tell(service_manager::Condition::Ready);
        running
    };
    let ended = server::run(config, ready);
    service_manager::tell(service_manager::Condition::Stopping);
    daemon::cleanup::run();
    match ended {
        Ok(Ended::Exit) => Ok(ExitCode::SUCCESS),
        Ok(Ended::Signal(signal)) => daemon::die_of(signal),
        // In the background only the log is left to say it.
        Err(error) => vlog::fatal("ovsdb_server", format_args!("{error}")),
    }
}

fn config(options: &Options) -> Result<Config> {
    let version = ovsdb::version_text(PROGRAM);
    Ok(Config {
        source: source(options)?,
        directory: env::current_dir().unwrap_or_default(),
        tls: options.tls.sources()?,
        unixctl: options.unixctl.clone(),
        version_line: version.lines().next().unwrap_or_default().to_owned(),
        threads: options.threads.map_or_else(runtime::default_threads, usize::from),
        bounds: options.limits.bounds(),
        io: options.io.into(),
        durability: options.durability.into(),
        sync: Syncing {
            active_server: options.sync_from.clone().unwrap_or_default(),
            excluded_tables: options.sync_exclude_tables.clone().unwrap_or_default(),
        },
        disable_no_data_conversion: options.disable_file_no_data_conversion,
        column_diff: !options.disable_file_column_diff,
        resume: matches!(options.resume, Switch::On),
        run: options.run.clone(),
    })
}

/// Where databases and remotes stand. To be called before the process forks.
fn source(options: &Options) -> Result<Source> {
    if let Some(file) = &options.config_file {
        if !options.remote.is_empty() {
            return Err(Fatal::new("--config-file is mutually exclusive with --remote"));
        }
        if options.sync_from.is_some() || options.sync_exclude_tables.is_some() || options.active {
            return Err(Fatal::new(
                "--config-file is mutually exclusive with --sync-from, --sync-exclude and --active",
            ));
        }
        if !options.databases.is_empty() {
            return Err(Fatal::new("Databases should be specified in a config file"));
        }
        let path = dirs::absolute(&dirs::dbdir(), file);
        return Ok(Source::File(std::path::absolute(&path).unwrap_or(path)));
    }
    let mut databases = options.databases.clone();
    if databases.is_empty() && !options.no_dbs {
        databases.push(dirs::dbdir().join("conf.db").display().to_string());
    }
    let mut settings = Settings::new(options.remote.iter().cloned(), databases);
    if let Some(server) = &options.sync_from {
        if !options.active {
            return Err(Fatal::new(format!(
                "--sync-from={server}: active-backup databases that follow another server are not supported yet"
            )));
        }
        settings.set_active();
    }
    Kept::new(&settings)
        .map(Source::Commands)
        .map_err(|error| Fatal::with_io("failed to create temporary file", &error))
}
