//! The command line (`ovsdb-client`(1)).

use clap::{Parser, Subcommand};
use ovsdb::cli::Fatal;
use ovsdb::cli::options::{DaemonOptions, LogOptions, TlsOptions};
use ovsdb::cli::table::TableOptions;

/// Open vSwitch database JSON-RPC client
#[derive(Parser, Debug)]
#[command(
    name = "ovsdb-client",
    disable_help_subcommand = true,
    version,
    disable_version_flag = true
)]
pub struct Options {
    /// Print a timestamp before each table of "monitor"
    #[arg(long)]
    pub timestamp: bool,

    /// Restore even into a database of another schema
    #[arg(long)]
    pub force: bool,

    /// End by SIGALRM after this many seconds
    #[arg(short = 't', long, value_name = "SECS", value_parser = timeout)]
    pub timeout: Option<u32>,

    /// Require that the server tells about changes of databases
    #[arg(long, hide = true, overrides_with = "no_db_change_aware")]
    pub db_change_aware: bool,

    /// Do not ask the server to tell about changes of databases
    #[arg(long, hide = true)]
    pub no_db_change_aware: bool,

    /// Of a cluster, use only the leader (the default)
    #[arg(long, overrides_with = "no_leader_only")]
    pub leader_only: bool,

    /// Of a cluster, use any server
    #[arg(long, overrides_with = "leader_only")]
    pub no_leader_only: bool,

    /// Print version information
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: (),

    #[command(flatten)]
    pub table: TableOptions,

    #[command(flatten)]
    pub daemon: DaemonOptions,

    #[command(flatten)]
    pub log: LogOptions,

    #[command(flatten)]
    pub tls: TlsOptions,

    #[command(subcommand)]
    pub command: Command,
}

fn timeout(text: &str) -> Result<u32, Fatal> {
    match text.parse() {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(Fatal::new(format!("value {text} on -t or --timeout is invalid"))),
    }
}

/// Operands of a command: which of them are server and database is known only once the server is asked.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List the databases of SERVER
    ListDbs {
        #[arg(value_name = "[server]")]
        operands: Vec<String>,
    },
    /// Print the schema of DATABASE
    GetSchema {
        #[arg(value_name = "[server] [database]")]
        operands: Vec<String>,
    },
    /// Print the version of the schema of DATABASE
    GetSchemaVersion {
        #[arg(value_name = "[server] [database]")]
        operands: Vec<String>,
    },
    /// Print the checksum of the schema of DATABASE
    GetSchemaCksum {
        #[arg(value_name = "[server] [database]")]
        operands: Vec<String>,
    },
    /// List the tables of DATABASE
    ListTables {
        #[arg(value_name = "[server] [database]")]
        operands: Vec<String>,
    },
    /// List the columns of TABLE, or of all tables
    ListColumns {
        #[arg(value_name = "[server] [database] [table]")]
        operands: Vec<String>,
    },
    /// Run TRANSACTION, the parameters of a "transact" request, and print its results as JSON
    Transact {
        #[arg(value_name = "[server] transaction")]
        operands: Vec<String>,
    },
    /// Run TRANSACTION without keeping any change, and print its results as JSON
    Query {
        #[arg(value_name = "[server] transaction")]
        operands: Vec<String>,
    },
    /// Print contents and changes of COLUMNs of TABLE, or of ALL tables; among the columns, !initial, !insert,
    /// !delete and !modify leave out changes of this kind
    Monitor {
        #[arg(value_name = "[server] [database] table [column,...]...")]
        operands: Vec<String>,
    },
    /// The same for the rows that match CONDITION
    MonitorCond {
        #[arg(value_name = "[server] [database] condition table [column,...]...")]
        operands: Vec<String>,
    },
    /// The same, with only what changed since the transaction LASTID
    MonitorCondSince {
        #[arg(value_name = "[server] [database] [lastid] condition table [column,...]...")]
        operands: Vec<String>,
    },
    /// Wait until DATABASE reaches STATE: added, connected or removed
    Wait {
        #[arg(value_name = "[server] database state")]
        operands: Vec<String>,
    },
    /// Convert the database named in the file SCHEMA to that schema
    Convert {
        #[arg(value_name = "[server] schema")]
        operands: Vec<String>,
    },
    /// Say whether the database named in the file SCHEMA has another schema
    NeedsConversion {
        #[arg(value_name = "[server] schema")]
        operands: Vec<String>,
    },
    /// Print the contents of COLUMNs of TABLE, or of all tables
    Dump {
        #[arg(value_name = "[server] [database] [table [column]...]")]
        operands: Vec<String>,
    },
    /// Write the contents of DATABASE to standard output in the form of a database file
    Backup {
        #[arg(value_name = "[server] [database]")]
        operands: Vec<String>,
    },
    /// Replace the contents of DATABASE by those of a database file on standard input
    Restore {
        #[arg(value_name = "[server] [database]")]
        operands: Vec<String>,
    },
    /// Get LOCK, or wait for it, and hold it
    Lock {
        #[arg(value_name = "[server] lock")]
        operands: Vec<String>,
    },
    /// Take LOCK from whoever holds it
    Steal {
        #[arg(value_name = "[server] lock")]
        operands: Vec<String>,
    },
    /// Give LOCK up
    Unlock {
        #[arg(value_name = "[server] lock")]
        operands: Vec<String>,
    },
    /// Print what --help prints
    Help {
        #[arg(hide = true)]
        operands: Vec<String>,
    },
}
