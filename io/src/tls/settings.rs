//! What an operator configures about TLS (upstream `lib/ssl.man` and its neighbours).

use crate::net::{Column, Remote};
use std::path::{Path, PathBuf};

/// The options, with whatever a database says in their place already read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `--private-key`: PEM, not encrypted.
    pub private_key: Option<PathBuf>,
    /// `--certificate`: PEM; the certificate of the key first, then those between it and the authority.
    pub certificate: Option<PathBuf>,
    /// `--ca-cert` or `--bootstrap-ca-cert`: PEM; the word `none` stands for trusting everybody.
    pub ca_cert: Option<PathBuf>,
    /// A file of `ca_cert` that is missing is written from the first connection that we make.
    pub bootstraps_ca: bool,
    /// `--peer-ca-cert`: further certificates to send.
    pub peer_ca_cert: Option<PathBuf>,
    /// `--ssl-crl`: PEM; revocation lists of the authorities.
    pub crl: Option<PathBuf>,
    /// `--ssl-protocols`
    pub protocols: Option<String>,
    /// `--ssl-ciphers`
    pub ciphers: Option<String>,
    /// `--ssl-ciphersuites`
    pub ciphersuites: Option<String>,
    /// `--ssl-server-name`
    pub server_name: Option<String>,
}

impl Settings {
    /// Takes over what `newer` says. What it does not mention stays: an operator who clears a column does not take
    /// the server off the network.
    pub(super) fn update(&mut self, newer: Settings) {
        fn keep<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        keep(&mut self.private_key, newer.private_key);
        keep(&mut self.certificate, newer.certificate);
        keep(&mut self.ca_cert, newer.ca_cert);
        keep(&mut self.peer_ca_cert, newer.peer_ca_cert);
        keep(&mut self.crl, newer.crl);
        keep(&mut self.protocols, newer.protocols);
        keep(&mut self.ciphers, newer.ciphers);
        keep(&mut self.ciphersuites, newer.ciphersuites);
        self.server_name = newer.server_name;
        self.bootstraps_ca = newer.bootstraps_ca;
    }
}

/// The options as an operator writes them: each a value, or `db:DB,TABLE,COLUMN` for the first text in that column
/// that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    pub private_key: Option<String>,
    pub certificate: Option<String>,
    pub ca_cert: Option<String>,
    pub bootstraps_ca: bool,
    pub peer_ca_cert: Option<String>,
    pub crl: Option<String>,
    pub protocols: Option<String>,
    pub ciphers: Option<String>,
    pub ciphersuites: Option<String>,
    pub server_name: Option<String>,
}

impl Sources {
    /// What they say where there is no database to look into.
    pub fn settings(&self) -> Settings {
        let (settings, complaints) = self.resolve(|_| Err("there is no database to read it from".to_owned()));
        for complaint in complaints {
            log::warn!(target: "stream_ssl", "{complaint}");
        }
        settings
    }

    /// What they say now, where `look_up` reads a column. Texts that cannot be looked up are left out, and said why.
    pub(crate) fn resolve(
        &self,
        look_up: impl Fn(&Column) -> Result<Option<String>, String>,
    ) -> (Settings, Vec<String>) {
        let mut complaints = Vec::new();
        let mut text = |source: &Option<String>| {
            let source = source.as_deref()?;
            if !source.starts_with("db:") {
                return Some(source.to_owned());
            }
            let found = match source.parse() {
                Ok(Remote::Column(column)) => look_up(&column),
                Ok(_) => Ok(None),
                Err(error) => Err(error.to_string()),
            };
            found.unwrap_or_else(|complaint| {
                complaints.push(complaint);
                None
            })
        };
        let settings = Settings {
            private_key: text(&self.private_key).map(PathBuf::from),
            certificate: text(&self.certificate).map(PathBuf::from),
            ca_cert: text(&self.ca_cert).map(PathBuf::from),
            bootstraps_ca: self.bootstraps_ca,
            peer_ca_cert: text(&self.peer_ca_cert).map(PathBuf::from),
            crl: text(&self.crl).map(PathBuf::from),
            protocols: text(&self.protocols),
            ciphers: text(&self.ciphers),
            ciphersuites: text(&self.ciphersuites),
            server_name: text(&self.server_name),
        };
        (settings, complaints)
    }
}

/// Whether `--ca-cert` says that peers are not verified.
pub(super) fn is_none(ca_cert: &Path) -> bool {
    ca_cert.as_os_str() == "none"
}
