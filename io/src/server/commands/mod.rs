//! The commands of the control socket that are about the server (`ovsdb-server`(1), "Runtime Management
//! Commands"): one table for registering them and for the manual.

mod handlers;

use super::Server;
use crate::unixctl::{Answer, Commands, Described};
use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;

type Shared = Rc<RefCell<Server>>;

/// A command of the server.
struct Definition {
    /// What manuals say of it.
    described: Described,
    /// What `list-commands` says that it takes, in upstream's words.
    usage: &'static str,
    arguments: RangeInclusive<usize>,
    handler: fn(&Shared, &[String], Answer),
}

const fn command(
    (name, arguments, text): (&'static str, &'static str, &'static str),
    usage: &'static str,
    count: RangeInclusive<usize>,
    handler: fn(&Shared, &[String], Answer),
) -> Definition {
    Definition {
        described: Described::new(name, arguments, text),
        usage,
        arguments: count,
        handler,
    }
}

const ALWAYS: &[Definition] = &[
    command(
        (
            "exit",
            "",
            "End the server, after its clients' connections were closed and its files removed",
        ),
        "",
        0..=0,
        handlers::exit,
    ),
    command(
        (
            "memory/show",
            "",
            "Show what is held in memory: rows, monitors, sessions, backlogs",
        ),
        "",
        0..=0,
        handlers::memory_show,
    ),
    command(
        (
            "ovsdb-server/add-db",
            "DB",
            "Serve the database in file DB as well",
        ),
        "DB",
        1..=1,
        handlers::add_db,
    ),
    command(
        (
            "ovsdb-server/remove-db",
            "NAME",
            "Serve the database with the schema NAME no longer; its file stays",
        ),
        "DB",
        1..=1,
        handlers::remove_db,
    ),
    command(
        ("ovsdb-server/list-dbs", "", "List the databases that are served"),
        "",
        0..=0,
        handlers::list_dbs,
    ),
    command(
        (
            "ovsdb-server/add-remote",
            "REMOTE",
            "Connect to or listen on REMOTE as well, see REMOTES",
        ),
        "REMOTE",
        1..=1,
        handlers::add_remote,
    ),
    command(
        (
            "ovsdb-server/remove-remote",
            "REMOTE",
            "Give REMOTE up, and close its connections",
        ),
        "REMOTE",
        1..=1,
        handlers::remove_remote,
    ),
    command(
        (
            "ovsdb-server/list-remotes",
            "",
            "List the remotes, as they were given",
        ),
        "",
        0..=0,
        handlers::list_remotes,
    ),
    command(
        (
            "ovsdb-server/compact",
            "[NAME]",
            "Rewrite the file of the database NAME, by default of each, without its history",
        ),
        "",
        0..=1,
        handlers::compact,
    ),
    command(
        (
            "ovsdb-server/reconnect",
            "",
            "Close all connections of clients, which make them again",
        ),
        "",
        0..=0,
        handlers::reconnect,
    ),
    command(
        (
            "ovsdb-server/reload",
            "",
            "Read the file of --config-file again, and apply what has changed",
        ),
        "",
        0..=0,
        handlers::reload,
    ),
    command(
        (
            "ovsdb-server/disable-monitor-cond",
            "",
            "Refuse monitor_cond from now on, for tests of clients",
        ),
        "",
        0..=0,
        handlers::disable_monitor_cond,
    ),
    command(
        (
            "ovsdb-server/get-db-storage-status",
            "NAME",
            "Say whether the database NAME can be written",
        ),
        "DB",
        1..=1,
        handlers::storage_status,
    ),
    command(
        (
            "ovsdb-server/sync-status",
            "",
            "Show whether the server is the active one of a pair",
        ),
        "",
        0..=0,
        handlers::sync_status,
    ),
    command(
        (
            "ovsdb-server/disconnect-active-ovsdb-server",
            "",
            "Follow no active server",
        ),
        "",
        0..=0,
        handlers::stay_active,
    ),
    command(
        (
            "ovsdb-server/get-active-ovsdb-server",
            "",
            "Show the active server that is configured",
        ),
        "",
        0..=0,
        handlers::get_active_server,
    ),
    command(
        (
            "ovsdb-server/set-active-ovsdb-server",
            "REMOTE",
            "Configure the active server",
        ),
        "",
        1..=1,
        handlers::set_active_server,
    ),
    command(
        (
            "ovsdb-server/connect-active-ovsdb-server",
            "",
            "Follow the active server; not supported yet",
        ),
        "",
        0..=0,
        handlers::connect_active_server,
    ),
    command(
        (
            "ovsdb-server/set-active-ovsdb-server-probe-interval",
            "MS",
            "Milliseconds between probes of the active server",
        ),
        "",
        1..=1,
        handlers::set_interval,
    ),
    command(
        (
            "ovsdb-server/set-relay-source-probe-interval",
            "MS",
            "Milliseconds between probes of the source of a relay",
        ),
        "",
        1..=1,
        handlers::set_interval,
    ),
    command(
        (
            "ovsdb-server/get-sync-exclude-tables",
            "",
            "Show which tables a backup does not follow",
        ),
        "",
        0..=0,
        handlers::get_excluded_tables,
    ),
    command(
        (
            "ovsdb-server/set-sync-exclude-tables",
            "DB:TABLE,...",
            "Configure which tables a backup does not follow",
        ),
        "",
        0..=1,
        handlers::set_excluded_tables,
    ),
    command(
        (
            "ovsdb-server/memory-trim-on-compaction",
            "on|off",
            "Taken for compatibility: unused memory goes back to the system by itself",
        ),
        "on|off",
        1..=1,
        handlers::memory_trim,
    ),
    command(
        (
            "ovsdb-server/tlog-set",
            "DB:TABLE on|off",
            "Log the changes of TABLE in the database DB, or no longer",
        ),
        "DB:TABLE on|off",
        2..=2,
        handlers::tlog_set,
    ),
    command(
        (
            "ovsdb-server/tlog-list",
            "",
            "List the tables whose changes are logged",
        ),
        "",
        0..=0,
        handlers::tlog_list,
    ),
    command(
        (
            "ovsdb-server/perf-counters-show",
            "",
            "Taken for compatibility: there are no such counters",
        ),
        "",
        0..=0,
        handlers::perf_counters_show,
    ),
    command(
        ("ovsdb-server/perf-counters-clear", "", "Taken for compatibility"),
        "",
        0..=0,
        handlers::perf_counters_clear,
    ),
    command(
        (
            "coverage/show",
            "",
            "Show how often events have happened, and how often lately",
        ),
        "",
        0..=0,
        handlers::coverage_show,
    ),
    command(
        (
            "coverage/read-counter",
            "COUNTER",
            "Show how often the event COUNTER has happened",
        ),
        "COUNTER",
        1..=1,
        handlers::coverage_read,
    ),
];

/// With `--disable-file-column-diff`.
const COLUMN_DIFF: Definition = command(
    (
        "ovsdb/file/column-diff-enable",
        "",
        "With --disable-file-column-diff: write differences of columns to files again",
    ),
    "",
    0..=0,
    handlers::column_diff_enable,
);

/// With `--disable-file-no-data-conversion`. Files of standalone databases hold all data after a conversion, with the
/// option and without.
const NO_DATA_CONVERSION: Definition = command(
    (
        "ovsdb/file/no-data-conversion-enable",
        "",
        "With --disable-file-no-data-conversion: taken for compatibility",
    ),
    "",
    0..=0,
    |_, _, answer| answer.done(),
);

/// All commands that are about the server, for manuals.
pub fn descriptions() -> impl Iterator<Item = Described> {
    ALWAYS
        .iter()
        .chain([&COLUMN_DIFF, &NO_DATA_CONVERSION])
        .map(|definition| definition.described)
}

/// Adds the server's commands to the table.
pub(super) fn register(commands: &mut Commands, server: &Shared) {
    let (has_column_diff, has_no_data_conversion) = {
        let server = server.borrow();
        (
            !server.settings.sequencer.column_diff.is_on(),
            server.disable_no_data_conversion,
        )
    };
    let optional = [
        (&COLUMN_DIFF, has_column_diff),
        (&NO_DATA_CONVERSION, has_no_data_conversion),
    ];
    let optional = optional.into_iter().filter(|(_, is_there)| *is_there);
    for definition in ALWAYS.iter().chain(optional.map(|(definition, _)| definition)) {
        let (server, handler) = (Rc::clone(server), definition.handler);
        commands.register(
            definition.described.name,
            Some(definition.usage),
            definition.arguments.clone(),
            move |args, answer| handler(&server, args, answer),
        );
    }
}
