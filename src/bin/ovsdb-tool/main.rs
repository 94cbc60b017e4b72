//! `ovsdb-tool`: looks at and changes database files that no server holds (upstream `ovsdb-tool`(1)).

mod cluster;
mod inspect;
mod manual;
mod options;
mod rewrite;
mod show_log;
mod transact;
mod versions;

use clap::CommandFactory;
use ovsdb::cli::{Result, argv, input, program};
use ovsdb_storage::record::Magic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use options::{Command, Options};

const PROGRAM: &str = "ovsdb-tool";

/// The answer "no" of a command whose answer is its exit status.
const EXIT_NO: u8 = 2;

fn main() -> ExitCode {
    program::run(PROGRAM, manual::sections, run)
}

fn run(options: Options) -> Result<ExitCode> {
    options.log.apply()?;
    match &options.command {
        Command::Create { db, schema } => rewrite::create(&db_or_default(db), &schema_or_default(schema)),
        Command::Compact { db, dst } => rewrite::compact(&db_or_default(db), dst.as_deref()),
        Command::Convert { db, schema, dst } => {
            rewrite::convert(&db_or_default(db), &schema_or_default(schema), dst.as_deref())
        }
        Command::NeedsConversion { db, schema } => {
            inspect::needs_conversion(&db_or_default(db), &schema_or_default(schema))
        }
        Command::DbName { db } => inspect::db_name(&db_or_default(db)),
        Command::DbVersion { db } => inspect::db_version(&db_or_default(db)),
        Command::DbCksum { db } => inspect::db_cksum(&db_or_default(db)),
        Command::DbCid { db } => return inspect::db_cid(db),
        Command::DbSid { db } => inspect::db_sid(db),
        Command::DbLocalAddress { db } => inspect::db_local_address(db),
        Command::DbIsClustered { db } => return answer(inspect::is_kind(db, Magic::Clustered)?),
        Command::DbIsStandalone { db } => return answer(inspect::is_kind(db, Magic::Standalone)?),
        Command::SchemaName { schema } => inspect::schema_name(&schema_or_default(schema)),
        Command::SchemaVersion { schema } => inspect::schema_version(&schema_or_default(schema)),
        Command::SchemaCksum { schema } => inspect::schema_cksum(&schema_or_default(schema)),
        Command::Query { db, transaction } => {
            transact::query(&db_or_default(db), transaction, &options.rbac_role)
        }
        Command::Transact { db, transaction } => {
            transact::transact(&db_or_default(db), transaction, &options.rbac_role)
        }
        Command::ShowLog { db } => show_log::show_log(&db_or_default(db), options.more),
        Command::CompareVersions { a, op, b } => return answer(versions::compare(a, op, b)?),
        Command::Help { .. } => program::print(argv::help_text(&Options::command()).as_bytes()),
        Command::ListCommands { .. } => program::print(argv::commands_text(&Options::command()).as_bytes()),
        Command::CreateCluster { db, contents, local } => {
            cluster::create(db, contents, local, options.election_timer)
        }
        Command::JoinCluster {
            db,
            name,
            local,
            remotes,
        } => cluster::join(db, name, local, remotes, options.cid),
        Command::CheckCluster { dbs } => cluster::check(dbs),
        Command::ClusterToStandalone { db, clusterdb } => cluster::to_standalone(db, clusterdb),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn db_or_default(db: &Option<PathBuf>) -> PathBuf {
    db.clone().unwrap_or_else(input::default_db)
}

fn schema_or_default(schema: &Option<PathBuf>) -> PathBuf {
    schema.clone().unwrap_or_else(input::default_schema)
}

fn answer(is_true: bool) -> Result<ExitCode> {
    Ok(if is_true {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_NO)
    })
}

/// Prints `text` and a line end.
fn print_line(text: &str) -> Result<()> {
    program::print(format!("{text}\n").as_bytes())
}

/// The name of a file as errors show it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
