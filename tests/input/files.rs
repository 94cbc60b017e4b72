//! Schemas and database files that are missing, damaged or in use: the server says which file and what is wrong, and
//! leaves the file as it was.

use std::fs;
use std::path::{Path, PathBuf};

use ovsdb_harness::command::run;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, ServerOptions, schema};
use serde_json::{Value, json};

/// Items in the database file that the tests damage.
const ITEMS: u64 = 20;

/// How the versions of upstream begin to say that a file is no database.
const REFUSALS: &[&str] = &["failed to open database", "ovsdb error"];

/// A file with [`ITEMS`] items, one record each.
fn filled(scratch: &Scratch) -> PathBuf {
    let peer = Peer::under_test();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(peer, scratch, "load.db", &schema);
    let server = ServerOptions::new(peer, "load").database(&file).start(scratch);
    let mut client = server.client();
    for number in 0..ITEMS {
        let row = json!({"number": number, "name": "kept"});
        let inserted = client.transact("Load", json!([{"op": "insert", "table": "Item", "row": row}]));
        assert!(inserted[0].get("uuid").is_some(), "{inserted:?}");
    }
    server.stop();
    file
}

/// Starts a server on `file` and counts the items it serves.
fn items_served(scratch: &Scratch, file: &Path) -> usize {
    let server = ServerOptions::new(Peer::under_test(), "load")
        .database(file)
        .start(scratch);
    let found = server
        .client()
        .transact("Load", json!([{"op": "select", "table": "Item", "where": []}]));
    server.stop();
    found[0]["rows"].as_array().expect("rows").len()
}

/// Panics unless a server ends with an error that names `file` and contains one of `texts`.
fn assert_refused(scratch: &Scratch, file: &Path, texts: &[&str]) {
    let refused = ServerOptions::new(Peer::under_test(), "load")
        .database(file)
        .start_in_vain(scratch);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
    let name = file.file_name().expect("a file has a name").to_string_lossy();
    assert!(
        refused.text().contains(&*name),
        "the file is not named:\n{}",
        refused.text()
    );
    assert!(
        texts.iter().any(|text| refused.text().contains(text)),
        "none of {texts:?} in:\n{}",
        refused.text()
    );
}

#[test]
fn a_missing_file_is_named() {
    let scratch = Scratch::new();
    let file = scratch.join("missing.db");
    assert_refused(&scratch, &file, &["No such file or directory"]);
    assert!(!file.exists(), "the server has made a file");
}

#[test]
fn a_file_that_is_none_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    for (name, content) in [
        ("text.db", b"this is not a database\n".as_slice()),
        (
            "magic.db",
            b"OVSDB NOSUCH 1 0123456789012345678901234567890123456789\n{}".as_slice(),
        ),
        ("binary.db", &[0xff; 100]),
        ("empty.db", b"".as_slice()),
    ] {
        let file = scratch.write(name, content);
        assert_refused(&scratch, &file, REFUSALS);
        assert_eq!(
            fs::read(&file).expect("the file is there"),
            content,
            "{name} has changed"
        );
    }
}

#[test]
fn a_file_in_use_is_not_opened_twice() {
    let scratch = Scratch::new();
    let file = filled(&scratch);
    let server = ServerOptions::new(Peer::under_test(), "first")
        .database(&file)
        .start(&scratch);
    for peer in [Peer::under_test(), Peer::Packaged] {
        let refused = ServerOptions::new(peer, "second")
            .database(&file)
            .start_in_vain(&scratch);
        assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
        assert!(
            refused.text().contains("load.db"),
            "the file is not named:\n{}",
            refused.text()
        );
        assert!(
            refused.text().contains("lock"),
            "the lock is not mentioned:\n{}",
            refused.text()
        );

        let compacted = run(scratch.command(peer.tool()).arg("compact").arg(&file));
        assert!(
            !compacted.status.success(),
            "the tool has compacted a file in use"
        );
        assert!(
            compacted.text().contains("lock"),
            "the lock is not mentioned:\n{}",
            compacted.text()
        );
    }
    let found = server
        .client()
        .transact("Load", json!([{"op": "select", "table": "Item", "where": []}]));
    assert_eq!(found[0]["rows"].as_array().expect("rows").len() as u64, ITEMS);
    server.stop();
}

/// The same database twice, under two names.
#[test]
fn two_databases_of_one_name_are_refused() {
    let scratch = Scratch::new();
    let file = filled(&scratch);
    let copy = scratch.join("copy.db");
    fs::copy(&file, &copy).expect("the file can be copied");
    let options = ServerOptions::new(Peer::under_test(), "load")
        .database(&file)
        .database(&copy);
    let refused = options.start_in_vain(&scratch);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
    assert!(
        refused.text().contains("duplicate database name"),
        "{}",
        refused.text()
    );
}

