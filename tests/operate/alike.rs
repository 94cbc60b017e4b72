//! The commands of the control socket beside the packaged server's: the same words, the same answers.

use std::collections::BTreeMap;
use std::fs;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, Server, ServerOptions, schema, wait};
use serde_json::json;

/// Commands in an order of their own; each may rest on those before it.
const COMMANDS: &[&[&str]] = &[
    &["nope"],
    &["list-commands", "x"],
    &["exit", "x"],
    &["coverage/read-counter"],
    &["coverage/read-counter", "nope"],
    &["coverage/show", "x"],
    &["memory/show", "x"],
    &["vlog/set"],
    &["vlog/set", "foo"],
    &["vlog/set", "foo:bar:baz"],
    &["vlog/set", "PATTERN:bogus:x"],
    &["vlog/set", "PATTERN:"],
    &["vlog/set", "FACILITY:bogus"],
    &["vlog/set", "FACILITY:local0"],
    &["vlog/set", "PATTERN:syslog:%D{%H}|%m"],
    &["vlog/set", "jsonrpc:syslog:dbg", "reconnect"],
    &["vlog/list-pattern"],
    &["vlog/disable-rate-limit"],
    &["vlog/disable-rate-limit", "jsonrpc"],
    &["vlog/disable-rate-limit", "nope"],
    &["vlog/enable-rate-limit"],
    &["vlog/enable-rate-limit", "jsonrpc", "nope"],
    &["vlog/reopen"],
    &["vlog/close"],
    &["ovsdb-server/list-dbs"],
    &["ovsdb-server/list-dbs", "x"],
    &["ovsdb-server/add-remote"],
    &["ovsdb-server/add-remote", "db:Load,Item"],
    &["ovsdb-server/add-remote", "db:Nope,Item,name"],
    &["ovsdb-server/add-remote", "db:Load,Nope,name"],
    &["ovsdb-server/add-remote", "db:Load,Item,nope"],
    &["ovsdb-server/add-remote", "db:Load,Item,tags"],
    &["ovsdb-server/add-remote", "db:Load,Item,tags"],
    &["ovsdb-server/add-remote", "punix:more.sock"],
    &["ovsdb-server/remove-remote", "nope"],
    &["ovsdb-server/remove-remote", "punix:more.sock"],
    &["ovsdb-server/remove-remote", "punix:more.sock"],
    &["ovsdb-server/add-db", "nope.db"],
    &["ovsdb-server/add-db", "load.db"],
    &["ovsdb-server/add-db"],
    &["ovsdb-server/remove-db", "nope"],
    &["ovsdb-server/remove-db", "_Server"],
    &["ovsdb-server/compact", "nope"],
    &["ovsdb-server/compact", "_Server"],
    &["ovsdb-server/compact", "a", "b"],
    &["ovsdb-server/compact", "Load"],
    &["ovsdb-server/compact"],
    &["ovsdb-server/tlog-list"],
    &["ovsdb-server/tlog-set"],
    &["ovsdb-server/tlog-set", "Load:Item", "perhaps"],
    &["ovsdb-server/tlog-set", "Load", "on"],
    &["ovsdb-server/tlog-set", "Load:", "on"],
    &["ovsdb-server/tlog-set", ":Item", "on"],
    &["ovsdb-server/tlog-set", "Load:Item:x", "on"],
    &["ovsdb-server/tlog-set", "Nope:Item", "on"],
    &["ovsdb-server/tlog-set", "Load:Nope", "on"],
    &["ovsdb-server/tlog-set", "Load::Counter", "ON"],
    &["ovsdb-server/tlog-set", "_Server:Database", "on"],
    &["ovsdb-server/tlog-set", "_Server:Database", "off"],
    &["ovsdb-server/tlog-list"],
    &["ovsdb-server/tlog-set", "Load:Counter", "off"],
    &["ovsdb-server/get-db-storage-status"],
    &["ovsdb-server/get-db-storage-status", "Load"],
    &["ovsdb-server/get-db-storage-status", "_Server"],
    &["ovsdb-server/get-db-storage-status", "Nope"],
    &["ovsdb-server/get-active-ovsdb-server"],
    &["ovsdb-server/set-active-ovsdb-server"],
    &["ovsdb-server/connect-active-ovsdb-server"],
    &["ovsdb-server/set-active-ovsdb-server", "tcp:192.0.2.1:6641"],
    &["ovsdb-server/get-active-ovsdb-server"],
    &["ovsdb-server/disconnect-active-ovsdb-server"],
    &["ovsdb-server/get-sync-exclude-tables"],
    &["ovsdb-server/set-sync-exclude-tables", "Load:Item"],
    &["ovsdb-server/get-sync-exclude-tables"],
    &["ovsdb-server/sync-status"],
    &["ovsdb-server/memory-trim-on-compaction"],
    &["ovsdb-server/memory-trim-on-compaction", "perhaps"],
    &["ovsdb-server/memory-trim-on-compaction", "on"],
    &["ovsdb-server/perf-counters-clear"],
    &["ovsdb-server/reconnect"],
];

