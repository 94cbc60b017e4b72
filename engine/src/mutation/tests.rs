//! Tables of mutations: results and errors.

use super::Mutations;
use crate::datum::{Datum, parse, print};
use crate::error::OvsdbError;
use crate::schema::{self, Schema};
use crate::testing::with_json;

fn schema() -> Schema {
    let columns = r#"{
        "i": {"type": "integer"},
        "i03": {"type": {"key": "integer", "min": 0, "max": 3}},
        "i12": {"type": {"key": {"type": "integer", "minInteger": -10, "maxInteger": 10}, "min": 1, "max": 2}},
        "imm": {"type": "integer", "mutable": false},
        "m": {"type": {"key": "string", "value": "integer", "min": 0, "max": 2}},
        "mi": {"type": {"key": "integer", "value": "integer", "min": 0, "max": "unlimited"}},
        "r": {"type": "real"},
        "s": {"type": "string"},
        "sS": {"type": {"key": {"type": "string", "maxLength": 2}, "min": 0, "max": "unlimited"}}
    }"#;
    let json = format!(r#"{{"name": "d", "tables": {{"t": {{"columns": {columns}}}}}}}"#);
    with_json(&json, schema::parse).unwrap()
}

fn error_text(error: &OvsdbError) -> String {
    let mut out = Vec::new();
    error.write(&mut out);
    String::from_utf8(out).unwrap()
}

