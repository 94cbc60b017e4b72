//! Bytes that are no JSON, JSON that is no message, and messages that no client may send: the connection is closed
//! with a line in the log, as RFC 7047 §4 leaves it and upstream's lib/jsonrpc.c does it.

use ovsdb_harness::{Client, wait};
use serde_json::json;

use crate::bystander::{Bystander, Scene};
use crate::watch::{Memory, Watch};

/// Deepest nesting of a message that is accepted; the message is the first level, its params the second.
const DEPTH_MAX: usize = 1000;

/// What must be closed, and a part of the line that says why.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let stream = "error parsing stream";
    let message = "received bad JSON-RPC message";
    vec![
        (
            "no value where one must be",
            br#"{"id":1,"method":}"#.to_vec(),
            stream,
        ),
        (
            "a word that JSON does not know",
            br#"{"id":1,"method":"echo","params":[nul]}"#.to_vec(),
            stream,
        ),
        (
            "a number with a leading zero",
            br#"{"id":1,"method":"echo","params":[01]}"#.to_vec(),
            stream,
        ),
        (
            "a number out of range",
            br#"{"id":1,"method":"echo","params":[1e999]}"#.to_vec(),
            stream,
        ),
        (
            "a control character in a string",
            b"{\"id\":1,\"method\":\"echo\",\"params\":[\"\x01\"]}".to_vec(),
            stream,
        ),
        (
            "an escaped NUL",
            br#"{"id":1,"method":"echo","params":["\u0000"]}"#.to_vec(),
            stream,
        ),
        (
            "a lone surrogate",
            br#"{"id":1,"method":"echo","params":["\ud800"]}"#.to_vec(),
            stream,
        ),
        (
            "a byte order mark",
            b"\xef\xbb\xbf{\"id\":1,\"method\":\"echo\",\"params\":[]}".to_vec(),
            stream,
        ),
        (
            "a request of HTTP",
            b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_vec(),
            stream,
        ),
        ("a string at the top", br#""hello""#.to_vec(), stream),
        ("one level too deep", nested(DEPTH_MAX + 1), stream),
        ("a million open brackets", vec![b'['; 1_000_000], stream),
        ("an array at the top", b"[1,2]".to_vec(), message),
        ("an empty object", b"{}".to_vec(), message),
        ("nothing but an id", br#"{"id":1}"#.to_vec(), message),
        (
            "a request without params",
            br#"{"id":1,"method":"echo"}"#.to_vec(),
            message,
        ),
        (
            "a method that is a number",
            br#"{"id":1,"method":7,"params":[]}"#.to_vec(),
            message,
        ),
        (
            "params that are an object",
            br#"{"id":1,"method":"echo","params":{}}"#.to_vec(),
            message,
        ),
        (
            "an unknown member",
            br#"{"id":1,"method":"echo","params":[],"extra":1}"#.to_vec(),
            message,
        ),
        (
            "a reply to nothing",
            br#"{"id":3,"result":[],"error":null}"#.to_vec(),
            "unexpected reply",
        ),
        (
            "an error to nothing",
            br#"{"id":3,"result":null,"error":"x"}"#.to_vec(),
            "unexpected error",
        ),
    ]
}

/// An echo request that has `depth` levels of nesting.
fn nested(depth: usize) -> Vec<u8> {
    let inner = depth - 2;
    [
        br#"{"id":1,"method":"echo","params":["#.as_slice(),
        &vec![b'['; inner],
        &vec![b']'; inner],
        b"]}",
    ]
    .concat()
}

#[test]
fn a_message_that_is_none_closes_its_connection_only() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let watch = Watch::start(&scene.server);
    for (what, bytes, line) in refused() {
        let memory = Memory::mark(&scene.server);
        for remote in [scene.server.tcp(), scene.server.remote()] {
            println!("{what}, {}", remote.target());
            let start = scene.server.log().len();
            let mut client = Client::connect(&remote);
            // The server may have closed before it has taken everything.
            if let Err(error) = client.send_raw(&bytes) {
                println!("sending: {error}");
            }
            client.expect_closed();
            scene.wait_for_log(start, line);
        }
        bystander.check();
        memory.check(what, 2 * bytes.len());
    }
    watch.finish("messages that are none");
}

#[test]
fn what_was_sent_before_a_broken_message_is_done() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let mut client = Client::connect(&scene.server.tcp());
    let good = crate::bystander::insertion(1, "good").to_string();
    client
        .send_raw(format!("{good}{{\"id\":2,,}}").as_bytes())
        .expect("the server takes the bytes");
    client.expect_closed();
    let mut reader = scene.server.client();
    wait::until("the row of the client that was closed", || {
        (crate::bystander::foreign_items(&mut reader) == 1).then_some(())
    });
    bystander.check();
}

#[test]
fn the_deepest_legal_message_is_answered() {
    let scene = Scene::new();
    let mut client = Client::connect(&scene.server.tcp());
    client
        .send_raw(&nested(DEPTH_MAX))
        .expect("the server takes the bytes");
    // The answer is as deep as the question, deeper than this test's own parser goes: it is compared as text.
    let answer = client.next_text(wait::DEADLINE).expect("an answer");
    let brackets = answer.iter().filter(|byte| **byte == b'[').count();
    assert_eq!(brackets, DEPTH_MAX - 1);
}

/// Messages may come glued together, in pieces of any size, with white space between them.
#[test]
fn messages_arrive_in_any_pieces() {
    let scene = Scene::new();
    let mut client = Client::connect(&scene.server.tcp());
    let text = r#" {"id":0,"method":"echo","params":["ä\"}{\\"]}{"id":1,"method":"echo","params":[]}
        {"id":2,"method":"echo","params":[{"a":[1,2.5,-3]}]}"#;
    for byte in text.as_bytes().chunks(1) {
        client.send_raw(byte).expect("the server takes the byte");
    }
    for (id, echoed) in [
        (0, json!(["ä\"}{\\"])),
        (1, json!([])),
        (2, json!([{"a": [1, 2.5, -3]}])),
    ] {
        assert_eq!(client.reply(id), Ok(echoed));
    }
}
