//! `--quickstart`: a southbound database of OVN for whoever wants to look, with nothing to prepare.

use crate::options::Options;
use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result};
use ovsdb_engine::schema;
use ovsdb_storage::disk::RealDisk;
use ovsdb_storage::log;
use ovsdb_storage::record::Entry;
use ovsdb_wire::strict;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

/// Where everything of a quickstart is, in the present directory.
const DIRECTORY: &str = "ovsdb-data";

/// The schema of the machine's OVN, if it is installed.
const INSTALLED_SCHEMA: &str = "/usr/share/ovn/ovn-sb.ovsschema";

/// Our own, written from the documented tables.
const EMBEDDED_SCHEMA: &str = include_str!("../../quickstart/southbound.ovsschema");

const SOCKET: &str = "ovnsb_db.sock";

const TCP: &str = "127.0.0.1:6642";

/// Fills in what a quickstart means: a database, a TCP and a unix remote, a control socket.
pub(crate) fn prepare(options: &mut Options) -> Result<()> {
    if !options.databases.is_empty() || options.no_dbs {
        return Err(Fatal::new(
            "--quickstart makes its own database; leave out DATABASE and --no-dbs",
        ));
    }
    let directory = std::path::absolute(DIRECTORY)
        .and_then(|directory| fs::create_dir_all(&directory).map(|()| directory))
        .map_err(|error| Fatal::with_io(format!("{DIRECTORY}: cannot be made"), &error))?;
    let database = directory.join("ovnsb_db.db");
    if !database.exists() {
        create(&database)?;
    }
    options.databases.push(database.display().to_string());
    if options.remote.is_empty() {
        // A server goes on without a remote that it cannot have; whoever only wants to look had better be told.
        TcpListener::bind(TCP).map_err(|error| Fatal::with_io(format!("{TCP}: cannot listen"), &error))?;
        options.remote.push("ptcp:6642:127.0.0.1".to_owned());
        options
            .remote
            .push(format!("punix:{}", directory.join(SOCKET).display()));
    }
    if options.unixctl.is_none() {
        options.unixctl = Some(directory.join("ovsdb-server.ctl").display().to_string());
    }
    Ok(())
}

/// Tells how to connect.
pub(crate) fn greeting(options: &Options) -> String {
    let database = &options.databases[0];
    let mut text = format!("OVN_Southbound is served from {database}\n");
    let targets: Vec<String> = options
        .remote
        .iter()
        .filter_map(|remote| target_of(remote))
        .collect();
    for target in &targets {
        text.push_str(&format!("at {target}\n"));
    }
    if let Some(target) = targets.first() {
        text.push_str(&format!(
            "\n  ovsdb-client dump {target} OVN_Southbound\n  ovn-sbctl --db={target} show\n"
        ));
    }
    if let Some(control) = options.unixctl.as_deref().filter(|control| *control != "none") {
        text.push_str(&format!("  ovs-appctl -t {control} exit\n"));
    }
    text.push_str("\nCtrl-C ends the server; the data stay.\n");
    text
}

/// What a client connects to, for a remote that listens: `ptcp:PORT:IP` is reached at `tcp:IP:PORT`.
fn target_of(remote: &str) -> Option<String> {
    match remote.split_once(':')? {
        ("punix", path) => Some(format!("unix:{path}")),
        ("ptcp", address) => {
            let (port, ip) = address.split_once(':').unwrap_or((address, "127.0.0.1"));
            Some(format!("tcp:{ip}:{port}"))
        }
        _ => None,
    }
}

fn create(database: &Path) -> Result<()> {
    let (name, text) = match fs::read_to_string(INSTALLED_SCHEMA) {
        Ok(text) => (INSTALLED_SCHEMA, text),
        Err(_) => ("the embedded schema", EMBEDDED_SCHEMA.to_owned()),
    };
    let arena = Bump::new();
    let value =
        strict::parse(text.as_bytes(), &arena).map_err(|error| Fatal::new(format!("{name}: {error}")))?;
    let schema = schema::parse(&value).map_err(|error| Fatal::new(format!("{name}: {error}")))?;
    let mut record = schema::print(&schema).into_bytes();
    record.push(b'\n');
    log::create(Arc::new(RealDisk), database, Entry::new(&record))
        .map_err(|error| Fatal::new(error.to_string()))?;
    Ok(())
}
