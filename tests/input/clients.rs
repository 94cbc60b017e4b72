//! Clients that leave early, stop half way or never read.

use std::collections::BTreeSet;
use std::time::Duration;

use ovsdb_harness::{Client, Peer, schema, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::bystander::{Bystander, Scene, foreign_items, insertion};
use crate::watch::{Memory, Watch};

/// Requests that a vanishing client leaves behind.
const ABANDONED: u64 = 50;
/// Rows that a client is told of and does not read.
const UNREAD_ROWS: u64 = 200;
/// Size of each: together far above what socket buffers hold.
const UNREAD_ROW_BYTES: usize = 100_000;

/// Crowds whose messages come at once, and clients of each kind in one: more in all than are let go on at a time.
const CROWDS: usize = 8;
const CROWD: usize = 12;
/// Bytes of a message that is read in two parts while others wait, and too short to wait for its own sake.
const MIDDLING_BYTES: usize = 9000;

/// Longer than the server waits for an answer to its probe, by default 5 s after 5 s of silence.
const BUSY: Duration = Duration::from_secs(12);

/// A client that has said all it will say is served to the end or closed; it holds up nobody, and what it has sent
/// whole is done.
#[test]
fn a_half_closed_client_gets_its_answers() {
    let scene = Scene::new();
    for remote in [scene.server.tcp(), scene.server.remote()] {
        for id in 1..=20 {
            let mut client = Client::connect(&remote);
            client
                .send_raw(insertion(id, "last words").to_string().as_bytes())
                .expect("the server takes the bytes");
            client.close_sending_side();
            client.reply(id).expect("the insertion is done");
            client.expect_closed();
        }
    }
}

#[test]
fn a_half_closed_client_is_let_go() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    for remote in [scene.server.tcp(), scene.server.remote()] {
        let mut client = Client::connect(&remote);
        client
            .send_raw(insertion(1, "whole").to_string().as_bytes())
            .expect("the server takes the bytes");
        client
            .send_raw(br#"{"id":2,"method":"echo","par"#)
            .expect("the server takes the bytes");
        client.close_sending_side();
        client.expect_closed();
        bystander.check();
    }
    assert_eq!(foreign_items(&mut scene.server.client()), 2);
}

/// `printf REQUESTS | nc -N …`: what was asked is answered, large answers included, before the server closes too.
#[test]
fn requests_before_a_half_close_are_answered() {
    let scene = Scene::new();
    let name = "n".repeat(UNREAD_ROW_BYTES);
    for remote in [scene.server.tcp(), scene.server.remote()] {
        let mut client = Client::connect(&remote);
        let ids: Vec<u64> = (0..ABANDONED)
            .map(|_| {
                let insertion = json!({"op": "insert", "table": "Item", "row": {"name": name}});
                client.send("transact", json!(["Load", insertion]))
            })
            .collect();
        let all = client.send(
            "transact",
            json!(["Load", {"op": "select", "table": "Item", "where": [["name", "==", name]]}]),
        );
        client.close_sending_side();
        for id in ids {
            assert!(client.reply(id).is_ok());
        }
        let selected = client.reply(all).expect("a selection succeeds");
        assert!(
            selected[0]["rows"]
                .as_array()
                .is_some_and(|rows| rows.len() >= ABANDONED as usize)
        );
        client.expect_closed();
    }
}

#[test]
fn clients_that_vanish_hold_up_nobody() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    for remote in [scene.server.tcp(), scene.server.remote()] {
        for _ in 0..20 {
            let mut client = Client::connect(&remote);
            client
                .call("lock", json!(["theirs"]))
                .expect("locks can be asked for");
            let wait = json!({"op": "wait", "table": "Item", "where": [["name", "==", "never"]], "until": "==",
                "columns": ["name"], "rows": [{"name": "never"}]});
            client.send("transact", json!(["Load", wait]));
            client.send("monitor", json!(["Load", "m", {"Item": {}}]));
            for id in 0..ABANDONED {
                let request = insertion(1000 + id, "abandoned").to_string();
                client
                    .send_raw(request.as_bytes())
                    .expect("the server takes the bytes");
            }
            // Dropped with replies unread: the peer of a TCP connection sees a reset.
        }
        bystander.check();
    }
    // What a client held is free again.
    let mut heir = scene.server.client();
    wait::until("the lock of the vanished", || {
        let locked = heir
            .call("lock", json!(["theirs"]))
            .expect("locks can be asked for");
        heir.call("unlock", json!(["theirs"]))
            .expect("a lock can be given back");
        (locked["locked"] == json!(true)).then_some(())
    });
    // Requests are executed whole or not at all.
    assert!(foreign_items(&mut heir) as u64 <= 2 * 20 * ABANDONED);
}

