//! Outputs that must be equal byte for byte: standard output, standard error and exit status.

use std::path::PathBuf;

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, ServerOptions, wait};
use serde_json::json;

/// A schema with all types, in which rows are told apart by their names.
const SCHEMA: &str = r#"{"name": "Zoo", "version": "1.2.3", "cksum": "1 2", "tables": {
    "Cage": {"isRoot": true, "columns": {
        "name": {"type": "string"},
        "keeper": {"type": {"key": "string", "min": 0, "max": 1}},
        "weights": {"type": {"key": "real", "min": 0, "max": "unlimited"}},
        "counts": {"type": {"key": "string", "value": "integer", "min": 0, "max": "unlimited"}},
        "open": {"type": "boolean"},
        "next": {"type": {"key": {"type": "uuid", "refTable": "Cage", "refType": "weak"}, "min": 0}},
        "seen": {"type": "integer", "ephemeral": true}}},
    "Note": {"isRoot": true, "columns": {
        "text": {"type": {"key": {"type": "string", "enum": ["set", ["a", "b c"]]}}}}}}}"#;

/// Texts that need quotes, escapes and entities; no cage for the empty table is needed, `Note` stays empty.
const FILL: &str = r#"["Zoo",
    {"op": "insert", "table": "Cage", "uuid-name": "one", "row": {"name": "lion's \"den\", <b>&\n",
        "keeper": "Ann", "weights": ["set", [1.5, 0.1, 1e20]], "open": true, "seen": 7}},
    {"op": "insert", "table": "Cage", "row": {"name": "true", "next": ["named-uuid", "one"],
        "counts": ["map", [["ape", 2], ["b c", -1], ["été", 9007199254740993]]]}},
    {"op": "insert", "table": "Cage", "row": {"name": "aviary", "keeper": "Bob Lee"}}]"#;

/// Runs the same command of both peers; only times in lines of the log may differ.
fn assert_equal(scratch: &Scratch, program: impl Fn(Peer) -> PathBuf, words: &[&str]) {
    let [ours, packaged] = [Peer::under_test(), Peer::Packaged].map(|peer| {
        let path = program(peer);
        let finished = run(scratch.command(&path).args(words));
        // The C library names the program by its path, upstream by its name.
        let directory = format!(
            "{}/",
            path.parent().expect("a program lies in a directory").display()
        );
        let stderr = without_times(&finished.stderr.replace(&directory, ""));
        (finished.stdout, stderr, finished.status.code())
    });
    assert_eq!(ours, packaged, "{words:?}");
}

