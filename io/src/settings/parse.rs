//! Reads settings. Texts of complaints are upstream's (`ovsdb-server.c`, `load_config`).

use super::{Databases, Model, Settings};
use crate::remotes::{Options, Wanted};
use bumpalo::Bump;
use ovsdb_engine::error::OvsdbError;
use ovsdb_wire::object::{ObjectParser, ParseError, Types};
use ovsdb_wire::strict;
use ovsdb_wire::value::{Object, Value};

/// Reads `text`. `complaints` gets what is wrong with it, in order; what can be passed over is complained of, too,
/// but only `None` means that nothing can be done with the text.
pub fn parse(text: &[u8], complaints: &mut Vec<String>) -> Option<Settings> {
    let arena = Bump::new();
    let value = match strict::parse(text, &arena) {
        Ok(value) => value,
        Err(error) => {
            complaints.push(format!("config: reading JSON failed ({error})"));
            return None;
        }
    };
    let Some(object) = value.as_object() else {
        complaints.push("configuration in a file must be a JSON object".to_owned());
        return None;
    };
    let Some(remotes) = section(object, "remotes", complaints, parse_remotes) else {
        complaints.push("config: failed to parse 'remotes'".to_owned());
        return None;
    };
    let Some(databases) = section(object, "databases", complaints, parse_databases) else {
        complaints.push("config: failed to parse 'databases'".to_owned());
        return None;
    };
    Some(Settings { remotes, databases })
}

/// Reads one of the two sections; `null` is an empty one.
fn section<T: Default>(
    object: Object<'_>,
    name: &str,
    complaints: &mut Vec<String>,
    read: impl FnOnce(Object<'_>, &mut Vec<String>) -> Option<T>,
) -> Option<T> {
    match object.get(name) {
        Some(Value::Null) => Some(T::default()),
        Some(Value::Object(members)) => read(members, complaints),
        Some(_) => {
            complaints.push(format!("config: '{name}' is not a JSON object"));
            None
        }
        None => {
            complaints.push(format!("config: '{name}' is missing"));
            None
        }
    }
}

fn parse_remotes(members: Object<'_>, complaints: &mut Vec<String>) -> Option<Wanted> {
    let mut remotes = Wanted::new();
    for (target, value) in members.members() {
        let options = match value {
            Value::Null => Options::default(),
            Value::Object(_) => parse_options(*value, OptionsOf::Remote, complaints),
            _ => {
                complaints.push(format!(
                    "{target}: JSON-RPC options are not a JSON object or null"
                ));
                return None;
            }
        };
        remotes.insert((*target).to_owned(), options);
    }
    Some(remotes)
}

/// What options belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OptionsOf {
    Remote,
    /// The server that a database follows: no rights are granted to it.
    Source,
}

/// Reads options of a connection. A mistake is complained of; the options that were read count.
fn parse_options(value: Value<'_>, of: OptionsOf, complaints: &mut Vec<String>) -> Options {
    let mut parser = ObjectParser::new(value, "JSON-RPC options");
    let mut number = |name| match parser.optional(name, Types::INTEGER) {
        Some(Value::Integer(number)) => u64::try_from(number).ok(),
        _ => None,
    };
    let mut options = Options {
        backoff_max_ms: number("max-backoff"),
        probe_ms: number("inactivity-probe"),
        dscp: number("dscp")
            .and_then(|dscp| u8::try_from(dscp).ok())
            .filter(|dscp| *dscp < 64),
        ..Options::default()
    };
    if of == OptionsOf::Remote {
        let read_only = parser.optional("read-only", Types::BOOLEAN);
        options.is_read_only = matches!(read_only, Some(Value::Bool(true)));
        let role = parser.optional("role", Types::STRING);
        options.role = role
            .and_then(|role| role.as_str().map(str::to_owned))
            .unwrap_or_default();
    }
    if let Err(error) = parser.finish() {
        complaints.push(text_of(error));
    }
    options
}

fn parse_databases(members: Object<'_>, complaints: &mut Vec<String>) -> Option<Databases> {
    let mut databases = Databases::new();
    for (name, value) in members.members() {
        databases.insert((*name).to_owned(), parse_database(name, *value, complaints)?);
    }
    Some(databases)
}

fn parse_database(name: &str, value: Value<'_>, complaints: &mut Vec<String>) -> Option<Model> {
    if matches!(value, Value::Null) {
        return Some(Model::Undefined);
    }
    let mut parser = ObjectParser::new(value, format!("database {name}"));
    let model = match parser.optional("service-model", Types::STRING) {
        None => Model::Undefined,
        Some(text) => match text.as_str().unwrap_or_default() {
            "standalone" => Model::Standalone,
            "clustered" => Model::Clustered,
            "active-backup" => Model::ActiveBackup { is_backup: false },
            "relay" => Model::Relay,
            other => {
                complaints.push(format!("Unrecognized database service model: '{other}'"));
                parser.raise(format_args!("'{other}' is not a valid service model"));
                Model::Undefined
            }
        },
    };
    let model = match model {
        Model::ActiveBackup { .. } => {
            let backup = parser.member("backup", Types::BOOLEAN);
            parse_excluded(&mut parser);
            Model::ActiveBackup {
                is_backup: matches!(backup, Some(Value::Bool(true))),
            }
        }
        model => model,
    };
    match model {
        Model::ActiveBackup { is_backup: false } => {
            let source = parser.optional("source", Types::OBJECT);
            parse_source(&mut parser, source, complaints);
        }
        Model::ActiveBackup { is_backup: true } | Model::Relay => {
            let source = parser.member("source", Types::OBJECT);
            parse_source(&mut parser, source, complaints);
        }
        Model::Undefined | Model::Standalone | Model::Clustered => {}
    }
    match parser.finish() {
        Ok(()) => Some(model),
        Err(error) => {
            complaints.push(text_of(error));
            None
        }
    }
}

/// Tables that a backup does not follow.
fn parse_excluded(parser: &mut ObjectParser<'_, String>) {
    let excluded = parser.optional("exclude-tables", Types::ARRAY);
    let tables = excluded.as_ref().and_then(Value::as_array).unwrap_or_default();
    if tables.iter().any(|table| !matches!(table, Value::String(_))) {
        parser.raise("'exclude-tables' must contain strings");
    }
}

/// The server that a database follows.
fn parse_source(
    parser: &mut ObjectParser<'_, String>,
    source: Option<Value<'_>>,
    complaints: &mut Vec<String>,
) {
    let Some(source) = source.and_then(|source| source.as_object()) else {
        return;
    };
    match source.members() {
        [(_, Value::Null)] => {}
        [(_, options @ Value::Object(_))] => {
            // Nobody is followed yet; mistakes are told all the same.
            drop(parse_options(*options, OptionsOf::Source, complaints));
        }
        [_] => parser.raise("JSON-RPC options is not a JSON object or null"),
        _ => parser.raise("'source' should be an object with exactly one element"),
    }
}

fn text_of(error: Box<ParseError<'_>>) -> String {
    Box::<OvsdbError>::from(error).to_string()
}
