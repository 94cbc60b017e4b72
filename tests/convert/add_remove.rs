//! Databases that are added and removed while the server runs.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Scratch, Server, schema as harness_schema};
use serde_json::{Value, json};

use crate::alike::heard;
use crate::schemas::{self, NAME, aware};

/// A database file of another name in the scratch directory.
fn other_database(peer: Peer, scratch: &Scratch, name: &str, file: &str) -> String {
    let text = harness_schema::LOAD.replace("\"Load\"", &format!("\"{name}\""));
    let schema = scratch.write("other.ovsschema", text);
    create_database(peer, scratch, file, &schema)
        .display()
        .to_string()
}

/// Bad files and bad names, in the scratch directory; each is one argument of `add-db`.
fn bad_files(scratch: &Scratch, good: &Path) -> Vec<String> {
    let record = fs::read(good).expect("the file is there");
    let changed = String::from_utf8_lossy(&record).replacen("integer", "xnteger", 1);
    fs::create_dir(scratch.join("directory")).expect("a new directory");
    std::os::unix::fs::symlink(good, scratch.join("link")).expect("a new link");
    std::os::unix::fs::symlink("nowhere", scratch.join("dangling")).expect("a new link");
    other_database(Peer::Packaged, scratch, NAME, "duplicate");
    other_database(Peer::Packaged, scratch, "_Reserved", "reserved");
    for (name, content) in [
        ("empty", &b""[..]),
        ("junk", b"junk\n"),
        ("cut", &record[..60]),
        ("changed", changed.as_bytes()),
    ] {
        scratch.write(name, content);
    }
    let name = good.file_name().expect("a name").to_string_lossy().into_owned();
    let mut all = vec![
        name.clone(),
        format!("./{name}"),
        "missing".to_owned(),
        "nowhere/x".to_owned(),
    ];
    let made = [
        "directory",
        "link",
        "dangling",
        "duplicate",
        "reserved",
        "empty",
        "junk",
        "cut",
        "changed",
    ];
    all.extend(made.map(str::to_owned));
    all
}

#[test]
fn the_commands_say_what_the_packaged_server_says() {
    let said = |peer: Peer| -> Vec<(String, Result<String, String>)> {
        let scratch = Scratch::new();
        let file = schemas::create(Peer::Packaged, &scratch);
        let files = bad_files(&scratch, &file);
        let server = schemas::options(peer, &file).start(&scratch);
        other_database(Peer::Packaged, &scratch, "Other", "other.db");
        let mut all = Vec::new();
        let mut run = |command: &str, arguments: &[&str]| {
            let said = server.control(&format!("ovsdb-server/{command}"), arguments);
            all.push((format!("{command} {arguments:?}"), said));
        };
        for file in &files {
            run("add-db", &[file]);
        }
        run("list-dbs", &[]);
        run("add-db", &["other.db"]);
        run("add-db", &["other.db"]);
        run("list-dbs", &[]);
        for name in ["other.db", "Nothing", "_Server", "_Nothing", "Other", "Other", ""] {
            run("remove-db", &[name]);
        }
        run("list-dbs", &[]);
        run("add-db", &["other.db"]);
        run("add-db", &[]);
        run("remove-db", &["a", "b"]);
        all
    };
    let (ours, theirs) = (said(Peer::Ours), said(Peer::Packaged));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}

/// Clients of a database that is removed and of one that stays, and what each hears; then one is added.
fn story(server: &Server) -> Vec<(&'static str, Vec<Value>)> {
    let monitored = |mut client: Client, database: &str, id: &str| {
        assert!(
            client
                .call("monitor", json!([database, id, {"Item": {}}]))
                .is_ok()
        );
        client
    };
    let wait = |client: &mut Client, database: &str| {
        let wait = json!({"op": "wait", "table": "Item", "where": [], "columns": ["number"], "until": "!=", "rows": []});
        client.send("transact", json!([database, wait]));
        assert!(client.call("echo", json!([])).is_ok());
    };
    let mut idle = server.client();
    assert!(idle.call("list_dbs", json!([])).is_ok());
    let mut unaware = monitored(server.client(), "Other", "m");
    wait(&mut unaware, "Other");
    let mut watcher = monitored(monitored(aware(server.client()), "Other", "a"), "Other", "b");
    wait(&mut watcher, "Other");
    let mut elsewhere = monitored(aware(server.client()), NAME, "mine");
    wait(&mut elsewhere, NAME);
    server
        .control("ovsdb-server/remove-db", &["Other"])
        .expect("it is there");
    let mut stories = vec![
        ("idle", heard(&mut idle)),
        ("unaware", heard(&mut unaware)),
        ("watcher", heard(&mut watcher)),
        ("elsewhere", heard(&mut elsewhere)),
    ];
    for (method, params) in [
        ("get_schema", json!(["Other"])),
        ("transact", json!(["Other"])),
        ("monitor", json!(["Other", "c", {}])),
        ("monitor_cancel", json!(["a"])),
        ("monitor", json!([NAME, "a", {"Item": {}}])),
    ] {
        let answer = watcher.call(method, params);
        stories.push(("watcher asks", vec![json!(format!("{answer:?}"))]));
    }
    let mut idle = server.client();
    assert!(idle.call("list_dbs", json!([])).is_ok());
    server
        .control("ovsdb-server/add-db", &["other.db"])
        .expect("the file is there");
    stories.push(("idle at the addition", heard(&mut idle)));
    stories.push(("watcher at the addition", heard(&mut watcher)));
    stories.push(("elsewhere at the addition", heard(&mut elsewhere)));
    let schema = watcher.call("get_schema", json!(["Other"])).expect("it is back");
    stories.push(("watcher finds", vec![schema["name"].clone()]));
    stories
}

