//! Tables of schemas: the shortest form, the fix-ups, the errors.

use super::{RefKind, Schema, parse, parse_columns, print};
use crate::error::Result;
use crate::ids::ColumnIdx;
use crate::testing::with_json;

fn read(json: &str) -> Result<Schema> {
    with_json(json, parse)
}

fn error(json: &str) -> String {
    let mut out = Vec::new();
    read(json).expect_err(json).write(&mut out);
    String::from_utf8(out).unwrap()
}

/// A database with the one table `t` of this JSON.
fn with_table(table: &str) -> String {
    format!(r#"{{"name":"d","tables":{{"t":{table}}}}}"#)
}

/// A database with the one table `t` with the one column `c` of this JSON.
fn with_column(column: &str) -> String {
    with_table(&format!(r#"{{"columns":{{"c":{column}}}}}"#))
}

/// A database with the one table `t` with the one column `c` of this type.
fn with_type(ty: &str) -> String {
    with_column(&format!(r#"{{"type":{ty}}}"#))
}

#[test]
fn types_are_printed_in_their_shortest_form() {
    for (given, printed) in [
        (r#""integer""#, r#""integer""#),
        (r#"{"key":"integer"}"#, r#""integer""#),
        (r#"{"key":{"type":"integer"},"min":1,"max":1}"#, r#""integer""#),
        (r#"{"key":"integer","min":0}"#, r#"{"key":"integer","min":0}"#),
        (r#"{"key":"integer","max":5}"#, r#"{"key":"integer","max":5}"#),
        (
            r#"{"key":"integer","min":0,"max":"unlimited"}"#,
            r#"{"key":"integer","max":"unlimited","min":0}"#,
        ),
        (
            r#"{"value":"real","key":"string","min":0,"max":4294967294}"#,
            r#"{"key":"string","max":4294967294,"min":0,"value":"real"}"#,
        ),
        (
            r#"{"key":"string","value":"string"}"#,
            r#"{"key":"string","value":"string"}"#,
        ),
        (
            r#"{"key":{"type":"integer","minInteger":1}}"#,
            r#"{"key":{"minInteger":1,"type":"integer"}}"#,
        ),
        (
            r#"{"key":{"type":"integer","minInteger":-9223372036854775808,"maxInteger":9223372036854775807}}"#,
            r#""integer""#,
        ),
        (
            r#"{"key":{"type":"integer","minInteger":1,"maxInteger":1}}"#,
            r#"{"key":{"maxInteger":1,"minInteger":1,"type":"integer"}}"#,
        ),
        (
            r#"{"key":{"type":"real","minReal":1,"maxReal":2.5}}"#,
            r#"{"key":{"maxReal":2.5,"minReal":1,"type":"real"}}"#,
        ),
        (
            r#"{"key":{"type":"real","minReal":-1.7976931348623157e308}}"#,
            r#""real""#,
        ),
        (
            r#"{"key":{"type":"string","minLength":1,"maxLength":9}}"#,
            r#"{"key":{"maxLength":9,"minLength":1,"type":"string"}}"#,
        ),
        (
            r#"{"key":{"type":"string","minLength":0,"maxLength":4294967295}}"#,
            r#""string""#,
        ),
        (
            r#"{"key":{"type":"string","enum":["set",["b","a"]]}}"#,
            r#"{"key":{"enum":["set",["a","b"]],"type":"string"}}"#,
        ),
        (
            r#"{"key":{"type":"string","enum":"b"}}"#,
            r#"{"key":{"enum":"b","type":"string"}}"#,
        ),
        (
            r#"{"key":{"type":"boolean","enum":true}}"#,
            r#"{"key":{"enum":true,"type":"boolean"}}"#,
        ),
        (
            r#"{"key":{"type":"uuid","refTable":"t"}}"#,
            r#"{"key":{"refTable":"t","type":"uuid"}}"#,
        ),
        (
            r#"{"key":{"type":"uuid","refTable":"t","refType":"strong"}}"#,
            r#"{"key":{"refTable":"t","type":"uuid"}}"#,
        ),
        (
            r#"{"key":{"type":"uuid","refTable":"t","refType":"weak"}}"#,
            r#"{"key":{"refTable":"t","refType":"weak","type":"uuid"}}"#,
        ),
        (
            r#"{"key":"string","value":{"type":"uuid","refTable":"t"},"min":0,"max":"unlimited"}"#,
            r#"{"key":"string","max":"unlimited","min":0,"value":{"refTable":"t","type":"uuid"}}"#,
        ),
    ] {
        assert_eq!(print(&read(&with_type(given)).expect(given)), with_type(printed));
    }
}

#[test]
fn schemas_are_printed_in_their_shortest_form() {
    for (given, printed) in [
        (r#"{"tables":{},"name":"d"}"#, r#"{"name":"d","tables":{}}"#),
        (r#"{"tables":{},"name":"d","version":"","cksum":""}"#, ""),
        (
            r#"{"tables":{},"name":"d","version":"01.2.3456","cksum":"1 2"}"#,
            r#"{"cksum":"1 2","name":"d","tables":{},"version":"01.2.3456"}"#,
        ),
        // All root, said or not, is not said.
        (
            &with_table(r#"{"columns":{"c":{"type":"real"}},"isRoot":true,"mutable":true}"#),
            &with_table(r#"{"columns":{"c":{"type":"real"}}}"#),
        ),
        (
            &with_table(r#"{"columns":{"c":{"type":"real"}},"isRoot":false,"mutable":false}"#),
            &with_table(r#"{"columns":{"c":{"type":"real"}},"mutable":false}"#),
        ),
        (
            r#"{"name":"d","tables":{"b":{"columns":{"c":{"type":"real"}}},"a":{"isRoot":true,"columns":{"c":{"type":"real"}}}}}"#,
            r#"{"name":"d","tables":{"a":{"columns":{"c":{"type":"real"}},"isRoot":true},"b":{"columns":{"c":{"type":"real"}}}}}"#,
        ),
        (
            &with_table(
                r#"{"maxRows":4294967295,"indexes":[],"columns":{"c":{"type":"real","mutable":true,"ephemeral":false}}}"#,
            ),
            &with_table(r#"{"columns":{"c":{"type":"real"}}}"#),
        ),
        (
            &with_table(
                r#"{"maxRows":7,"indexes":[["c","_uuid"],["b"]],"columns":{"c":{"type":"real"},"b":{"type":"real","mutable":false},"a":{"ephemeral":true,"type":"real"}}}"#,
            ),
            &with_table(
                r#"{"columns":{"a":{"ephemeral":true,"type":"real"},"b":{"mutable":false,"type":"real"},"c":{"type":"real"}},"indexes":[["c","_uuid"],["b"]],"maxRows":7}"#,
            ),
        ),
    ] {
        if printed.is_empty() {
            assert!(
                error(given).contains("schema version"),
                "an empty version is no version"
            );
            continue;
        }
        let schema = read(given).expect(given);
        assert_eq!(print(&schema), *printed);
        let again = read(printed).expect(printed);
        assert!(schema.is_equal(&again));
        assert_eq!(print(&again), *printed);
    }
}

#[test]
fn names_become_positions() {
    let schema = read(
        r#"{"name":"d","tables":{
            "b":{"columns":{"z":{"type":{"key":{"type":"uuid","refTable":"a","refType":"weak"}}},"y":{"type":"string"}}},
            "a":{"columns":{"x":{"type":{"key":{"type":"uuid","refTable":"b"}}}},"indexes":[["x"]],"isRoot":true}}}"#,
    )
    .unwrap();
    let names: Vec<_> = schema.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let b = schema.table_named("b").unwrap();
    let table = schema.table(b);
    let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["_uuid", "_version", "y", "z"]);
    for (at, column) in table.columns.iter().enumerate() {
        assert_eq!(table.column_named(&column.name), Some(ColumnIdx(at as u16)));
    }
    let weak = table.column(ColumnIdx(3)).ty.key.reference.as_ref().unwrap();
    assert_eq!(
        (weak.table, weak.kind),
        (schema.table_named("a").unwrap(), RefKind::Weak)
    );
    let (uuid, version) = (table.column(ColumnIdx::UUID), table.column(ColumnIdx::VERSION));
    assert!(!uuid.mutable && uuid.persistent && !version.mutable && !version.persistent);
}

#[test]
fn columns_are_fixed_up() {
    let schema = read(
        r#"{"name":"d","tables":{
            "leaf":{"columns":{"c":{"type":"string"}}},
            "root":{"isRoot":true,"columns":{
                "owner":{"ephemeral":true,"type":{"key":{"type":"uuid","refTable":"leaf"}}},
                "owner_by_value":{"ephemeral":true,"type":{"key":"string","value":{"type":"uuid","refTable":"leaf"}}},
                "peer":{"ephemeral":true,"type":{"key":{"type":"uuid","refTable":"root"}}},
                "watcher":{"ephemeral":true,"mutable":false,"type":{"key":{"type":"uuid","refTable":"leaf","refType":"weak"},"min":0}},
                "fixed":{"mutable":false,"type":{"key":{"type":"uuid","refTable":"leaf"}}}}}}}"#,
    )
    .unwrap();
    let table = schema.table(schema.table_named("root").unwrap());
    for (name, mutable, persistent) in [
        ("owner", true, true),
        ("owner_by_value", true, true),
        ("peer", true, false),
        ("watcher", true, false),
        ("fixed", false, true),
    ] {
        let column = table.column(table.column_named(name).unwrap());
        assert_eq!(
            (column.mutable, column.persistent),
            (mutable, persistent),
            "{name}"
        );
    }
    assert!(!schema.table(schema.table_named("leaf").unwrap()).is_root);
    assert!(
        read(&with_type(r#""string""#)).unwrap().tables[0].is_root,
        "without any root all are"
    );
}

#[test]
fn errors_are_upstreams() {
    let syntax = |json: &str| {
        let mut out = Vec::new();
        with_json(json, |value| ovsdb_wire::write::value_sorted(&mut out, value));
        let mut quoted = Vec::new();
        ovsdb_wire::write::string(&mut quoted, std::str::from_utf8(&out).unwrap());
        String::from_utf8(quoted).unwrap()
    };
    let quoted = |text: &str| text.replace('"', r#"\""#);
    let expect = |json: &str, details: &str, fragment: Option<&str>| {
        let expected = match fragment {
            Some(fragment) => {
                format!(
                    r#"{{"details":"{}","error":"syntax error","syntax":{}}}"#,
                    quoted(details),
                    syntax(fragment)
                )
            }
            None => format!(r#"{{"details":"{}","error":"syntax error"}}"#, quoted(details)),
        };
        assert_eq!(error(json), expected, "{json}");
    };
    // Of the whole: the fragment is the whole.
    for (json, details) in [
        (
            r#"{"tables":{}}"#,
            "Parsing database schema failed: Required 'name' member is missing.",
        ),
        (
            r#"{"name":"1","tables":{}}"#,
            "Parsing database schema failed: Type mismatch for member 'name'.",
        ),
        (
            r#"{"name":"d"}"#,
            "Parsing database schema failed: Required 'tables' member is missing.",
        ),
        (
            r#"{"name":"d","tables":{},"x":1}"#,
            "Parsing database schema failed: Member 'x' is present but not allowed here.",
        ),
        (
            r#"{"name":"d","tables":{},"version":"1.2"}"#,
            "schema version \"1.2\" not in format x.y.z",
        ),
        (
            r#"{"name":"d","tables":{},"version":"1.2.3b"}"#,
            "schema version \"1.2.3b\" not in format x.y.z",
        ),
        (
            r#"{"name":"d","tables":{"_t":{}}}"#,
            "names beginning with \"_\" are reserved",
        ),
        (r#"{"name":"d","tables":{"a-b":{}}}"#, "name must be a valid id"),
    ] {
        expect(json, details, Some(json));
    }
    expect("[1]", "Parsing database schema failed: Object expected.", None);
    // Of a table.
    for (table, details) in [
        (
            r#"{}"#,
            "Parsing table schema for table t failed: Required 'columns' member is missing.",
        ),
        (r#"{"columns":{}}"#, "table must have at least one column"),
        (r#"{"columns":{},"maxRows":0}"#, "maxRows must be at least 1"),
        (
            r#"{"columns":{"_c":{"type":"real"}}}"#,
            "names beginning with \"_\" are reserved",
        ),
        (r#"{"columns":{"":{"type":"real"}}}"#, "name must be a valid id"),
        (
            r#"{"columns":{"c":{"type":"real"}},"indexes":[[]]}"#,
            "index must have at least one column",
        ),
        (
            r#"{"columns":{"c":{"type":"real","ephemeral":true}},"indexes":[["c"]]}"#,
            "ephemeral columns (such as c) may not be indexed",
        ),
        (
            r#"{"columns":{"c":{"type":"real"}},"indexes":[["_version"]]}"#,
            "ephemeral columns (such as _version) may not be indexed",
        ),
    ] {
        expect(&with_table(table), details, Some(table));
    }
    for (index, details) in [
        (r#"["c","c"]"#, "array of distinct column names expected"),
        (r#"["c",1]"#, "array of distinct column names expected"),
        (r#""c""#, "array of distinct column names expected"),
        (r#"["c","d"]"#, "d is not a valid column name"),
    ] {
        let table = format!(r#"{{"columns":{{"c":{{"type":"real"}}}},"indexes":[{index}]}}"#);
        expect(&with_table(&table), details, Some(index));
    }
    // Of a column.
    for (column, details) in [
        (
            r#"{}"#,
            "Parsing schema for column c failed: Required 'type' member is missing.",
        ),
        (
            r#"{"type":1}"#,
            "Parsing schema for column c failed: Type mismatch for member 'type'.",
        ),
        (
            r#"{"type":"real","a":1,"b":2,"c":3}"#,
            "Parsing schema for column c failed: Member 'a' and 2 other members are present but not allowed here.",
        ),
    ] {
        expect(&with_column(column), details, Some(column));
    }
    // Of a type: the fragment is the type unless given.
    for (ty, details, fragment) in [
        (r#""int""#, "\"int\" is not an atomic-type", None),
        (
            r#"{"key":"int"}"#,
            "\"int\" is not an atomic-type",
            Some(r#""int""#),
        ),
        (
            r#"{"min":0}"#,
            "Parsing ovsdb type failed: Required 'key' member is missing.",
            None,
        ),
        (r#"{"key":"real","min":-1}"#, "bad min or max value", Some("-1")),
        (
            r#"{"key":"real","max":4294967295}"#,
            "bad min or max value",
            Some("4294967295"),
        ),
        (
            r#"{"key":"real","max":"many"}"#,
            "bad min or max value",
            Some(r#""many""#),
        ),
        (
            r#"{"key":"real","min":2,"max":3}"#,
            "ovsdb type fails constraint checks",
            None,
        ),
        (
            r#"{"key":"real","max":0}"#,
            "ovsdb type fails constraint checks",
            None,
        ),
        (
            r#"{"key":{"min":1}}"#,
            "Parsing ovsdb type failed: Required 'type' member is missing.",
            Some(r#"{"min":1}"#),
        ),
        (
            r#"{"key":{"type":"integer","minInteger":2,"maxInteger":1}}"#,
            "minInteger exceeds maxInteger",
            Some(r#"{"type":"integer","minInteger":2,"maxInteger":1}"#),
        ),
        (
            r#"{"key":{"type":"real","minReal":2,"maxReal":1}}"#,
            "minReal exceeds maxReal",
            Some(r#"{"type":"real","minReal":2,"maxReal":1}"#),
        ),
        (
            r#"{"key":{"type":"string","minLength":2,"maxLength":1}}"#,
            "minLength exceeds maxLength",
            Some(r#"{"type":"string","minLength":2,"maxLength":1}"#),
        ),
        (
            r#"{"key":{"type":"string","minLength":-1}}"#,
            "minLength out of valid range 0 to 4294967295",
            Some("-1"),
        ),
        (
            r#"{"key":{"type":"integer","minReal":2}}"#,
            "Parsing ovsdb type failed: Member 'minReal' is present but not allowed here.",
            Some(r#"{"type":"integer","minReal":2}"#),
        ),
        (
            r#"{"key":{"type":"integer","enum":5,"minInteger":2}}"#,
            "Parsing ovsdb type failed: Member 'minInteger' is present but not allowed here.",
            Some(r#"{"type":"integer","enum":5,"minInteger":2}"#),
        ),
        (
            r#"{"key":{"type":"integer","enum":["set",[]]}}"#,
            "set must have 1 to 4294967295 members but 0 are present",
            Some(r#"["set",[]]"#),
        ),
        (
            r#"{"key":{"type":"uuid","refTable":"t","refType":"x"}}"#,
            "refType must be \"strong\" or \"weak\" (not \"x\")",
            Some(r#"{"type":"uuid","refTable":"t","refType":"x"}"#),
        ),
        (
            r#"{"key":{"type":"uuid","refType":"weak"}}"#,
            "Parsing ovsdb type failed: Member 'refType' is present but not allowed here.",
            Some(r#"{"type":"uuid","refType":"weak"}"#),
        ),
    ] {
        expect(&with_type(ty), details, Some(fragment.unwrap_or(ty)));
    }
    expect(
        &with_type(r#"{"key":{"type":"uuid","refTable":"u"}}"#),
        "column c key refers to undefined table u",
        None,
    );
    expect(
        &with_type(r#"{"key":"string","value":{"type":"uuid","refTable":"u"}}"#),
        "column c value refers to undefined table u",
        None,
    );
}

#[test]
fn columns_of_a_request_are_distinct_names() {
    let schema = read(&with_type(r#""real""#)).unwrap();
    let columns = with_json(r#"["c","_uuid"]"#, |value| {
        parse_columns(value, &schema.tables[0])
    });
    assert_eq!(columns.unwrap(), [ColumnIdx(2), ColumnIdx::UUID]);
}
