//! Tiny runs of every scenario on our server and on the packaged one, and what users are told when something is wrong.

mod checks;
mod ends;
mod liar;
mod measures;
mod output;
mod running;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ovsdb_harness::peer::{Peer, packaged_program};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Scratch, Server, ServerOptions, wait};

use crate::liar::{Liar, Lie};

/// Our server with an empty southbound database, which listens on TCP.
fn southbound_server(scratch: &Scratch) -> Server {
    southbound_server_of(Peer::Ours, scratch)
}

/// The same of either peer.
fn southbound_server_of(peer: Peer, scratch: &Scratch) -> Server {
    let schema = scratch.write(
        "sb.ovsschema",
        loadgen::server::database::schema(None).expect("there is always one"),
    );
    let file = create_database(Peer::Packaged, scratch, "sb.db", &schema);
    ServerOptions::new(peer, "sb")
        .database(&file)
        .tcp()
        .start(scratch)
}

/// The program, told to be quick.
fn loadgen(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command
        .args([
            "--quiet",
            "--clients=20",
            "--seconds=0.2",
            "--patience=30",
            "--connecting=4",
        ])
        .args(arguments);
    command
}

/// Runs it and gives whether it succeeded, its output and its errors.
fn run(arguments: &[&str]) -> (bool, String, String) {
    let output = loadgen(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("loadgen can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A command for `--spawn`.
fn spawn(server: &Path) -> String {
    format!(
        "{} --unixctl={{sock}}.ctl --remote=ptcp:{{port}}:127.0.0.1 --remote=punix:{{sock}} {{db}}",
        server.display()
    )
}

/// Runs scenarios on a server; all must succeed and end with a table.
fn run_all(server: &Path) {
    for scenario in loadgen::scenario::SCENARIOS {
        let start = Instant::now();
        let (succeeded, table, errors) = run(&["--spawn", &spawn(server), "--scenario", scenario.name]);
        assert!(succeeded, "{}: {errors}", scenario.name);
        assert!(table.starts_with(scenario.name), "{table}");
        println!("{}: {:.2} s", scenario.name, start.elapsed().as_secs_f64());
    }
}

#[test]
fn every_scenario_runs_on_our_server() {
    run_all(&Peer::Ours.server());
}

#[test]
fn every_scenario_runs_on_the_packaged_server() {
    run_all(&packaged_program("ovsdb-server"));
}

/// Clients connect by TLS, and come back by it, to both servers.
#[test]
fn clients_connect_by_tls() {
    for server in [Peer::Ours.server(), packaged_program("ovsdb-server")] {
        let command = format!(
            "{} --unixctl={{sock}}.ctl --remote=pssl:{{sslport}}:127.0.0.1 --private-key={{key}} --certificate={{cert}} \
             --ca-cert={{ca}} {{db}}",
            server.display()
        );
        let scenarios = ["connect", "fanout", "restart"].map(|name| format!("--scenario={name}"));
        let mut arguments = vec!["--tls", "--spawn", &command];
        arguments.extend(scenarios.iter().map(String::as_str));
        let (succeeded, table, errors) = run(&arguments);
        assert!(succeeded, "{}: {errors}", server.display());
        assert!(table.starts_with("connect"), "{table}");
    }
    let (succeeded, _, errors) = run(&["--tls", "--scenario=connect"]);
    assert!(succeeded, "{errors}");
}

#[test]
fn two_servers_are_compared_in_turns() {
    let scratch = Scratch::new();
    let json = scratch.join("results.json");
    let (ours, packaged) = (
        spawn(&Peer::Ours.server()),
        spawn(&packaged_program("ovsdb-server")),
    );
    let (succeeded, table, errors) = run(&[
        "--spawn",
        &ours,
        "--against",
        &packaged,
        "--scenario=txn",
        "--json",
        &json.display().to_string(),
    ]);
    assert!(succeeded, "{errors}");
    assert!(table.contains("ratio (spread)") && table.contains('×'), "{table}");
    let results = loadgen::measure::results::Results::read(&json).unwrap();
    assert_eq!(
        results.scenarios[0].iter().map(Vec::len).collect::<Vec<_>>(),
        [2, 2]
    );
}

/// Our server answers when a transaction is on disk, the packaged one before that.
#[test]
fn unlike_durability_is_told_of() {
    let scratch = Scratch::new();
    let page = scratch.join("page.html");
    let path = page.display().to_string();
    let packaged = spawn(&packaged_program("ovsdb-server"));
    let both = [
        "--against",
        &packaged,
        "--scenario=txn",
        "--rounds=1",
        "--report",
        &path,
    ];
    let (succeeded, table, errors) = run(&both);
    assert!(succeeded, "{errors}");
    let html = std::fs::read_to_string(&page).expect("it was written");
    for text in [&table, &html] {
        assert!(text.contains("Durability is unlike: "), "{text}");
        assert!(text.contains("ovsdb-server (ours, durable)"), "{text}");
    }
    let (succeeded, table, errors) = run(&[&both[..], &["--server-arguments=--durability=relaxed"]].concat());
    assert!(succeeded, "{errors}");
    assert!(table.starts_with("txn (20 clients)"), "{table}");
    assert!(!table.contains("durable"), "{table}");
}

#[test]
fn mistakes_are_told_in_one_line() {
    let scratch = Scratch::new();
    let schema = scratch.write(
        "other.ovsschema",
        r#"{"name":"Other","version":"1.0.0","tables":{"T":{"columns":{"n":{"type":"integer"}}}}}"#,
    );
    let schema = schema.display().to_string();
    let broken = scratch.write("broken.ovsschema", r#"{"name": "Other""#);
    let broken = broken.display().to_string();
    let directory = scratch.path().display().to_string();
    let ours = spawn(&Peer::Ours.server());
    let workload = |name: &str, text: &str| scratch.write(name, text).display().to_string();
    let mistaken = workload("mistaken.toml", "name = \"mistaken\"\nclients = \"many\"\n");
    let strange = workload(
        "strange.toml",
        "[[clients]]\nname = \"all\"\ncount = 1\nmonitor = \"everything\"\ntables = [\"Towns\"]\n",
    );
    let failing = |name: &str, more: &str| {
        let head =
            "[[clients]]\nname = \"all\"\ncount = 1\nmonitor = \"nothing\"\n[[writers]]\nname = \"w\"\n";
        workload(name, &format!("{head}clients = \"all\"\ndepth = 1\n{more}"))
    };
    let refused = failing(
        "refused.toml",
        r#"transaction = '[{"op": "insert", "table": "Chassis", "row": {"name": 5}}]'"#,
    );
    let disappointed = failing(
        "disappointed.toml",
        "transaction = '[{\"op\": \"comment\", \"comment\": \"x\"}]'\nexpect = 'count'\n",
    );
    for (arguments, expected) in [
        (
            &["--workload", &refused, "--spawn", &ours][..],
            "refused.toml:9: the transaction failed: {",
        ),
        (
            &["--workload", &disappointed, "--spawn", &ours],
            "does not contain count",
        ),
        (
            &["--scenario=nonsense"],
            "there is no scenario nonsense; there are connect,",
        ),
        (
            &["--server=tcp:127.0.0.1:1"],
            "cannot reach tcp:127.0.0.1:1: Connection refused",
        ),
        (&["--server=http://x"], "unknown connection method"),
        (
            &["--server=ssl:127.0.0.1:1"],
            "--server ssl:127.0.0.1:1: TLS needs --private-key, --certificate and --ca-cert",
        ),
        (
            &["--server-arguments=-v", "--spawn", &ours],
            "'--server-arguments <ARGUMENTS>' cannot be used with '--spawn <COMMAND>'",
        ),
        (
            &["--tls", "--spawn", &ours],
            "has no {sslport} for where to listen",
        ),
        (
            &["--server=unix:/nowhere/db.sock"],
            "cannot reach unix:/nowhere/db.sock: No such file or directory",
        ),
        (
            &["--spawn=false {db} {port}", "--scenario=connect"],
            "the server ended with exit status: 1 instead of serving",
        ),
        (&["--spawn=sleep 1"], "has no {db}"),
        (&["--against=sleep {db}", "--scenario=txn"], "has no {port}"),
        (
            &["--server=tcp:127.0.0.1:1", "--ca-cert=ca.pem"],
            "--ca-cert means nothing to --server tcp:127.0.0.1:1",
        ),
        (
            &["--server=tcp:127.0.0.1:1", "--unix"],
            "cannot be used with '--unix'",
        ),
        (
            &["--spawn", &ours, "--schema", &schema, "--scenario=fanout"],
            ": the database Other has no table SB_Global, which is needed",
        ),
        (
            &["--schema=/nowhere", "--scenario=txn"],
            "--schema /nowhere: No such file or directory",
        ),
        (
            &["--workload=/nowhere.toml"],
            "--workload /nowhere.toml: No such file or directory",
        ),
        (
            &["--workload", &mistaken],
            ".toml:2: clients: invalid type: string",
        ),
        (
            &["--workload", &strange, "--spawn", &ours],
            ": the database OVN_Southbound has no table Towns, which is needed",
        ),
        (
            &["--workload", &strange, "--scenario=txn"],
            "the argument '--workload <FILE>' cannot be used with '--scenario <NAME>'",
        ),
        (
            &["--scenario=compact", "--spawn", "/nowhere {db} {port}"],
            "the server ended with exit status: 127 instead of serving",
        ),
        (
            &["--schema", &broken, "--scenario=txn"],
            "broken.ovsschema: this is not JSON: ",
        ),
        (
            &["--schema", &strange, "--scenario=txn"],
            "strange.toml: this is not JSON: ",
        ),
        (&["--nonsense"], "unexpected argument '--nonsense'"),
        (&["--clints=5"], "(tip: a similar argument exists: '--clients')"),
        (&["--clients=0"], "invalid value '0' for '--clients <N>'"),
        (&["--rate=-1"], "a number above 0 is needed"),
        (&["--patience=1e300"], "1000000 at most"),
        (
            &["--scenario=connect", "--rate=100"],
            "--rate means nothing to connect",
        ),
        (
            &["--scenario=txn", "--scenario=fanout", "--depth=7"],
            "--depth means nothing to fanout",
        ),
        (
            &["--scenario=storm", "--durable"],
            "--durable means nothing to storm",
        ),
        (
            &["--server=tcp:127.0.0.1:1", "--tls"],
            "--tls is for servers that are started; with --server tcp:127.0.0.1:1 use ssl:HOST:PORT",
        ),
        (&["--rate=1e-20"], "0.000001 at least"),
        (
            &["--rate=1e6", "--seconds=1e6"],
            "are more than 100000000 transactions",
        ),
        (&["--json", &directory], "this is a directory"),
        (&["--report", &directory], "this is a directory"),
        (
            &["--json=/nowhere/results.json"],
            "--json /nowhere/results.json: No such file or directory",
        ),
        (&["--report=/proc/page.html"], "--report /proc/page.html: "),
    ] {
        let (succeeded, _, errors) = run(arguments);
        assert!(!succeeded, "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{arguments:?}: {errors}");
        assert!(!errors.contains(".loadgen-"), "{errors}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_has_a_status_of_its_own() {
    for (arguments, expected) in [
        (&["--nonsense"][..], 2),
        (&["--scenario=nonsense"], 2),
        (&["--schema=/nowhere"], 2),
        (&["--json=x", "--report=x"], 2),
        (&["compare", "/nowhere", "/nowhere"], 2),
        (&["--scenario=txn", "--server=tcp:127.0.0.1:1"], 1),
        (&["--list"], 0),
        (&["--completion=tea"], 2),
        (&["--help"], 0),
        (&["--version"], 0),
    ] {
        let status = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("loadgen can be run");
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn the_list_marks_what_runs_by_default() {
    let (_, list, _) = run(&["--list"]);
    let marked: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("● ")?.split(' ').next())
        .filter(|name| *name != "runs")
        .collect();
    let mut default = loadgen::scenario::DEFAULT.to_vec();
    default.sort_by_key(|name| {
        loadgen::scenario::SCENARIOS
            .iter()
            .position(|scenario| scenario.name == *name)
    });
    assert_eq!(marked, default);
}

#[test]
fn the_manual_page_and_the_completions_name_every_option() {
    let (_, help, _) = run(&["--help"]);
    let (succeeded, manual, errors) = run(&["--man"]);
    assert!(succeeded, "{errors}");
    let manual = manual.replace("\\-", "-");
    assert!(manual.contains("\n.TH loadgen 1 "), "{manual}");
    let (_, completion, _) = run(&["--completion=bash"]);
    let options = help.lines().filter(|line| line.trim_start().starts_with("--"));
    let names: Vec<&str> = options
        .filter_map(|line| line.trim_start().split([' ', '=']).next())
        .collect();
    assert!(names.len() > 10, "{help}");
    for name in names {
        assert!(manual.contains(name), "{name} is not in the manual");
        assert!(completion.contains(name), "{name} is not completed");
    }
}

#[test]
fn a_workload_file_is_played() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/site.toml");
    for server in [Peer::Ours.server(), packaged_program("ovsdb-server")] {
        let (succeeded, table, errors) = run(&["--spawn", &spawn(&server), "--workload", example]);
        assert!(succeeded, "{errors}");
        assert!(table.starts_with("site (19 clients)"), "{table}");
        assert!(table.contains("synchronisation p99"), "{table}");
    }
}

#[test]
fn rates_are_kept() {
    let ours = spawn(&Peer::Ours.server());
    for scenario in ["txn", "fanout", "condfan", "claim"] {
        let (succeeded, table, errors) = run(&["--spawn", &ours, "--rate=50", "--scenario", scenario]);
        assert!(succeeded, "{scenario}: {errors}");
        assert!(table.starts_with(scenario), "{table}");
    }
}

#[test]
fn too_low_a_limit_of_descriptors_is_told_of() {
    let program = env!("CARGO_BIN_EXE_loadgen");
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -n 100; exec {program} --clients=500 --scenario=connect"),
        ])
        .output()
        .expect("there is a shell");
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    let expected = "loadgen: connect on ovsdb-server (ours): 500 clients need 564 open files, but the limit is 100; raise it with: \
         ulimit -n 564\n";
    assert_eq!(errors, expected);
}

#[test]
fn a_server_that_dies_is_told_of() {
    for scenario in ["txn", "fanout"] {
        let errors = signal_in(scenario, "-KILL", &["--rate=2000"]);
        assert!(errors.contains("the server ended with signal: 9"), "{errors}");
    }
}

#[test]
fn a_server_that_stops_answering_is_told_of() {
    let errors = signal_in("txn", "-STOP", &["--patience=2"]);
    assert!(
        errors.contains("after 2 seconds without progress the next reply is still to come ("),
        "{errors}"
    );
    assert!(errors.contains("; the server is silent"), "{errors}");
}

/// Nothing comes where nothing is asked.
#[test]
fn silence_between_two_requests_is_no_fault() {
    let ours = spawn(&Peer::Ours.server());
    let (succeeded, _, errors) = run(&[
        "--spawn",
        &ours,
        "--scenario=txn",
        "--rate=0.5",
        "--seconds=4",
        "--patience=1.5",
    ]);
    assert!(succeeded, "{errors}");
}

/// Sends a signal to the server of a scenario that is under way, which fails by that; gives the error.
fn signal_in(scenario: &str, signal: &str, more: &[&str]) -> String {
    let scratch = Scratch::new();
    let pid = scratch.join("pid");
    let server = format!(
        "sh -c 'echo $$ > {}; exec {}'",
        pid.display(),
        spawn(&Peer::Ours.server())
    );
    let running = loadgen(&["--spawn", &server, "--scenario", scenario, "--seconds=30"])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen can be run");
    let pid = wait::until("the server's start", || {
        std::fs::read_to_string(&pid).ok()?.trim().parse::<i32>().ok()
    });
    // Some transactions into the run.
    wait::until("the server's having worked", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
        (stat.split(' ').next()?.parse::<u64>().ok()? > 300_000_000).then_some(())
    });
    assert!(
        Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .expect("kill can be run")
            .success()
    );
    let output = running.wait_with_output().expect("it is ours");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors.into_owned()
}

#[test]
fn a_server_that_is_not_ours_is_left_alone() {
    let server = Liar::start(Lie::Closes);
    for scenario in ["open", "compact", "restart"] {
        let (succeeded, _, errors) = run(&["--server", &server.remote(), "--scenario", scenario]);
        assert!(!succeeded, "{scenario}");
        assert!(errors.contains("use --spawn instead of --server"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

/// One that accepts connections and says nothing.
#[test]
fn a_silent_server_is_waited_for_as_long_as_asked() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let remote = format!("tcp:{}", listener.local_addr().expect("it is bound"));
    let scratch = Scratch::new();
    let port = scratch.join("port");
    let silent = format!(
        "sh -c 'echo {{port}} > {}; exec sleep 600' {{db}}",
        port.display()
    );
    std::thread::spawn(move || {
        let port: u16 = wait::until("the start", || {
            std::fs::read_to_string(&port)
                .ok()?
                .strip_suffix('\n')?
                .parse()
                .ok()
        });
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let _silent: Vec<_> = listener.incoming().collect();
    });
    for (arguments, expected) in [
        (
            ["--server", &remote],
            "is silent: the answer to list_dbs has not come in 0.5 seconds",
        ),
        (
            ["--spawn", &silent],
            "is silent: the server listens, but has not answered in 0.5 seconds",
        ),
    ] {
        let start = Instant::now();
        let (succeeded, _, errors) = run(&[&arguments[..], &["--patience=0.5", "--scenario=txn"]].concat());
        assert!(!succeeded);
        assert!(errors.contains(expected), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    }
}