/// A server with the load schema, and the directory it runs in, which no answer names.
pub(crate) fn start(peer: Peer, scratch: &Scratch) -> Server {
    let load = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(peer, scratch, "load.db", &load);
    ServerOptions::new(peer, "load").database(&file).start(scratch)
}

#[test]
fn commands_are_answered_in_the_same_words() {
    let [ours, packaged] = [Peer::under_test(), Peer::Packaged].map(|peer| {
        let scratch = Scratch::new();
        let server = start(peer, &scratch);
        let directory = format!("{}/", scratch.path().display());
        let answers: Vec<String> = COMMANDS
            .iter()
            .map(|words| {
                let answer = server.control(words[0], &words[1..]);
                let (Ok(text) | Err(text)) = &answer;
                let outcome = if answer.is_ok() { "ok" } else { "error" };
                let text = text.trim_end_matches('\n').replace(&directory, "");
                format!("{words:?}: {outcome}: {text}")
            })
            .collect();
        server.stop();
        answers
    });
    for (ours, packaged) in ours.iter().zip(&packaged) {
        assert_eq!(ours, packaged);
    }
}

/// The lines about one table, columns in an order of their own, as upstream writes them in that of a hash table.
fn changes_told(server: &Server, table: &str) -> Vec<Vec<String>> {
    let log = server.log();
    let begin = format!("|INFO|table:{table},");
    let told = log.lines().filter_map(|line| {
        let at = line.find(&begin)?;
        let mut columns: Vec<String> = line[at + begin.len()..]
            .split(',')
            .filter(|pair| !pair.starts_with("_uuid:") && !pair.starts_with("_version:"))
            .map(str::to_owned)
            .collect();
        columns.sort_unstable();
        Some(columns)
    });
    told.collect()
}

#[test]
fn changes_of_a_table_are_logged_while_an_operator_wants_it() {
    let [ours, packaged] = [Peer::under_test(), Peer::Packaged].map(|peer| {
        let scratch = Scratch::new();
        let server = start(peer, &scratch);
        let transact = |operation| {
            server.client().transact("Load", json!([operation]));
        };
        let insert =
            |name: &str| json!({"op": "insert", "table": "Counter", "row": {"name": name, "total": 1}});
        transact(insert("before"));
        server
            .control("ovsdb-server/tlog-set", &["Load:Counter", "on"])
            .expect("the table is there");
        transact(insert("two words"));
        let is_it = json!([["name", "==", "two words"]]);
        transact(json!({"op": "update", "table": "Counter", "where": is_it, "row": {"total": 2}}));
        // What changes nothing is not told.
        transact(json!({"op": "update", "table": "Counter", "where": is_it, "row": {"total": 2}}));
        transact(json!({"op": "insert", "table": "Item", "row": {"number": 1}}));
        transact(json!({"op": "delete", "table": "Counter", "where": is_it}));
        server
            .control("ovsdb-server/tlog-set", &["Load:Counter", "off"])
            .expect("the table is there");
        transact(insert("after"));
        let told = wait::until("the last change in the log", || {
            let told = changes_told(&server, "Counter");
            (told.len() >= 3).then_some(told)
        });
        assert!(changes_told(&server, "Item").is_empty(), "{peer:?}");
        server.stop();
        told
    });
    assert_eq!(ours, packaged);
    assert_eq!(
        ours,
        [
            ["name:\"two words\"", "op:inserted", "total:1"],
            ["name:\"two words\"", "op:updated", "total:2"],
            ["name:\"two words\"", "op:deleted", "total:2"]
        ]
    );
}