/// The value of `column` after `[column, mutator, argument]` was applied to `value`, or the error.
fn mutate(column: &str, value: &str, mutator: &str, argument: &str) -> std::result::Result<String, String> {
    let schema = schema();
    let table = &schema.tables[0];
    let mut row: Vec<Datum> = table
        .columns
        .iter()
        .map(|column| column.default.clone())
        .collect();
    let idx = table.column_named(column).unwrap();
    row[idx.at()] = with_json(value, |value| parse(value, &table.column(idx).ty, None)).unwrap();
    let json = format!(r#"[["{column}","{mutator}",{argument}]]"#);
    let mutations = with_json(&json, |value| {
        Mutations::parse(value.as_array().unwrap(), table, None)
    });
    let result = mutations.and_then(|mutations| mutations.apply(&mut row, table));
    result.map_err(|error| error_text(&error))?;
    let mut out = Vec::new();
    print::write(&row[idx.at()], &mut out);
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn results_are_upstreams() {
    for (column, value, mutator, argument, expected) in [
        ("i", "5", "+=", "3", "8"),
        ("i", "5", "-=", "7", "-2"),
        ("i", "5", "*=", "3", "15"),
        ("i", "-7", "/=", "2", "-3"),
        ("i", "-7", "%=", "2", "-1"),
        ("i", "-5", "*=", "0", "0"),
        ("i", "1", "*=", "9223372036854775807", "9223372036854775807"),
        ("r", "1.5", "+=", "1", "2.5"),
        ("r", "1", "/=", "4", "0.25"),
        ("i03", r#"["set",[1,2,3]]"#, "*=", "-1", r#"["set",[-3,-2,-1]]"#),
        ("i03", r#"["set",[]]"#, "+=", "1", r#"["set",[]]"#),
        (
            "i03",
            r#"["set",[1,2]]"#,
            "insert",
            r#"["set",[2,3]]"#,
            r#"["set",[1,2,3]]"#,
        ),
        (
            "i03",
            r#"["set",[1,2]]"#,
            "insert",
            r#"["set",[]]"#,
            r#"["set",[1,2]]"#,
        ),
        ("i03", r#"["set",[1,2]]"#, "delete", r#"["set",[2,3,4,5,6]]"#, "1"),
        (
            "m",
            r#"["map",[["a",1]]]"#,
            "insert",
            r#"["map",[["a",2],["b",3]]]"#,
            r#"["map",[["a",1],["b",3]]]"#,
        ),
        (
            "m",
            r#"["map",[["a",1],["b",2]]]"#,
            "delete",
            r#"["map",[["a",1],["b",1]]]"#,
            r#"["map",[["b",2]]]"#,
        ),
        (
            "m",
            r#"["map",[["a",1],["b",2]]]"#,
            "delete",
            r#"["set",["a","c"]]"#,
            r#"["map",[["b",2]]]"#,
        ),
        (
            "m",
            r#"["map",[["a",1],["b",2]]]"#,
            "delete",
            r#""b""#,
            r#"["map",[["a",1]]]"#,
        ),
    ] {
        assert_eq!(
            mutate(column, value, mutator, argument).as_deref(),
            Ok(expected),
            "{value} {mutator} {argument}"
        );
    }
}

#[test]
fn errors_are_upstreams() {
    let out_of_range = |name: &str| {
        format!(r#"{{"details":"Result of \"{name}\" operation is out of range.","error":"range error"}}"#)
    };
    let by_zero = r#"{"details":"Division by zero.","error":"domain error"}"#;
    for (column, value, mutator, argument, expected) in [
        ("i", "9223372036854775807", "+=", "1", out_of_range("+=").as_str()),
        ("i", "-9223372036854775808", "-=", "1", &out_of_range("-=")),
        ("i", "-3037000500", "*=", "-3037000500", &out_of_range("*=")),
        ("i", "-9223372036854775808", "/=", "-1", &out_of_range("/=")),
        ("i", "-9223372036854775808", "%=", "-1", &out_of_range("%=")),
        ("i", "1", "/=", "0", by_zero),
        ("i", "1", "%=", "0", by_zero),
        ("r", "1", "/=", "0", by_zero),
        ("r", "1e308", "*=", "1e308", &out_of_range("*=")),
        (
            "i03",
            r#"["set",[4,5]]"#,
            "/=",
            "2",
            r#"{"details":"Result of \"/=\" operation contains duplicates.","error":"constraint violation"}"#,
        ),
        (
            "i12",
            "5",
            "+=",
            "6",
            r#"{"details":"11 is not in the valid range -10 to 10 (inclusive)","error":"constraint violation"}"#,
        ),
        (
            "i12",
            r#"["set",[1,2]]"#,
            "insert",
            "3",
            r#"{"details":"Attempted to store 3 elements in set of 1 to 2 integers.","error":"constraint violation"}"#,
        ),
        (
            "i12",
            "1",
            "delete",
            "1",
            r#"{"details":"Attempted to store 0 elements in set of 1 to 2 integers.","error":"constraint violation"}"#,
        ),
        (
            "i12",
            "1",
            "delete",
            "11",
            r#"{"details":"11 is not in the valid range -10 to 10 (inclusive)","error":"constraint violation"}"#,
        ),
        (
            "m",
            r#"["map",[["a",1],["b",2]]]"#,
            "insert",
            r#"["map",[["c",1]]]"#,
            r#"{"details":"Attempted to store 3 elements in map of up to 2 (string, integer) pairs.","error":"constraint violation"}"#,
        ),
        (
            "i",
            "1",
            "+=",
            r#"["set",[1,2]]"#,
            r#"{"details":"set must have exactly one member but 2 are present","error":"syntax error","syntax":"[\"set\",[1,2]]"}"#,
        ),
        (
            "i",
            "1",
            "+=",
            "1.5",
            r#"{"details":"expected integer","error":"syntax error","syntax":"1.5"}"#,
        ),
        (
            "i03",
            "1",
            "insert",
            r#"["set",[1,2,3,4]]"#,
            r#"{"details":"set must have 0 to 3 members but 4 are present","error":"syntax error","syntax":"[\"set\",[1,2,3,4]]"}"#,
        ),
        (
            "m",
            r#"["map",[]]"#,
            "insert",
            r#"["set",["a"]]"#,
            r#"{"details":"expected [\"map\", <array>]","error":"syntax error","syntax":"[\"set\",[\"a\"]]"}"#,
        ),
        // The error of the second reading, as keys, is the one that is told.
        (
            "m",
            r#"["map",[]]"#,
            "delete",
            r#"["map",[["a","b"]]]"#,
            r#"{"details":"expected string","error":"syntax error","syntax":"[\"map\",[[\"a\",\"b\"]]]"}"#,
        ),
        (
            "i",
            "1",
            "insert",
            "1",
            r#"{"details":"Type mismatch: \"insert\" operator may not be applied to column i of type integer.","error":"syntax error","syntax":"[\"i\",\"insert\",1]"}"#,
        ),
        (
            "mi",
            r#"["map",[]]"#,
            "+=",
            "1",
            r#"{"details":"Type mismatch: \"+=\" operator may not be applied to column mi of type map of (integer, integer) pairs.","error":"syntax error","syntax":"[\"mi\",\"+=\",1]"}"#,
        ),
        (
            "s",
            r#""a""#,
            "+=",
            "1",
            r#"{"details":"Type mismatch: \"+=\" operator may not be applied to column s of type string.","error":"syntax error","syntax":"[\"s\",\"+=\",1]"}"#,
        ),
        (
            "r",
            "1",
            "%=",
            "1",
            r#"{"details":"Type mismatch: \"%=\" operator may not be applied to column r of type real.","error":"syntax error","syntax":"[\"r\",\"%=\",1]"}"#,
        ),
        (
            "i",
            "1",
            "^=",
            "1",
            r#"{"details":"No mutator named ^=.","error":"unknown mutator"}"#,
        ),
        (
            "imm",
            "1",
            "^=",
            "1",
            r#"{"details":"Cannot mutate immutable column imm in table t.","error":"constraint violation","syntax":"[\"imm\",\"^=\",1]"}"#,
        ),
        (
            "_version",
            r#"["uuid","00000000-0000-0000-0000-000000000000"]"#,
            "insert",
            "1",
            r#"{"details":"Cannot mutate immutable column _version in table t.","error":"constraint violation","syntax":"[\"_version\",\"insert\",1]"}"#,
        ),
    ] {
        assert_eq!(
            mutate(column, value, mutator, argument),
            Err(expected.to_owned()),
            "{value} {mutator} {argument}"
        );
    }
    for (json, expected) in [
        (
            "[1]",
            r#"{"details":"Parse error in mutation.","error":"syntax error","syntax":"1"}"#,
        ),
        (
            r#"[["i","+="]]"#,
            r#"{"details":"Parse error in mutation.","error":"syntax error","syntax":"[\"i\",\"+=\"]"}"#,
        ),
        (
            r#"[["x","+=",1]]"#,
            r#"{"details":"No column x in table t.","error":"unknown column","syntax":"[\"x\",\"+=\",1]"}"#,
        ),
    ] {
        let schema = schema();
        let result = with_json(json, |value| {
            Mutations::parse(value.as_array().unwrap(), &schema.tables[0], None)
        });
        assert_eq!(error_text(&result.unwrap_err()), expected, "{json}");
    }
}

#[test]
fn what_does_not_change_stays_the_same_object() {
    let schema = schema();
    let table = &schema.tables[0];
    let idx = table.column_named("sS").unwrap();
    let mut row: Vec<Datum> = table
        .columns
        .iter()
        .map(|column| column.default.clone())
        .collect();
    let value = with_json(r#"["set",["a","b"]]"#, |value| {
        parse(value, &table.column(idx).ty, None)
    })
    .unwrap();
    row[idx.at()] = value.clone();
    let json = r#"[["sS","insert","a"],["sS","delete","c"]]"#;
    let mutations = with_json(json, |value| {
        Mutations::parse(value.as_array().unwrap(), table, None)
    })
    .unwrap();
    mutations.apply(&mut row, table).unwrap();
    assert!(row[idx.at()].ptr_eq(&value));
    assert!(mutations.columns().eq([idx, idx]));
}
