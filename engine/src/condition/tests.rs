//! Tables of conditions: functions, joining, canonical form, errors.

use super::Condition;
use crate::datum::{Datum, constraint, parse};
use crate::ids::ColumnIdx;
use crate::schema::{AtomicType, BaseType, ColumnSchema, ColumnType, TableSchema};
use crate::testing::with_json;
use AtomicType::{Integer, Real, String as Text, Uuid};

/// A table with one column of each kind; the names say which.
fn table() -> TableSchema {
    let set = |atomic, n_min, n_max| ColumnType {
        n_min,
        n_max,
        ..ColumnType::scalar(atomic)
    };
    let one_two_three = with_json(r#"["set",[1,2,3]]"#, |value| {
        parse(value, &constraint::enum_type(Integer), None)
    });
    let columns: Vec<ColumnSchema> = [
        ("_uuid", ColumnType::scalar(Uuid)),
        ("_version", ColumnType::scalar(Uuid)),
        ("i", ColumnType::scalar(Integer)),
        ("i01", set(Integer, 0, 1)),
        ("i03", set(Integer, 0, 3)),
        ("i13", set(Integer, 1, 3)),
        (
            "m",
            ColumnType {
                value: Some(BaseType::new(Text)),
                ..set(Text, 0, u32::MAX)
            },
        ),
        ("r", ColumnType::scalar(Real)),
        ("s", ColumnType::scalar(Text)),
        (
            "tiny",
            ColumnType {
                key: BaseType {
                    enumeration: Some(one_two_three.unwrap()),
                    ..BaseType::new(Integer)
                },
                ..ColumnType::scalar(Integer)
            },
        ),
    ]
    .into_iter()
    .map(|(name, ty)| ColumnSchema {
        name: name.to_owned(),
        mutable: true,
        persistent: true,
        default: Datum::default_of(&ty),
        ty,
    })
    .collect();
    let column_ids = columns
        .iter()
        .zip(0..)
        .map(|(column, at)| (column.name.clone(), ColumnIdx(at)))
        .collect();
    TableSchema {
        name: "t".to_owned(),
        mutable: true,
        is_root: true,
        rows_max: u32::MAX,
        columns,
        column_ids,
        indexes: Vec::new(),
    }
}

/// The row of defaults but for the columns given as `name=json`.
fn row(table: &TableSchema, values: &[(&str, &str)]) -> Vec<Datum> {
    let mut row: Vec<_> = table
        .columns
        .iter()
        .map(|column| column.default.clone())
        .collect();
    for (name, json) in values {
        let idx = table.column_named(name).unwrap();
        row[idx.at()] = with_json(json, |value| parse(value, &table.column(idx).ty, None)).unwrap();
    }
    row
}

fn parse_where(table: &TableSchema, json: &str) -> crate::error::Result<Condition> {
    with_json(json, |value| {
        Condition::parse_where(value.as_array().unwrap(), table, None)
    })
}

fn parse_monitor(table: &TableSchema, json: &str) -> Condition {
    with_json(json, |value| {
        Condition::parse_monitor(value.as_array().unwrap(), table)
    })
    .unwrap()
}

