//! Tables of notations and of errors.

use super::{ANY, base, datum, error, json, map, scalar, set};
use crate::datum::{Datum, Symbols, constraint, parse, parse_relaxed, parse_unconstrained, print};
use crate::schema::AtomicType::{Boolean, Integer, Real, String as Text, Uuid as UuidType};
use crate::schema::{BaseType, ColumnType};
use crate::testing::with_json;
use ovsdb_wire::value::Value;
use uuid::Uuid;

const UUID_1: &str = "00000000-0000-0000-0000-000000000001";
const UUID_2: &str = "00000000-0000-0000-0000-000000000002";

/// Names are resolved to uuids by their length.
struct ByLength;

impl Symbols for ByLength {
    fn resolve(&mut self, name: &str) -> Uuid {
        Uuid::from_u128(name.len() as u128)
    }
}

fn text(datum: &Datum, ty: &ColumnType) -> String {
    let mut out = Vec::new();
    print::write_text(datum, ty, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn values_are_printed_in_normal_form() {
    let in_set = r#"["set",["b","a","c"]]"#;
    for (ty, given, printed, shown, bare) in [
        (scalar(Integer), "5", "5", "5", "5"),
        (scalar(Integer), r#"["set",[5]]"#, "5", "5", "5"),
        (
            scalar(Integer),
            "-9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775808",
        ),
        (scalar(Real), "5", "5", "5", "5"),
        (scalar(Real), "0.5", "0.5", "0.5", "0.5"),
        (scalar(Boolean), "true", "true", "true", "true"),
        (scalar(Text), r#""a b""#, r#""a b""#, r#""a b""#, "a b"),
        (
            scalar(Text),
            r#""a-b.c_d0""#,
            r#""a-b.c_d0""#,
            "a-b.c_d0",
            "a-b.c_d0",
        ),
        (scalar(Text), r#""true""#, r#""true""#, r#""true""#, "true"),
        (scalar(Text), r#""0a""#, r#""0a""#, r#""0a""#, "0a"),
        (scalar(Text), r#""""#, r#""""#, r#""""#, ""),
        (
            scalar(Text),
            r#""a00000b0-0000-0000-0000-000000000001""#,
            r#""a00000b0-0000-0000-0000-000000000001""#,
            r#""a00000b0-0000-0000-0000-000000000001""#,
            "a00000b0-0000-0000-0000-000000000001",
        ),
        (set(Text, 0, 1), r#"["set",[]]"#, r#"["set",[]]"#, "[]", ""),
        (set(Text, 0, 1), r#""a""#, r#""a""#, "a", "a"),
        (set(Text, 0, ANY), r#""a""#, r#""a""#, "[a]", "a"),
        (
            set(Text, 0, ANY),
            in_set,
            r#"["set",["a","b","c"]]"#,
            "[a, b, c]",
            "a b c",
        ),
        (
            set(Integer, 0, 3),
            r#"["set",[3,1,2]]"#,
            r#"["set",[1,2,3]]"#,
            "[1, 2, 3]",
            "1 2 3",
        ),
        (
            map(Text, Integer, 0, ANY),
            r#"["map",[["b",2],["a",1]]]"#,
            r#"["map",[["a",1],["b",2]]]"#,
            "{a=1, b=2}",
            "a=1 b=2",
        ),
        (
            map(Text, Integer, 0, 1),
            r#"["map",[["b",2]]]"#,
            r#"["map",[["b",2]]]"#,
            "b=2",
            "b=2",
        ),
        (
            map(Text, Text, 0, ANY),
            r#"["map",[]]"#,
            r#"["map",[]]"#,
            "{}",
            "",
        ),
        (
            map(Text, Text, 0, ANY),
            r#"["map",[["k x","v"]]]"#,
            r#"["map",[["k x","v"]]]"#,
            r#"{"k x"=v}"#,
            "k x=v",
        ),
    ] {
        let value = datum(given, &ty);
        assert_eq!(json(&value), printed);
        assert_eq!(text(&value, &ty), shown);
        let mut out = Vec::new();
        print::write_bare(&value, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), bare);
        assert_eq!(
            datum(printed, &ty),
            value,
            "what is printed is read as the same value"
        );
    }
}

#[test]
fn uuids_are_named_or_literal() {
    let ty = set(UuidType, 0, ANY);
    let given = format!(r#"["set",[["uuid","{UUID_2}"],["named-uuid","a"]]]"#);
    let value = with_json(&given, |value| parse(value, &ty, Some(&mut ByLength))).unwrap();
    assert_eq!(
        json(&value),
        format!(r#"["set",[["uuid","{UUID_1}"],["uuid","{UUID_2}"]]]"#)
    );
    assert_eq!(text(&value, &ty), format!("[{UUID_1}, {UUID_2}]"));
}

#[test]
fn errors_are_upstreams() {
    let enumeration = |ty: ColumnType, values: &str| {
        let allowed = datum(values, &constraint::enum_type(ty.key.atomic));
        ColumnType {
            key: BaseType {
                enumeration: Some(allowed),
                ..ty.key
            },
            ..ty
        }
    };
    let ranged = |range| ColumnType {
        key: BaseType {
            integer_range: range,
            ..base(Integer)
        },
        ..scalar(Integer)
    };
    let real_ranged = |range| ColumnType {
        key: BaseType {
            real_range: range,
            ..base(Real)
        },
        ..scalar(Real)
    };
    let sized = |range| ColumnType {
        key: BaseType {
            length_range: range,
            ..base(Text)
        },
        ..scalar(Text)
    };
    for (ty, given, expected) in [
        (
            scalar(Integer),
            r#""5""#,
            r#"{"details":"expected integer","error":"syntax error","syntax":"\"5\""}"#,
        ),
        (
            scalar(Integer),
            "0.5",
            r#"{"details":"expected integer","error":"syntax error","syntax":"0.5"}"#,
        ),
        (
            scalar(Real),
            "true",
            r#"{"details":"expected real","error":"syntax error","syntax":"true"}"#,
        ),
        (
            scalar(Boolean),
            "1",
            r#"{"details":"expected boolean","error":"syntax error","syntax":"1"}"#,
        ),
        (
            scalar(Text),
            "null",
            r#"{"details":"expected string","error":"syntax error","syntax":"null"}"#,
        ),
        (
            scalar(Text),
            r#"["set"]"#,
            r#"{"details":"expected [\"set\", <array>]","error":"syntax error","syntax":"[\"set\"]"}"#,
        ),
        (
            scalar(Text),
            r#"["set",["a","b"]]"#,
            r#"{"details":"set must have exactly one member but 2 are present","error":"syntax error","syntax":"[\"set\",[\"a\",\"b\"]]"}"#,
        ),
        (
            set(Integer, 1, ANY),
            r#"["set",[]]"#,
            r#"{"details":"set must have 1 to 4294967295 members but 0 are present","error":"syntax error","syntax":"[\"set\",[]]"}"#,
        ),
        (
            set(Integer, 0, 2),
            r#"["set",[1,2,3]]"#,
            r#"{"details":"set must have 0 to 2 members but 3 are present","error":"syntax error","syntax":"[\"set\",[1,2,3]]"}"#,
        ),
        (
            set(Integer, 0, ANY),
            r#"["set",[1,2,1]]"#,
            r#"{"details":"set contains duplicate","error":"ovsdb error"}"#,
        ),
        (
            map(Text, Text, 0, ANY),
            r#"{"b":1,"a":2}"#,
            r#"{"details":"expected [\"map\", <array>]","error":"syntax error","syntax":"{\"a\":2,\"b\":1}"}"#,
        ),
        (
            map(Text, Text, 0, ANY),
            r#"["map",[["a"]]]"#,
            r#"{"details":"expected 2-element array","error":"syntax error","syntax":"[\"a\"]"}"#,
        ),
        (
            map(Text, Text, 0, ANY),
            r#"["map",[["a","b"],["a","c"]]]"#,
            r#"{"details":"map contains duplicate key","error":"ovsdb error"}"#,
        ),
        (
            map(Text, Integer, 0, ANY),
            r#"["map",[["a","b"]]]"#,
            r#"{"details":"expected integer","error":"syntax error","syntax":"\"b\""}"#,
        ),
        (
            scalar(UuidType),
            r#""a""#,
            r#"{"details":"expected [\"uuid\", <string>]","error":"syntax error","syntax":"\"a\""}"#,
        ),
        (
            scalar(UuidType),
            r#"["uuid","a"]"#,
            r#"{"details":"\"a\" is not a valid UUID","error":"syntax error","syntax":"[\"uuid\",\"a\"]"}"#,
        ),
        (
            scalar(UuidType),
            r#"["uuid",1]"#,
            r#"{"details":"expected [\"uuid\", <string>]","error":"syntax error","syntax":"[\"uuid\",1]"}"#,
        ),
        (
            scalar(UuidType),
            r#"["named-uuid","a"]"#,
            r#"{"details":"expected [\"uuid\", <string>]","error":"syntax error","syntax":"[\"named-uuid\",\"a\"]"}"#,
        ),
        (
            enumeration(scalar(Text), r#"["set",["tcp","udp x"]]"#),
            r#""a b""#,
            r#"{"details":"\"a b\" is not one of the allowed values ([tcp, \"udp x\"])","error":"constraint violation"}"#,
        ),
        (
            enumeration(scalar(Integer), "5"),
            "4",
            r#"{"details":"4 is not one of the allowed values ([5])","error":"constraint violation"}"#,
        ),
        (
            ranged((1, 3)),
            "4",
            r#"{"details":"4 is not in the valid range 1 to 3 (inclusive)","error":"constraint violation"}"#,
        ),
        (
            ranged((1, i64::MAX)),
            "0",
            r#"{"details":"0 is less than minimum allowed value 1","error":"constraint violation"}"#,
        ),
        (
            ranged((i64::MIN, 3)),
            "4",
            r#"{"details":"4 is greater than maximum allowed value 3","error":"constraint violation"}"#,
        ),
        (
            real_ranged((0.5, 1.5)),
            "2",
            r#"{"details":"2 is not in the valid range 0.5 to 1.5 (inclusive)","error":"constraint violation"}"#,
        ),
        (
            real_ranged((0.5, f64::INFINITY)),
            "0.25",
            r#"{"details":"0.25 is less than minimum allowed value 0.5","error":"constraint violation"}"#,
        ),
        (
            real_ranged((f64::NEG_INFINITY, 1.5)),
            "2.5",
            r#"{"details":"2.5 is greater than maximum allowed value 1.5","error":"constraint violation"}"#,
        ),
        (
            sized((2, 3)),
            r#""é""#,
            r#"{"details":"\"é\" length 1 is less than minimum allowed length 2","error":"constraint violation"}"#,
        ),
        (
            sized((2, 3)),
            r#""éééé""#,
            r#"{"details":"\"éééé\" length 4 is greater than maximum allowed length 3","error":"constraint violation"}"#,
        ),
    ] {
        let result = with_json(given, |value| parse(value, &ty, None));
        assert_eq!(error(&result.unwrap_err()), expected, "{given}");
    }
    let result = with_json(r#"["named-uuid","1a"]"#, |value| {
        parse(value, &scalar(UuidType), Some(&mut ByLength))
    });
    assert_eq!(
        error(&result.unwrap_err()),
        r#"{"details":"named-uuid string is not a valid <id>","error":"syntax error","syntax":"[\"named-uuid\",\"1a\"]"}"#
    );
}

#[test]
fn invalid_utf8_names_the_bytes() {
    for (bytes, expected) in [
        (&b"a\xff"[..], "0xff"),
        (b"a\xe0\x80\x80", "0xe0 0x80"),
        (b"\xe1\x80", "0xe1 0x80 0x00"),
        (b"\xc3", "0xc3 0x00"),
        (b"\xf0\x90\x80a", "0xf0 0x90 0x80 0x61"),
    ] {
        let result = parse(&Value::InvalidString(bytes), &scalar(Text), None);
        let details = format!("not a valid UTF-8 string: invalid UTF-8 sequence {expected}");
        assert_eq!(result.unwrap_err().details, details);
    }
}

#[test]
fn relaxed_parsing_drops_sizes_and_unconstrained_also_ranges() {
    let ty = ColumnType {
        key: BaseType {
            integer_range: (0, 9),
            ..base(Integer)
        },
        ..scalar(Integer)
    };
    for (given, relaxed, unconstrained) in [
        (r#"["set",[]]"#, true, true),
        (r#"["set",[1,2]]"#, true, true),
        ("10", false, true),
        (r#""a""#, false, false),
    ] {
        assert_eq!(
            with_json(given, |value| parse_relaxed(value, &ty)).is_ok(),
            relaxed,
            "{given}"
        );
        assert_eq!(
            with_json(given, |value| parse_unconstrained(value, &ty)).is_ok(),
            unconstrained,
            "{given}"
        );
    }
}

#[test]
fn exact_notation_keeps_reals_apart_that_are_shown_alike() {
    let ty = set(Real, 0, 5);
    let exact = "[\"set\",[0.1,999999.99999999988,1000000]]";
    let set = datum(exact, &ty);
    assert_eq!(json(&set), "[\"set\",[0.1,1000000,1000000]]");
    let mut out = Vec::new();
    print::write_exact(&set, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), exact);
}
