//! The command line (`ovsdb-tool`(1)).

use clap::{ArgAction, Parser, Subcommand};
use ovsdb::cli::Fatal;
use ovsdb::cli::options::LogOptions;
use ovsdb_engine::datum::uuid_text;
use std::path::PathBuf;
use uuid::Uuid;

/// Open vSwitch database management utility
#[derive(Parser, Debug)]
#[command(
    name = "ovsdb-tool",
    disable_help_subcommand = true,
    version,
    disable_version_flag = true
)]
pub struct Options {
    /// Have show-log show more: once for the rows, twice for their columns
    #[arg(short, long, action = ArgAction::Count)]
    pub more: u8,

    /// Role of transact and query in role-based access control
    #[arg(long, value_name = "ROLE", default_value = "", hide_default_value = true)]
    pub rbac_role: String,

    /// Id of the cluster that join-cluster joins
    #[arg(long, value_name = "UUID", value_parser = cluster_id)]
    pub cid: Option<Uuid>,

    /// Election timer of the cluster that create-cluster makes
    #[arg(long, value_name = "MS", value_parser = election_timer)]
    pub election_timer: Option<u32>,

    #[command(flatten)]
    pub log: LogOptions,

    /// List the options, for scripts
    #[arg(short, long, help_heading = "Other options")]
    option: bool,

    /// Print version information
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Other options")]
    version: (),

    #[command(subcommand)]
    pub command: Command,
}

fn cluster_id(text: &str) -> Result<Uuid, Fatal> {
    match uuid_text::parse(text.as_bytes()) {
        Some(uuid) if !uuid.is_nil() => Ok(uuid),
        _ => Err(Fatal::new(format!("{text}: not a valid UUID"))),
    }
}

fn election_timer(text: &str) -> Result<u32, Fatal> {
    match text.parse() {
        Ok(ms) if (100..=600_000).contains(&ms) => Ok(ms),
        _ => Err(Fatal::new(
            "ovsdb error: election timer must be between 100 and 600000, in msec.",
        )),
    }
}

/// Commands. Without DB they mean the switch's own database, without SCHEMA the switch's schema.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Create DB, standalone and empty, with SCHEMA
    Create {
        db: Option<PathBuf>,
        schema: Option<PathBuf>,
    },
    /// Create DB as the first server of a cluster, with the schema or database CONTENTS
    CreateCluster {
        db: PathBuf,
        contents: PathBuf,
        local: String,
    },
    /// Create DB as a further server of the cluster that serves database NAME
    JoinCluster {
        db: PathBuf,
        name: String,
        local: String,
        #[arg(value_name = "REMOTE", required = true)]
        remotes: Vec<String>,
    },
    /// Rewrite DB, in place or to DST, without its history
    Compact {
        db: Option<PathBuf>,
        dst: Option<PathBuf>,
    },
    /// Convert DB, in place or to DST, to SCHEMA
    Convert {
        db: Option<PathBuf>,
        schema: Option<PathBuf>,
        dst: Option<PathBuf>,
    },
    /// Say whether the schema of DB differs from SCHEMA
    NeedsConversion {
        db: Option<PathBuf>,
        schema: Option<PathBuf>,
    },
    /// Print the name of the schema of DB
    DbName { db: Option<PathBuf> },
    /// Print the version of the schema of DB
    DbVersion { db: Option<PathBuf> },
    /// Print the checksum of the schema of DB
    DbCksum { db: Option<PathBuf> },
    /// Print the id of the cluster of DB
    DbCid { db: PathBuf },
    /// Print the id of the server of clustered DB
    DbSid { db: PathBuf },
    /// Print the address of the server of clustered DB
    DbLocalAddress { db: PathBuf },
    /// Exit with status 0 if DB is clustered, else with 2
    DbIsClustered { db: PathBuf },
    /// Exit with status 0 if DB is standalone, else with 2
    DbIsStandalone { db: PathBuf },
    /// Print the name of SCHEMA
    SchemaName { schema: Option<PathBuf> },
    /// Print the version of SCHEMA
    SchemaVersion { schema: Option<PathBuf> },
    /// Print the checksum of SCHEMA
    SchemaCksum { schema: Option<PathBuf> },
    /// Execute a transaction on DB without changing it, and print the results
    #[command(allow_missing_positional = true)]
    Query {
        db: Option<PathBuf>,
        #[arg(value_name = "TRNS")]
        transaction: String,
    },
    /// Execute a transaction on DB, and print the results
    #[command(allow_missing_positional = true)]
    Transact {
        db: Option<PathBuf>,
        #[arg(value_name = "TRNS")]
        transaction: String,
    },
    /// Print the records of DB
    ShowLog { db: Option<PathBuf> },
    /// Check the files of a cluster's servers against each other
    CheckCluster {
        #[arg(value_name = "DB", required = true)]
        dbs: Vec<PathBuf>,
    },
    /// Exit with status 0 if version A is in relation OP to version B, else with 2
    CompareVersions { a: String, op: String, b: String },
    /// Print what --help prints
    Help {
        #[arg(hide = true)]
        operands: Vec<String>,
    },
    /// List the commands
    ListCommands {
        #[arg(hide = true)]
        operands: Vec<String>,
    },
    /// Convert CLUSTERDB, a clustered database that cannot be revived, to standalone DB
    ClusterToStandalone { db: PathBuf, clusterdb: PathBuf },
}
