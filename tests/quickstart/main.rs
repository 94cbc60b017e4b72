//! The README's first command: a southbound server without any preparation.
//!
//! It listens on a fixed port, so that each test gives it a network of its own.

use std::path::Path;
use std::process::Command;

use ovsdb_harness::command::{run, run_ok};
use ovsdb_harness::peer::packaged_program;
use ovsdb_harness::{Daemon, Network, Peer, Scratch, wait};

/// Where the schemas of an installed OVN are.
const INSTALLED: &str = "/usr/share/ovn";

/// The server in the foreground, as `cargo run` leaves it.
fn start(network: &Network, scratch: &Scratch) -> Daemon {
    let mut command = network.command(&Peer::Ours.server().display().to_string());
    scratch.confine(&mut command);
    command.arg("--quickstart");
    Daemon::start("quickstart", command, &scratch.join("quickstart.log"))
}

/// `ovn-sbctl` on the server's TCP remote.
fn sbctl(network: &Network, scratch: &Scratch, words: &[&str]) -> Command {
    let mut command = network.command(&packaged_program("ovn-sbctl").display().to_string());
    scratch.confine(&mut command);
    command
        .args(["--db=tcp:127.0.0.1:6642", "--timeout=10", "--no-leader-only"])
        .args(words);
    command
}

/// Shows that the server is of use, says how to reach it, and keeps what it was given.
fn serves_and_keeps(network: &Network) {
    let scratch = Scratch::new();
    for restarts in 0..2 {
        let mut server = start(network, &scratch);
        wait::until("the server", || {
            if let Some(status) = server.status() {
                panic!("the server ended with {status}");
            }
            run(&mut sbctl(network, &scratch, &["show"]))
                .status
                .success()
                .then_some(())
        });
        let said = server.log();
        assert!(
            said.contains("tcp:127.0.0.1:6642"),
            "how to connect is not said:\n{said}"
        );
        let socket = said
            .split(char::is_whitespace)
            .find_map(|word| word.strip_prefix("unix:"))
            .unwrap_or_else(|| panic!("the socket is not named:\n{said}"));
        assert!(Path::new(socket).exists(), "{socket} is not there");
        let chassis = format!("hv{restarts}");
        run_ok(&mut sbctl(
            network,
            &scratch,
            &["chassis-add", &chassis, "geneve", &format!("192.0.2.{restarts}")],
        ));
        server.kill();
    }
    assert!(
        scratch.join("ovsdb-data").is_dir(),
        "the database is not where it should be"
    );

    let mut server = start(network, &scratch);
    let shown = wait::until("the server", || {
        assert_eq!(server.status(), None, "the server has ended");
        let shown = run(&mut sbctl(network, &scratch, &["show"]));
        shown.status.success().then_some(shown.stdout)
    });
    assert!(
        shown.contains("Chassis hv0") && shown.contains("Chassis hv1"),
        "{shown}"
    );
}

#[test]
fn a_southbound_server_starts_with_the_schemas_of_the_machine() {
    serves_and_keeps(&Network::new());
}

#[test]
fn a_southbound_server_starts_on_a_machine_without_ovn() {
    let network = Network::hiding(&[INSTALLED]);
    let found = run(network.command("ls").arg(INSTALLED));
    assert_eq!(found.stdout, "", "OVN's files are not hidden");
    serves_and_keeps(&network);
}
