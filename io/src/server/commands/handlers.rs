//! What the commands do. Texts are upstream's.

use super::Shared;
use crate::server::coverage::Coverage;
use crate::server::{Compactions, configuration, listing, memory, replication, table_log};
use crate::settings::Model;
use crate::unixctl::Answer;
use ovsdb_engine::session::Which;
use std::rc::Rc;
use tokio::task::spawn_local;

pub(super) fn exit(server: &Shared, _args: &[String], answer: Answer) {
    server.borrow().exit.notify_one();
    answer.done();
}

pub(super) fn memory_show(server: &Shared, _args: &[String], answer: Answer) {
    memory::show(&server.borrow(), answer);
}

pub(super) fn coverage_show(server: &Shared, _args: &[String], answer: Answer) {
    let server = server.borrow();
    answer.text(server.coverage.show(&server.tallies.totals()));
}

pub(super) fn coverage_read(server: &Shared, args: &[String], answer: Answer) {
    match Coverage::read(&server.borrow().tallies.totals(), &args[0]) {
        Some(total) => answer.text(format!("{total}\n")),
        None => answer.error("No such counter"),
    }
}

/// There are no counters of the processor here, which upstream has for functions of its own.
pub(super) fn perf_counters_show(_server: &Shared, _args: &[String], answer: Answer) {
    answer.text("performance counter is not supported on this platform\n");
}

pub(super) fn perf_counters_clear(_server: &Shared, _args: &[String], answer: Answer) {
    answer.done();
}

/// Memory goes back to the system by itself, so there is nothing to switch.
pub(super) fn memory_trim(_server: &Shared, args: &[String], answer: Answer) {
    match args[0].as_str() {
        "on" => log::info!(target: "ovsdb_server", "memory trimming after compaction enabled."),
        "off" => log::info!(target: "ovsdb_server", "memory trimming after compaction disabled."),
        _ => return answer.error("invalid argument"),
    }
    answer.done();
}

pub(super) fn add_db(server: &Shared, args: &[String], answer: Answer) {
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

pub(super) fn remove_db(server: &Shared, args: &[String], answer: Answer) {
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

pub(super) fn reload(server: &Shared, _args: &[String], answer: Answer) {
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

pub(super) fn list_dbs(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(lines(server.borrow().databases.keys().map(String::as_str)));
}

pub(super) fn add_remote(server: &Shared, args: &[String], answer: Answer) {
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

pub(super) fn remove_remote(server: &Shared, args: &[String], answer: Answer) {
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

pub(super) fn list_remotes(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(lines(server.borrow().remotes.given().keys().map(String::as_str)));
}

pub(super) fn compact(server: &Shared, args: &[String], answer: Answer) {
    let name = args.first().map(String::as_str);
    if name.is_some_and(|name| name.starts_with('_')) {
        return answer.error("cannot compact built-in databases");
    }
    Compactions::start_by_request(&mut server.borrow_mut(), name, answer);
}

pub(super) fn reconnect(server: &Shared, _args: &[String], answer: Answer) {
    server
        .borrow()
        .shared
        .disconnect(Which::All, "user ran ovsdb-server/reconnect");
    answer.done();
}

pub(super) fn disable_monitor_cond(server: &Shared, _args: &[String], answer: Answer) {
    let reason = "user ran ovsdb-server/disable-monitor-cond";
    server.borrow().shared.disable_monitor_cond(reason);
    answer.done();
}

pub(super) fn storage_status(server: &Shared, args: &[String], answer: Answer) {
    match server.borrow().databases.get(&args[0]) {
        Some(hosted) => match hosted.failure() {
            None => answer.text("status: ok"),
            Some(failure) => answer.text(format!("status: {failure}")),
        },
        None => answer.error("Failed to find the database."),
    }
}

/// What `ovn-ctl` and cluster managers ask to tell an active server from a backup.
pub(super) fn sync_status(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(replication::status(&server.borrow()));
}

/// `ovn-ctl promote_ovnnb` makes a server active by this; it is, and follows no other.
pub(super) fn stay_active(server: &Shared, _args: &[String], answer: Answer) {
    settle(answer, server.borrow().check_no_file());
}

pub(super) fn get_active_server(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(server.borrow().replication.active_server());
}

pub(super) fn set_active_server(server: &Shared, args: &[String], answer: Answer) {
    let mut server = server.borrow_mut();
    let allowed = server.check_no_file();
    if allowed.is_ok() {
        server.replication.set_active_server(&args[0]);
    }
    settle(answer, allowed);
}

pub(super) fn connect_active_server(server: &Shared, _args: &[String], answer: Answer) {
    let server = server.borrow();
    match server.check_no_file().map(|()| server.replication.connect()) {
        Ok(Ok(text)) => answer.text(text),
        Ok(Err(error)) => answer.error(error),
        Err(error) => answer.error(error),
    }
}

pub(super) fn set_interval(server: &Shared, args: &[String], answer: Answer) {
    let allowed = server.borrow().check_no_file();
    settle(
        answer,
        allowed.and_then(|()| replication::check_interval(&args[0])),
    );
}

pub(super) fn get_excluded_tables(server: &Shared, _args: &[String], answer: Answer) {
    answer.text(server.borrow().replication.excluded_tables());
}

pub(super) fn set_excluded_tables(server: &Shared, args: &[String], answer: Answer) {
    let mut server = server.borrow_mut();
    let allowed = server.check_no_file();
    if allowed.is_ok() {
        let tables = args.first().map_or("", String::as_str);
        server.replication.set_excluded_tables(tables);
    }
    settle(answer, allowed);
}

/// Once no server before 2.15 will have to read the files.
pub(super) fn column_diff_enable(server: &Shared, _args: &[String], answer: Answer) {
    server.borrow().settings.sequencer.column_diff.turn_on();
    answer.done();
}

pub(super) fn tlog_set(server: &Shared, args: &[String], answer: Answer) {
    match table_log::set(&server.borrow().catalog(), &args[0], &args[1]) {
        Ok(()) => answer.done(),
        Err(error) => answer.error(error),
    }
}

pub(super) fn tlog_list(server: &Shared, _args: &[String], answer: Answer) {
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