/// A tail that a crash has torn is no reason not to serve what was acknowledged before it.
#[test]
fn a_torn_tail_costs_only_itself() {
    let scratch = Scratch::new();
    let file = filled(&scratch);
    let whole = fs::read(&file).expect("the file can be read");
    for cut in [1, 10, 60] {
        fs::write(&file, &whole[..whole.len() - cut]).expect("the file can be cut");
        assert_eq!(
            items_served(&scratch, &file) as u64,
            ITEMS - 1,
            "{cut} bytes are missing"
        );
    }
    for tail in [
        b"OVSDB JSON 9".as_slice(),
        b"\0\0\0\0\0\0\0\0",
        b"OVSDB JSON 2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n{}",
    ] {
        fs::write(&file, [&whole, tail].concat()).expect("the file can be written");
        assert_eq!(
            items_served(&scratch, &file) as u64,
            ITEMS,
            "with a tail of {} bytes",
            tail.len()
        );
    }
}

/// Good records behind a damaged one are never given up in silence: the operator decides. The packaged server serves
/// what is in front of the damage and overwrites the rest, so that this is shown for ours only (COMPAT.md).
#[test]
fn damage_before_good_records_is_refused_with_its_place() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scratch = Scratch::new();
    let file = filled(&scratch);
    let mut content = fs::read(&file).expect("the file can be read");
    let place = content
        .windows(4)
        .rposition(|window| window == b"kept")
        .expect("the items are there");
    let middle = content[..place]
        .windows(4)
        .rposition(|window| window == b"kept")
        .expect("there is another one");
    content[middle] = b'K';
    fs::write(&file, &content).expect("the file can be written");
    let header = content[..middle]
        .windows(11)
        .rposition(|window| window == b"OVSDB JSON ")
        .expect("a record has one");
    assert_refused(&scratch, &file, &[&format!("offset {header}")]);
    assert_eq!(
        fs::read(&file).expect("the file is there"),
        content,
        "the file has changed"
    );
}

/// Two reals of a set that have the same 15 digits, as happens to a client that writes back what it was told. The
/// packaged server writes a file that it cannot open any more (COMPAT.md).
#[test]
fn reals_that_are_told_alike_do_not_spoil_the_file() {
    const SCHEMA: &str = r#"{"name": "Reals", "version": "1.0.0", "tables": {"T": {"isRoot": true,
        "columns": {"reals": {"type": {"key": "real", "min": 0, "max": 5}}}}}}"#;
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scratch = Scratch::new();
    let schema = scratch.write("reals.ovsschema", SCHEMA);
    let file = create_database(Peer::Ours, &scratch, "reals.db", &schema);
    let insert =
        json!([{"op": "insert", "table": "T", "row": {"reals": ["set", [1000000, 999_999.999_999_999_9]]}}]);
    let select = json!([{"op": "select", "table": "T", "where": [["reals", "excludes", 1000000]]},
        {"op": "select", "table": "T", "where": [], "columns": ["reals"]}]);
    let expected = json!([{"reals": ["set", [1000000, 1000000]]}]);
    let serve = |peer, operations: &Value| {
        let server = ServerOptions::new(peer, "reals").database(&file).start(&scratch);
        let results = server.client().transact("Reals", operations.clone());
        server.stop();
        results
    };
    assert_eq!(serve(Peer::Ours, &insert).len(), 1);
    // Also for the packaged server, which reads all digits.
    for peer in [Peer::Ours, Peer::Packaged] {
        let results = serve(peer, &select);
        assert_eq!(results[0]["rows"], json!([]));
        assert_eq!(results[1]["rows"], expected);
        let compacted = run(scratch.command(Peer::Ours.tool()).arg("compact").arg(&file));
        assert!(compacted.status.success(), "{}", compacted.text());
    }
    assert_eq!(serve(Peer::Ours, &select)[1]["rows"], expected);
}

