//! Who is meant to get in does, on both drivers, with small messages and with large ones.

use std::process::{Child, Stdio};

use ovsdb_harness::command::run_ok;
use ovsdb_harness::machine::Feature;
use ovsdb_harness::{Client, Daemon, Peer, Scratch, Server, ServerOptions, wait};
use serde_json::{Value, json};

use crate::site::{Site, wait_for_log};
use ovsdb_harness::pki::Authority;

/// Bytes of one large text: several times what sockets and records hold.
const LARGE_BYTES: usize = 3 << 20;

/// Both drivers, each with one worker and with several, as far as the machine has them; of the packaged server, its
/// only manner.
fn manners() -> Vec<Vec<&'static str>> {
    if Peer::under_test() == Peer::Packaged {
        return vec![Vec::new()];
    }
    let mut manners = vec![
        vec!["--io=epoll", "--threads=1"],
        vec!["--io=epoll", "--threads=3"],
    ];
    if Feature::Uring.is_present() {
        manners.extend([
            vec!["--io=uring", "--threads=1"],
            vec!["--io=uring", "--threads=3"],
        ]);
    }
    manners
}

/// Starts a server in one of these manners.
fn listen(site: &Site<'_>, manner: &[&str]) -> (Server, String) {
    println!("with {manner:?}");
    let options = manner
        .iter()
        .fold(site.options(), |options, word| options.argument(*word));
    site.listen(options)
}

#[test]
fn every_program_is_served() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    for manner in manners() {
        let (server, target) = listen(&site, &manner);
        site.check(&target);

        let mut vsctl = site.command("ovs-vsctl");
        run_ok(vsctl.arg(format!("--db={target}")).args([
            "--no-wait",
            "--",
            "init",
            "--",
            "--may-exist",
            "add-br",
            "br0",
        ]));
        let mut vsctl = site.command("ovs-vsctl");
        let bridges = run_ok(vsctl.arg(format!("--db={target}")).arg("list-br"));
        assert_eq!(bridges.stdout, "br0\n");

        python_idl(&site, &target);
        server.stop();
    }
}

/// Our client at the packaged server, the packaged client at ours: what they do and say is the same.
#[test]
fn clients_and_servers_of_both_peers_understand_each_other() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let told = |server: Peer| -> Vec<String> {
        let file = scratch.join(&format!("{server:?}.db"));
        std::fs::copy(&site.database, &file).expect("a file can be copied");
        let options = ServerOptions::new(server, &format!("{server:?}")).database(&file);
        let clients = site.pki.authority(Authority::Clients);
        let keys = site.server.options(&clients).into_iter();
        let (server, target) = site.listen(keys.fold(options, ServerOptions::argument));
        let mut told = Vec::new();
        for client in [Peer::Ours, Peer::Packaged] {
            let insert =
                r#"["Open_vSwitch", {"op": "insert", "table": "Open_vSwitch", "row": {"cur_cfg": 7}}]"#;
            let remove = r#"["Open_vSwitch", {"op": "delete", "table": "Open_vSwitch", "where": []}]"#;
            let dump = ["dump", &target, "Open_vSwitch", "Open_vSwitch", "cur_cfg"];
            for words in [
                &["list-dbs", &target][..],
                &["transact", &target, insert],
                &dump,
                &["transact", &target, remove],
            ] {
                let text = run_ok(site.command(client.client()).args(words)).stdout;
                // The only thing that differs is the uuid of the row.
                told.push(text.lines().filter(|line| !line.contains("uuid")).collect());
            }
        }
        server.stop();
        told
    };
    let ours = told(Peer::Ours);
    assert_eq!(ours[..4], ours[4..]);
    assert_eq!(ours, told(Peer::Packaged));
    assert!(ours[2].contains('7'), "{ours:?}");
}

/// The Python library's IDL reads the bridges and adds one.
fn python_idl(site: &Site<'_>, target: &str) {
    let program = r#"
import sys
import ovs.db.idl, ovs.poller, ovs.stream
target, schema, key, certificate, authority = sys.argv[1:]
ovs.stream.Stream.ssl_set_private_key_file(key)
ovs.stream.Stream.ssl_set_certificate_file(certificate)
ovs.stream.Stream.ssl_set_ca_cert_file(authority)
helper = ovs.db.idl.SchemaHelper(schema)
helper.register_all()
idl = ovs.db.idl.Idl(target, helper)
while not idl.has_ever_connected():
    idl.run()
    poller = ovs.poller.Poller()
    idl.wait(poller)
    poller.block()
txn = ovs.db.idl.Transaction(idl)
row = txn.insert(idl.tables["SSL"])
row.private_key = row.certificate = row.ca_cert = "x"
for switch in idl.tables["Open_vSwitch"].rows.values():
    switch.ssl = row
print(txn.commit_block(), [b.name for b in idl.tables["Bridge"].rows.values()])
"#;
    let mut command = site.scratch.command("/usr/bin/python3");
    command
        .args(["-c", program, target, "/usr/share/openvswitch/vswitch.ovsschema"])
        .args([&site.client.key, &site.client.certificate])
        .arg(site.pki.authority(Authority::Servers));
    assert_eq!(run_ok(&mut command).stdout, "success ['br0']\n");
}

