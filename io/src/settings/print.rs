//! Writes settings, so that [`super::parse()`] reads the same.

use super::{Model, Settings};
use crate::remotes::Options;
use ovsdb_wire::write::{self, Members};

/// `settings` as JSON. Whom a database follows is not among what is kept.
pub fn print(settings: &Settings) -> Vec<u8> {
    let mut text = Vec::new();
    let mut members = Members::begin(&mut text);
    let mut remotes = Members::begin(members.key("remotes"));
    for (target, options) in &settings.remotes {
        print_options(remotes.key(target), options);
    }
    remotes.end();
    let mut databases = Members::begin(members.key("databases"));
    for (file, model) in &settings.databases {
        print_model(databases.key(file), *model);
    }
    databases.end();
    members.end();
    text
}

fn print_options(out: &mut Vec<u8>, options: &Options) {
    let mut members = Members::begin(out);
    let numbers = [
        ("max-backoff", options.backoff_max_ms),
        ("inactivity-probe", options.probe_ms),
        ("dscp", options.dscp.map(u64::from)),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            members.key(name).extend_from_slice(number.to_string().as_bytes());
        }
    }
    write::boolean(members.key("read-only"), options.is_read_only);
    write::string(members.key("role"), &options.role);
    members.end();
}

fn print_model(out: &mut Vec<u8>, model: Model) {
    let mut members = Members::begin(out);
    if model != Model::Undefined {
        write::string(members.key("service-model"), model.name());
    }
    if let Model::ActiveBackup { is_backup } = model {
        write::boolean(members.key("backup"), is_backup);
    }
    members.end();
}
