//! Certificates for a started server and its clients, made by openssl: keys of RSA with 2048 bits, as ovs-pki makes
//! them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ovsdb_io::tls;

use crate::error::{Failure, Result};
use crate::fold::shorten;

/// An authority, and what it has signed for the server and for all clients.
#[derive(Debug)]
pub(super) struct Certificates {
    directory: PathBuf,
}

impl Certificates {
    /// Makes them in `directory`.
    pub(super) fn make(directory: &Path) -> Result<Certificates> {
        let certificates = Certificates {
            directory: directory.to_owned(),
        };
        certificates.openssl("ca", &[])?;
        for name in ["server", "client"] {
            let (authority, key) = (certificates.file("ca-cert.pem"), certificates.file("ca-key.pem"));
            let signed_by = [
                "-CA",
                &authority,
                "-CAkey",
                &key,
                "-addext",
                "basicConstraints=CA:false",
            ];
            certificates.openssl(name, &signed_by)?;
        }
        Ok(certificates)
    }

    /// Puts the server's files into a command.
    pub(super) fn fill_in(&self, command: &str) -> String {
        command
            .replace("{key}", &self.file("server-key.pem"))
            .replace("{cert}", &self.file("server-cert.pem"))
            .replace("{ca}", &self.file("ca-cert.pem"))
    }

    /// What clients connect with.
    pub(super) fn of_client(&self) -> tls::Settings {
        tls::Settings {
            private_key: Some(self.directory.join("client-key.pem")),
            certificate: Some(self.directory.join("client-cert.pem")),
            ca_cert: Some(self.directory.join("ca-cert.pem")),
            ..tls::Settings::default()
        }
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn openssl(&self, name: &str, more: &[&str]) -> Result<()> {
        let machine =
            |reason: String| Failure::Machine(format!("openssl cannot make certificates: {reason}"));
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
            ])
            .arg(format!("/CN=loadgen {name}"))
            .args(["-keyout", &self.file(&format!("{name}-key.pem"))])
            .args(["-out", &self.file(&format!("{name}-cert.pem"))])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| machine(error.to_string()))?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            let lines: Vec<&str> = said.split_whitespace().collect();
            return Err(machine(shorten(lines.join(" ").as_bytes())));
        }
        Ok(())
    }
}
