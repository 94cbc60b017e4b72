//! Remotes that cannot be opened when the server starts.

use std::net::{SocketAddr, TcpListener};

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Client, Peer, Remote, Scratch, ServerOptions, schema, wait};
use serde_json::json;

/// The port of another program, or an address that moves to this machine later: the server serves its other remotes
/// and takes this one when it can, as upstream does.
#[test]
fn a_taken_port_is_listened_on_once_it_is_free() {
    let scratch = Scratch::new();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(Peer::under_test(), &scratch, "load.db", &schema);
    let taken = TcpListener::bind("127.0.0.1:0").expect("the kernel has a port left");
    let address: SocketAddr = taken.local_addr().expect("a bound socket has an address");
    let server = ServerOptions::new(Peer::under_test(), "load")
        .database(&file)
        .argument(format!("--remote=ptcp:{}:127.0.0.1", address.port()))
        .start(&scratch);
    assert!(server.log().contains("listen failed: Address already in use"));
    drop(taken);
    wait::until("a server that listens", || {
        let mut client = Client::try_connect(&Remote::Tcp(address)).ok()?;
        client.call("list_dbs", json!([])).ok()
    });
    server.stop();
}
