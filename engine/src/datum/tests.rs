//! Tables of values: notation, errors, differences, set arithmetic.

use super::{
    Datum, Symbols, apply_diff, convert, diff, merge, parse, parse_relaxed, parse_unconstrained, print,
};
use crate::error::OvsdbError;
use crate::schema::{AtomicType, BaseType, ColumnType};
use crate::testing::with_json;
use ovsdb_wire::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const UUID_1: &str = "00000000-0000-0000-0000-000000000001";
const UUID_2: &str = "00000000-0000-0000-0000-000000000002";

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

use AtomicType::{Boolean, Integer, Real, String as Text, Uuid as UuidType};

/// Names are resolved to uuids by their length.
struct ByLength;

impl Symbols for ByLength {
    fn resolve(&mut self, name: &str) -> Uuid {
        Uuid::from_u128(name.len() as u128)
    }
}

fn datum(json: &str, ty: &ColumnType) -> Datum {
    with_json(json, |value| parse(value, ty, None)).expect(json)
}

fn json(datum: &Datum) -> String {
    let mut out = Vec::new();
    print::write(datum, &mut out);
    String::from_utf8(out).unwrap()
}

fn text(datum: &Datum, ty: &ColumnType) -> String {
    let mut out = Vec::new();
    print::write_text(datum, ty, &mut out);
    String::from_utf8(out).unwrap()
}

