//! `ovsdb-tool` and `ovsdb-client` beside the packaged ones: the same arguments on the same file or server give the
//! same output and the same exit status, so that scripts which read them go on working.

mod background;
mod exact;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ovsdb_harness::command::{Finished, run, run_ok};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Daemon, Peer, Scratch, Server, ServerOptions, schema, wait};
use serde_json::{Value, json};

/// A transaction that uses sets, references and texts with characters that need quoting.
const FILL: &str = r#"["Load",
    {"op":"insert","table":"Item","uuid-name":"first","row":{"number":1,"name":"plain"}},
    {"op":"insert","table":"Item","row":{"number":-2,"name":"qu\"o,te d","tags":["set",["b","a c"]],
        "peer":["named-uuid","first"]}},
    {"op":"insert","table":"Counter","row":{"name":"c","total":9007199254740993}},
    {"op":"comment","comment":"filled by a test"}]"#;

/// A file with the load schema that the packaged tools have made and filled.
fn filled(scratch: &Scratch) -> PathBuf {
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(Peer::Packaged, scratch, "load.db", &schema);
    run_ok(
        scratch
            .command(Peer::Packaged.tool())
            .arg("transact")
            .arg(&file)
            .arg(FILL),
    );
    file
}

/// Lines in an order of their own: the packaged programs print some lists in that of a hash table.
fn sorted_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// The rows of each result of a transaction as JSON, in an order of their own.
fn sorted_rows(text: &str) -> Vec<Vec<String>> {
    let results: Vec<Value> = serde_json::from_str(text).expect("results are a JSON array");
    let rows = results
        .iter()
        .map(|result| result["rows"].as_array().expect("a result with rows"));
    rows.map(|rows| {
        let mut texts: Vec<String> = rows.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        texts
    })
    .collect()
}

/// Runs the same command of both peers and compares what they leave behind, but for the order of lines and for the
/// wording of failures.
fn assert_same(scratch: &Scratch, program: impl Fn(Peer) -> PathBuf, words: &[&str]) -> Finished {
    let [ours, packaged] =
        [Peer::under_test(), Peer::Packaged].map(|peer| run(scratch.command(program(peer)).args(words)));
    assert_eq!(
        ours.status.code(),
        packaged.status.code(),
        "{words:?}: {}\n{}",
        ours.text(),
        packaged.text()
    );
    assert_eq!(
        sorted_lines(&ours.stdout),
        sorted_lines(&packaged.stdout),
        "{words:?}"
    );
    // A success may be accompanied by lines of the log; a failure says why.
    assert!(
        ours.status.success() || ours.stderr.is_empty() == packaged.stderr.is_empty(),
        "{words:?}: silent"
    );
    ours
}

#[test]
fn the_file_tool_says_what_the_packaged_one_says() {
    let scratch = Scratch::new();
    let file = filled(&scratch);
    let file = file.to_str().expect("a plain path");
    let schema = scratch.join("load.ovsschema");
    let schema = schema.to_str().expect("a plain path");
    let newer = scratch.write("newer.ovsschema", schema::LOAD.replace("1.0.0", "1.1.0"));
    let newer = newer.to_str().expect("a plain path");
    let select =
        r#"["Load",{"op":"select","table":"Item","where":[["number","<",0]],"columns":["name","tags"]}]"#;
    let commands: &[&[&str]] = &[
        &["db-name", file],
        &["db-version", file],
        &["db-cksum", file],
        &["db-is-standalone", file],
        &["db-is-clustered", file],
        &["schema-name", schema],
        &["schema-version", schema],
        &["schema-cksum", schema],
        &["needs-conversion", file, schema],
        &["needs-conversion", file, newer],
        &["query", file, select],
        &["compare-versions", "1.2.3", "<", "1.10.0"],
        &["compare-versions", "1.2.3", ">", "1.10.0"],
        &["db-name", "missing.db"],
        &["db-name"],
        &["schema-name", file],
        &["nonsense"],
    ];
    for words in commands {
        assert_same(&scratch, Peer::tool, words);
    }
    for schema in [schema::VSWITCH, schema::OVN_NORTHBOUND, schema::OVN_SOUTHBOUND] {
        let schema = schema::installed(schema);
        let schema = schema.to_str().expect("a plain path");
        for command in ["schema-name", "schema-version", "schema-cksum"] {
            assert_same(&scratch, Peer::tool, &[command, schema]);
        }
    }
}

