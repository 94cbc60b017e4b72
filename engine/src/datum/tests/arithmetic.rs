//! Tables of differences, set arithmetic and order.

use super::{ANY, datum, error, json, map, scalar, set};
use crate::datum::{apply_diff, diff, merge};
use crate::schema::AtomicType::{Integer, String as Text};

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
