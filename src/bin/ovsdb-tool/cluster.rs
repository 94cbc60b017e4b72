//! New files of clustered databases (`ovsdb`(5), "Clustered Format"; upstream `raft_create_cluster`,
//! `raft_join_cluster`). What serves them is another program for now.

use ovsdb::cli::{Fatal, Result, input};
use ovsdb::database_file;
use ovsdb_engine::commit::Snapshot;
use ovsdb_engine::schema::{self, Schema};
use ovsdb_io::net::Remote;
use ovsdb_storage::disk::RealDisk;
use ovsdb_storage::log::{Access, create_clustered, identify};
use ovsdb_storage::record::{Entry, Magic};
use ovsdb_wire::object::is_id;
use ovsdb_wire::write::{self, Items, Members};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

use crate::shown;

/// Term and index of what a new cluster begins with.
const FIRST: i64 = 1;

/// Creates `db`, the first server's file of a cluster, at the address `local`, from a schema or a standalone
/// database. The timer, in milliseconds, is the first thing that the cluster agrees on.
pub fn create(db: &Path, contents: &Path, local: &str, election_timer: Option<u32>) -> Result<()> {
    let (schema, data) = read_contents(contents)?;
    check_address(local)?;
    let server = Uuid::new_v4().to_string();
    let mut header = Vec::new();
    let mut members = Members::begin(&mut header);
    write::string(members.key("server_id"), &server);
    write::string(members.key("cluster_id"), &Uuid::new_v4().to_string());
    write::string(members.key("local_address"), local);
    write::string(members.key("name"), &schema.name);
    let mut servers = Members::begin(members.key("prev_servers"));
    write::string(servers.key(&server), local);
    servers.end();
    write::integer(members.key("prev_index"), FIRST);
    write::integer(members.key("prev_term"), FIRST);
    let mut state = Items::begin(members.key("prev_data"));
    schema::print::write_schema(&schema, state.item());
    state.item().extend_from_slice(data.trim_ascii_end());
    state.end();
    write::string(members.key("prev_eid"), &Uuid::new_v4().to_string());
    members.end();
    header.push(b'\n');
    let timer = election_timer.map(|ms| {
        let mut entry = Vec::new();
        let mut members = Members::begin(&mut entry);
        write::integer(members.key("term"), FIRST);
        write::integer(members.key("index"), FIRST + 1);
        write::integer(members.key("election_timer"), i64::from(ms));
        members.end();
        entry.push(b'\n');
        entry
    });
    let records: Vec<Entry<'_>> = [Some(&header), timer.as_ref()]
        .into_iter()
        .flatten()
        .map(|record| Entry::new(record))
        .collect();
    Ok(create_clustered(Arc::new(RealDisk), db, &records)?)
}

/// Creates `db`, the file of a server at `local` that is to join the cluster of database `name`, where at least one
/// server is at one of `remotes`.
pub fn join(db: &Path, name: &str, local: &str, remotes: &[String], cluster: Option<Uuid>) -> Result<()> {
    if !is_id(name) {
        return Err(Fatal::new(format!(
            "{name}: not a valid schema name (use \"schema-name\" command to find the correct name)"
        )));
    }
    check_address(local)?;
    let remotes: BTreeSet<&str> = remotes.iter().map(String::as_str).collect();
    for remote in &remotes {
        check_address(remote)?;
        if *remote == local {
            return Err(Fatal::new(
                "ovsdb error: remote addresses cannot be the same as the local address",
            ));
        }
    }
    let mut header = Vec::new();
    let mut members = Members::begin(&mut header);
    write::string(members.key("server_id"), &Uuid::new_v4().to_string());
    if let Some(cluster) = cluster {
        write::string(members.key("cluster_id"), &cluster.to_string());
    }
    write::string(members.key("local_address"), local);
    write::string(members.key("name"), name);
    let mut addresses = Items::begin(members.key("remote_addresses"));
    for remote in remotes {
        write::string(addresses.item(), remote);
    }
    addresses.end();
    members.end();
    header.push(b'\n');
    Ok(create_clustered(Arc::new(RealDisk), db, &[Entry::new(&header)])?)
}