#[test]
fn the_log_is_shown_as_the_packaged_tool_shows_it() {
    let scratch = Scratch::new();
    let file = filled(&scratch);
    let file = file.to_str().expect("a plain path");
    for words in [
        ["show-log", file].as_slice(),
        &["-m", "show-log", file],
        &["-mm", "show-log", file],
    ] {
        assert_same(&scratch, Peer::tool, words);
    }
}

/// What one tool has made or changed, the other reads as its own.
#[test]
fn files_of_either_tool_are_files_of_the_other() {
    let select = r#"["Load",{"op":"select","table":"Item","where":[],"columns":["number","name","tags"]},
        {"op":"select","table":"Counter","where":[],"columns":["name","total"]}]"#;
    let newer = schema::LOAD.replace("1.0.0", "1.1.0").replace(
        r#""number": {"type": "integer"},"#,
        r#""number": {"type": "integer"}, "added": {"type": "string"},"#,
    );
    for (writer, reader) in [
        (Peer::under_test(), Peer::Packaged),
        (Peer::Packaged, Peer::under_test()),
    ] {
        let scratch = Scratch::new();
        let schema = scratch.write("load.ovsschema", schema::LOAD);
        let newer = scratch.write("newer.ovsschema", &newer);
        let file = create_database(writer, &scratch, "load.db", &schema);
        let tool = |peer: Peer, words: &[&str]| run_ok(scratch.command(peer.tool()).args(words)).stdout;
        let name = file.to_str().expect("a plain path");
        let query = |peer: Peer| sorted_rows(&tool(peer, &["query", name, select]));
        tool(writer, &["transact", name, FILL]);
        let content = query(reader);
        assert_eq!((content[0].len(), content[1].len()), (2, 1));
        assert_eq!(query(writer), content);

        tool(writer, &["compact", name]);
        assert_eq!(query(reader), content);
        assert_eq!(
            fs::read_to_string(&file)
                .expect("a text")
                .matches("OVSDB JSON")
                .count(),
            2
        );

        tool(writer, &["convert", name, newer.to_str().expect("a plain path")]);
        assert_eq!(tool(reader, &["db-version", name]), "1.1.0\n");
        assert_eq!(query(reader), content);
        tool(
            reader,
            &[
                "transact",
                name,
                r#"["Load",{"op":"delete","table":"Item","where":[["number","==",1]]}]"#,
            ],
        );
        assert_eq!(query(reader), query(writer));
        assert_eq!(query(reader)[0].len(), 1);
    }
}

/// A packaged server with the filled database; what is compared are the clients.
fn packaged_server(scratch: &Scratch) -> Server {
    let file = filled(scratch);
    ServerOptions::new(Peer::Packaged, "load")
        .database(&file)
        .start(scratch)
}

#[test]
fn the_client_says_what_the_packaged_one_says() {
    let scratch = Scratch::new();
    let server = packaged_server(&scratch);
    let target = server.remote().target();
    let target = target.as_str();
    let select =
        r#"["Load",{"op":"select","table":"Item","where":[["number","<",0]],"columns":["name","tags"]}]"#;
    let refused = r#"["Load",{"op":"select","table":"Nope","where":[]}]"#;
    let commands: &[&[&str]] = &[
        &["list-dbs", target],
        &["get-schema", target, "Load"],
        &["get-schema-version", target, "Load"],
        &["get-schema-cksum", target, "Load"],
        &["list-tables", target, "Load"],
        &["list-columns", target, "Load"],
        &["list-columns", target, "Load", "Item"],
        &["transact", target, select],
        &["transact", target, refused],
        &["query", target, select],
        &["dump", target, "Load"],
        &["dump", target, "Load", "Item", "name", "tags"],
        &["--format=json", "dump", target, "Load", "Item", "name", "tags"],
        &["--format=csv", "dump", target, "Load", "Item", "name", "tags"],
        &["--format=list", "dump", target, "Load", "Item", "number", "peer"],
        &[
            "--format=html",
            "dump",
            target,
            "Load",
            "Counter",
            "name",
            "total",
        ],
        &[
            "--no-headings",
            "--data=bare",
            "dump",
            target,
            "Load",
            "Item",
            "name",
            "tags",
        ],
        &["wait", target, "Load", "connected"],
        &["dump", target, "Nope"],
        &["list-dbs", "unix:missing.sock"],
        &["nonsense"],
    ];
    for words in commands {
        assert_same(&scratch, Peer::client, words);
    }
    server.stop();
}

