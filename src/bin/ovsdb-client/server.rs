//! Which server and which database a command means.
//!
//! The first operand is the server if it looks like a remote (`letters…:…`). With one remote, the database
//! is the next operand if the server has one of that name, else a default. With several remotes, the
//! database must be named, and the first server wins that has it in an acceptable state.

use bumpalo::Bump;
use ovsdb::cli::{Fatal, Result};
use ovsdb_engine::datum::uuid_text;
use ovsdb_io::dirs;
use ovsdb_io::errors::strerror;
use ovsdb_wire::value::{Object, Value};
use ovsdb_wire::write::{self, Items, Members};
use uuid::Uuid;

use crate::connection::{Connection, Reply};

/// What a command wants to know before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need<'d> {
    Connection,
    /// A database that the operands may name.
    Database,
    /// This one, named by the transaction or schema.
    ThisDatabase(&'d str),
}

/// An open connection, and what the command is about.
pub struct Opened<'o> {
    pub connection: Connection,
    /// Empty if only a connection was needed.
    pub database: String,
    /// The operands that remain.
    pub operands: &'o [String],
}

/// The remote that commands use when none is named.
pub fn default_remote() -> String {
    format!("unix:{}/db.sock", dirs::rundir().display())
}

/// Opens what `operands` name; a command takes at least `operands_min` beside server and database.
pub fn open<'o>(
    operands: &'o [String],
    operands_min: usize,
    need: Need<'_>,
    is_leader_only: bool,
) -> Result<Opened<'o>> {
    let (remotes, cid, mut operands) = match operands {
        [first, rest @ ..] if operands.len() > operands_min && looks_like_remote(first) => {
            let (remotes, cid) = parse_remotes(first);
            (remotes, cid, rest)
        }
        _ => (vec![default_remote()], None, operands),
    };
    if let [remote] = &remotes[..] {
        let mut connection = Connection::open(remote)?;
        let database = match need {
            Need::Connection => String::new(),
            Need::ThisDatabase(name) => name.to_owned(),
            Need::Database => {
                let databases = list_databases(&mut connection)?;
                match operands {
                    [name, rest @ ..] if operands.len() > operands_min && databases.contains(name) => {
                        operands = rest;
                        name.clone()
                    }
                    _ => default_database(databases)?,
                }
            }
        };
        return Ok(Opened {
            connection,
            database,
            operands,
        });
    }
    let database = match (need, operands) {
        (Need::Connection, _) => None,
        (Need::ThisDatabase(name), _) => Some(name.to_owned()),
        (Need::Database, [name, rest @ ..]) if operands.len() > operands_min => {
            operands = rest;
            Some(name.clone())
        }
        (Need::Database, _) => return Err(Fatal::new("database name is required with multiple remotes")),
    };
    let connection = first_acceptable(&remotes, database.as_deref(), cid, is_leader_only)?;
    Ok(Opened {
        connection,
        database: database.unwrap_or_default(),
        operands,
    })
}

fn looks_like_remote(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic()) && text.contains(':')
}

/// Splits a comma list where `letters:` follows the comma; `cid:UUID` is not a remote but the cluster's id.
fn parse_remotes(text: &str) -> (Vec<String>, Option<Uuid>) {
    let mut remotes: Vec<String> = Vec::new();
    for part in text.split(',') {
        let starts_remote =
            part.trim_start_matches([' ', '\t'])
                .split_once(':')
                .is_some_and(|(scheme, _)| {
                    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_lowercase())
                });
        match remotes.last_mut() {
            Some(last) if !starts_remote => {
                last.push(',');
                last.push_str(part);
            }
            _ => remotes.push(part.trim_start_matches([' ', '\t']).to_owned()),
        }
    }
    let id = |remote: &String| {
        remote
            .strip_prefix("cid:")
            .and_then(|text| uuid_text::parse(text.as_bytes()))
    };
    let cid = remotes.iter().find_map(id);
    if cid.is_some() {
        let at = remotes.iter().position(|remote| id(remote).is_some());
        remotes.remove(at.expect("it was found a moment ago"));
    }
    (remotes, cid)
}

/// The names of the server's databases, sorted.
pub fn list_databases(connection: &mut Connection) -> Result<Vec<String>> {
    let arena = Bump::new();
    let result = connection.call(&arena, "list_dbs", |out| out.extend_from_slice(b"[]"))?;
    let names = result
        .as_array()
        .ok_or_else(|| Fatal::new("list_dbs response is not array"))?;
    let mut databases = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        match name.as_str() {
            Some(name) => databases.push(name.to_owned()),
            None => return Err(Fatal::new(format!("list_dbs response {at} is not string"))),
        }
    }
    databases.sort_unstable();
    Ok(databases)
}

/// `Open_vSwitch`, or the only database whose name is not reserved.
fn default_database(databases: Vec<String>) -> Result<String> {
    if databases.iter().any(|name| name == "Open_vSwitch") {
        return Ok("Open_vSwitch".to_owned());
    }
    let mut candidates = databases.into_iter().filter(|name| !name.starts_with('_'));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Fatal::new(
            "could not find a default database, please specify a database name",
        )),
    }
}

