//! Ends and flags of texts, whole and in pieces.

use super::{Flags, Framer, Scan};

fn flags(text: &[u8]) -> Flags {
    match Framer::new().scan(text) {
        Ok(Scan::Text { end, flags }) if end == text.len() => flags,
        other => panic!("{}: {other:?}", String::from_utf8_lossy(text)),
    }
}

#[test]
fn disputed_spellings_are_flagged_and_others_are_not() {
    for (text, is_plain) in [
        ("[]", true),
        (
            r#"{"id":1,"method":"echo","params":[0,-1,999999999999999999,true,null,"\n\"\\\/"]}"#,
            true,
        ),
        ("[1.0]", false),
        ("[1e0]", false),
        ("[-0]", false),
        ("[1000000000000000000]", false),
        (r#"["\u0041"]"#, false),
        (r#"["\x"]"#, false),
        (r#"{"a":"1.5e-0"}"#, true),
    ] {
        let flags = flags(text.as_bytes());
        assert_eq!(flags.is_plain(), is_plain, "{text}");
        assert!(flags.is_ascii(), "{text}");
    }
    assert!(flags(&[vec![b'['; 900], vec![b']'; 900]].concat()).is_plain());
    assert!(!flags(&[vec![b'['; 901], vec![b']'; 901]].concat()).is_plain());
    assert!(!flags("[\"é\"]".as_bytes()).is_ascii());
    assert!(!flags(b"{\"\xff\":0}").is_ascii());
}

#[test]
fn flags_are_those_of_one_text_only() {
    let mut framer = Framer::new();
    let Ok(Scan::Text { end, flags }) = framer.scan(b"[1.5][2]") else {
        panic!("no text")
    };
    assert!(end == 5 && !flags.is_plain());
    let Ok(Scan::Text { end, flags }) = framer.scan(b"[2]") else {
        panic!("no text")
    };
    assert!(end == 3 && flags.is_plain());
}

#[test]
fn a_text_ends_where_its_last_bracket_closes() {
    for (stream, end) in [
        ("{}", 2),
        ("{}{}", 2),
        ("[[],{\"}\":\"]\"}] 1", 14),
        (" \n[\"\\\"]\"]]", 9),
        ("[1]x", 3),
    ] {
        assert!(
            matches!(Framer::new().scan(stream.as_bytes()), Ok(Scan::Text { end: at, .. }) if at == end),
            "{stream}"
        );
    }
}

#[test]
fn what_cannot_become_a_text_is_refused_at_once() {
    for (stream, expected) in [
        (
            "GET / HTTP/1.1",
            "line 0, column 0, byte 0: invalid character 'G'",
        ),
        (
            "\u{16}\u{3}\u{1}",
            "line 0, column 0, byte 0: invalid character U+0016",
        ),
        (
            "\"abc\"",
            "line 0, column 4, byte 4: syntax error at beginning of input",
        ),
        ("[1 2", "unfinished"),
        (
            "[1 2 ",
            "line 0, column 4, byte 4: syntax error expecting ']' or ','",
        ),
        (
            "{\"a\"  :nul,",
            "line 0, column 10, byte 10: invalid keyword 'nul'",
        ),
        (
            "[1.x",
            "line 0, column 3, byte 3: decimal point must be followed by digit",
        ),
        (
            "[\"\u{1}",
            "line 0, column 2, byte 2: U+0001 must be escaped in quoted string",
        ),
        ("[\"\\x\" 1", "unfinished"),
        ("[\"\\x\" 1 ", "line 0, column 4, byte 4: bad escape \\x"),
    ] {
        let outcome = match Framer::new().scan(stream.as_bytes()) {
            Ok(Scan::Incomplete) => "unfinished".to_owned(),
            Ok(scan) => panic!("{stream}: {scan:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(outcome, expected, "{stream}");
    }
    let deep = vec![b'['; 1001];
    let error = Framer::new().scan(&deep).unwrap_err().to_string();
    assert_eq!(
        error,
        "line 0, column 1000, byte 1000: input exceeds maximum nesting depth 1000"
    );
}

#[test]
fn texts_over_the_limit_are_refused_finished_or_not() {
    assert!(matches!(
        Framer::with_limit(6).scan(b"[1234]"),
        Ok(Scan::Text { .. })
    ));
    let error = Framer::with_limit(6).scan(b"[12345]").unwrap_err().to_string();
    assert_eq!(error, "line 0, column 7, byte 7: message exceeds 6 bytes");
    assert!(Framer::with_limit(6).scan(b"[12345").is_ok());
    assert!(Framer::with_limit(6).scan(b"[\"12345").is_err());
    assert!(matches!(
        Framer::with_limit(6).scan(b"[1][2][3]"),
        Ok(Scan::Text { end: 3, .. })
    ));
}

#[test]
fn white_space_alone_is_no_text() {
    let mut framer = Framer::new();
    assert_eq!(framer.scan(b" \r\n"), Ok(Scan::Incomplete));
    assert!(!framer.is_inside_text());
    assert_eq!(framer.scan(b" \r\n["), Ok(Scan::Incomplete));
    assert!(framer.is_inside_text());
}
