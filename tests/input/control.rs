//! The control socket: row 43 of the list in `README.md`.

use ovsdb_harness::{Client, wait};
use serde_json::json;

use crate::bystander::{Bystander, Scene};
use crate::watch::{Memory, Watch};

/// Connections at a time.
const CONNECTIONS: usize = 500;

#[test]
fn the_control_socket_answers_errors_and_goes_on() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let mut wrong = Vec::new();
    for (method, arguments, expected) in [
        (
            "no-such-command",
            vec![],
            "\"no-such-command\" is not a valid command",
        ),
        ("", vec![], "\"\" is not a valid command"),
        (
            "version",
            vec!["x"],
            "\"version\" command takes at most 0 arguments",
        ),
        (
            "ovsdb-server/add-db",
            vec![],
            "command requires at least 1 arguments",
        ),
        (
            "ovsdb-server/add-remote",
            vec!["a", "b"],
            "command takes at most 1 arguments",
        ),
    ] {
        let refused = scene
            .server
            .control(method, &arguments)
            .expect_err("the command is refused");
        if !refused.contains(expected) {
            wrong.push(format!("{method}: {refused}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut client = scene.server.control_client();
    let refused = client.call("version", json!([7])).expect_err("no text");
    assert!(refused.to_string().contains("at most 0 arguments"), "{refused}");
    let refused = client.call("vlog/set", json!([7])).expect_err("no text");
    assert!(refused.to_string().contains("non-string argument"), "{refused}");
    bystander.check();
}

#[test]
fn what_is_no_command_closes_the_control_connection_only() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let (memory, watch) = (Memory::mark(&scene.server), Watch::start(&scene.server));
    let mut line = vec![b'x'; 10 << 20];
    line.push(b'\n');
    for bytes in [
        b"\0".as_slice(),
        b"version\n",
        b"{\"id\":1,\"method\":\"ver\0sion\",\"params\":[]}",
        &line,
        br#"{"id":1,"result":[],"error":null}"#,
        b"[]",
    ] {
        let mut client = scene.server.control_client();
        if let Err(error) = client.send_raw(bytes) {
            println!("sending: {error}");
        }
        client.expect_closed();
    }
    // A command of ten megabytes is a command that does not exist.
    let name = String::from_utf8(line).expect("letters and a line feed");
    let refused = scene.server.control(&name, &[]).expect_err("no such command");
    assert!(refused.contains("is not a valid command"));
    for (argument, count, expected) in [
        (name.as_str(), 1, "has an argument of more than 131072 bytes"),
        ("", 400_000, "takes at most 32768 arguments"),
    ] {
        let mut client = scene.server.control_client();
        let refused = client.call("vlog/set", json!(vec![argument; count]));
        let refused = refused.expect_err("nobody needs so much").to_string();
        assert!(
            refused.contains(expected),
            "{}",
            &refused[..refused.len().min(200)]
        );
    }
    watch.finish("the control socket");
    memory.check("the control socket", name.len());
    bystander.check();
}

#[test]
fn very_many_control_connections_are_served() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let watch = Watch::start(&scene.server);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| scene.server.control_client()).collect();
    // Half of them stop in the middle of a word.
    for client in clients.iter_mut().step_by(2) {
        client
            .send_raw(br#"{"id":1,"met"#)
            .expect("the server takes the bytes");
    }
    for client in clients.iter_mut().skip(1).step_by(2) {
        client
            .call("version", json!([]))
            .expect("a command that is there");
    }
    drop(clients);
    wait::until("the control socket", || scene.server.control("version", &[]).ok());
    watch.finish("control connections");
    bystander.check();
}