/// A monitoring client that never reads costs the others nothing but memory.
#[test]
fn a_client_that_never_reads_holds_up_nobody() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let (memory, watch) = (Memory::mark(&scene.server), Watch::start(&scene.server));
    let mut deaf = Client::connect(&scene.server.tcp());
    deaf.call("monitor", json!(["Load", "m", {"Item": {}}]))
        .expect("the monitor is accepted");
    let mut writer = scene.server.client();
    let text = "x".repeat(UNREAD_ROW_BYTES);
    for number in 0..UNREAD_ROWS {
        let row = json!({"number": number, "name": text});
        let inserted = writer.transact("Load", json!([{"op": "insert", "table": "Item", "row": row}]));
        assert!(inserted[0].get("uuid").is_some(), "{inserted:?}");
    }
    let foreign = json!([{"op": "delete", "table": "Item", "where": [["name", "!=", "bystander"]]}]);
    assert_eq!(writer.transact("Load", foreign)[0]["count"], json!(UNREAD_ROWS));
    bystander.check();
    watch.finish("a client that never reads");
    memory.check(
        "a client that never reads",
        UNREAD_ROWS as usize * UNREAD_ROW_BYTES,
    );

    // When it starts to listen it hears everything, merged or not: in the end there is the row of the bystander.
    let mut held = BTreeSet::new();
    let mut seen_last = false;
    while !seen_last {
        let update = deaf.notification(wait::DEADLINE).expect("the updates are kept");
        for (uuid, change) in update["params"][1]["Item"].as_object().expect("rows of Item") {
            if change.get("new").is_some() {
                held.insert(uuid.clone());
            } else {
                held.remove(uuid);
            }
            seen_last |= change["new"]["name"] == "bystander";
        }
    }
    assert_eq!(held.len(), 1);
}

/// A controller that computes for long does not read meanwhile; cutting it off would only have it ask for everything
/// again.
#[test]
fn a_client_is_not_given_up_while_bytes_wait_for_it() {
    let scene = Scene::new();
    let mut busy = Client::connect(&scene.server.tcp());
    busy.call("monitor", json!(["Load", "m", {"Item": {}}]))
        .expect("the monitor is accepted");
    let mut writer = scene.server.client();
    let text = "x".repeat(UNREAD_ROW_BYTES);
    for number in 0..UNREAD_ROWS {
        let row = json!({"number": number, "name": text});
        writer.transact("Load", json!([{"op": "insert", "table": "Item", "row": row}]));
    }
    std::thread::sleep(BUSY);
    let mut rows = 0;
    while rows < UNREAD_ROWS as usize {
        let update = busy.notification(wait::DEADLINE).expect("the updates are kept");
        rows += update["params"][1]["Item"]
            .as_object()
            .expect("rows of Item")
            .len();
    }
    busy.call("list_dbs", json!([])).expect("the session lives");
}

/// Who was kept waiting with a part of a message that turns out to be nothing special is served, and forgotten.
#[test]
fn middling_messages_beside_monitors_leave_nobody_in_line() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scene = Scene::with(schema::LOAD, |options| options.tcp().argument("--threads=1"));
    let mut bystander = Bystander::new(&scene.server);
    let rows: Vec<_> = (0..2000)
        .map(|at| json!({"op": "insert", "table": "Counter", "row": {"name": format!("row {at}")}}))
        .collect();
    scene.server.client().transact("Load", json!(rows));
    let server = Pid::from_raw(scene.server.pid() as i32).expect("the server is a process");
    // Whoever leaves leaves the line, too.
    let mut kept = Vec::new();
    for _ in 0..CROWDS {
        let mut crowd: Vec<Client> = (0..2 * CROWD).map(|_| scene.server.client()).collect();
        for client in &mut crowd {
            assert_eq!(client.call("echo", json!([])), Ok(json!([])));
        }
        kill_process(server, Signal::STOP).expect("the server is ours");
        let mut ids = Vec::new();
        for (at, client) in crowd.iter_mut().enumerate() {
            ids.push(if at < CROWD {
                client.send("monitor", json!(["Load", null, {"Counter": {}}]))
            } else {
                let comment = "c".repeat(MIDDLING_BYTES);
                client.send("transact", json!(["Load", {"op": "comment", "comment": comment}]))
            });
        }
        kill_process(server, Signal::CONT).expect("the server is ours");
        for (client, id) in crowd.iter_mut().zip(ids) {
            client.reply(id).expect("an answer");
        }
        kept.extend(crowd);
    }
    bystander.check();
}
