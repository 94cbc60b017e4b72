//! The commands of the control socket that are about the server (`ovsdb-server`(1), "Runtime Management
//! Commands"). Texts are upstream's.

use super::coverage::Coverage;
use super::{Server, configuration, listing, replication, table_log};
use crate::settings::Model;
use crate::unixctl::{Answer, Commands, Described};
use ovsdb_engine::session::Which;
use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use tokio::task::spawn_local;

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
        exit,
    ),
    command(
        (
            "memory/show",
            "",
            "Show what is held in memory: rows, monitors, sessions, backlogs",
        ),
        "",
        0..=0,
        memory_show,
    ),
    command(
        (
            "ovsdb-server/add-db",
            "DB",
            "Serve the database in file DB as well",
        ),
        "DB",
        1..=1,
        add_db,
    ),
    command(
        (
            "ovsdb-server/remove-db",
            "NAME",
            "Serve the database with the schema NAME no longer; its file stays",
        ),
        "DB",
        1..=1,
        remove_db,
    ),
    command(
        ("ovsdb-server/list-dbs", "", "List the databases that are served"),
        "",
        0..=0,
        list_dbs,
    ),
    command(
        (
            "ovsdb-server/add-remote",
            "REMOTE",
            "Connect to or listen on REMOTE as well, see REMOTES",
        ),
        "REMOTE",
        1..=1,
        add_remote,
    ),
    command(
        (
            "ovsdb-server/remove-remote",
            "REMOTE",
            "Give REMOTE up, and close its connections",
        ),
        "REMOTE",
        1..=1,
        remove_remote,
    ),
    command(
        (
            "ovsdb-server/list-remotes",
            "",
            "List the remotes, as they were given",
        ),
        "",
        0..=0,
        list_remotes,
    ),
    command(
        (
            "ovsdb-server/compact",
            "[NAME]",
            "Rewrite the file of the database NAME, by default of each, without its history",
        ),
        "",
        0..=1,
        compact,
    ),
    command(
        (
            "ovsdb-server/reconnect",
            "",
            "Close all connections of clients, which make them again",
        ),
        "",
        0..=0,
        reconnect,
    ),
    command(
        (
            "ovsdb-server/reload",
            "",
            "Read the file of --config-file again, and apply what has changed",
        ),
        "",
        0..=0,
        reload,
    ),
    command(
        (
            "ovsdb-server/disable-monitor-cond",
            "",
            "Refuse monitor_cond from now on, for tests of clients",
        ),
        "",
        0..=0,
        disable_monitor_cond,
    ),
    command(
        (
            "ovsdb-server/get-db-storage-status",
            "NAME",
            "Say whether the database NAME can be written",
        ),
        "DB",
        1..=1,
        storage_status,
    ),
    command(
        (
            "ovsdb-server/sync-status",
            "",
            "Show whether the server is the active one of a pair",
        ),
        "",
        0..=0,
        sync_status,
    ),
    command(
        (
            "ovsdb-server/disconnect-active-ovsdb-server",
            "",
            "Follow no active server",
        ),
        "",
        0..=0,
        stay_active,
    ),
    command(
        (
            "ovsdb-server/get-active-ovsdb-server",
            "",
            "Show the active server that is configured",
        ),
        "",
        0..=0,
        get_active_server,
    ),
    command(
        (
            "ovsdb-server/set-active-ovsdb-server",
            "REMOTE",
            "Configure the active server",
        ),
        "",
        1..=1,
        set_active_server,
    ),
    command(
        (
            "ovsdb-server/connect-active-ovsdb-server",
            "",
            "Follow the active server; not supported yet",
        ),
        "",
        0..=0,
        connect_active_server,
    ),
    command(
        (
            "ovsdb-server/set-active-ovsdb-server-probe-interval",
            "MS",
            "Milliseconds between probes of the active server",
        ),
        "",
        1..=1,
        set_interval,
    ),
    command(
        (
            "ovsdb-server/set-relay-source-probe-interval",
            "MS",
            "Milliseconds between probes of the source of a relay",
        ),
        "",
        1..=1,
        set_interval,
    ),
    command(
        (
            "ovsdb-server/get-sync-exclude-tables",
            "",
            "Show which tables a backup does not follow",
        ),
        "",
        0..=0,
        get_excluded_tables,
    ),
    command(
        (
            "ovsdb-server/set-sync-exclude-tables",
            "DB:TABLE,...",
            "Configure which tables a backup does not follow",
        ),
        "",
        0..=1,
        set_excluded_tables,
    ),
    command(
        (
            "ovsdb-server/memory-trim-on-compaction",
            "on|off",
            "Taken for compatibility: unused memory goes back to the system by itself",
        ),
        "on|off",
        1..=1,
        memory_trim,
    ),
    command(
        (
            "ovsdb-server/tlog-set",
            "DB:TABLE on|off",
            "Log the changes of TABLE in the database DB, or no longer",
        ),
        "DB:TABLE on|off",
        2..=2,
        tlog_set,
    ),
    command(
        (
            "ovsdb-server/tlog-list",
            "",
            "List the tables whose changes are logged",
        ),
        "",
        0..=0,
        tlog_list,
    ),
    command(
        (
            "ovsdb-server/perf-counters-show",
            "",
            "Taken for compatibility: there are no such counters",
        ),
        "",
        0..=0,
        perf_counters_show,
    ),
    command(
        ("ovsdb-server/perf-counters-clear", "", "Taken for compatibility"),
        "",
        0..=0,
        perf_counters_clear,
    ),
    command(
        (
            "coverage/show",
            "",
            "Show how often events have happened, and how often lately",
        ),
        "",
        0..=0,
        coverage_show,
    ),
    command(
        (
            "coverage/read-counter",
            "COUNTER",
            "Show how often the event COUNTER has happened",
        ),
        "COUNTER",
        1..=1,
        coverage_read,
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
    column_diff_enable,
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

fn exit(server: &Shared, _args: &[String], answer: Answer) {
    server.borrow().exit.notify_one();
    answer.done();
}

fn memory_show(server: &Shared, _args: &[String], answer: Answer) {
    super::memory::show(&server.borrow(), answer);
}

fn coverage_show(server: &Shared, _args: &[String], answer: Answer) {
    let server = server.borrow();
    answer.text(server.coverage.show(&server.tallies.totals()));
}

fn coverage_read(server: &Shared, args: &[String], answer: Answer) {
    match Coverage::read(&server.borrow().tallies.totals(), &args[0]) {
        Some(total) => answer.text(format!("{total}\n")),
        None => answer.error("No such counter"),
    }
}

/// There are no counters of the processor here, which upstream has for functions of its own.
fn perf_counters_show(_server: &Shared, _args: &[String], answer: Answer) {
    answer.text("performance counter is not supported on this platform\n");
}

fn perf_counters_clear(_server: &Shared, _args: &[String], answer: Answer) {
    answer.done();
}

/// Memory goes back to the system by itself, so there is nothing to switch.
fn memory_trim(_server: &Shared, args: &[String], answer: Answer) {
    match args[0].as_str() {
        "on" => log::info!(target: "ovsdb_server", "memory trimming after compaction enabled."),
        "off" => log::info!(target: "ovsdb_server", "memory trimming after compaction disabled."),
        _ => return answer.error("invalid argument"),
    }
    answer.done();
}

fn add_db(server: &Shared, args: &[String], answer: Answer) {
    let added = {
        let mut server = server.borrow_mut();
        let (given, model) = Model::of_argument(&args[0]);
        let added = server
            .check_no_file()
            .and_then(|()| server.add_database(given, model));
        server.keep_settings();
        added
    };
    let server = Rc::clone(server);
    match added {
        Ok(()) => drop(spawn_local(async move {
            listing::wait_for_listing(&server).await;
            answer.done();
        })),
        Err(error) => answer.error(error),
    }
}

fn remove_db(server: &Shared, args: &[String], answer: Answer) {
    let unlisted = {
        let mut server = server.borrow_mut();
        let unlisted = server
            .check_no_file()
            .and_then(|()| server.unlist_database(&args[0]));
        server.keep_settings();
        unlisted
    };
    let server = Rc::clone(server);
    match unlisted {
        Ok(hosted) => drop(spawn_local(async move {
            listing::withdraw(&server, vec![hosted]).await;
            answer.done();
        })),
        Err(error) => answer.error(error),
    }
}

fn reload(server: &Shared, _args: &[String], answer: Answer) {
    if server.borrow().source.file().is_none() {
        return answer.error("Configuration file was not specified on command line");
    }
    let server = Rc::clone(server);
    spawn_local(async move {
        if configuration::load(&server).await {
            answer.done();
        } else {
            answer.error("Configuration failed.  See the log file for details.");
        }
    });
}

fn list_dbs(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(lines(server.borrow().databases.keys().map(String::as_str)));
}

fn add_remote(server: &Shared, args: &[String], answer: Answer) {
    let mut server = server.borrow_mut();
    let added = server.check_no_file().and_then(|()| {
        if args[0].starts_with("pfd:") {
            return Err("pfd: remotes can only be specified on the command line".to_owned());
        }
        server.remotes.add(&args[0])
    });
    if added.is_ok() {
        server.remotes.reconcile();
        server.keep_settings();
    }
    settle(answer, added);
}

fn remove_remote(server: &Shared, args: &[String], answer: Answer) {
    let mut server = server.borrow_mut();
    if let Err(error) = server.check_no_file() {
        return answer.error(error);
    }
    if !server.remotes.remove(&args[0]) {
        return answer.error("no such remote");
    }
    server.remotes.reconcile();
    server.keep_settings();
    answer.done();
}

fn list_remotes(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(lines(server.borrow().remotes.given().keys().map(String::as_str)));
}

fn compact(server: &Shared, args: &[String], answer: Answer) {
    let name = args.first().map(String::as_str);
    if name.is_some_and(|name| name.starts_with('_')) {
        return answer.error("cannot compact built-in databases");
    }
    super::Compactions::start_by_request(&mut server.borrow_mut(), name, answer);
}

fn reconnect(server: &Shared, _args: &[String], answer: Answer) {
    server
        .borrow()
        .shared
        .disconnect(Which::All, "user ran ovsdb-server/reconnect");
    answer.done();
}

fn disable_monitor_cond(server: &Shared, _args: &[String], answer: Answer) {
    let reason = "user ran ovsdb-server/disable-monitor-cond";
    server.borrow().shared.disable_monitor_cond(reason);
    answer.done();
}

fn storage_status(server: &Shared, args: &[String], answer: Answer) {
    match server.borrow().databases.get(&args[0]) {
        Some(hosted) => match hosted.failure() {
            None => answer.text("status: ok"),
            Some(failure) => answer.text(format!("status: {failure}")),
        },
        None => answer.error("Failed to find the database."),
    }
}

/// What `ovn-ctl` and cluster managers ask to tell an active server from a backup.
fn sync_status(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(replication::status(&server.borrow()));
}

/// `ovn-ctl promote_ovnnb` makes a server active by this; it is, and follows no other.
fn stay_active(server: &Shared, _args: &[String], answer: Answer) {
    settle(answer, server.borrow().check_no_file());
}

fn get_active_server(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(server.borrow().replication.active_server());
}

fn set_active_server(server: &Shared, args: &[String], answer: Answer) {
    let mut server = server.borrow_mut();
    let allowed = server.check_no_file();
    if allowed.is_ok() {
        server.replication.set_active_server(&args[0]);
    }
    settle(answer, allowed);
}

fn connect_active_server(server: &Shared, _args: &[String], answer: Answer) {
    let server = server.borrow();
    match server.check_no_file().map(|()| server.replication.connect()) {
        Ok(Ok(text)) => answer.text(text),
        Ok(Err(error)) => answer.error(error),
        Err(error) => answer.error(error),
    }
}

fn set_interval(server: &Shared, args: &[String], answer: Answer) {
    let allowed = server.borrow().check_no_file();
    settle(
        answer,
        allowed.and_then(|()| replication::check_interval(&args[0])),
    );
}

fn get_excluded_tables(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(server.borrow().replication.excluded_tables());
}

fn set_excluded_tables(server: &Shared, args: &[String], answer: Answer) {
    let mut server = server.borrow_mut();
    let allowed = server.check_no_file();
    if allowed.is_ok() {
        let tables = args.first().map_or("", String::as_str);
        server.replication.set_excluded_tables(tables);
    }
    settle(answer, allowed);
}

/// Once no server before 2.15 will have to read the files.
fn column_diff_enable(server: &Shared, _args: &[String], answer: Answer) {
    server.borrow().settings.sequencer.column_diff.turn_on();
    answer.done();
}

fn tlog_set(server: &Shared, args: &[String], answer: Answer) {
    match table_log::set(&server.borrow().catalog(), &args[0], &args[1]) {
        Ok(()) => answer.done(),
        Err(error) => answer.error(error),
    }
}

fn tlog_list(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(table_log::list(&server.borrow().catalog()));
}

fn settle(answer: Answer, result: Result<(), String>) {
    match result {
        Ok(()) => answer.done(),
        Err(error) => answer.error(error),
    }
}

fn lines<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.fold(String::new(), |all, text| all + text + "\n")
}
