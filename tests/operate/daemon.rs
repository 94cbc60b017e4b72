//! Servers in the background beside the packaged one: whose process it is, where it runs, and what it leaves.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Scratch, schema, wait};
use serde_json::json;

/// Numbers of Debian's `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;

/// The process that a pidfile names.
fn pid(path: &Path) -> String {
    fs::read_to_string(path).expect("a pidfile").trim().to_owned()
}

/// Ends the server behind a control socket, process `number`, and waits until it is gone.
fn exit(socket: &Path, number: &str) {
    let ended = Client::unix(socket).call("exit", json!([]));
    ended.expect("the server ends");
    // A process that nobody has waited for has no program any more either.
    let program = format!("/proc/{number}/exe");
    wait::until("the end of the server", || {
        fs::read_link(&program).is_err().then_some(())
    });
}

/// Starts a server in the background from a shell that ignores `ignored`, sees it serve after each signal of `outlived`, and
/// end by `last`.
fn signal_story(peer: Peer, ignored: &str, options: &[&str], outlived: &[&str], last: &str) {
    let scratch = Scratch::new();
    let load = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(peer, &scratch, "load.db", &load);
    let (pidfile, control) = (scratch.join("load.pid"), scratch.join("load.ctl"));
    run_ok(
        scratch
            .command("env")
            // As a job in the background this process ignores some itself.
            .args([
                "--default-signal",
                &format!("--ignore-signal={}", ignored.replace(' ', ",")),
            ])
            .arg(peer.server())
            .args(["--detach", "-vsyslog:off", "-vconsole:warn"])
            .args(options)
            .arg(format!("--pidfile={}", pidfile.display()))
            .arg(format!("--unixctl={}", control.display()))
            .arg(&file),
    );
    let number = pid(&pidfile);
    let send = |signal: &str| run_ok(scratch.command("kill").args([&format!("-{signal}"), &number]));
    for signal in outlived {
        send(signal);
        // A process that answers again has looked at whatever was pending.
        for _ in 0..2 {
            let version = Client::unix(&control).call("version", json!([]));
            assert!(version.is_ok(), "{peer:?}: after {signal}");
        }
    }
    send(last);
    wait::until("the end of the server", || (!pidfile.exists()).then_some(()));
}

#[test]
fn signals_that_were_ignored_at_the_start_stay_ignored() {
    let cases: [(&str, &[&str], &[&str], &str); 4] = [
        ("HUP INT", &[], &["HUP", "INT"], "TERM"),
        ("HUP", &["--monitor"], &["HUP"], "INT"),
        ("TERM ALRM", &[], &["ALRM", "TERM"], "HUP"),
        ("USR1", &[], &[], "HUP"),
    ];
    for (ignored, options, outlived, last) in cases {
        for peer in [Peer::Packaged, Peer::under_test()] {
            signal_story(peer, ignored, options, outlived, last);
        }
    }
}

/// What happens with one pidfile and two servers; paths and numbers left out.
fn pidfile_story(peer: Peer) -> Vec<String> {
    let scratch = Scratch::new();
    let load = scratch.write("load.ovsschema", schema::LOAD);
    for name in ["a.db", "b.db"] {
        create_database(peer, &scratch, name, &load);
    }
    let pidfile = scratch.join("shared.pid");
    let start = |database: &str, control: &str, options: &[&str]| {
        let finished = run(scratch
            .command(peer.server())
            .args(["--detach", "-vsyslog:off", "-vconsole:warn"])
            .arg(format!("--pidfile={}", pidfile.display()))
            .arg(format!("--unixctl={}", scratch.join(control).display()))
            .args(options)
            .arg(database));
        let number = pid(&pidfile);
        let text = format!("{:?}: {}", finished.status.code(), finished.stderr);
        let text = text.replace(&scratch.path().display().to_string(), "DIR");
        (text.replace(&number, "PID"), number)
    };
    // A server leaves its directory after its starter has gone on.
    let expect_in = |directory: &Path, number: &str| {
        let link = format!("/proc/{number}/cwd");
        wait::until("the server's directory", || {
            fs::read_link(&link)
                .is_ok_and(|path| path == directory)
                .then_some(())
        });
    };
    let stay = [
        "--no-chdir",
        "--no-self-confinement",
        "--disable-file-column-diff",
    ];
    let (alone, first) = start("a.db", "a.ctl", &stay);
    expect_in(scratch.path(), &first);
    let (refused, _) = start("b.db", "b.ctl", &[]);
    let (allowed, second) = start("b.db", "b.ctl", &["--overwrite-pidfile"]);
    expect_in(Path::new("/"), &second);
    exit(&scratch.join("a.ctl"), &first);
    exit(&scratch.join("b.ctl"), &second);
    assert!(!pidfile.exists(), "{peer:?}");
    // Nobody holds what is left of a crash.
    fs::write(&pidfile, "99999999\n").expect("the scratch directory can be written to");
    let (after_crash, third) = start("a.db", "a.ctl", &[]);
    exit(&scratch.join("a.ctl"), &third);
    vec![alone, refused, allowed, after_crash]
}

#[test]
fn pidfiles_and_directories_are_treated_alike() {
    assert_eq!(pidfile_story(Peer::under_test()), pidfile_story(Peer::Packaged));
}

/// User, group, owners of what was made, and whether ports below 1024 can be listened on, of a server with `--user`.
fn rights(peer: Peer, user: &str) -> Vec<String> {
    let scratch = Scratch::new();
    let load = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(peer, &scratch, "load.db", &load);
    let entries = fs::read_dir(scratch.path()).expect("the scratch directory is there");
    for entry in entries {
        chown(entry.expect("an entry").path(), Some(NOBODY), Some(NOBODY)).expect("tests run as root");
    }
    chown(scratch.path(), Some(NOBODY), Some(NOBODY)).expect("tests run as root");
    let (pidfile, control) = (scratch.join("user.pid"), scratch.join("user.ctl"));
    let finished = run(scratch
        .command(peer.server())
        .args([
            "--detach",
            "-vsyslog:off",
            "-vconsole:warn",
            "--log-file=user.log",
        ])
        .arg(format!("--user={user}"))
        .arg(format!("--pidfile={}", pidfile.display()))
        .arg(format!("--unixctl={}", control.display()))
        .arg(&file));
    assert!(finished.status.success(), "{peer:?}: {}", finished.text());
    let status = fs::read_to_string(format!("/proc/{}/status", pid(&pidfile))).expect("the server runs");
    let mut told: Vec<String> = status
        .lines()
        .filter(|line| line.starts_with("Uid:") || line.starts_with("Gid:"))
        .map(str::to_owned)
        .collect();
    let added = Client::unix(&control).call("ovsdb-server/add-remote", json!(["ptcp:811:127.0.0.1"]));
    told.push(format!("{:?}", added.is_ok()));
    let listens = wait::until("the port", || std::net::TcpStream::connect("127.0.0.1:811").ok()).peer_addr();
    told.push(format!("{listens:?}"));
    exit(&control, &pid(&pidfile));
    told
}

#[test]
fn a_server_of_another_user_has_the_same_rights() {
    for user in ["nobody", "nobody:nogroup", "nobody:"] {
        assert_eq!(
            rights(Peer::under_test(), user),
            rights(Peer::Packaged, user),
            "{user}"
        );
    }
}
