//! `ovsdb-client`: asks and tells a running OVSDB server (upstream `ovsdb-client`(1)).
//!
//! A command is one file below; what they share is in [`connection`] (JSON-RPC) and [`server`] (which
//! server, which database).

mod background;
mod backup;
mod connection;
mod convert;
mod dump;
mod inspect;
mod lock;
mod manual;
mod monitor;
mod options;
mod restore;
mod server;
mod transact;
mod wait;

use clap::CommandFactory;
use ovsdb::cli::table::Style;
use ovsdb::cli::{Fatal, Result, argv, program};
use ovsdb_io::daemon;
use std::env;
use std::process::ExitCode;

use options::{Command, Options};
use server::{Need, Opened};

const PROGRAM: &str = "ovsdb-client";

fn main() -> ExitCode {
    program::run(PROGRAM, manual::sections, run)
}

/// What all commands need to know of the command line.
pub struct Session<'o> {
    pub options: &'o Options,
    pub style: Style,
}

fn run(options: Options) -> Result<ExitCode> {
    options.log.apply()?;
    connection::secure(&options.tls)?;
    set_alarm(options.timeout);
    let style = options.table.style();
    let session = Session {
        options: &options,
        style,
    };
    match &options.command {
        Command::ListDbs { operands } => {
            let opened = session.open("list-dbs", operands, Need::Connection, 0, 0)?;
            inspect::list_dbs(opened)
        }
        Command::GetSchema { operands } => {
            let opened = session.open("get-schema", operands, Need::Database, 0, 0)?;
            inspect::get_schema(&session, opened)
        }
        Command::GetSchemaVersion { operands } => {
            let opened = session.open("get-schema-version", operands, Need::Database, 0, 0)?;
            inspect::get_schema_version(opened)
        }
        Command::GetSchemaCksum { operands } => {
            let opened = session.open("get-schema-cksum", operands, Need::Database, 0, 0)?;
            inspect::get_schema_cksum(opened)
        }
        Command::ListTables { operands } => {
            let opened = session.open("list-tables", operands, Need::Database, 0, 0)?;
            inspect::list_tables(&session, opened)
        }
        Command::ListColumns { operands } => {
            let opened = session.open("list-columns", operands, Need::Database, 0, 1)?;
            inspect::list_columns(&session, opened)
        }
        Command::Transact { operands } => transact::transact(&session, operands),
        Command::Query { operands } => transact::query(&session, operands),
        Command::Monitor { operands } => {
            let opened = session.open("monitor", operands, Need::Database, 1, usize::MAX)?;
            monitor::monitor(&session, opened)
        }
        Command::MonitorCond { operands } => {
            let opened = session.open("monitor-cond", operands, Need::Database, 2, 3)?;
            monitor::monitor_cond(&session, opened)
        }
        Command::MonitorCondSince { operands } => {
            let opened = session.open("monitor-cond-since", operands, Need::Database, 2, 4)?;
            monitor::monitor_cond_since(&session, opened)
        }
        Command::Wait { operands } => wait::wait(operands),
        Command::Convert { operands } => convert::convert(&session, operands),
        Command::NeedsConversion { operands } => convert::needs_conversion(&session, operands),
        Command::Dump { operands } => {
            let opened = session.open("dump", operands, Need::Database, 0, usize::MAX)?;
            dump::dump(&session, opened)
        }
        Command::Backup { operands } => {
            let opened = session.open("backup", operands, Need::Database, 0, 0)?;
            backup::backup(opened)
        }
        Command::Restore { operands } => {
            let opened = session.open("restore", operands, Need::Database, 0, 0)?;
            restore::restore(&session, opened)
        }
        Command::Lock { operands } => {
            let opened = session.open("lock", operands, Need::Connection, 1, 1)?;
            lock::lock(&session, opened, "lock")
        }
        Command::Steal { operands } => {
            let opened = session.open("steal", operands, Need::Connection, 1, 1)?;
            lock::lock(&session, opened, "steal")
        }
        Command::Unlock { operands } => {
            let opened = session.open("unlock", operands, Need::Connection, 1, 1)?;
            lock::lock(&session, opened, "unlock")
        }
        Command::Help { .. } => program::print(argv::help_text(&Options::command()).as_bytes()),
    }?;
    Ok(ExitCode::SUCCESS)
}

impl Session<'_> {
    /// Opens what `operands` name and checks how many of them remain for the command.
    fn open<'o>(
        &self,
        command: &str,
        operands: &'o [String],
        need: Need<'_>,
        operands_min: usize,
        operands_max: usize,
    ) -> Result<Opened<'o>> {
        let opened = server::open(operands, operands_min, need, self.is_leader_only())?;
        check_count(command, opened.operands, operands_min, operands_max)?;
        Ok(opened)
    }

    fn is_leader_only(&self) -> bool {
        !self.options.no_leader_only
    }
}

/// Refuses a wrong number of operands.
fn check_count(command: &str, operands: &[String], min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&operands.len()) {
        return Ok(());
    }
    Err(Fatal::new(format!(
        "invalid syntax for '{command}' (use --help for help)"
    )))
}

/// Has the process ended by SIGALRM after `timeout` seconds, by default `$OVS_CTL_TIMEOUT` if that is a
/// number of seconds.
fn set_alarm(timeout: Option<u32>) {
    let seconds = timeout.or_else(|| env::var("OVS_CTL_TIMEOUT").ok()?.parse().ok());
    if let Some(seconds) = seconds.filter(|&seconds| seconds > 0) {
        daemon::end_after(seconds);
    }
}