/// What stands where the last record is: a tail, which is cut, or the end of the matter.
#[test]
fn a_strange_record_at_the_end_is_a_tail() {
    let scratch = Scratch::new();
    let file = filled(&scratch);
    let whole = fs::read(&file).expect("the file can be read");
    let record = |length: &str, body: &str| format!("OVSDB JSON {length} {}\n{body}", "a".repeat(40));
    for (what, tail) in [
        ("a header alone", record("10", "")),
        (
            "another magic",
            "OVSDB CLUSTER 2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n{}".to_owned(),
        ),
        (
            "the end of a line as on other systems",
            record("2", "{}").replace('\n', "\r\n"),
        ),
        ("a length of 2^64", record("18446744073709551616", "{}")),
        ("the length before that", record("18446744073709551615", "{}")),
        ("a negative length", record("-2", "{}")),
        ("another hash", record("2", "{}")),
        ("zeros", "\0".repeat(100_000)),
    ] {
        let content = [whole.as_slice(), tail.as_bytes()].concat();
        fs::write(&file, content).expect("the file can be written");
        assert_eq!(items_served(&scratch, &file) as u64, ITEMS, "{what}");
    }
    // A hole in the middle has good records behind it.
    if Peer::under_test() == Peer::Ours {
        let middle = whole.len() / 2;
        let mut content = whole;
        content[middle..middle + 200].fill(0);
        fs::write(&file, &content).expect("the file can be written");
        assert_refused(&scratch, &file, &["offset"]);
        assert_eq!(fs::read(&file).expect("the file is there"), content);
    }
}

#[test]
fn a_clustered_file_gets_an_error_of_its_own() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scratch = Scratch::new();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = scratch.join("cluster.db");
    let created = run(scratch
        .command(Peer::Packaged.tool())
        .arg("create-cluster")
        .args([&file, &schema])
        .arg("tcp:127.0.0.1:6644"));
    assert!(created.status.success(), "{}", created.text());
    assert_refused(&scratch, &file, &["cluster"]);
}

#[test]
fn a_bad_schema_makes_no_database() {
    let scratch = Scratch::new();
    let table = |table: &str| format!(r#"{{"name":"Load","version":"1.0.0","tables":{{"T":{table}}}}}"#);
    let column = |column: &str| table(&format!(r#"{{"columns":{{"c":{column}}}}}"#));
    let cases = [
        ("no JSON", "{\"name\":".to_owned()),
        ("no object", "[]".to_owned()),
        ("no name", r#"{"version":"1.0.0","tables":{}}"#.to_owned()),
        (
            "a bad version",
            r#"{"name":"Load","version":"one","tables":{}}"#.to_owned(),
        ),
        ("no columns", table("{}")),
        ("an unknown type", column(r#"{"type":"number"}"#)),
        (
            "a minimum above the maximum",
            column(r#"{"type":{"key":{"type":"integer","minInteger":2,"maxInteger":1}}}"#),
        ),
        (
            "a reference to nothing",
            column(r#"{"type":{"key":{"type":"uuid","refTable":"Nope"}}}"#),
        ),
        (
            "a minimum of two",
            column(r#"{"type":{"key":"string","min":2,"max":3}}"#),
        ),
        (
            "an enumeration of another type",
            column(r#"{"type":{"key":{"type":"integer","enum":["set",["a"]]}}}"#),
        ),
        (
            "a column that is named as an internal one",
            table(r#"{"columns":{"_c":{"type":"string"}}}"#),
        ),
        (
            "a table that is named as an internal one",
            r#"{"name":"Load","version":"1.0.0","tables":{"_T":{"columns":{"c":{"type":"string"}}}}}"#
                .to_owned(),
        ),
        (
            "a hundred thousand columns",
            table(&format!(
                r#"{{"columns":{{{}}}}}"#,
                (0..100_000)
                    .map(|at| format!(r#""c{at}":{{"type":"string"}}"#))
                    .collect::<Vec<_>>()
                    .join(",")
            )),
        ),
        (
            "an index on nothing",
            table(r#"{"columns":{"c":{"type":"string"}},"indexes":[["nope"]]}"#),
        ),
        (
            "no row at most",
            table(r#"{"columns":{"c":{"type":"string"}},"maxRows":0}"#),
        ),
    ];
    for (what, text) in cases {
        // The packaged tool takes any number of them (COMPAT.md).
        if Peer::under_test() == Peer::Packaged && what == "a hundred thousand columns" {
            continue;
        }
        let schema = scratch.write("bad.ovsschema", text);
        let file = scratch.join("bad.db");
        let created = run(scratch
            .command(Peer::under_test().tool())
            .arg("create")
            .args([&file, &schema]));
        assert_eq!(created.status.code(), Some(1), "{what}: {}", created.text());
        assert!(
            created.text().contains("ovsdb-tool"),
            "{what}: {}",
            created.text()
        );
        assert!(!file.exists(), "{what}: a database was made");
    }
    let missing = scratch.join("missing.ovsschema");
    let created = run(scratch
        .command(Peer::under_test().tool())
        .arg("create")
        .args([&scratch.join("bad.db"), &missing]));
    assert_eq!(created.status.code(), Some(1), "{}", created.text());
    assert!(
        created.text().contains("missing.ovsschema"),
        "the file is not named:\n{}",
        created.text()
    );
}
