//! Connections that say nothing, hardly anything, or something that is meant for another program: rows 1, 2, 9 and 11
//! of the list in `README.md`.

use std::fs;
use std::time::{Duration, Instant};

use ovsdb_harness::{Client, Peer, schema, wait};
use serde_json::json;

use crate::bystander::{Bystander, Scene};
use crate::watch::{Memory, Watch};

/// Clients that connect and say nothing.
const SILENT: usize = 10_000;

/// Such clients at a time, as far as the limit of descriptors of this process goes.
const SILENT_AT_A_TIME: usize = 500;

/// Time between the bytes of a client that drips; shorter than the server's patience with silent ones.
const DRIP: Duration = Duration::from_millis(500);

/// A client that has connected has this many seconds to say something. By default it is 30; the test is as good with
/// fewer, as long as they are more than a busy machine may need for an echo.
const FIRST_MESSAGE_SECONDS: u64 = 5;

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the server is ours")
        .count()
}

#[test]
fn silent_connections_leave_nothing_behind() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let before = descriptors(scene.server.pid());
    let memory = Memory::mark(&scene.server);
    let watch = Watch::start(&scene.server);
    for _ in 0..SILENT / SILENT_AT_A_TIME {
        let clients: Vec<Client> = (0..SILENT_AT_A_TIME)
            .map(|_| Client::connect(&scene.server.tcp()))
            .collect();
        drop(clients);
    }
    watch.finish("silent connections");
    wait::until("the connections to be closed", || {
        (descriptors(scene.server.pid()) <= before + 8).then_some(())
    });
    memory.check("silent connections", 0);
    bystander.check();
}

/// On TCP a client is probed after five seconds of silence and closed after another five.
#[test]
fn a_client_that_says_nothing_is_closed() {
    let scene = Scene::new();
    let mut silent: Vec<Client> = (0..20).map(|_| Client::connect(&scene.server.tcp())).collect();
    for client in &mut silent {
        client.expect_closed();
    }
    assert!(scene.server.log().contains("no response to inactivity probe"));
}

/// A client that drips never is silent. Before it has said its first word that ends it; upstream keeps it for ever.
#[test]
fn a_client_that_drips_is_closed_before_its_first_message() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scene = Scene::with(schema::LOAD, |options| {
        let limit = format!("--first-message-timeout={FIRST_MESSAGE_SECONDS}");
        options.tcp().argument(limit)
    });
    let mut bystander = Bystander::new(&scene.server);
    let mut good = Client::connect(&scene.server.tcp());
    good.call("echo", json!([])).expect("an echo");
    let mut patient = Client::connect(&scene.server.remote());
    let mut client = Client::connect(&scene.server.tcp());
    let start = Instant::now();
    let end = loop {
        assert!(start.elapsed() < wait::DEADLINE, "the client is kept");
        // Both the one that has spoken, and the one on a unix socket, may take their time.
        for client in [&mut client, &mut good, &mut patient] {
            if client.send_raw(b" ").is_err() {
                break;
            }
        }
        match client.next_message(DRIP) {
            // A probe, which it does not answer.
            Ok(probe) => assert_eq!(probe["method"], "echo"),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {}
            Err(_) => break start.elapsed(),
        }
    };
    assert!(
        end >= Duration::from_secs(FIRST_MESSAGE_SECONDS),
        "closed after {end:?}"
    );
    let told = format!("no message within {FIRST_MESSAGE_SECONDS} seconds");
    assert!(scene.server.log().contains(&told));
    for client in [&mut good, &mut patient] {
        client.call("echo", json!([])).expect("others are kept");
    }
    bystander.check();
}

/// Greetings of other protocols: closed, with one line in the log.
#[test]
fn other_protocols_are_closed_with_one_line() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let greetings: [(&str, &[u8]); 5] = [
        ("HTTP", b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"),
        (
            "TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x9b\x1e\xaa\x00\x01\x02\x03\x04\x05\x06\x07",
        ),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
        (
            "OpenFlow",
            b"\x06\x00\x00\x10\x00\x00\x00\x01\x00\x01\x00\x08\x00\x00\x00\x40",
        ),
        (
            "DNS",
            b"\x00\x1d\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01",
        ),
    ];
    for (what, greeting) in greetings {
        for remote in [scene.server.tcp(), scene.server.remote()] {
            let start = scene.server.log().len();
            let mut client = Client::connect(&remote);
            client.send_raw(greeting).expect("the server takes the bytes");
            client.expect_closed();
            scene.wait_for_log(start, "error parsing stream");
            let log = scene.server.log();
            let lines = log[start..].matches("error parsing stream").count();
            assert_eq!(lines, 1, "{what}: {}", &log[start..]);
        }
    }
    bystander.check();
}

/// A reply that nobody has asked for closes the connection, unless it looks like the answer to a probe.
#[test]
fn only_the_answer_to_a_probe_may_come_unasked() {
    let scene = Scene::new();
    let mut client = Client::connect(&scene.server.tcp());
    client
        .send_raw(br#"{"id":"echo","result":[],"error":null}"#)
        .expect("the server takes the bytes");
    client.call("echo", json!([])).expect("the connection goes on");
    client
        .send_raw(br#"{"id":"ohce","result":[],"error":null}"#)
        .expect("the server takes the bytes");
    client.expect_closed();
}