/// What the log says of messages and connections, without times, numbers and threads, by connection.
fn conversations(log: &str) -> BTreeMap<String, Vec<String>> {
    let mut told = BTreeMap::<String, Vec<String>>::new();
    for line in log.lines() {
        let fields: Vec<&str> = line.splitn(5, '|').collect();
        let [_, _, module, level, message] = fields[..] else {
            continue;
        };
        let module = module.split('(').next().unwrap_or(module);
        if let ("jsonrpc" | "reconnect", Some((name, text))) = (module, message.split_once(": ")) {
            let text = format!("{module}|{level}|{text}");
            told.entry(name.to_owned()).or_default().push(text);
        }
    }
    told
}

#[test]
fn messages_and_connections_are_logged_while_an_operator_wants_it() {
    let [ours, packaged] = [Peer::under_test(), Peer::Packaged].map(|peer| {
        let scratch = Scratch::new();
        let server = start(peer, &scratch);
        let say = |level: &str| {
            let words = [
                format!("jsonrpc:console:{level}"),
                format!("reconnect:console:{level}"),
            ];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            server.control("vlog/set", &words).expect("known words");
        };
        let quiet = conversations(&server.log());
        assert!(quiet.is_empty(), "{peer:?}: {quiet:?}");
        say("dbg");
        let (mut owner, mut thief) = (server.client(), server.client());
        let mut said = Vec::new();
        said.push(owner.call("echo", json!([{"a": ["é\n", 1.5]}])));
        said.push(owner.call("lock", json!(["door"])));
        said.push(thief.call("steal", json!(["door"])));
        said.push(thief.call("nope", json!([])));
        drop(owner.next_message(wait::DEADLINE).expect("the theft is told"));
        let mut told = Vec::new();
        // One after the other, as nobody is to be told of a lock that gets free.
        for (client, count) in [(thief, 1), (owner, 2)] {
            drop(client);
            told = wait::until("the end of a connection", || {
                let lives = conversations(&server.log()).into_values();
                let lives = lives.filter(|life| life[0].ends_with("connecting..."));
                let ended = |life: &Vec<String>| life[life.len() - 1].ends_with("entering VOID");
                let lives: Vec<Vec<String>> = lives.collect();
                (lives.iter().filter(|life| ended(life)).count() == count).then_some(lives)
            });
        }
        say("info");
        let before = server.log().len();
        server.client().call("echo", json!([])).expect("an echo");
        let after = conversations(&server.log()[before..]);
        assert!(
            after
                .values()
                .flatten()
                .all(|line| line.contains("vlog/set") || line.contains("result=\"\"")),
            "{peer:?}: {after:?}"
        );
        server.stop();
        (told, said)
    });
    assert_eq!(ours, packaged);
    assert!(
        ours.0
            .iter()
            .flatten()
            .any(|line| line.starts_with("jsonrpc|DBG|send notification, "))
    );
}

/// First contents of very many rows are written in steps, between which others are served; in the log they are one message.
#[test]
fn a_reply_that_is_written_in_steps_is_one_line_in_the_log() {
    const ROWS: usize = 20_000;
    let scratch = Scratch::new();
    let server = start(Peer::Ours, &scratch);
    let mut client = server.client();
    let row = |at: usize| json!({"op": "insert", "table": "Item", "row": {"name": format!("item {at}.")}});
    client.transact("Load", (0..ROWS).map(row).collect());
    server
        .control("vlog/set", &["jsonrpc:console:dbg"])
        .expect("the level is known");
    let before = server.log().len();
    let rows = client
        .call("monitor", json!(["Load", "m", {"Item": {"columns": ["name"]}}]))
        .expect("the monitor is accepted");
    assert_eq!(rows["Item"].as_object().map(serde_json::Map::len), Some(ROWS));
    let line = wait::until("the reply in the log", || {
        let log = server.log();
        let replies = log[before..].lines().filter(|line| line.contains("send reply, "));
        replies
            .filter(|line| line.contains("item 0."))
            .map(str::to_owned)
            .next()
    });
    assert_eq!(line.matches("\"item ").count(), ROWS);
    assert!(line.contains(", id="), "{}", &line[line.len() - 80..]);
    server.stop();
}