/// The server is asked for by name: the host's, or the one that an option gives; and it says goodbye.
#[test]
fn servers_are_asked_for_by_name() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    let (server, target) = site.listen(site.options().argument("-vstream_ssl:dbg"));
    let by_name = target.replace("127.0.0.1", "localhost");
    let list = |target: &str, more: &[&str]| {
        let mut command = site.command(Peer::Ours.client());
        run_ok(command.args(more).args(["list-dbs", target]));
    };
    list(&target, &[]);
    assert!(
        !server.log().contains("indicated server name"),
        "{}",
        server.log()
    );
    list(&by_name, &[]);
    wait_for_log(&server, "connection indicated server name localhost");
    list(&target, &["--ssl-server-name=db.example"]);
    wait_for_log(&server, "connection indicated server name db.example");

    let mut command = scratch.command(Peer::Packaged.client());
    let log = scratch.join("waiting.log");
    command
        .args(site.client_options())
        .args(["-vconsole:info", "wait", &target, "Nowhere", "added"]);
    let waiting = Daemon::start("waiting", command, &log);
    wait::until("a client that waits", || {
        waiting.log().contains("connected").then_some(())
    });
    server.stop();
    wait::until("the end of the connection", || {
        waiting.log().contains("connection closed by peer").then_some(())
    });
    assert!(!waiting.log().contains("SSL_read"), "{}", waiting.log());
}

/// What does not fit into a socket at once is carried whole in both directions, and a client that does not read holds
/// up nobody.
#[test]
fn large_messages_are_carried_whole() {
    let scratch = Scratch::new();
    let site = Site::new(&scratch);
    for manner in manners() {
        let (server, target) = listen(&site, &manner);
        server.client().transact(
            "Open_vSwitch",
            json!([{"op": "insert", "table": "Open_vSwitch", "row": {}}]),
        );
        let mut stalled = stalled_client(&site, &target);

        for round in ["a", "b"] {
            let text = round.repeat(LARGE_BYTES);
            let transaction = scratch.write("large.json", large(&text).to_string());
            // A command line does not hold it; the Python client reads it from a file.
            send_file(&site, &target, &transaction);
            let dump = ["dump", &target, "Open_vSwitch", "Open_vSwitch", "external_ids"];
            let dumped = run_ok(site.command(Peer::Packaged.client()).args(dump));
            assert!(dumped.stdout.contains(&text), "{} bytes", dumped.stdout.len());
            let dumped = run_ok(site.command(Peer::Ours.client()).args(dump));
            assert!(dumped.stdout.contains(&text), "{} bytes", dumped.stdout.len());
        }
        assert_answers(&server);
        stalled.kill().expect("it runs");
        stalled.wait().expect("it ends");
        server.stop();
    }
}

/// A transaction that leaves one row, which holds `text`.
fn large(text: &str) -> Value {
    json!({"method": "transact", "id": 1, "params": ["Open_vSwitch",
        {"op": "delete", "table": "Open_vSwitch", "where": []},
        {"op": "insert", "table": "Open_vSwitch", "row": {"external_ids": ["map", [["text", text]]]}}]})
}

/// Sends a message from a file over TLS by Python's own library, and waits for the reply.
fn send_file(site: &Site<'_>, target: &str, file: &std::path::Path) {
    let program = r#"
import json, socket, ssl, sys
address, file, key, certificate, authority = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.load_verify_locations(authority)
context.load_cert_chain(certificate, key)
host, port = address.split(":")
connection = context.wrap_socket(socket.create_connection((host, int(port))))
connection.sendall(open(file, "rb").read())
reply = b""
while not reply.endswith(b"}"):
    part = connection.recv(65536)
    assert part, reply
    reply += part
assert json.loads(reply)["error"] is None, reply
"#;
    let mut command = site.scratch.command("/usr/bin/python3");
    command
        .args(["-c", program, target.trim_start_matches("ssl:")])
        .arg(file)
        .args([&site.client.key, &site.client.certificate])
        .arg(site.pki.authority(Authority::Servers));
    run_ok(&mut command);
}

/// A client that monitors everything and is stopped once it has the beginning.
fn stalled_client(site: &Site<'_>, target: &str) -> Child {
    let log = site.scratch.join("stalled.log");
    let output = std::fs::File::create(&log).expect("a file can be made");
    let mut command = site.scratch.command(Peer::Ours.client());
    let child = command
        .args(site.client_options())
        .args(["monitor", target, "Open_vSwitch", "Open_vSwitch"])
        .stdout(Stdio::from(output))
        .spawn()
        .expect("the client starts");
    wait::until("the monitor's first line", || {
        std::fs::read_to_string(&log).ok().filter(|text| !text.is_empty())
    });
    let mut stop = site.scratch.command("kill");
    run_ok(stop.args(["-STOP", &child.id().to_string()]));
    child
}

fn assert_answers(server: &Server) {
    let mut client: Client = server.client();
    assert_eq!(client.call("echo", json!(["there"])), Ok(json!(["there"])));
}
