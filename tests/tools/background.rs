//! A monitor in the background: when its starter goes on, what the control socket does, and how it ends.

use std::fs::{self, File};
use std::path::Path;

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Daemon, Peer, Scratch, ServerOptions, schema, wait};
use serde_json::json;

/// Sends a command to the control socket of the process that the pidfile names.
fn control(directory: &Path, method: &str, arguments: &[&str]) -> String {
    let pid = fs::read_to_string(directory.join("ovsdb-client.pid")).expect("a pidfile");
    let socket = directory.join(format!("ovsdb-client.{}.ctl", pid.trim()));
    let answer = Client::unix(&socket).call(method, json!(arguments));
    answer
        .expect("the command succeeds")
        .as_str()
        .expect("a text")
        .trim()
        .to_owned()
}

#[test]
fn monitors_in_the_background_obey_the_control_socket() {
    for peer in [Peer::Packaged, Peer::under_test()] {
        let scratch = Scratch::new();
        let schema = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(peer, &scratch, "load.db", &schema);
        let server = ServerOptions::new(peer, "load").database(&file).start(&scratch);
        let insert = |number: i64| {
            let row = json!({"number": number, "name": format!("n{number}")});
            server
                .client()
                .transact("Load", json!([{"op": "insert", "table": "Item", "row": row}]));
        };
        insert(1);
        let output = scratch.join("output");
        let mut starter = scratch
            .command(peer.client())
            .args([
                "--detach",
                "--pidfile",
                "--no-headings",
                "-vsyslog:off",
                "monitor-cond",
            ])
            .args([
                &server.remote().target(),
                "Load",
                r#"[["number","<",5]]"#,
                "Item",
                "number",
            ])
            .stdout(File::create(&output).expect("can write to the scratch directory"))
            .spawn()
            .expect("the client can be started");
        let status = wait::until("the end of the starter", || starter.try_wait().expect("a child"));
        assert!(status.success(), "{peer:?}");
        let seen = || fs::read_to_string(&output).expect("the output is there");
        let counts = |words: &str| seen().lines().filter(|line| line.ends_with(words)).count();
        // What was there is printed before the starter ends.
        assert_eq!(counts("initial 1"), 1, "{peer:?}: {}", seen());

        let control = |method, arguments| control(scratch.path(), method, arguments);
        assert_eq!(control("ovsdb-client/block", &[]), "", "{peer:?}");
        assert_eq!(control("ovsdb-client/block", &[]), "already blocking");
        insert(2);
        insert(7);
        assert_eq!(control("ovsdb-client/unblock", &[]), "");
        assert_eq!(control("ovsdb-client/unblock", &[]), "already unblocked");
        wait::until("the row inserted meanwhile", || {
            (counts("insert 2") == 1).then_some(())
        });
        assert_eq!(
            control("ovsdb-client/cond_change", &["Item", r#"[["number",">",5]]"#]),
            "condition changed"
        );
        wait::until("the row of the new condition", || {
            (counts("insert 7") == 1).then_some(())
        });
        assert!(control("version", &[]).starts_with("ovsdb-client (Open vSwitch) "));
        assert_eq!(control("exit", &[]), "");
        let pidfile = scratch.join("ovsdb-client.pid");
        wait::until("the end of the client", || (!pidfile.exists()).then_some(()));
        server.stop();
    }
}

#[test]
fn what_ends_a_monitor_in_the_background_stands_on_its_standard_error() {
    for peer in [Peer::Packaged, Peer::under_test()] {
        let scratch = Scratch::new();
        let schema = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(peer, &scratch, "load.db", &schema);
        let server = ServerOptions::new(peer, "load").database(&file).start(&scratch);
        let remote = server.remote().target();
        let file_for =
            |name: &str| File::create(scratch.join(name)).expect("can write to the scratch directory");
        let status = scratch
            .command(peer.client())
            .args([
                "--detach",
                "--pidfile",
                "--no-db-change-aware",
                "-vsyslog:off",
                "-vconsole:off",
            ])
            .args(["--log-file=client.log", "monitor", &remote, "Load", "Item"])
            .stdout(file_for("output"))
            .stderr(file_for("errors"))
            .status()
            .expect("the client can be started");
        assert!(status.success(), "{peer:?}");
        server.stop();
        let pidfile = scratch.join("ovsdb-client.pid");
        wait::until("the end of the client", || (!pidfile.exists()).then_some(()));
        let read = |name: &str| fs::read_to_string(scratch.join(name)).expect("the file is there");
        let told = format!("ovsdb-client: {remote}: receive failed (End of file)\n");
        assert_eq!(read("errors"), told, "{peer:?}");
        // Errors are for whoever started the program; the log is for what happens on the way.
        assert!(!read("client.log").contains("EMER"), "{peer:?}");
    }
}

#[test]
fn monitors_started_under_nohup_outlive_the_terminal() {
    for peer in [Peer::Packaged, Peer::under_test()] {
        let scratch = Scratch::new();
        let schema = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(peer, &scratch, "load.db", &schema);
        let server = ServerOptions::new(peer, "load").database(&file).start(&scratch);
        run_ok(
            scratch
                .command("sh")
                .args(["-c", "trap '' HUP INT; exec \"$@\"", "sh"])
                .arg(peer.client())
                .args(["--detach", "--pidfile", "-vsyslog:off", "monitor"])
                .args([&server.remote().target(), "Load", "Item"]),
        );
        let pidfile = scratch.join("ovsdb-client.pid");
        let pid = fs::read_to_string(&pidfile).expect("a pidfile").trim().to_owned();
        for (signal, outlives) in [("HUP", true), ("INT", true), ("TERM", false)] {
            run_ok(scratch.command("kill").args([&format!("-{signal}"), &pid]));
            if outlives {
                let version = control(scratch.path(), "version", &[]);
                assert!(version.starts_with("ovsdb-client"), "{peer:?}");
            } else {
                wait::until("the end of the client", || (!pidfile.exists()).then_some(()));
            }
        }
        server.stop();
    }
}

/// The same course of events, each client of the same peer: what each of them prints.
fn lock_story(client: Peer, server: Peer) -> [String; 3] {
    let scratch = Scratch::new();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(server, &scratch, "load.db", &schema);
    let server = ServerOptions::new(server, "load").database(&file).start(&scratch);
    let start = |name: &str, method: &str, first: &str| {
        let mut command = scratch.command(client.client());
        command.args(["-vsyslog:off", method, &server.remote().target(), "door"]);
        let daemon = Daemon::start(name, command, &scratch.join(name));
        wait::until(first, || daemon.log().contains(first).then_some(()));
        daemon
    };
    let owner = start("owner", "lock", "{\"locked\":true}\n");
    let waiting = start("waiting", "lock", "{\"locked\":false}\n");
    let mut thief = start("thief", "steal", "{\"locked\":true}\n");
    wait::until("the theft", || {
        owner.log().contains("stolen\n[\"door\"]\n").then_some(())
    });
    thief.kill();
    wait::until("the owner's next turn", || {
        let logs = [owner.log(), waiting.log()];
        logs.iter()
            .any(|log| log.contains("locked\n[\"door\"]\n"))
            .then_some(())
    });
    let logs = [owner.log(), waiting.log(), thief.log()];
    server.stop();
    logs
}

#[test]
fn lock_holders_print_what_happens_to_the_lock() {
    let expected = lock_story(Peer::Packaged, Peer::Packaged);
    for (client, server) in [
        (Peer::under_test(), Peer::Packaged),
        (Peer::Packaged, Peer::under_test()),
        (Peer::under_test(), Peer::under_test()),
    ] {
        assert_eq!(lock_story(client, server), expected, "{client:?} of {server:?}");
    }
}

#[test]
fn a_timeout_ends_the_client_by_sigalrm() {
    use std::os::unix::process::ExitStatusExt;
    const SIGALRM: i32 = 14;
    let scratch = Scratch::new();
    let forever = ["wait", "unix:missing.sock", "Nope", "added"];
    for peer in [Peer::Packaged, Peer::under_test()] {
        let by_option = run(scratch.command(peer.client()).arg("--timeout=1").args(forever));
        let by_variable = run(scratch
            .command(peer.client())
            .env("OVS_CTL_TIMEOUT", "1")
            .args(forever));
        let though_ignored = run(scratch
            .command("sh")
            .args(["-c", "trap '' ALRM; exec \"$@\"", "sh"])
            .arg(peer.client())
            .arg("--timeout=1")
            .args(forever));
        for finished in [by_option, by_variable, though_ignored] {
            assert_eq!(
                finished.status.signal(),
                Some(SIGALRM),
                "{peer:?}: {}",
                finished.text()
            );
        }
    }
}
