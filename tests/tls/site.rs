//! A server with a TLS listener, its authorities, and a client's identity.

use std::path::{Path, PathBuf};
use std::process::Command;

use ovsdb_harness::command::{Finished, run, run_ok};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, Server, ServerOptions, wait};

use ovsdb_harness::pki::{Authority, Identity, Pki};

/// The schema that `ovs-vsctl` needs.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

pub struct Site<'s> {
    pub scratch: &'s Scratch,
    pub pki: Pki<'s>,
    pub server: Identity,
    pub client: Identity,
    pub database: PathBuf,
}

impl<'s> Site<'s> {
    pub fn new(scratch: &'s Scratch) -> Site<'s> {
        let pki = Pki::new(scratch);
        let server = pki.identity("server", Authority::Servers);
        let client = pki.identity("client", Authority::Clients);
        let database = create_database(Peer::under_test(), scratch, "tls.db", Path::new(SCHEMA));
        Site {
            scratch,
            pki,
            server,
            client,
            database,
        }
    }

    /// A server with keys and the clients' authority, and no remote yet but its unix socket.
    pub fn options(&self) -> ServerOptions {
        let clients = self.pki.authority(Authority::Clients);
        self.server
            .options(&clients)
            .into_iter()
            .fold(self.bare_options(), |options, option| options.argument(option))
    }

    /// A server without keys.
    pub fn bare_options(&self) -> ServerOptions {
        ServerOptions::new(Peer::under_test(), "tls").database(&self.database)
    }

    /// Starts a server of `options` that listens by TLS, and gives the target that leads there.
    pub fn listen(&self, options: ServerOptions) -> (Server, String) {
        let server = options.argument("--remote=pssl:0:127.0.0.1").start(self.scratch);
        let port = server.logged_port(1);
        (server, format!("ssl:127.0.0.1:{port}"))
    }

    /// The options of a client that knows the servers' authority.
    pub fn client_options(&self) -> [String; 3] {
        self.client.options(&self.pki.authority(Authority::Servers))
    }

    /// `program` with the options of a client.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.scratch.command(program.as_ref());
        command.args(self.client_options()).arg("--timeout=20");
        command
    }

    /// Our own `ovsdb-client` as another identity.
    pub fn as_identity(&self, identity: &Identity, target: &str) -> Finished {
        let servers = self.pki.authority(Authority::Servers);
        let mut command = self.scratch.command(Peer::Ours.client());
        command.args(identity.options(&servers)).arg("--timeout=20");
        run(command.args(["list-dbs", target]))
    }

    /// Checks that both clients are served at `target`.
    pub fn check(&self, target: &str) {
        for peer in [Peer::Packaged, Peer::Ours] {
            let listed = run_ok(self.command(peer.client()).args(["list-dbs", target]));
            assert_eq!(listed.stdout, "Open_vSwitch\n_Server\n");
        }
    }

    /// `openssl s_client` for the port of `target`; what it was told stands in its output.
    pub fn s_client(&self, target: &str, arguments: &[&str]) -> Finished {
        let mut command = self.scratch.command("openssl");
        let address = target.trim_start_matches("ssl:");
        command
            .args(["s_client", "-connect", address, "-ign_eof"])
            .args(arguments);
        run(&mut command)
    }
}

/// Waits until the server has logged `text`.
pub fn wait_for_log(server: &Server, text: &str) {
    wait::until(&format!("\"{text}\" in the log"), || {
        server.log().contains(text).then_some(())
    });
}