/// Both clients watch the same changes and print the same.
#[test]
fn monitors_print_what_those_of_the_packaged_client_print() {
    let scratch = Scratch::new();
    let server = packaged_server(&scratch);
    let target = server.remote().target();
    let watch = |peer: Peer, words: &[&str]| {
        let name = format!("{peer:?}-{}", words[1]);
        let mut command = scratch.command(peer.client());
        command.args(words).arg("-vsyslog:off");
        Daemon::start(&name, command, &scratch.join(&format!("{name}.log")))
    };
    let monitor = ["--format=json", "monitor", &target, "Load", "Item", "name,number"];
    let conditional = [
        "--format=json",
        "monitor-cond",
        &target,
        "Load",
        r#"[["number",">",0]]"#,
        "Item",
        "name,number",
    ];
    let watchers: Vec<[Daemon; 2]> = [monitor.as_slice(), &conditional]
        .iter()
        .map(|words| [Peer::under_test(), Peer::Packaged].map(|peer| watch(peer, words)))
        .collect();
    for pair in &watchers {
        for watcher in pair {
            wait::until("the initial contents", || {
                watcher.log().contains("plain").then_some(())
            });
        }
    }
    let mut client = server.client();
    for operations in [
        json!([{"op": "insert", "table": "Item", "row": {"number": 3, "name": "new"}}]),
        json!([{"op": "update", "table": "Item", "where": [["number", "==", 1]], "row": {"name": "changed"}}]),
        json!([{"op": "delete", "table": "Item", "where": [["name", "==", "changed"]]}]),
        json!([{"op": "insert", "table": "Item", "row": {"number": 4, "name": "last"}}]),
    ] {
        client.transact("Load", operations);
    }
    for [ours, packaged] in &watchers {
        wait::until_within(Duration::from_secs(30), "the last change", || {
            [ours, packaged]
                .iter()
                .all(|watcher| watcher.log().contains("last"))
                .then_some(())
        });
        assert_eq!(settled(ours), settled(packaged));
    }
    server.stop();
}

/// The tables that a monitor has printed, once the last one is whole. Rows of one table come in any order, and those
/// of transactions that came together may have been put in one.
fn settled(watcher: &Daemon) -> Vec<String> {
    let mut tables: Vec<String> = wait::until("a whole last line", || {
        let log = watcher.log();
        log.ends_with('\n')
            .then(|| log.lines().map(str::to_owned).collect())
    });
    for table in &mut tables {
        let mut rows: Vec<char> = table.chars().collect();
        rows.sort_unstable();
        *table = rows.into_iter().collect();
    }
    tables
}

/// The tools read their defaults from where the packaged ones do.
#[test]
fn defaults_are_those_of_the_machine() {
    let scratch = Scratch::new();
    let schema = schema::installed(schema::VSWITCH);
    for peer in [Peer::under_test(), Peer::Packaged] {
        run_ok(
            scratch
                .command(peer.tool())
                .args([Path::new("create"), &scratch.join("conf.db"), &schema]),
        );
        let name = run_ok(scratch.command(peer.tool()).arg("db-name")).stdout;
        assert_eq!(name, "Open_vSwitch\n");
        fs::remove_file(scratch.join("conf.db")).expect("the database is there");
    }
}
