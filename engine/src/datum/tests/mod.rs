//! Tests of datums: what they share, and the tables of what concerns types alone.

mod arithmetic;
mod notation;
mod versions;

use super::{Datum, convert, parse, print};
use crate::error::OvsdbError;
use crate::schema::AtomicType::{Boolean, Integer, Real, String as Text, Uuid as UuidType};
use crate::schema::{AtomicType, BaseType, ColumnType};
use crate::testing::with_json;

fn base(atomic: AtomicType) -> BaseType {
    BaseType::new(atomic)
}

fn scalar(atomic: AtomicType) -> ColumnType {
    ColumnType::scalar(atomic)
}

fn set(atomic: AtomicType, n_min: u32, n_max: u32) -> ColumnType {
    ColumnType {
        key: base(atomic),
        value: None,
        n_min,
        n_max,
    }
}

fn map(key: AtomicType, value: AtomicType, n_min: u32, n_max: u32) -> ColumnType {
    ColumnType {
        key: base(key),
        value: Some(base(value)),
        n_min,
        n_max,
    }
}

const ANY: u32 = u32::MAX;

fn datum(json: &str, ty: &ColumnType) -> Datum {
    with_json(json, |value| parse(value, ty, None)).expect(json)
}

fn json(datum: &Datum) -> String {
    let mut out = Vec::new();
    print::write(datum, &mut out);
    String::from_utf8(out).unwrap()
}

fn error(error: &OvsdbError) -> String {
    let mut out = Vec::new();
    error.write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn defaults_have_n_min_elements() {
    for (ty, expected) in [
        (scalar(Integer), "0"),
        (scalar(Real), "0"),
        (scalar(Boolean), "false"),
        (scalar(Text), r#""""#),
        (
            scalar(UuidType),
            r#"["uuid","00000000-0000-0000-0000-000000000000"]"#,
        ),
        (set(Text, 0, 5), r#"["set",[]]"#),
        (set(Text, 1, 5), r#""""#),
        (map(Text, Integer, 0, 5), r#"["map",[]]"#),
        (map(Text, Integer, 1, 5), r#"["map",[["",0]]]"#),
    ] {
        assert_eq!(json(&Datum::default_of(&ty)), expected);
    }
}

#[test]
fn conversion_goes_by_json() {
    for (from, to, given, expected) in [
        (scalar(Integer), scalar(Real), "5", Ok("5")),
        (scalar(Real), scalar(Integer), "5.5", Err("expected integer")),
        (scalar(Text), set(Text, 0, ANY), r#""a""#, Ok(r#""a""#)),
        (
            set(Text, 0, ANY),
            scalar(Text),
            r#"["set",["a","b"]]"#,
            Err("set must have exactly one member but 2 are present"),
        ),
        (
            set(UuidType, 0, 1),
            scalar(UuidType),
            r#"["set",[]]"#,
            Err("set must have exactly one member but 0 are present"),
        ),
        (
            scalar(UuidType),
            scalar(Text),
            r#"["uuid","00000000-0000-0000-0000-000000000001"]"#,
            Err("expected string"),
        ),
        (
            map(Text, Integer, 0, ANY),
            map(Text, Real, 0, 5),
            r#"["map",[["a",1]]]"#,
            Ok(r#"["map",[["a",1]]]"#),
        ),
    ] {
        let result = convert(&datum(given, &from), &from, &to)
            .map(|value| json(&value))
            .map_err(|error| error.details);
        assert_eq!(result.as_deref().map_err(String::as_str), expected);
    }
}

#[test]
fn type_names_are_english() {
    for (ty, expected) in [
        (scalar(Integer), "integer"),
        (set(Integer, 0, 3), "set of up to 3 integers"),
        (set(Integer, 1, 3), "set of 1 to 3 integers"),
        (set(UuidType, 0, ANY), "set of uuids"),
        (set(UuidType, 1, ANY), "set of 1 or more uuids"),
        (map(Text, UuidType, 0, ANY), "map of (string, uuid) pairs"),
        (map(Text, UuidType, 1, 1), "map of 1 to 1 (string, uuid) pairs"),
        (map(Text, UuidType, 0, 2), "map of up to 2 (string, uuid) pairs"),
    ] {
        assert_eq!(ty.english(), expected);
    }
}
