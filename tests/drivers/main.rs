//! Both drivers carry the same protocol: the core of what a server does, once on the ring and once on epoll, with one
//! worker and with several.

mod core;

use std::fs;

use ovsdb_harness::machine::Feature;
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, Server, ServerOptions, schema};

/// What the kernel calls the descriptor of a ring.
const RING: &str = "anon_inode:[io_uring]";

#[test]
fn the_core_works_on_the_ring() {
    if !Feature::Uring.is_present() {
        return assert_ring_is_refused_clearly();
    }
    for threads in ["1", "4"] {
        run_core(&["--io=uring", &format!("--threads={threads}")], true);
    }
}

#[test]
fn the_core_works_on_epoll() {
    for threads in ["1", "4"] {
        run_core(&["--io=epoll", &format!("--threads={threads}")], false);
    }
}

/// Without a word the server takes epoll.
#[test]
fn the_core_works_by_default() {
    run_core(&[], false);
}

/// Runs the core on a server that is started with `arguments`, and checks whether it has a ring.
fn run_core(arguments: &[&str], ring: bool) {
    println!("with {arguments:?}");
    let scratch = Scratch::new();
    let peer = Peer::under_test();
    let schema = scratch.write("load.ovsschema", schema::LOAD);
    let file = create_database(peer, &scratch, "load.db", &schema);
    let mut options = ServerOptions::new(peer, "load").database(&file).tcp();
    // The packaged server has neither choice; with it, this proves the test itself.
    for argument in arguments.iter().filter(|_| peer == Peer::Ours) {
        options = options.argument(*argument);
    }
    let server = options.start(&scratch);
    if peer == Peer::Ours {
        assert_eq!(has_ring(&server), ring, "the wrong driver:\n{}", server.log());
    }
    core::run(&server);
    server.stop();

    let server = options.start(&scratch);
    core::check_kept(&server);
    server.stop();
}

fn has_ring(server: &Server) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the server runs");
    descriptors
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .any(|target| target.to_string_lossy() == RING)
}

/// On a machine that grants no ring, asking for one is an error of its own.
fn assert_ring_is_refused_clearly() {
    let scratch = Scratch::new();
    let options = ServerOptions::new(Peer::under_test(), "load")
        .argument("--no-dbs")
        .argument("--io=uring");
    let refused = options.start_in_vain(&scratch);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
    assert!(refused.text().contains("io_uring"), "{}", refused.text());
}
