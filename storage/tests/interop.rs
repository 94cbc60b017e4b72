//! Files of ours read and written by the packaged C `ovsdb-tool`, and its files by us.
//!
//! Needs Debian's `ovsdb-server` package (`/usr/bin/ovsdb-tool`); without it these tests fail.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use ovsdb_storage::disk::RealDisk;
use ovsdb_storage::log::{Access, Reader, Writer, create};
use ovsdb_storage::record::{Entry, Record};

const TOOL: &str = "/usr/bin/ovsdb-tool";

const SCHEMA: &str = concat!(
    r#"{"cksum":"1 2","name":"db","tables":{"T":{"columns":{"n":{"type":"integer"}},"isRoot":true}},"#,
    r#""version":"1.0.0"}"#,
    "\n"
);

fn tool(arguments: &[&str]) -> Output {
    let output = Command::new(TOOL).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{TOOL} (Debian package openvswitch-switch) is needed: {error}"))
}

fn succeed(arguments: &[&str]) -> String {
    let output = tool(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A transaction that inserts a row with this number.
fn row(n: u32) -> String {
    format!("{{\"T\":{{\"00000000-0000-4000-8000-{n:012x}\":{{\"n\":{n}}}}},\"_date\":1600000000000}}\n")
}

fn insert(path: &str, n: u32) {
    let transaction = format!(r#"["db",{{"op":"insert","table":"T","row":{{"n":{n}}}}}]"#);
    let reply = succeed(&["transact", path, &transaction]);
    assert!(reply.contains("uuid"), "{reply}");
}

/// The numbers that C finds in the file.
fn numbers(path: &str) -> Vec<u32> {
    let select = r#"["db",{"op":"select","table":"T","where":[],"columns":["n"]}]"#;
    let reply = succeed(&["query", path, select]);
    let mut numbers: Vec<u32> = reply
        .split("\"n\":")
        .skip(1)
        .map(|rest| rest[..rest.find('}').unwrap()].parse().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

fn append(writer: &mut Writer, group: std::ops::RangeInclusive<u32>) {
    let bodies: Vec<String> = group.map(row).collect();
    writer
        .append(
            &bodies
                .iter()
                .map(|body| Entry::new(body.as_bytes()))
                .collect::<Vec<_>>(),
        )
        .unwrap();
    writer.sync().unwrap();
}

fn read(path: &Path, access: Access) -> (Reader, Vec<Record>) {
    let mut reader = Reader::open(Arc::new(RealDisk), path, access).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.read().unwrap() {
        records.push(record);
    }
    (reader, records)
}

#[test]
fn c_reads_and_extends_what_we_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let name = path.to_str().unwrap();
    let mut writer = create(Arc::new(RealDisk), &path, Entry::new(SCHEMA.as_bytes())).unwrap();
    // One group; a group whose records say that it was not synced.
    append(&mut writer, 1..=1);
    append(&mut writer, 2..=5);
    assert_eq!(numbers(name), (1..=5).collect::<Vec<_>>());
    assert_eq!(succeed(&["db-name", name]), "db\n");

    // A replacement, whose header has its length in a reserved place, and the log's tail.
    let mut replacement = writer.replacement(writer.mark()).unwrap();
    replacement.record(Entry::new(SCHEMA.as_bytes()));
    replacement.begin_record();
    replacement.put(b"{\"T\":{");
    for n in 1..=5 {
        let comma = if n > 1 { "," } else { "" };
        replacement.put(format!("{comma}\"00000000-0000-4000-8000-{n:012x}\":{{\"n\":{n}}}").as_bytes());
    }
    replacement.put(b"},\"_comment\":\"compacting database online\",\"_date\":1600000000000}\n");
    replacement.end_record().unwrap();
    append(&mut writer, 6..=7);
    writer.adopt(replacement).unwrap();
    append(&mut writer, 8..=9);
    assert_eq!(numbers(name), (1..=9).collect::<Vec<_>>());
    let log = succeed(&["show-log", name]);
    assert!(
        log.contains("record 1: 2020-09-13 12:26:40.000 \"compacting database online\""),
        "{log}"
    );
    drop(writer);

    insert(name, 10);
    let (reader, records) = read(&path, Access::ReadWrite);
    assert_eq!(records.len(), 7);
    let mut writer = reader.into_writer().unwrap();
    append(&mut writer, 11..=12);
    assert_eq!(numbers(name), (1..=12).collect::<Vec<_>>());
    let output = tool(&["transact", name, r#"["db"]"#]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains("already locked by pid"),
        "{text}"
    );
}

#[test]
fn we_read_and_extend_what_c_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let name = path.to_str().unwrap();
    let schema = dir.path().join("a.ovsschema");
    fs::write(&schema, SCHEMA).unwrap();
    succeed(&["create", name, schema.to_str().unwrap()]);
    for n in 1..=4 {
        insert(name, n);
    }
    assert_eq!(read(&path, Access::ReadOnly).1.len(), 5);
    succeed(&["compact", name]);
    insert(name, 5);
    let (reader, records) = read(&path, Access::ReadWrite);
    assert_eq!(records.len(), 3);
    assert!(
        records
            .iter()
            .all(|record| Entry::new(&record.body).sha1 == record.sha1)
    );
    let mut writer = reader.into_writer().unwrap();
    append(&mut writer, 6..=8);
    assert_eq!(numbers(name), (1..=8).collect::<Vec<_>>());
}

/// R3: cut at every byte of the last three records, C stops at the same record with the same words.
#[test]
fn c_and_we_agree_on_every_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let name = path.to_str().unwrap();
    let mut writer = create(Arc::new(RealDisk), &path, Entry::new(SCHEMA.as_bytes())).unwrap();
    append(&mut writer, 1..=2);
    let start = writer.end();
    append(&mut writer, 3..=3);
    append(&mut writer, 4..=5);
    drop(writer);
    let whole = fs::read(&path).unwrap();
    for len in start as usize..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let (reader, records) = read(&path, Access::ReadOnly);
        let output = tool(&["show-log", name]);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            shown.matches("record ").count(),
            records.len(),
            "cut at {len}: {shown}"
        );
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        match reader.tail() {
            None => assert!(output.status.success(), "cut at {len}: {errors}"),
            Some(tail) => assert_eq!(errors, format!("ovsdb-tool: {}\n", tail.error), "cut at {len}"),
        }
    }
}
