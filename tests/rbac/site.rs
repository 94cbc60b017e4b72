//! A server whose database holds its TLS remote, and clients with certificates.

use std::path::Path;

use ovsdb_harness::{Peer, Scratch, ServerOptions};

use crate::named::NamedClient;
use crate::pki::{Authority, Identity, Pki};

/// Authorities, and the identities made so far.
pub(crate) struct Site<'s> {
    scratch: &'s Scratch,
    pki: Pki<'s>,
    server: Identity,
}

impl<'s> Site<'s> {
    pub(crate) fn new(scratch: &'s Scratch) -> Site<'s> {
        let pki = Pki::new(scratch);
        let server = pki.identity("server", Authority::Servers);
        Site { scratch, pki, server }
    }

    /// A client's certificate with the common name `name`.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        self.pki.identity(name, Authority::Clients)
    }

    /// A server of `file` with keys, to which the remotes at `column` are added.
    pub(crate) fn options(&self, peer: Peer, name: &str, file: &Path, column: &str) -> ServerOptions {
        let clients = self.pki.authority(Authority::Clients);
        let options = ServerOptions::new(peer, name)
            .database(file)
            .argument(format!("--remote=db:{column}"));
        let options = self
            .server
            .options(&clients)
            .into_iter()
            .fold(options, |options, option| options.argument(option));
        match peer {
            Peer::Ours => options.argument("--threads=2"),
            Peer::Packaged => options,
        }
    }

    /// Connects to the TLS port of a server.
    pub(crate) fn connect(&self, identity: &Identity, port: u16) -> NamedClient {
        let mut command = self.scratch.command("openssl");
        command
            .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")])
            .arg("-key")
            .arg(&identity.key)
            .arg("-cert")
            .arg(&identity.certificate)
            .arg("-CAfile")
            .arg(self.pki.authority(Authority::Servers));
        NamedClient::start(command)
    }
}
