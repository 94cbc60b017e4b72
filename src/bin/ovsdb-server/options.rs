//! The command line of `ovsdb-server`.

use crate::limits::LimitOptions;
use clap::builder::Resettable;
use clap::{ArgAction, Parser, ValueEnum};
use ovsdb::cli::options::{DaemonOptions, LogOptions, TlsOptions};
use ovsdb_io::db::Durability;
use ovsdb_io::runtime::IoChoice;

/// Open vSwitch database server
#[derive(Clone, Debug, Parser)]
#[command(name = "ovsdb-server", version, disable_version_flag = true)]
pub(crate) struct Options {
    /// Database files to serve; without any, conf.db in the directory of databases
    #[arg(value_name = "DATABASE")]
    pub(crate) databases: Vec<String>,

    /// Connect or listen to REMOTE
    #[arg(long, value_name = "REMOTE")]
    pub(crate) remote: Vec<String>,

    /// Take databases and remotes from FILE, in the directory of databases unless it is absolute; excludes
    /// DATABASE and --remote
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<String>,

    /// Start without databases
    #[arg(long)]
    pub(crate) no_dbs: bool,

    /// Run COMMAND as a subprocess and exit with it
    #[arg(long, value_name = "COMMAND")]
    pub(crate) run: Option<String>,

    /// Path of the control socket, or "none"
    #[arg(long, value_name = "SOCKET")]
    pub(crate) unixctl: Option<String>,

    /// Write whole columns to database files, for servers before 2.15
    #[arg(long)]
    pub(crate) disable_file_column_diff: bool,

    /// Take the option: files of standalone databases always hold all data after a conversion
    #[arg(long)]
    pub(crate) disable_file_no_data_conversion: bool,

    /// The server that a backup follows; only together with --active, since following is not supported yet
    #[arg(long, value_name = "SERVER")]
    pub(crate) sync_from: Option<String>,

    /// Tables that a backup does not follow
    #[arg(long, value_name = "DB:TABLE,...")]
    pub(crate) sync_exclude_tables: Option<String>,

    /// With --sync-from, start as the active server, which follows nobody
    #[arg(long)]
    pub(crate) active: bool,

    /// Serve a southbound database of OVN in ./ovsdb-data, made if it is not there
    #[arg(long)]
    pub(crate) quickstart: bool,

    /// When replies leave: "group", once their transactions are on disk, or "relaxed", once they are
    /// written, where only `commit` operations that ask for it are synced
    #[arg(long, value_name = "RULE", default_value = "group")]
    pub(crate) durability: DurabilityRule,

    /// Whether clients that come back to a database get what changed since they left. Without, they get
    /// everything, and all transaction ids are zero, as in upstream's standalone databases
    #[arg(long, value_name = "SWITCH", default_value = "on")]
    pub(crate) resume: Switch,

    /// Worker threads; by default as many as there are processors, at most four
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// How to wait for the network: io_uring, epoll, or what was measured to be cheaper, which is epoll
    #[arg(long, value_name = "DRIVER", default_value = "auto")]
    pub(crate) io: IoDriver,

    #[command(flatten)]
    pub(crate) limits: LimitOptions,

    #[command(flatten)]
    pub(crate) daemon: DaemonOptions,

    #[command(flatten)]
    pub(crate) log: LogOptions,

    #[command(flatten)]
    pub(crate) tls: TlsOptions,

    /// Display version information
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = Resettable::Reset)]
    version: (),
}

/// `--durability`
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DurabilityRule {
    Group,
    Relaxed,
}

/// `--resume`
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

/// `--io`
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum IoDriver {
    Auto,
    Uring,
    Epoll,
}

impl From<DurabilityRule> for Durability {
    fn from(rule: DurabilityRule) -> Durability {
        match rule {
            DurabilityRule::Group => Durability::Group,
            DurabilityRule::Relaxed => Durability::Relaxed,
        }
    }
}

impl From<IoDriver> for IoChoice {
    fn from(driver: IoDriver) -> IoChoice {
        match driver {
            IoDriver::Auto => IoChoice::Auto,
            IoDriver::Uring => IoChoice::Uring,
            IoDriver::Epoll => IoChoice::Epoll,
        }
    }
}
