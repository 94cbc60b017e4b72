//! Modules and the levels that are wanted of each.

use super::level::{Destination, Level};
use std::collections::BTreeMap;

/// Modules that exist before they log: those that scripts and operators name in `-v` and `vlog/set`.
/// A module that is not listed joins with its first message.
const NAMES: &[&str] = &[
    "backtrace",
    "command_line",
    "coverage",
    "daemon",
    "daemon_unix",
    "dns_resolve",
    "entropy",
    "fatal_signal",
    "jsonrpc",
    "lockfile",
    "memory",
    "ovs_rcu",
    "ovs_replay",
    "ovs_thread",
    "ovsdb",
    "ovsdb_client",
    "ovsdb_cs",
    "ovsdb_error",
    "ovsdb_file",
    "ovsdb_idl",
    "ovsdb_jsonrpc_server",
    "ovsdb_log",
    "ovsdb_monitor",
    "ovsdb_rbac",
    "ovsdb_server",
    "ovsdb_util",
    "poll_loop",
    "process",
    "raft",
    "raft_rpc",
    "reconnect",
    "relay",
    "replication",
    "runtime",
    "signals",
    "socket_util",
    "socket_util_unix",
    "storage",
    "stream",
    "stream_fd",
    "stream_replay",
    "stream_ssl",
    "stream_tcp",
    "stream_unix",
    "svec",
    "timeval",
    "transaction",
    "transaction_forward",
    "trigger",
    "unixctl",
    "util",
    "uuid",
    "vlog",
];

/// Levels by destination, in the order of [`Destination::ALL`].
pub(super) type Levels = [Level; 3];

#[derive(Clone, Copy)]
struct Module {
    levels: Levels,
    honours_rate_limits: bool,
}

pub(super) struct Modules {
    by_name: BTreeMap<String, Module>,
    /// What a module that joins later gets: the last settings that were made for all.
    for_new: Module,
}

impl Modules {
    pub(super) fn new() -> Modules {
        let for_new = Module {
            levels: [Level::Info; 3],
            honours_rate_limits: true,
        };
        let by_name = NAMES.iter().map(|name| ((*name).to_owned(), for_new)).collect();
        Modules { by_name, for_new }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        // Names are lower case; the lookup is without case for the operator's sake.
        self.by_name.contains_key(name) || self.by_name.contains_key(&name.to_ascii_lowercase())
    }

    pub(super) fn add(&mut self, name: &str) {
        self.by_name.entry(name.to_owned()).or_insert(self.for_new);
    }

    pub(super) fn levels(&self, name: &str) -> Levels {
        self.by_name.get(name).unwrap_or(&self.for_new).levels
    }

    /// Sets the level for one module or, without one, for all.
    pub(super) fn set_levels(&mut self, module: Option<&str>, destinations: &[Destination], level: Level) {
        let set = |module: &mut Module| {
            for &destination in destinations {
                module.levels[destination as usize] = level;
            }
        };
        match module {
            Some(name) => self
                .by_name
                .get_mut(&name.to_ascii_lowercase())
                .into_iter()
                .for_each(set),
            None => self.by_name.values_mut().chain([&mut self.for_new]).for_each(set),
        }
    }

    pub(super) fn set_rate_limits(&mut self, module: Option<&str>, honour: bool) -> bool {
        match module {
            None => {
                let all = self.by_name.values_mut().chain([&mut self.for_new]);
                all.for_each(|module| module.honours_rate_limits = honour);
                true
            }
            Some(name) => match self.by_name.get_mut(&name.to_ascii_lowercase()) {
                Some(module) => {
                    module.honours_rate_limits = honour;
                    true
                }
                None => false,
            },
        }
    }

    pub(super) fn honours_rate_limits(&self, name: &str) -> bool {
        self.by_name
            .get(name)
            .unwrap_or(&self.for_new)
            .honours_rate_limits
    }

    /// The highest level that any module wants at any destination; the file counts only while it is open.
    pub(super) fn most_verbose(&self, file_is_open: bool) -> Level {
        let modules = self.by_name.values().chain([&self.for_new]);
        let levels = modules.flat_map(|module| {
            let [syslog, console, file] = module.levels;
            [syslog, console, if file_is_open { file } else { Level::Off }]
        });
        levels.max().unwrap_or(Level::Off)
    }

    /// The table that `vlog/list` prints.
    pub(super) fn list(&self) -> String {
        let mut text = String::from(
            "                 console    syslog    file\n                 -------    ------    ------\n",
        );
        for (name, module) in &self.by_name {
            let [syslog, console, file] = module.levels;
            text.push_str(&format!(
                "{name:<16}  {console:>4}       {syslog:>4}       {file:>4}"
            ));
            if !module.honours_rate_limits {
                text.push_str("    (rate limiting disabled)");
            }
            text.push('\n');
        }
        text
    }
}