/// Cuts the time off lines such as `2026-07-01T12:34:56Z|00001|reconnect|INFO|…`.
fn without_times(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| match line.split_once('|') {
            Some((time, rest)) if time.ends_with('Z') => rest,
            _ => line,
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn command_lines_are_understood_alike() {
    let scratch = Scratch::new();
    let both: &[&[&str]] = &[
        &[],
        &["nonsense"],
        &["--nonsense"],
        &["--nonsense=1", "--help"],
        &["-x"],
        &["--ver"],
        &["--verbose=nonsense:console:dbg", "help"],
        &["-vnonsense", "help"],
        &["--version=1"],
        &["--", "--version"],
    ];
    for words in both {
        assert_equal(&scratch, Peer::tool, words);
        assert_equal(&scratch, Peer::client, words);
    }
    let tool: &[&[&str]] = &[
        &["--cid"],
        &["--cid=1", "db-name"],
        &["--election-timer=99", "db-name"],
        &["-mx", "show-log"],
        &["create", "a", "b", "c"],
        &["query"],
        &["compare-versions", "1.0.0", "<"],
        &["compare-versions", "1.0", "<", "1.0.0"],
        &["compare-versions", "1.0.0", "=", "1.0.0"],
        &["compare-versions", "1.10.0", ">", "1.9.9"],
    ];
    for words in tool {
        assert_equal(&scratch, Peer::tool, words);
    }
    let client: &[&[&str]] = &[
        &["-t"],
        &["-t", "0", "list-dbs"],
        &["--timeout=x", "list-dbs"],
        &["-f", "nonsense", "list-dbs"],
        &["--data=nonsense", "list-dbs"],
        &["list-dbs", "unix:missing.sock"],
        &["list-dbs", "tcp:127.0.0.1:1"],
        &["list-dbs", "nonsense:1"],
        &["list-dbs"],
        &["dump", "unix:a.sock,unix:b.sock", "Zoo"],
        &["dump", "unix:a.sock,unix:b.sock"],
        &["transact", "["],
        &["transact", "[1]"],
        &["transact", "{}"],
        &["query", "{}"],
        &["transact"],
        &["transact", "a", "b", "c"],
        &["wait", "Zoo"],
        &["wait", "Zoo", "nonsense"],
    ];
    for words in client {
        assert_equal(&scratch, Peer::client, words);
    }
}

#[test]
fn schema_and_database_files_are_refused_alike() {
    let scratch = Scratch::new();
    let schemas: &[(&str, &str)] = &[
        ("no-tables", r#"{"name": "Zoo"}"#),
        ("torn", r#"{"name": "Zoo""#),
        ("array", "[]"),
        ("empty", ""),
        (
            "type",
            r#"{"name": "Zoo", "tables": {"T": {"columns": {"c": {"type": "stone"}}}}}"#,
        ),
        ("member", r#"{"name": "Zoo", "tables": {}, "more": 1}"#),
        ("version", r#"{"name": "Zoo", "version": "1", "tables": {}}"#),
    ];
    for (name, text) in schemas {
        scratch.write(name, text);
        assert_equal(&scratch, Peer::tool, &["schema-name", name]);
        assert_equal(&scratch, Peer::tool, &["create", "new.db", name]);
    }
    let schema = scratch.write("zoo.ovsschema", SCHEMA);
    let file = create_database(Peer::Packaged, &scratch, "zoo.db", &schema);
    let whole = std::fs::read(&file).expect("the database is there");
    let with_tail = |name: &str, tail: &str| scratch.write(name, [&whole, tail.as_bytes()].concat());
    with_tail("header.db", "OVSDB JSON 10 nonsense\n");
    with_tail(
        "short.db",
        "OVSDB JSON 100 a6a7ea6a69d2d1d7e2ee1b2a6e0de5cb9a4e8c55\n{}",
    );
    with_tail(
        "hash.db",
        "OVSDB JSON 3 a6a7ea6a69d2d1d7e2ee1b2a6e0de5cb9a4e8c55\n{}\n",
    );
    scratch.write("empty.db", "");
    scratch.write("text.db", "once upon a time\n");
    let schema_path = schema.to_str().expect("a plain path");
    for words in [
        ["db-name"].as_slice(),
        &["db-version"],
        &["db-is-standalone"],
        &["show-log"],
        &["compact"],
        &["needs-conversion"],
        &["db-cid"],
    ] {
        for file in [
            "missing.db",
            "empty.db",
            "text.db",
            "header.db",
            "short.db",
            "hash.db",
            "zoo.db",
        ] {
            let mut words = words.to_vec();
            words.push(file);
            if words[0] == "needs-conversion" {
                words.push(schema_path);
            }
            assert_equal(&scratch, Peer::tool, &words);
        }
    }
    for file in ["missing.db", "empty.db", "text.db", "zoo.db"] {
        assert_equal(&scratch, Peer::tool, &["check-cluster", file]);
    }
    // What is no database is not replaced by one.
    assert_equal(&scratch, Peer::tool, &["compact", "zoo.db", "text.db"]);
    assert_equal(
        &scratch,
        Peer::tool,
        &["convert", "zoo.db", schema_path, "text.db"],
    );
    assert_equal(&scratch, Peer::tool, &["db-name", "text.db"]);
    assert_equal(&scratch, Peer::tool, &["create", "zoo.db", schema_path]);
    for request in [
        "[]",
        "{}",
        "[1]",
        r#"["Other"]"#,
        "[",
        r#"["Zoo",{"op":"nonsense"}]"#,
    ] {
        for file in ["missing.db", "short.db", "zoo.db"] {
            assert_equal(&scratch, Peer::tool, &["query", file, request]);
        }
    }
}

#[test]
fn a_file_that_a_server_holds_is_not_written() {
    let scratch = Scratch::new();
    let schema = scratch.write("zoo.ovsschema", SCHEMA);
    let file = create_database(Peer::Packaged, &scratch, "zoo.db", &schema);
    for holder in [Peer::Packaged, Peer::under_test()] {
        let server = ServerOptions::new(holder, "zoo").database(&file).start(&scratch);
        for words in [
            ["transact", "zoo.db", r#"["Zoo"]"#].as_slice(),
            &["compact", "zoo.db"],
            &["convert", "zoo.db", "zoo.ovsschema"],
        ] {
            for peer in [Peer::under_test(), Peer::Packaged] {
                let finished = run(scratch.command(peer.tool()).args(words));
                assert_eq!(finished.status.code(), Some(1), "{words:?}: {}", finished.text());
                let complaint = "zoo.db: failed to lock lockfile (Resource temporarily unavailable)\n";
                assert!(
                    finished.stderr.ends_with(complaint),
                    "{words:?}: {}",
                    finished.stderr
                );
                let holder = format!(
                    "cannot lock file because it is already locked by pid {}",
                    server.pid()
                );
                assert!(
                    finished.stderr.contains(&holder),
                    "{words:?}: {}",
                    finished.stderr
                );
            }
        }
        assert_equal(&scratch, Peer::tool, &["db-version", "zoo.db"]);
        assert_equal(&scratch, Peer::tool, &["show-log", "zoo.db"]);
        server.stop();
    }
}

#[test]
fn clients_print_the_same_of_either_server() {
    let scratch = Scratch::new();
    let schema = scratch.write("zoo.ovsschema", SCHEMA);
    for holder in [Peer::Packaged, Peer::under_test()] {
        let name = format!("{holder:?}");
        let file = create_database(holder, &scratch, &format!("{name}.db"), &schema);
        let server = ServerOptions::new(holder, &name).database(&file).start(&scratch);
        let fill: Vec<serde_json::Value> = serde_json::from_str(FILL).expect("JSON");
        server.client().transact("Zoo", json!(fill[1..]));
        let target = server.remote().target();
        let formats = ["table", "list", "html", "csv", "json"];
        let cells = ["string", "bare", "json"];
        for format in formats {
            for cell in cells {
                assert_equal(
                    &scratch,
                    Peer::client,
                    &["-f", format, "-d", cell, "dump", &target, "Zoo"],
                );
            }
        }
        let two = format!("unix:missing.sock,{target}");
        let commands: &[&[&str]] = &[
            &["list-dbs", &target],
            &["get-schema", &target],
            &["--pretty", "get-schema", &target, "Zoo"],
            &["get-schema-version", &target],
            &["get-schema-cksum", &target],
            &["dump", &target],
            &["dump", "--bare", &target, "Cage"],
            &["dump", "--no-headings", &target, "Cage", "name", "counts"],
            &["dump", "--max-column-width=7", &target, "Zoo", "Cage"],
            &["--pretty", "-f", "json", "dump", &target, "Cage"],
            &["dump", &target, "Nope"],
            &["dump", &target, "Cage", "nope"],
            &[
                "dump",
                &target,
                "_Server",
                "Database",
                "name",
                "model",
                "connected",
            ],
            &["dump", &two, "Zoo", "Cage"],
            &["dump", &two],
            &["list-columns", &target, "Zoo", "Cage", "more"],
            &["transact", &target, r#"["Zoo"]"#],
            &["transact", &target, r#"["Nope"]"#],
            &[
                "transact",
                &target,
                r#"["Zoo", {"op": "nonsense"}, {"op": "abort"}]"#,
            ],
            &[
                "query",
                &target,
                r#"["Zoo", {"op": "delete", "table": "Cage", "where": []}]"#,
            ],
            &["query", &target, r#"["Zoo", {"op": "abort"}]"#],
            &["query", &target, r#"["Zoo"]"#],
            &["needs-conversion", &target, "zoo.ovsschema"],
            &["wait", &target, "Zoo", "added"],
            &["wait", &target, "Zoo", "connected"],
            &["wait", &target, "Nope", "removed"],
            &["monitor", &target, "Nope"],
            &["monitor", &target, "Zoo", "Cage", "nope"],
            &["monitor", &target, "Zoo", "Cage", "name,open", "open"],
            &["monitor-cond", &target, "[", "Cage"],
            &["monitor-cond", &target, "[[1]]", "Cage"],
            &["monitor-cond", &target, "[]", "ALL"],
            &["monitor-cond", &target, "Cage"],
        ];
        for words in commands {
            assert_equal(&scratch, Peer::client, words);
        }
        server.stop();
    }
}

#[test]
fn versions_and_help_are_what_scripts_look_for() {
    let scratch = Scratch::new();
    for program in [Peer::tool, Peer::client, Peer::server] {
        let version = run(scratch.command(program(Peer::under_test())).arg("--version"));
        let first = version.stdout.lines().next().expect("a version");
        let number = first.rsplit(' ').next().expect("a last word");
        let numbers: Vec<u32> = number
            .split('.')
            .map(|part| part.parse().expect("a number"))
            .collect();
        assert!(
            first.contains(" (Open vSwitch) ") && numbers >= vec![2, 5, 90],
            "{first}"
        );
        for word in ["--help", "-h"] {
            let help = run(scratch.command(program(Peer::under_test())).arg(word));
            assert!(help.status.success() && help.stderr.is_empty() && help.stdout.contains("Usage:"));
        }
    }
    let help = run(scratch.command(Peer::under_test().tool()).arg("help"));
    assert!(help.stdout.contains("--election-timer"), "{}", help.stdout);
}

/// A backup is a database file for both tools, and restoring it by either client gives the same contents.
#[test]
fn backups_are_restored() {
    let scratch = Scratch::new();
    let schema = scratch.write("zoo.ovsschema", SCHEMA);
    let file = create_database(Peer::Packaged, &scratch, "zoo.db", &schema);
    let server = ServerOptions::new(Peer::Packaged, "zoo")
        .database(&file)
        .start(&scratch);
    let fill: Vec<serde_json::Value> = serde_json::from_str(FILL).expect("JSON");
    server.client().transact("Zoo", json!(fill[1..]));
    let target = server.remote().target();
    let dump = || {
        let columns = ["name", "keeper", "weights", "counts", "open"];
        let mut command = scratch.command(Peer::Packaged.client());
        let mut text = run(command.args(["dump", &target, "Cage"]).args(columns)).stdout;
        let query = r#"["Zoo", {"op": "select", "table": "Cage", "where": [["next", "!=", ["set", []]]], "columns": ["name"]}]"#;
        text += &run(scratch
            .command(Peer::Packaged.client())
            .args(["transact", &target, query]))
        .stdout;
        text
    };
    let before = dump();
    for (saver, restorer) in [
        (Peer::under_test(), Peer::Packaged),
        (Peer::Packaged, Peer::under_test()),
    ] {
        let backup = run(scratch.command(saver.client()).args(["backup", &target]));
        assert!(backup.status.success(), "{}", backup.stderr);
        scratch.write("backup.db", &backup.stdout);
        for peer in [saver, restorer] {
            let name = run(scratch.command(peer.tool()).args(["db-name", "backup.db"]));
            assert_eq!(name.stdout, "Zoo\n");
        }
        server
            .client()
            .transact("Zoo", json!([{"op": "delete", "table": "Cage", "where": []}]));
        assert_ne!(dump(), before);
        let input = std::fs::File::open(scratch.join("backup.db")).expect("the backup is there");
        let mut restore = scratch
            .command(restorer.client())
            .args(["restore", &target])
            .stdin(input)
            .spawn()
            .expect("the client can be started");
        let status = wait::until("the end of the restore", || restore.try_wait().expect("a child"));
        assert!(status.success());
        assert_eq!(dump(), before);
    }
    server.stop();
}

/// In place, through a link, and to a link that leads nowhere yet: the link stays one.
#[test]
fn compaction_follows_links() {
    use std::os::unix::fs::symlink;
    let scratch = Scratch::new();
    let schema = scratch.write("zoo.ovsschema", SCHEMA);
    create_database(Peer::Packaged, &scratch, "zoo.db", &schema);
    for peer in [Peer::Packaged, Peer::under_test()] {
        run_ok(scratch.command(peer.tool()).args(["transact", "zoo.db", FILL]));
        let records = |name: &str| {
            let text = std::fs::read_to_string(scratch.join(name)).expect("the database is there");
            text.matches("OVSDB JSON").count()
        };
        assert_eq!(records("zoo.db"), 2 + usize::from(peer == Peer::under_test()));
        let link = scratch.join("link.db");
        let other = scratch.join("other.db");
        symlink("zoo.db", &link).expect("can make a link");
        symlink("new.db", &other).expect("can make a link");
        run_ok(
            scratch
                .command(peer.tool())
                .args(["compact", "link.db", "other.db"]),
        );
        run_ok(scratch.command(peer.tool()).args(["compact", "link.db"]));
        for name in ["link.db", "other.db"] {
            let kind = scratch
                .join(name)
                .symlink_metadata()
                .expect("the link is there")
                .file_type();
            assert!(kind.is_symlink(), "{peer:?} {name}");
            assert_eq!(records(name), 2, "{peer:?} {name}");
            std::fs::remove_file(scratch.join(name)).expect("the link is there");
        }
        std::fs::remove_file(scratch.join("new.db")).expect("the link led there");
    }
}
