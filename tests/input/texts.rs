//! Strings and texts at the edge of JSON: rows 7 and 8 of the list in `README.md`. What is accepted is echoed.

use ovsdb_harness::{Client, Peer};
use serde_json::{Value, json};

use crate::bystander::{Bystander, Scene};

/// Sends `params` as they are and gives the result of the echo, or `None` when the connection is closed.
fn echo(scene: &Scene, params: &[u8]) -> Option<Value> {
    let mut client = Client::connect(&scene.server.tcp());
    let message = [br#"{"id":0,"method":"echo","params":"#.as_slice(), params, b"}"].concat();
    client.send_raw(&message).expect("the server takes the bytes");
    client
        .try_reply(0)
        .ok()
        .map(|reply| reply.expect("an echo succeeds"))
}

#[test]
fn strings_that_are_no_text_close_the_connection() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let cases: [(&str, &[u8]); 12] = [
        ("an escaped NUL", br#"["\u0000"]"#),
        ("the first half of a pair alone", br#"["\ud800"]"#),
        ("the second half alone", br#"["\udc00"]"#),
        ("halves in the wrong order", br#"["\udc00\ud800"]"#),
        ("a first half and a letter", br#"["\ud800a"]"#),
        ("a first half and an escaped letter", br#"["\ud800\u0061"]"#),
        ("three digits", br#"["\u123"]"#),
        ("no digits", br#"["\uzzzz"]"#),
        ("an unknown escape", br#"["\x41"]"#),
        ("a control character", b"[\"\x1f\"]"),
        ("a line feed", b"[\"a\nb\"]"),
        ("a NUL", b"[\"\0\"]"),
    ];
    for (what, params) in cases {
        assert_eq!(echo(&scene, params), None, "{what}");
    }
    bystander.check();
}

#[test]
fn strings_that_are_unusual_come_back() {
    let scene = Scene::new();
    for (what, params, expected) in [
        ("a pair", br#"["\ud83d\ude00"]"#.as_slice(), json!(["\u{1f600}"])),
        (
            "every short escape",
            br#"["\"\\\/\b\f\n\r\t"]"#,
            json!(["\"\\/\u{8}\u{c}\n\r\t"]),
        ),
        ("a delete character", b"[\"\x7f\"]", json!(["\u{7f}"])),
        (
            "the last character",
            "[\"\u{10ffff}\"]".as_bytes(),
            json!(["\u{10ffff}"]),
        ),
        ("capital digits", br#"["\u00E9"]"#, json!(["é"])),
    ] {
        assert_eq!(echo(&scene, params), Some(expected), "{what}");
    }
}

/// Bytes that are no UTF-8 are nobody's business in an echo; in a row they are refused.
#[test]
fn bytes_that_are_no_utf8_get_no_further_than_the_request() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let cases: [(&str, &[u8]); 7] = [
        ("a lone continuation", b"\x80"),
        ("an overlong slash", b"\xc0\xaf"),
        ("an overlong NUL", b"\xc0\x80"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("past the last character", b"\xf4\x90\x80\x80"),
        ("a cut character", b"\xe2\x82"),
        ("no lead byte", b"\xff"),
    ];
    for (what, bytes) in cases {
        let mut client = Client::connect(&scene.server.tcp());
        let message = [
            br#"{"id":0,"method":"transact","params":["Load",{"op":"insert","table":"Item","row":{"name":""#
                .as_slice(),
            bytes,
            br#""}}]}"#,
        ]
        .concat();
        client.send_raw(&message).expect("the server takes the bytes");
        let text = client
            .next_text(ovsdb_harness::wait::DEADLINE)
            .expect("an answer");
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains("constraint violation"), "{what}: {text}");
        assert!(text.contains("not a valid UTF-8 string"), "{what}: {text}");
    }
    bystander.check();
}

/// JSON texts need nothing between them; anything else between them closes.
#[test]
fn garbage_between_messages_closes() {
    let scene = Scene::new();
    let echo = r#"{"id":0,"method":"echo","params":[]}"#;
    for (what, garbage, is_kept) in [
        ("nothing", "", true),
        ("white space", " \t\r\n", true),
        ("a comma", ",", false),
        ("a closing brace", "}", false),
        ("a word", "ok", false),
        ("a NUL", "\0", false),
        ("a byte order mark", "\u{feff}", false),
    ] {
        let mut client = Client::connect(&scene.server.tcp());
        let message = format!("{echo}{garbage}{}", echo.replace('0', "1"));
        client
            .send_raw(message.as_bytes())
            .expect("the server takes the bytes");
        client.reply(0).expect("the first one is answered");
        assert_eq!(client.try_reply(1).is_ok(), is_kept, "{what}");
    }
    if Peer::under_test() == Peer::Ours {
        Bystander::new(&scene.server).check();
    }
}