fn error(error: &OvsdbError) -> String {
    let mut out = Vec::new();
    error.write(&mut out);
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
        let allowed = datum(values, &super::constraint::enum_type(ty.key.atomic));
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
fn differences_toggle() {
    let sets = set(Integer, 0, 4);
    let maps = map(Text, Integer, 0, 4);
    for (ty, old, new, expected) in [
        (&scalar(Integer), "1", "2", "2"),
        (&set(Integer, 0, 1), "1", r#"["set",[]]"#, r#"["set",[]]"#),
        (
            &map(Text, Integer, 0, 1),
            r#"["map",[["a",1]]]"#,
            r#"["map",[["b",1]]]"#,
            r#"["map",[["b",1]]]"#,
        ),
        (&sets, r#"["set",[]]"#, r#"["set",[1,2]]"#, r#"["set",[1,2]]"#),
        (
            &sets,
            r#"["set",[1,2,3]]"#,
            r#"["set",[2,3,4]]"#,
            r#"["set",[1,4]]"#,
        ),
        (&sets, r#"["set",[1,2]]"#, r#"["set",[1,2]]"#, r#"["set",[]]"#),
        (&sets, r#"["set",[1,2]]"#, r#"["set",[]]"#, r#"["set",[1,2]]"#),
        (
            &maps,
            r#"["map",[["a",1],["b",2],["c",3]]]"#,
            r#"["map",[["b",2],["c",4],["d",5]]]"#,
            r#"["map",[["a",1],["c",4],["d",5]]]"#,
        ),
        (
            &maps,
            r#"["map",[["a",1]]]"#,
            r#"["map",[["a",1]]]"#,
            r#"["map",[]]"#,
        ),
    ] {
        let (old, new) = (datum(old, ty), datum(new, ty));
        let difference = diff(&old, &new, ty);
        assert_eq!(json(&difference), expected);
        assert_eq!(apply_diff(&old, &difference, ty).unwrap(), new);
    }
    let too_many = datum(r#"["set",[4,5]]"#, &sets);
    let result = apply_diff(&datum(r#"["set",[1,2,3]]"#, &sets), &too_many, &sets);
    assert_eq!(
        error(&result.unwrap_err()),
        r#"{"details":"Datum crated by diff has size error","error":"ovsdb error"}"#
    );
}

#[test]
fn union_and_subtract_follow_the_mutators() {
    let sets = set(Integer, 0, ANY);
    let maps = map(Text, Integer, 0, ANY);
    for (ty, a, b, union, rest) in [
        (&sets, "[1,3,5]", "[2,3,6]", "[1,2,3,5,6]", "[1,5]"),
        (&sets, "[1,3]", "[]", "[1,3]", "[1,3]"),
        (&sets, "[]", "[1,3]", "[1,3]", "[]"),
        (&sets, "[1,3]", "[1,3]", "[1,3]", "[]"),
        (&sets, "[2,3]", "[0,1]", "[0,1,2,3]", "[2,3]"),
        (
            &maps,
            r#"[["a",1],["b",2]]"#,
            r#"[["b",3],["c",4]]"#,
            r#"[["a",1],["b",2],["c",4]]"#,
            r#"[["a",1],["b",2]]"#,
        ),
        (
            &maps,
            r#"[["a",1],["b",2]]"#,
            r#"[["b",2],["a",3]]"#,
            r#"[["a",1],["b",2]]"#,
            r#"[["a",1]]"#,
        ),
    ] {
        let class = if ty.is_map() { "map" } else { "set" };
        let read = |items: &str| datum(&format!(r#"["{class}",{items}]"#), ty);
        let (a, b) = (read(a), read(b));
        assert_eq!(merge::union(&a, &b), read(union));
        assert_eq!(merge::subtract(&a, &b), read(rest));
    }
    let keys = datum(r#"["set",["a","c"]]"#, &set(Text, 0, ANY));
    let value = datum(r#"["map",[["a",1],["b",2]]]"#, &maps);
    assert_eq!(json(&merge::subtract(&value, &keys)), r#"["map",[["b",2]]]"#);
}

#[test]
fn inclusion_looks_at_values_of_maps() {
    let maps = map(Text, Integer, 0, ANY);
    for (a, b, includes, excludes) in [
        (r#"[["a",1],["b",2]]"#, r#"[["a",1]]"#, true, false),
        (r#"[["a",1],["b",2]]"#, r#"[["a",2]]"#, false, true),
        (r#"[["a",1],["b",2]]"#, "[]", true, true),
        ("[]", r#"[["a",1]]"#, false, true),
        (r#"[["a",1],["b",2]]"#, r#"[["a",2],["b",2]]"#, false, false),
    ] {
        let read = |items: &str| datum(&format!(r#"["map",{items}]"#), &maps);
        assert_eq!(merge::includes_all(&read(a), &read(b)), includes, "{a} {b}");
        assert_eq!(merge::excludes_all(&read(a), &read(b)), excludes, "{a} {b}");
    }
}

#[test]
fn order_is_size_then_keys_then_values() {
    let sets = set(Integer, 0, ANY);
    let maps = map(Text, Integer, 0, ANY);
    for (ty, values) in [
        (
            &sets,
            vec![r#"["set",[]]"#, "1", "2", r#"["set",[0,1]]"#, r#"["set",[0,2]]"#],
        ),
        (
            &maps,
            vec![
                r#"["map",[]]"#,
                r#"["map",[["a",9]]]"#,
                r#"["map",[["b",1]]]"#,
                r#"["map",[["a",2],["b",1]]]"#,
                r#"["map",[["a",1],["c",1]]]"#,
                r#"["map",[["a",2],["c",0]]]"#,
            ],
        ),
    ] {
        let values: Vec<_> = values.into_iter().map(|value| datum(value, ty)).collect();
        assert!(values.is_sorted_by(|a, b| a < b));
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

/// Random numbers from `SEED`, which is printed.
fn random_numbers() -> impl FnMut(u64) -> u64 {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    println!("SEED={seed}");
    let mut state: u64 = seed;
    move |below: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    }
}

fn set_of<'a>(numbers: impl IntoIterator<Item = &'a i64>) -> Datum {
    Datum::set_from_sorted(
        numbers
            .into_iter()
            .map(|number| super::Atom::Integer(*number))
            .collect(),
    )
}

/// Sets of random numbers, few and many: each operation agrees with the plain one on `BTreeSet`s.
#[test]
fn set_arithmetic_agrees_with_the_plain_one() {
    let mut random = random_numbers();
    let ty = set(Integer, 0, ANY);
    for round in 0..2000 {
        let count_max = if round % 50 == 0 { 4000 } else { 20 };
        let mut make = || {
            let (count, range) = (random(count_max), 1 + random(2 * count_max));
            (0..count).map(|_| random(range) as i64).collect::<BTreeSet<_>>()
        };
        let (a, b) = (make(), make());
        let (x, y) = (set_of(&a), set_of(&b));
        assert_eq!(x.len(), a.len());
        assert!(x.keys().eq(set_of(&a).keys()));
        assert_eq!(merge::union(&x, &y), set_of(a.union(&b)));
        assert_eq!(merge::subtract(&x, &y), set_of(a.difference(&b)));
        assert_eq!(diff(&x, &y, &ty), set_of(a.symmetric_difference(&b)));
        assert_eq!(apply_diff(&x, &diff(&x, &y, &ty), &ty).unwrap(), y);
        assert_eq!(merge::includes_all(&x, &y), b.is_subset(&a));
        assert_eq!(merge::excludes_all(&x, &y), b.is_disjoint(&a));
        let mut gained = Vec::new();
        merge::gained_keys(&x, &y, &mut |atom| gained.push(atom.clone()));
        assert_eq!(Datum::set_from_sorted(gained), set_of(b.difference(&a)));
        for probe in 0..20 {
            assert_eq!(x.contains_key(&super::Atom::Integer(probe)), a.contains(&probe));
        }
    }
}

/// A map that grows to thousands of pairs and shrinks again by small steps: every version is right, equal to
/// one made at once, and shares what did not change.
#[test]
fn versions_of_a_large_map_are_right_and_share() {
    let mut random = random_numbers();
    let ty = map(Integer, Integer, 0, ANY);
    let pair = |key: i64, value: i64| (super::Atom::Integer(key), super::Atom::Integer(value));
    let of = |pairs: &BTreeMap<i64, i64>| {
        Datum::map_from_sorted(pairs.iter().map(|(key, value)| pair(*key, *value)).collect())
    };
    let mut model = BTreeMap::new();
    let mut value = Datum::EMPTY_MAP;
    let mut largest = 0;
    for round in 0..600 {
        let mut next = model.clone();
        for _ in 0..1 + random(if round % 10 == 0 { 300 } else { 3 }) {
            let key = random(6000) as i64;
            if random(10) < if round < 400 { 8 } else { 3 } {
                next.insert(key, random(3) as i64);
            } else {
                // A run of neighbours, so that whole chunks go.
                let gone: Vec<_> = next
                    .range(key..)
                    .take(1 + random(if round < 400 { 3 } else { 40 }) as usize)
                    .map(|(key, _)| *key)
                    .collect();
                gone.iter().for_each(|key| {
                    next.remove(key);
                });
            }
        }
        let difference = diff(&of(&model), &of(&next), &ty);
        let new = apply_diff(&value, &difference, &ty).unwrap();
        assert_eq!(new, of(&next), "round {round}");
        assert_eq!(new.len(), next.len());
        assert!(
            new.keys()
                .zip(next.keys())
                .all(|(atom, key)| *atom == super::Atom::Integer(*key))
        );
        assert_eq!(diff(&value, &new, &ty), difference);
        if let Datum::Map(map) = &new {
            let sizes: Vec<_> = map.slices().chunks.iter().map(|chunk| chunk.len()).collect();
            let max = crate::limits::DATUM_CHUNK_ELEMENTS_MAX;
            assert!(sizes.iter().all(|size| (1..=max).contains(size)), "{sizes:?}");
            assert!(sizes.len() * 60 <= map.len(), "few chunks are small: {sizes:?}");
        }
        largest = largest.max(new.len());
        (model, value) = (next, new);
    }
    assert!(largest > 1024, "{largest}");
    let one = Datum::map_from_sorted(vec![pair(6001, 0)]);
    let large = of(&(0..5000).map(|key| (key, 0)).collect());
    let next = merge::union(&large, &one);
    let chunks = |datum: &Datum| datum.pairs().chunks.to_vec();
    let shared = chunks(&large)
        .iter()
        .zip(chunks(&next))
        .filter(|(a, b)| std::sync::Arc::ptr_eq(a, b))
        .count();
    assert_eq!(shared, chunks(&large).len() - 1);
    let (whole, beside) = (next.heap_bytes(), next.heap_bytes_beside(&large));
    assert!(
        whole > 5000 * 48 && beside * 5 < whole && large.heap_bytes_beside(&large) == 0,
        "{whole} {beside}"
    );
}