/// Tries each remote once, in the order given.
fn first_acceptable(
    remotes: &[String],
    database: Option<&str>,
    cid: Option<Uuid>,
    is_leader_only: bool,
) -> Result<Connection> {
    for remote in remotes {
        log::info!(target: "reconnect", "{remote}: connecting...");
        let mut connection = match Connection::try_open(remote) {
            Ok(connection) => connection,
            Err(error) => {
                let error = strerror(&error);
                log::info!(target: "reconnect", "{remote}: connection attempt failed ({error})");
                continue;
            }
        };
        log::info!(target: "reconnect", "{remote}: connected");
        let Some(database) = database else {
            return Ok(connection);
        };
        let arena = Bump::new();
        let reply = connection.request(&arena, "transact", |out| write_status_query(database, out));
        let is_acceptable = match reply {
            Ok(Reply::Result(result)) => {
                status_row(&result, remote, database, cid).is_some_and(|row| is_serving(&row, is_leader_only))
            }
            Ok(Reply::Error(_)) => false,
            Err(error) => {
                log::info!(target: "reconnect", "{remote}: connection dropped ({})", strerror(&error));
                false
            }
        };
        if is_acceptable {
            return Ok(connection);
        }
    }
    Err(Fatal::new("no servers were available"))
}

/// Writes the transaction that asks `_Server` for the row of `database`.
fn write_status_query(database: &str, out: &mut Vec<u8>) {
    let mut params = Items::begin(out);
    write::string(params.item(), "_Server");
    let mut op = Members::begin(params.item());
    write::string(op.key("op"), "select");
    write::string(op.key("table"), "Database");
    write_name_clause(database, op.key("where"));
    op.end();
    params.end();
}

/// Writes the condition that a row is that of `database`.
pub fn write_name_clause(database: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"[[\"name\",\"==\",");
    write::string(out, database);
    out.extend_from_slice(b"]]");
}

/// The row of `database` (and of cluster `cid`, if given) in the reply to [`write_status_query`].
fn status_row<'a>(result: &Value<'a>, server: &str, database: &str, cid: Option<Uuid>) -> Option<Object<'a>> {
    let Some([op]) = result.as_array() else {
        log::warn!(target: "ovsdb_client", "{server}: unexpected reply to _Server request for {database}");
        return None;
    };
    let rows = op
        .as_object()
        .and_then(|op| op.get("rows"))
        .and_then(|rows| rows.as_array());
    let Some(rows) = rows else {
        log::warn!(
            target: "ovsdb_client",
            "{server}: missing \"rows\" member in  _Server reply for {database}"
        );
        return None;
    };
    rows.iter()
        .filter_map(Value::as_object)
        .filter(|row| row.get("name").and_then(|name| name.as_str()) == Some(database))
        .find(|row| cid.is_none_or(|cid| cid_of(row) == Some(cid)))
}

fn cid_of(row: &Object<'_>) -> Option<Uuid> {
    match row.get("cid")?.as_array()? {
        [Value::String("uuid"), Value::String(text)] => uuid_text::parse(text.as_bytes()),
        _ => None,
    }
}

/// Whether a server in this state may be talked to.
fn is_serving(row: &Object<'_>, is_leader_only: bool) -> bool {
    let is_not_false = |column| row.get(column) != Some(Value::Bool(false));
    model(row) == "standalone" || is_not_false("connected") && (!is_leader_only || is_not_false("leader"))
}

fn model<'a>(row: &Object<'a>) -> &'a str {
    row.get("model").and_then(|model| model.as_str()).unwrap_or("")
}

/// Whether the server says that `database` is clustered.
pub fn is_clustered(connection: &mut Connection, database: &str) -> Result<bool> {
    let arena = Bump::new();
    let result = connection.call(&arena, "transact", |out| write_status_query(database, out))?;
    let row = status_row(&result, connection.name(), database, None);
    Ok(row.is_some_and(|row| model(&row) == "clustered"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_split_at_commas_before_schemes() {
        let uuid = "9f3f0e3e-25c7-4c5e-9a54-0d6cf1b0c0de";
        for (text, remotes, has_cid) in [
            ("tcp:1.2.3.4:5", &["tcp:1.2.3.4:5"][..], false),
            (
                "tcp:1:2, unix:/a,b,ssl:c:1",
                &["tcp:1:2", "unix:/a,b", "ssl:c:1"],
                false,
            ),
            (&format!("cid:{uuid},tcp:a:1"), &["tcp:a:1"], true),
            (&format!("tcp:a:1,cid:{uuid}"), &["tcp:a:1"], true),
            ("cid:x,tcp:a:1", &["cid:x", "tcp:a:1"], false),
        ] {
            let (parsed, cid) = parse_remotes(text);
            assert_eq!(
                (&parsed[..], cid.is_some()),
                (
                    &remotes.iter().map(|r| r.to_string()).collect::<Vec<_>>()[..],
                    has_cid
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn default_database_is_the_vswitch_or_the_only_one() {
        let default = |names: &[&str]| default_database(names.iter().map(|name| name.to_string()).collect());
        assert_eq!(
            default(&["A", "Open_vSwitch", "_Server"]).unwrap(),
            "Open_vSwitch"
        );
        assert_eq!(default(&["A", "_Server"]).unwrap(), "A");
        assert!(default(&["A", "B"]).is_err());
        assert!(default(&["_Server"]).is_err());
    }
}
