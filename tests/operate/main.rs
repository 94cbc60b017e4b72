//! What an operator does with a server beside starting and stopping it: a file of settings and its changes, crashes
//! under `--monitor`, a service manager, limits, counts, and files for a cluster.

mod alike;
mod daemon;
mod limits;
mod remotes;
mod resume;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ovsdb_harness::command::{Finished, run, run_ok};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Daemon, Peer, Scratch, ServerOptions, schema, wait};
use serde_json::{Value, json};

/// Longest wait for a server that starts again after a crash: its second restart waits ten seconds.
const RESTART_MAX: Duration = Duration::from_secs(60);

/// A server whose control socket is `ctl` in the scratch directory.
struct Operated<'s> {
    scratch: &'s Scratch,
    daemon: Daemon,
}

impl<'s> Operated<'s> {
    /// Starts our server and waits until it can be commanded.
    fn start(scratch: &'s Scratch, configure: impl FnOnce(&mut Command)) -> Operated<'s> {
        let mut command = scratch.command(Peer::Ours.server());
        command.arg(format!("--unixctl={}", scratch.join("ctl").display()));
        configure(&mut command);
        let daemon = Daemon::start("operated", command, &scratch.join("operated.log"));
        let mut operated = Operated { scratch, daemon };
        operated.wait_until_serving();
        operated
    }

    fn wait_until_serving(&mut self) {
        wait::until_within(RESTART_MAX, "a server that can be commanded", || {
            if let Some(status) = self.daemon.status() {
                panic!("the server ended with {status}:\n{}", self.daemon.log());
            }
            self.try_command("version", &[])
        });
    }

    fn try_command(&self, method: &str, arguments: &[&str]) -> Option<String> {
        let path = self.scratch.join("ctl");
        std::os::unix::net::UnixStream::connect(&path).ok()?;
        match Client::unix(&path).call(method, json!(arguments)) {
            Ok(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn command(&self, method: &str, arguments: &[&str]) -> Result<String, String> {
        match Client::unix(&self.scratch.join("ctl")).call(method, json!(arguments)) {
            Ok(Value::String(text)) => Ok(text),
            Err(Value::String(text)) => Err(text.trim_end().to_owned()),
            other => panic!("a control command answers with a text, not {other:?}"),
        }
    }

    fn stop(mut self) {
        self.command("exit", &[])
            .expect("the server takes the command to exit");
        assert!(self.daemon.wait(wait::DEADLINE).success());
    }
}

/// Two databases with different schemas: `load.db` with `Load`, `other.db` with `Other`.
fn databases(scratch: &Scratch) {
    let load = scratch.write("load.ovsschema", schema::LOAD);
    create_database(Peer::Ours, scratch, "load.db", &load);
    let other = scratch.write("other.ovsschema", schema::LOAD.replace("\"Load\"", "\"Other\""));
    create_database(Peer::Ours, scratch, "other.db", &other);
}

fn write_settings(scratch: &Scratch, settings: &Value) -> PathBuf {
    scratch.write("settings.json", settings.to_string())
}

#[test]
fn a_file_of_settings_is_applied_and_its_changes_are_too() {
    let scratch = Scratch::new();
    databases(&scratch);
    let file = write_settings(
        &scratch,
        &json!({"remotes": {"punix:a.sock": null}, "databases": {"load.db": {}}}),
    );
    let server = Operated::start(&scratch, |command| {
        command.arg(format!("--config-file={}", file.display()));
    });
    assert_eq!(
        server.command("ovsdb-server/list-dbs", &[]).unwrap(),
        "Load\n_Server\n"
    );
    assert_eq!(
        server.command("ovsdb-server/list-remotes", &[]).unwrap(),
        "punix:a.sock\n"
    );
    let mut client = Client::unix(&scratch.join("a.sock"));
    client.call("set_db_change_aware", json!([true])).unwrap();

    // What is commanded would be gone with the next reading of the file.
    let refused = format!(
        "Update the {} and use ovsdb-server/reload instead",
        file.display()
    );
    for (method, argument) in [
        ("ovsdb-server/add-db", "other.db"),
        ("ovsdb-server/remove-db", "Load"),
        ("ovsdb-server/add-remote", "punix:b.sock"),
        ("ovsdb-server/remove-remote", "punix:a.sock"),
        ("ovsdb-server/set-active-ovsdb-server", "tcp:1.2.3.4"),
    ] {
        assert_eq!(
            server.command(method, &[argument]),
            Err(refused.clone()),
            "{method}"
        );
    }

    // More of both; whoever is connected stays so.
    write_settings(
        &scratch,
        &json!({"remotes": {"punix:a.sock": null, "punix:b.sock": {"read-only": true}},
                "databases": {"load.db": null, "other.db": {"service-model": "standalone"}}}),
    );
    server.command("ovsdb-server/reload", &[]).unwrap();
    assert_eq!(
        client.call("list_dbs", json!([])),
        Ok(json!(["Load", "Other", "_Server"]))
    );
    let insert = json!(["Load", {"op": "insert", "table": "Item", "row": {}}]);
    let mut reader = Client::unix(&scratch.join("b.sock"));
    let refused = reader.call("transact", insert.clone()).unwrap();
    assert_eq!(refused[0]["error"], "not allowed", "{refused}");

    // A file that cannot be read as a whole changes nothing, and a database that cannot be opened only itself.
    let failed = Err("Configuration failed.  See the log file for details.".to_owned());
    fs::write(&file, "{\"remotes\": {").unwrap();
    assert_eq!(server.command("ovsdb-server/reload", &[]), failed);
    assert_eq!(client.call("transact", insert).unwrap()[0]["error"], Value::Null);
    write_settings(
        &scratch,
        &json!({"remotes": {"punix:a.sock": null}, "databases": {"load.db": {}, "none.db": {}}}),
    );
    assert_eq!(server.command("ovsdb-server/reload", &[]), failed);
    assert_eq!(client.call("list_dbs", json!([])), Ok(json!(["Load", "_Server"])));
    assert!(!scratch.join("b.sock").exists());

    // What is to be served in a way that is not there yet goes on as it was, and so do its clients.
    let source = json!({"tcp:192.0.2.1:6641": null});
    for model in [
        json!({"service-model": "relay", "source": source}),
        json!({"service-model": "active-backup", "backup": true, "source": source}),
        json!({"service-model": "clustered"}),
    ] {
        write_settings(
            &scratch,
            &json!({"remotes": {"punix:a.sock": null}, "databases": {"load.db": model}}),
        );
        assert_eq!(server.command("ovsdb-server/reload", &[]), failed, "{model}");
        assert_eq!(client.call("list_dbs", json!([])), Ok(json!(["Load", "_Server"])));
    }
    for text in [
        "config: reading JSON failed",
        "failed to open database 'none.db': I/O error: ",
        "failed to configure databases",
        "failed to open database 'load.db': ovsdb error: load.db: relay databases are not supported yet",
        "failed to open database 'load.db': ovsdb error: load.db: active-backup databases that follow another server",
        "failed to open database 'load.db': ovsdb error: load.db: database is standalone and not clustered",
    ] {
        assert!(
            server.daemon.log().contains(text),
            "{text}:\n{}",
            server.daemon.log()
        );
    }
    server.stop();
}

#[test]
fn wrong_settings_are_refused_at_the_start() {
    let scratch = Scratch::new();
    databases(&scratch);
    let relay = json!({"service-model": "relay", "source": {"tcp:1.2.3.4": null}});
    let cases: [(&[&str], Value, &str); 6] = [
        (
            &["--remote=punix:x"],
            json!({}),
            "--config-file is mutually exclusive with --remote",
        ),
        (
            &["load.db"],
            json!({}),
            "Databases should be specified in a config file",
        ),
        (&[], json!([]), "configuration in a file must be a JSON object"),
        (&[], json!({"remotes": null}), "'databases' is missing"),
        (
            &[],
            json!({"remotes": {}, "databases": {"load.db": {"service-model": "clustered"}}}),
            "load.db: database is standalone and not clustered",
        ),
        (
            &[],
            json!({"remotes": {}, "databases": {"Load": relay}}),
            "Load: relay databases are not supported yet",
        ),
    ];
    for (arguments, settings, expected) in cases {
        let file = write_settings(&scratch, &settings);
        let refused: Finished = run(scratch
            .command(Peer::Ours.server())
            .arg(format!("--config-file={}", file.display()))
            .args(["--unixctl=none"])
            .args(arguments));
        assert_eq!(refused.status.code(), Some(1), "{settings}");
        assert!(
            refused.text().contains(expected),
            "{settings}:\n{}",
            refused.text()
        );
    }
    let refused = run(scratch
        .command(Peer::Ours.server())
        .args(["--config-file=/nonexistent", "--unixctl=none"]));
    assert!(
        refused
            .text()
            .contains("failed to open configuration file '/nonexistent': No such file"),
        "{}",
        refused.text()
    );
}

#[test]
fn what_was_commanded_survives_a_crash_under_monitor() {
    let scratch = Scratch::new();
    databases(&scratch);
    let mut server = Operated::start(&scratch, |command| {
        command.args(["--monitor", "--pidfile=pid", "--remote=punix:a.sock", "load.db"]);
    });
    for (method, argument) in [
        ("ovsdb-server/add-db", "other.db"),
        ("ovsdb-server/remove-db", "Load"),
        ("ovsdb-server/add-remote", "punix:b.sock"),
        ("ovsdb-server/remove-remote", "punix:a.sock"),
    ] {
        server.command(method, &[argument]).unwrap();
    }
    let pid = || {
        fs::read_to_string(scratch.join("pid"))
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    };
    let crashed = pid().expect("the server has written its pidfile");
    run_ok(Command::new("kill").args(["-SEGV", &crashed.to_string()]));
    wait::until_within(RESTART_MAX, "a new server", || {
        pid().filter(|pid| *pid != crashed)
    });
    server.wait_until_serving();
    assert_eq!(
        server.command("ovsdb-server/list-dbs", &[]).unwrap(),
        "Other\n_Server\n"
    );
    assert_eq!(
        server.command("ovsdb-server/list-remotes", &[]).unwrap(),
        "punix:b.sock\n"
    );
    server.stop();
}

/// `Type=notify` of systemd: it hears when clients can come, and when the end has begun.
#[test]
fn a_service_manager_is_told() {
    let scratch = Scratch::new();
    databases(&scratch);
    let path = scratch.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    let hear = || {
        let mut text = [0; 64];
        let length = manager.recv(&mut text).expect("the manager is told");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let server = Operated::start(&scratch, |command| {
        command
            .env("NOTIFY_SOCKET", &path)
            .args(["--remote=punix:a.sock", "load.db"]);
    });
    assert_eq!(hear(), "READY=1");
    Client::unix(&scratch.join("a.sock"))
        .call("list_dbs", json!([]))
        .unwrap();
    server.stop();
    assert_eq!(hear(), "STOPPING=1");
}

#[test]
fn counts_say_what_the_server_holds_and_does() {
    let scratch = Scratch::new();
    let server = alike::start(Peer::Ours, &scratch);
    let mut client = server.client();
    let row = |peer: Value| json!({"op": "insert", "table": "Item", "uuid-name": "a", "row": {"peer": peer}});
    client.transact("Load", json!([row(json!(["named-uuid", "a"]))]));
    client
        .call(
            "monitor",
            json!(["Load", "m", {"Item": [{"columns": ["number"]}]}]),
        )
        .unwrap();
    let counts = wait::until("a count of the monitor", || {
        let text = server.control("memory/show", &[]).unwrap();
        text.contains("monitors:1").then_some(text)
    });
    let keys: Vec<&str> = counts
        .split_whitespace()
        .map(|pair| pair.split_once(':').expect("key:value").0)
        .collect();
    assert!(keys.is_sorted(), "{counts}");
    for key in ["atoms", "cells", "n-weak-refs", "sessions", "txn-history"] {
        assert!(keys.contains(&key), "{key}: {counts}");
    }
    assert!(counts.contains("n-weak-refs:1"), "{counts}");

    let table = server.control("coverage/show", &[]).unwrap();
    assert!(table.contains("session_opened"), "{table}");
    assert!(table.contains(" events never hit\n"), "{table}");
    let opened = server
        .control("coverage/read-counter", &["session_opened"])
        .unwrap();
    assert!(opened.trim().parse::<u64>().unwrap() >= 1, "{opened}");
    assert_eq!(
        server
            .control("coverage/read-counter", &["zzz"])
            .unwrap_err()
            .trim_end(),
        "No such counter"
    );
    server.stop();
}

/// Who comes too many is closed, and finds a place once somebody has left; who sends too much is closed alone.
#[test]
fn bounds_of_clients_are_kept() {
    let scratch = Scratch::new();
    databases(&scratch);
    let server = Operated::start(&scratch, |command| {
        command.args([
            "--remote=punix:a.sock",
            "--sessions-max=2",
            "--message-bytes-max=1000",
            "load.db",
        ]);
    });
    let connect = || Client::unix(&scratch.join("a.sock"));
    let is_served = |client: &mut Client| {
        let sent = client.try_send("list_dbs", json!([]));
        sent.and_then(|id| client.try_reply(id))
            .is_ok_and(|reply| reply.is_ok())
    };
    let (mut first, mut second) = (connect(), connect());
    assert!(is_served(&mut first) && is_served(&mut second));
    assert!(!is_served(&mut connect()), "a third client is served");
    second
        .send_raw(format!("[\"{}\"]", "x".repeat(2000)).as_bytes())
        .expect("the kernel takes it");
    assert!(!is_served(&mut second), "a message too long is taken");
    wait::until("a place", || is_served(&mut connect()).then_some(()));
    assert!(is_served(&mut first));
    server.stop();
}

/// Clients must get on with a server that never heard of conditions; upstream's command tries that.
#[test]
fn conditions_can_be_made_unknown() {
    let scratch = Scratch::new();
    databases(&scratch);
    let server = Operated::start(&scratch, |command| {
        command.args(["--remote=punix:a.sock", "load.db"]);
    });
    let connect = || Client::unix(&scratch.join("a.sock"));
    let requests = json!({"Item": [{"columns": ["number"]}]});
    let mut before = connect();
    before
        .call("monitor_cond", json!(["Load", "m", requests]))
        .unwrap();
    server.command("ovsdb-server/disable-monitor-cond", &[]).unwrap();
    let is_gone = |client: &mut Client| {
        client
            .try_send("echo", json!([]))
            .and_then(|id| client.try_reply(id))
            .is_err()
    };
    wait::until("the end of the session", || is_gone(&mut before).then_some(()));
    let mut after = connect();
    for method in ["monitor_cond", "monitor_cond_since"] {
        let refused = after.call(method, json!(["Load", "m", requests]));
        assert_eq!(refused, Err(json!("unknown method")), "{method}");
    }
    after.call("monitor", json!(["Load", "m", requests])).unwrap();
    server.stop();
}

/// A cluster's first file is served by the packaged server, and the packaged tool knows what is in both kinds.
#[test]
fn files_of_clusters_are_those_of_the_packaged_programs() {
    let scratch = Scratch::new();
    let load = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(Peer::Ours, &scratch, "load.db", &load);
    let tool = |peer: Peer, words: &[&str]| run_ok(scratch.command(peer.tool()).args(words));
    let insert = r#"["Load",{"op":"insert","table":"Item","row":{"number":7,"name":"kept"}}]"#;
    tool(Peer::Ours, &["transact", "load.db", insert]);
    tool(
        Peer::Ours,
        &[
            "--election-timer=1500",
            "create-cluster",
            "first.db",
            "load.db",
            "unix:first.raft",
        ],
    );
    tool(
        Peer::Ours,
        &[
            "join-cluster",
            "second.db",
            "Load",
            "unix:second.raft",
            "unix:first.raft",
        ],
    );
    for (name, address) in [("first.db", "unix:first.raft"), ("second.db", "unix:second.raft")] {
        for peer in [Peer::Ours, Peer::Packaged] {
            assert_eq!(tool(peer, &["db-name", name]).stdout, "Load\n");
            assert_eq!(
                tool(peer, &["db-local-address", name]).stdout,
                format!("{address}\n")
            );
            assert_eq!(
                tool(peer, &["db-sid", name]).stdout,
                tool(Peer::Packaged, &["db-sid", name]).stdout
            );
        }
    }
    let unknown = run(scratch.command(Peer::Ours.tool()).args(["db-cid", "second.db"]));
    assert_eq!(
        (unknown.status.code(), unknown.stderr.as_str()),
        (Some(2), "second.db: cluster ID not yet known\n")
    );
    assert!(Path::new(&file).exists());

    let server = ServerOptions::new(Peer::Packaged, "first")
        .database(&scratch.join("first.db"))
        .start(&scratch);
    let select = json!([{"op": "select", "table": "Item", "where": [], "columns": ["number", "name"]}]);
    let rows = wait::until("a leader with the rows", || {
        let reply = server.client().call("transact", {
            let mut params = vec![json!("Load")];
            params.extend(select.as_array().expect("operations").iter().cloned());
            Value::Array(params)
        });
        reply.ok().map(|reply| reply[0]["rows"].clone())
    });
    assert_eq!(rows, json!([{"number": 7, "name": "kept"}]));
    server.stop();
}

/// What a package installs comes from the same definitions as the options themselves.
#[test]
fn completions_and_manual_pages_name_every_option() {
    let scratch = Scratch::new();
    for program in [Peer::Ours.server(), Peer::Ours.tool(), Peer::Ours.client()] {
        let ask = |word: &str| run_ok(scratch.command(&program).arg(word)).stdout;
        let help = ask("--help");
        let completion = ask("--completion=bash");
        let script = scratch.write("completion.bash", &completion);
        run_ok(Command::new("bash").arg("-n").arg(&script));
        let manual = ask("--man").replace("\\-", "-");
        assert!(
            manual.contains("\n.TH ovsdb-") && manual.contains(" 1  "),
            "{manual}"
        );
        // Arguments stand beside the command: there is no page of its own for each.
        assert!(!manual.contains("SUBCOMMANDS"), "{manual}");
        let takes_several = program == Peer::Ours.server();
        assert_eq!(
            manual.contains("[\\fIDATABASE\\fR]..."),
            takes_several,
            "{manual}"
        );
        let mut sections = vec!["FILES", "EXIT STATUS"];
        if program != Peer::Ours.tool() {
            sections.extend(["REMOTES", "CONTROL COMMANDS", "SIGNALS"]);
        }
        for section in sections {
            assert!(
                manual.contains(&format!("\n.SH {section}\n")),
                "{section}: {manual}"
            );
        }
        let is_name = |c: char| c == '-' || c.is_ascii_lowercase();
        let options = help.lines().filter(|line| line.trim_start().starts_with('-'));
        let names: Vec<&str> = options
            .filter_map(|line| line[line.find("--")?..].split(|c| !is_name(c)).next())
            .collect();
        assert!(names.len() > 10, "{help}");
        assert!(
            help.contains(" --man ") && help.contains(" --completion=SHELL "),
            "{help}"
        );
        for name in names {
            assert!(completion.contains(name), "{program:?}: {name} is not completed");
            assert!(manual.contains(name), "{program:?}: {name} is not in the manual");
        }
    }
    let refused = run(scratch.command(Peer::Ours.server()).arg("--completion=tea"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("--completion=tea: not one of bash"),
        "{}",
        refused.stderr
    );
}

/// No command of a control socket is missing from the manual, and none is in it that is not there.
#[test]
fn manual_pages_name_every_control_command() {
    let scratch = Scratch::new();
    databases(&scratch);
    let server = Operated::start(&scratch, |command| {
        command.args([
            "--disable-file-column-diff",
            "--disable-file-no-data-conversion",
            "load.db",
        ]);
    });
    let list = server.command("list-commands", &[]).expect("a list");
    let mut listed: Vec<&str> = list
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    listed.sort_unstable();
    let manual = run_ok(scratch.command(Peer::Ours.server()).arg("--man")).stdout;
    let manual = manual.replace("\\-", "-");
    let (_, section) = manual.split_once(".SH CONTROL COMMANDS\n").expect("the section");
    let section = section.split("\n.SH ").next().expect("its text");
    let mut described: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("\\fB")?.split([' ', '\\']).next())
        .collect();
    described.sort_unstable();
    assert_eq!(described, listed);
    server.stop();
}