#[test]
fn functions_compare_as_upstream() {
    let table = table();
    for (column, field, function, argument, expected) in [
        ("i", "1", "==", "1", true),
        ("i", "1", "!=", "1", false),
        ("i", "1", "<", "2", true),
        ("i", "1", "<", "1", false),
        ("i", "1", "<=", "1", true),
        ("i", "1", ">", "0", true),
        ("i", "1", ">=", "2", false),
        ("i", "1", "includes", "1", true),
        ("i", "1", "excludes", "1", false),
        ("r", "1.5", ">", "1", true),
        ("s", r#""a""#, "==", r#""a""#, true),
        // An absent value is in no order, but can be equal.
        ("i01", r#"["set",[]]"#, "<", "1", false),
        ("i01", r#"["set",[]]"#, ">=", "1", false),
        ("i01", r#"["set",[]]"#, "==", r#"["set",[]]"#, true),
        ("i01", "1", "!=", r#"["set",[]]"#, true),
        ("i01", "1", "includes", r#"["set",[]]"#, true),
        ("i01", "1", "excludes", r#"["set",[1,2,3]]"#, false),
        ("i03", r#"["set",[1,2,3]]"#, "includes", r#"["set",[1,3]]"#, true),
        ("i03", r#"["set",[1,2]]"#, "includes", r#"["set",[1,3]]"#, false),
        (
            "i03",
            r#"["set",[1,2]]"#,
            "excludes",
            r#"["set",[3,4,5,6]]"#,
            true,
        ),
        ("i03", r#"["set",[1,2]]"#, "==", r#"["set",[2,1]]"#, true),
        ("i13", "1", "includes", r#"["set",[]]"#, true),
        (
            "m",
            r#"["map",[["a","b"]]]"#,
            "includes",
            r#"["map",[["a","b"]]]"#,
            true,
        ),
        (
            "m",
            r#"["map",[["a","b"]]]"#,
            "includes",
            r#"["map",[["a","c"]]]"#,
            false,
        ),
        (
            "m",
            r#"["map",[["a","b"]]]"#,
            "excludes",
            r#"["map",[["a","c"]]]"#,
            true,
        ),
    ] {
        let row = row(&table, &[(column, field)]);
        let condition = parse_where(&table, &format!(r#"[["{column}","{function}",{argument}]]"#)).unwrap();
        let get = |idx: ColumnIdx| &row[idx.at()];
        assert_eq!(
            condition.matches_all(get),
            expected,
            "{field} {function} {argument}"
        );
        assert_eq!(
            condition.matches_any(get),
            expected,
            "{field} {function} {argument}"
        );
    }
}

#[test]
fn clauses_are_joined_by_and_or_by_or() {
    let table = table();
    let row = row(&table, &[("i", "1"), ("s", r#""a""#)]);
    let get = |idx: ColumnIdx| &row[idx.at()];
    for (json, all, any) in [
        ("[]", true, true),
        ("[true]", true, true),
        ("[false]", false, false),
        ("[true,false]", false, true),
        (r#"[["i","==",1],["s","==","b"]]"#, false, true),
        (r#"[["i","==",2],["s","==","b"]]"#, false, false),
        (r#"[["i","==",1],["s","==","a"]]"#, true, true),
        (r#"[["i","==",1],false]"#, false, true),
        (r#"[["i","==",2],true]"#, false, true),
    ] {
        assert_eq!(parse_where(&table, json).unwrap().matches_all(get), all, "{json}");
        assert_eq!(parse_monitor(&table, json).matches_any(get), any, "{json}");
    }
}

#[test]
fn equal_conditions_have_one_form() {
    let table = table();
    for (a, b) in [
        (
            r#"[["i","==",1],["s","==","b"]]"#,
            r#"[["s","==","b"],["i","==",1],["s","==","b"]]"#,
        ),
        (
            r#"[["i03","==",["set",[1,2]]]]"#,
            r#"[["i03","==",["set",[2,1]]]]"#,
        ),
        (r#"[["i","==",1],false]"#, r#"[["i","==",1]]"#),
        (r#"[["i","==",1],true]"#, "[]"),
        (r#"[true]"#, "[]"),
        (r#"[false,false]"#, "[false]"),
    ] {
        assert_eq!(parse_monitor(&table, a), parse_monitor(&table, b), "{a} {b}");
    }
    let condition = parse_monitor(
        &table,
        r#"[["s","==","a"],["_uuid","!=",["uuid","00000000-0000-0000-0000-000000000001"]],["i","<",2],["_uuid","==",["uuid","00000000-0000-0000-0000-000000000001"]]]"#,
    );
    let mut out = Vec::new();
    condition.write(&table, &mut out);
    let expected = r#"[["_uuid","==",["uuid","00000000-0000-0000-0000-000000000001"]],["s","==","a"],["i","<",2],["_uuid","!=",["uuid","00000000-0000-0000-0000-000000000001"]]]"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn errors_are_upstreams() {
    let table = table();
    for (json, expected) in [
        (
            "[1]",
            r#"{"details":"Parse error in condition.","error":"syntax error","syntax":"1"}"#,
        ),
        (
            r#"[["i","=="]]"#,
            r#"{"details":"Parse error in condition.","error":"syntax error","syntax":"[\"i\",\"==\"]"}"#,
        ),
        (
            r#"[["i",1,1]]"#,
            r#"{"details":"Parse error in condition.","error":"syntax error","syntax":"[\"i\",1,1]"}"#,
        ),
        (
            r#"[["x","==",1]]"#,
            r#"{"details":"No column x in table t.","error":"unknown column","syntax":"[\"x\",\"==\",1]"}"#,
        ),
        (
            r#"[["i","=",1]]"#,
            r#"{"details":"No function named =.","error":"unknown function"}"#,
        ),
        (
            r#"[["s","<","a"]]"#,
            r#"{"details":"Type mismatch: \"<\" operator may not be applied to column s of type string.","error":"syntax error","syntax":"[\"s\",\"<\",\"a\"]"}"#,
        ),
        (
            r#"[["i03",">=",1]]"#,
            r#"{"details":"Type mismatch: \">=\" operator may not be applied to column i03 of type set of up to 3 integers.","error":"syntax error","syntax":"[\"i03\",\">=\",1]"}"#,
        ),
        (
            r#"[["i01","<",["set",[]]]]"#,
            r#"{"details":"set must have exactly one member but 0 are present","error":"syntax error","syntax":"[\"set\",[]]"}"#,
        ),
        (
            r#"[["i","includes",["set",[]]]]"#,
            r#"{"details":"set must have exactly one member but 0 are present","error":"syntax error","syntax":"[\"set\",[]]"}"#,
        ),
        (
            r#"[["i03","includes",["set",[1,2,3,4]]]]"#,
            r#"{"details":"set must have 0 to 3 members but 4 are present","error":"syntax error","syntax":"[\"set\",[1,2,3,4]]"}"#,
        ),
        (
            r#"[["tiny","==",4]]"#,
            r#"{"details":"4 is not one of the allowed values ([1, 2, 3])","error":"constraint violation"}"#,
        ),
    ] {
        let mut out = Vec::new();
        parse_where(&table, json).unwrap_err().write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{json}");
    }
}