/// The options of the active server of a pair, with which `ovn-ctl` starts one.
#[test]
fn an_active_server_of_a_pair_is_started_alike() {
    let [ours, packaged] = [Peer::under_test(), Peer::Packaged].map(|peer| {
        let scratch = Scratch::new();
        let load = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(peer, &scratch, "load.db", &load);
        let server = ServerOptions::new(peer, "load")
            .database(&file)
            .argument("--sync-from=tcp:192.0.2.1:6641")
            .argument("--sync-exclude-tables=Load:Item")
            .argument("--active")
            .start(&scratch);
        let row = json!({"op": "insert", "table": "Counter", "row": {"name": "a"}});
        assert!(server.client().transact("Load", json!([row]))[0]["uuid"].is_array());
        let words = ["get-active-ovsdb-server", "get-sync-exclude-tables"];
        let told = words.map(|word| server.control(&format!("ovsdb-server/{word}"), &[]));
        server.stop();
        told
    });
    assert_eq!(ours, packaged);

    assert_refused_start(
        &[Peer::Ours],
        "--sync-from=tcp:192.0.2.1:6641",
        &["--sync-from=tcp:192.0.2.1:6641: "],
    );
}

/// A server with the option does not start, with status 1, and tells all that is to be `told`.
fn assert_refused_start(peers: &[Peer], option: &str, told: &[&str]) {
    for peer in peers {
        let scratch = Scratch::new();
        let load = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(*peer, &scratch, "load.db", &load);
        let ended = ServerOptions::new(*peer, "load")
            .database(&file)
            .argument(option)
            .start_in_vain(&scratch);
        assert_eq!(ended.status.code(), Some(1), "{peer:?}");
        for told in told {
            assert!(ended.stderr.contains(told), "{peer:?}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_log_file_that_cannot_be_opened_stops_the_start() {
    let peers = [Peer::Packaged, Peer::under_test()];
    assert_refused_start(&peers, "--log-file=missing/server.log", &["missing/server.log"]);
}

#[test]
fn a_control_socket_that_cannot_be_made_stops_the_start() {
    let told = [
        "|stream_unix|ERR|/missing/load.ctl: binding failed: No such file or directory\n",
        "ovsdb-server: /missing/load.ctl: could not initialize control socket (No such file or directory)\n",
    ];
    let peers = [Peer::Packaged, Peer::under_test()];
    assert_refused_start(&peers, "--unixctl=/missing/load.ctl", &told);
}

#[test]
fn differences_in_files_are_turned_on_by_command() {
    for peer in [Peer::Packaged, Peer::under_test()] {
        let scratch = Scratch::new();
        let load = scratch.write("load.ovsschema", schema::LOAD);
        let file = create_database(peer, &scratch, "load.db", &load);
        let server = ServerOptions::new(peer, "load")
            .database(&file)
            .argument("--disable-file-column-diff")
            .start(&scratch);
        let mut client = server.client();
        let mut has_differences = |total: i64| {
            let insert = json!({"op": "insert", "table": "Counter", "row": {"name": "c"}});
            let update = json!({"op": "update", "table": "Counter", "where": [], "row": {"total": total}});
            client.transact("Load", json!([insert]));
            client.transact("Load", json!([update]));
            fs::read_to_string(&file)
                .expect("the file is there")
                .contains("_is_diff")
        };
        assert!(!has_differences(1), "{peer:?}");
        server
            .control("ovsdb/file/column-diff-enable", &[])
            .expect("the command is there with the option");
        assert!(has_differences(2), "{peer:?}");
        server.stop();
    }
}