/// Refuses files that are not of a cluster; the others cannot be checked yet.
pub fn check(dbs: &[PathBuf]) -> Result<()> {
    for db in dbs {
        // What upstream says of a file without a record, whose type it does not ask for.
        if fs::metadata(db).is_ok_and(|meta| meta.len() == 0) {
            return Err(Fatal::new(
                "syntax error: Parsing raft header failed: Object expected.",
            ));
        }
        if identify(Arc::new(RealDisk), db)? != Magic::Clustered {
            let db = shown(db);
            return Err(Fatal::new(format!(
                "ovsdb error: {db}: cannot identify file type"
            )));
        }
    }
    unsupported(&format!("checking {} clustered databases", dbs.len()))
}

/// Refuses a file that is not of a cluster; another one cannot be converted yet.
pub fn to_standalone(db: &Path, clustered: &Path) -> Result<()> {
    if identify(Arc::new(RealDisk), clustered)? != Magic::Clustered {
        return Err(Fatal::new("Database is not clustered db."));
    }
    let (db, clustered) = (shown(db), shown(clustered));
    unsupported(&format!("converting clustered {clustered} to standalone {db}"))
}

fn unsupported(what: &str) -> Result<()> {
    Err(Fatal::new(format!("{what} is not supported yet")))
}

/// The schema that the cluster is to have, with the rows as the body of a record.
fn read_contents(contents: &Path) -> Result<(Schema, Vec<u8>)> {
    if let Ok(mut schema) = input::read_schema(contents) {
        persist_ephemeral_columns(&mut schema, contents);
        return Ok((schema, b"{}".to_vec()));
    }
    let view = database_file::read(contents, Access::ReadOnly)?.store.view();
    let mut schema = Schema::clone(view.schema());
    persist_ephemeral_columns(&mut schema, contents);
    let comment = format!("created from {}", shown(contents));
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let mut snapshot = Snapshot::new(view, &comment, now_ms, false);
    let mut data = Vec::new();
    while snapshot.next_chunk(&mut data) {}
    Ok((schema, data))
}

/// Clusters have no columns that are not written.
fn persist_ephemeral_columns(schema: &mut Schema, contents: &Path) {
    let mut changed = Vec::new();
    for table in &mut schema.tables {
        for column in table.columns.iter_mut().filter(|column| !column.persistent) {
            // The columns that every row has by itself are never written, and not part of a schema.
            if !column.name.starts_with('_') {
                column.persistent = true;
                changed.push((table.name.clone(), column.name.clone()));
            }
        }
    }
    if let Some((table, column)) = changed.last() {
        log::warn!(
            target: "ovsdb",
            "{}: changed {} columns in '{}' database from ephemeral to persistent, including '{column}' column in \
             '{table}' table, because clusters do not support ephemeral columns",
            shown(contents),
            changed.len(),
            schema.name
        );
    }
}

/// An address of a server is `unix:FILE`, `tcp:HOST:PORT` or `ssl:HOST:PORT`.
fn check_address(address: &str) -> Result<()> {
    let place = match address.split_once(':') {
        Some(("unix", _)) => return Ok(()),
        Some(("tcp" | "ssl", place)) => place,
        _ => {
            return Err(Fatal::new(format!(
                "ovsdb error: {address}: expected \"tcp\" or \"ssl\" address"
            )));
        }
    };
    let has_port = place.rsplit_once(':').is_some_and(|(host, port)| {
        port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']'))
    });
    if has_port && matches!(address.parse(), Ok(Remote::Active(_))) {
        return Ok(());
    }
    Err(Fatal::new(format!(
        "ovsdb error: {address}: syntax error in address"
    )))
}
