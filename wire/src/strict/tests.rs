//! What the strict parser takes and what it refuses, by tables of cases.

use bumpalo::Bump;

use super::parse;
use crate::value::{Object, Value};

fn error(text: &[u8]) -> String {
    parse(text, &Bump::new())
        .expect_err("the text is wrong")
        .to_string()
}

#[test]
fn every_mistake_is_reported_where_and_as_upstream_reports_it() {
    for (text, expected) in [
        ("", "line 0, column 0, byte 0: empty input stream"),
        (" \n ", "line 1, column 1, byte 3: empty input stream"),
        (
            "1 ",
            "line 0, column 1, byte 1: syntax error at beginning of input",
        ),
        (
            "\"a\"",
            "line 0, column 2, byte 2: syntax error at beginning of input",
        ),
        (
            "null,",
            "line 0, column 4, byte 4: syntax error at beginning of input",
        ),
        (
            "]",
            "line 0, column 0, byte 0: syntax error at beginning of input",
        ),
        ("GET /", "line 0, column 0, byte 0: invalid character 'G'"),
        ("\u{feff}{}", "line 0, column 0, byte 0: invalid character U+00ef"),
        (
            "[]\n[",
            "line 1, column 0, byte 3: trailing garbage at end of input",
        ),
        (
            "{]",
            "line 0, column 1, byte 1: syntax error parsing object expecting string",
        ),
        (
            "{\"a\":1,}",
            "line 0, column 7, byte 7: syntax error parsing object expecting string",
        ),
        (
            "{\"a\" 1}",
            "line 0, column 6, byte 6: syntax error parsing object expecting ':'",
        ),
        (
            "{\"a\":}",
            "line 0, column 5, byte 5: syntax error expecting value",
        ),
        ("[1,]", "line 0, column 3, byte 3: syntax error expecting value"),
        ("[}", "line 0, column 1, byte 1: syntax error expecting value"),
        (
            "{\"a\":1]",
            "line 0, column 6, byte 6: syntax error expecting '}' or ','",
        ),
        (
            "[1 2]",
            "line 0, column 4, byte 4: syntax error expecting ']' or ','",
        ),
        ("[", "line 0, column 1, byte 1: unexpected end of input"),
        ("[1", "line 0, column 3, byte 3: unexpected end of input"),
        (
            "[\"a",
            "line 0, column 3, byte 3: unexpected end of input in quoted string",
        ),
        (
            "[\"a\\",
            "line 0, column 4, byte 4: unexpected end of input in quoted string",
        ),
        ("[tru]", "line 0, column 4, byte 4: invalid keyword 'tru'"),
        ("[01]", "line 0, column 3, byte 3: leading zeros not allowed"),
        ("[1e999]", "line 0, column 6, byte 6: number outside valid range"),
        (
            "[\"\n\"]",
            "line 0, column 2, byte 2: U+000A must be escaped in quoted string",
        ),
        ("[\"\\x\"]", "line 0, column 4, byte 4: bad escape \\x"),
        (
            "[\"\\u12\"]",
            "line 0, column 6, byte 6: quoted string ends within \\u escape",
        ),
        ("[\"\\u12g4\"]", "line 0, column 8, byte 8: malformed \\u escape"),
        (
            "[\"\\u0000\"]",
            "line 0, column 8, byte 8: null bytes not supported in quoted strings",
        ),
        (
            "[\"\\ud800\"]",
            "line 0, column 8, byte 8: malformed escaped surrogate pair",
        ),
        (
            "[\"\\ud800\\u0041\"]",
            "line 0, column 14, byte 14: second half of escaped surrogate pair is not trailing surrogate",
        ),
        (
            "[\"\\\0\"]",
            "line 0, column 4, byte 4: quoted string may not end with backslash",
        ),
        ("[1\0]", "line 0, column 2, byte 2: invalid character U+0000"),
    ] {
        assert_eq!(error(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn nesting_ends_at_a_thousand() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    let arena = Bump::new();
    assert!(parse(&nested(1000), &arena).is_ok());
    assert_eq!(
        error(&nested(1001)),
        "line 0, column 1000, byte 1000: input exceeds maximum nesting depth 1000"
    );
}

#[test]
fn values_come_out_as_written() {
    let text = b" {\"a\" : [1, -2, 2.5, true, false, null, \"\\u00e9\\ud83d\\ude00\\n\\/\", \"\\udc00\", \"\xff\"], \"b\":{}} ";
    let arena = Bump::new();
    let items = [
        Value::Integer(1),
        Value::Integer(-2),
        Value::Real(2.5),
        Value::Bool(true),
        Value::Bool(false),
        Value::Null,
        Value::String("é😀\n/"),
        Value::InvalidString(b"\xed\xb0\x80"),
        Value::InvalidString(b"\xff"),
    ];
    let members = [
        ("a", Value::Array(&items)),
        ("b", Value::Object(Object::from_distinct(&[]))),
    ];
    assert_eq!(
        parse(text, &arena).unwrap(),
        Value::Object(Object::from_distinct(&members))
    );
}

#[test]
fn the_last_of_equal_names_wins() {
    let arena = Bump::new();
    let few = parse(br#"{"a":1,"b":2,"a":3}"#, &arena)
        .unwrap()
        .as_object()
        .unwrap();
    assert_eq!(
        few.members(),
        [("b", Value::Integer(2)), ("a", Value::Integer(3))]
    );

    let members: Vec<String> = (0..200).map(|n| format!("\"{}\":{n}", n % 100)).collect();
    let text = format!("{{{}}}", members.join(","));
    let many = parse(text.as_bytes(), &arena).unwrap().as_object().unwrap();
    assert_eq!(many.len(), 100);
    assert!(
        many.members()
            .iter()
            .all(|(name, value)| { value.as_integer() == Some(100 + name.parse::<i64>().unwrap()) })
    );
}

#[test]
fn a_million_names_take_no_quadratic_time() {
    let mut text = b"{".to_vec();
    for n in 0..1_000_000 {
        text.extend_from_slice(format!("\"{n}\":0,").as_bytes());
    }
    text.pop();
    text.push(b'}');
    let arena = Bump::new();
    assert_eq!(
        parse(&text, &arena).unwrap().as_object().unwrap().len(),
        1_000_000
    );
}

#[test]
fn a_name_that_is_not_utf8_is_known_to_no_one() {
    let arena = Bump::new();
    let object = parse(b"{\"a\xff\":1}", &arena).unwrap().as_object().unwrap();
    assert_eq!(object.members(), [("a\u{fffd}", Value::Integer(1))]);
}