#[test]
fn clients_hear_of_removals_and_additions_what_the_packaged_server_tells_them() {
    let tell = |peer: Peer| {
        let scratch = Scratch::new();
        let file = schemas::create(peer, &scratch);
        other_database(peer, &scratch, "Other", "other.db");
        let server = schemas::options(peer, &file).start(&scratch);
        server
            .control("ovsdb-server/add-db", &["other.db"])
            .expect("the file is there");
        let stories = story(&server);
        for reason in ["adding Other database", "removing Other database by user request"] {
            let line = format!("disconnecting ({reason})");
            assert!(server.log().contains(&line), "{line}:\n{}", server.log());
        }
        stories
    };
    let (ours, theirs) = (tell(Peer::Ours), tell(Peer::Packaged));
    for ((who, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "what the {who} hears");
    }
}

/// At any time, whatever `_Server` lists answers.
#[test]
fn what_is_listed_is_served() {
    const ROUNDS: usize = 60;
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    other_database(Peer::Ours, &scratch, "Other", "other.db");
    let server = schemas::options(Peer::Ours, &file).start(&scratch);
    let is_over = AtomicBool::new(false);
    let found = thread::scope(|scope| {
        let (server, is_over) = (&server, &is_over);
        let observers: Vec<_> = (0..2)
            .map(|_| scope.spawn(move || observe(aware(server.client()), is_over)))
            .collect();
        for _ in 0..ROUNDS {
            let mut client = aware(server.client());
            server
                .control("ovsdb-server/add-db", &["other.db"])
                .expect("the file is there");
            assert!(is_listed(&mut client), "at the answer it is listed");
            assert!(client.call("get_schema", json!(["Other"])).is_ok());
            server
                .control("ovsdb-server/remove-db", &["Other"])
                .expect("it is there");
            assert!(!is_listed(&mut client), "at the answer it is not listed any more");
            assert!(client.call("get_schema", json!(["Other"])).is_err());
        }
        is_over.store(true, Ordering::SeqCst);
        let found = observers
            .into_iter()
            .map(|observer| observer.join().expect("it does not panic"));
        found.sum::<usize>()
    });
    println!("found {found} times");
}

fn is_listed(client: &mut Client) -> bool {
    let select = json!([{"op": "select", "table": "Database", "where": [["name", "==", "Other"]], "columns": ["name"]}]);
    let found = client.transact("_Server", select);
    !found[0]["rows"].as_array().expect("rows").is_empty()
}

/// Asks for the database whenever it is listed before and after; returns how often it was.
fn observe(mut client: Client, is_over: &AtomicBool) -> usize {
    let mut found = 0;
    while !is_over.load(Ordering::SeqCst) {
        let was_listed = is_listed(&mut client);
        let answer = client.call("get_schema", json!(["Other"]));
        if was_listed && is_listed(&mut client) && answer.is_err() {
            // It may have gone and come back between the looks, but hardly ever does.
            let again = client.call("get_schema", json!(["Other"]));
            assert!(again.is_ok() || !is_listed(&mut client), "{answer:?}");
        }
        found += usize::from(was_listed && answer.is_ok());
    }
    found
}

/// A client that finds a database in a list finds it in `_Server`, too, however soon it asks.
#[test]
fn who_finds_a_database_finds_its_row() {
    const ADDED: usize = 40;
    let scratch = Scratch::new();
    let file = schemas::create(Peer::Ours, &scratch);
    let server = schemas::options(Peer::Ours, &file)
        .argument("--threads=2")
        .start(&scratch);
    let files: Vec<String> = (0..ADDED)
        .map(|at| {
            other_database(
                Peer::Ours,
                &scratch,
                &format!("More{at}"),
                &format!("more{at}.db"),
            )
        })
        .collect();
    let is_over = AtomicBool::new(false);
    let select = json!(["_Server", {"op": "select", "table": "Database", "where": [], "columns": ["name"]}]);
    // Pairs of answers; a client that was there when one was added is disconnected, and comes again.
    let ask = || -> Option<usize> {
        let mut client = Client::try_connect(&server.remote()).ok()?;
        let (list, rows) = (
            client.try_send("list_dbs", json!([])).ok()?,
            client.try_send("transact", select.clone()).ok()?,
        );
        let listed = client.try_reply(list).ok()?.expect("a list");
        let rows = client.try_reply(rows).ok()?.expect("a result");
        let rows = rows[0]["rows"].as_array().expect("rows");
        for name in listed.as_array().expect("an array") {
            assert!(
                rows.iter().any(|row| row["name"] == *name),
                "{name} in {listed}, but {rows:?}"
            );
        }
        Some(rows.len())
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut answered = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        answered += usize::from(ask().is_some());
                    }
                    answered
                })
            })
            .collect();
        for file in &files {
            server
                .control("ovsdb-server/add-db", &[file])
                .expect("a new database");
        }
        is_over.store(true, Ordering::Relaxed);
        for asking in asking {
            assert!(asking.join().expect("nobody misses a row") > ADDED);
        }
    });
    assert_eq!(ask(), Some(ADDED + 2));
    server.stop();
}
