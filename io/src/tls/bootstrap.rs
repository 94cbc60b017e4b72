//! `--bootstrap-ca-cert`: the authority's certificate is taken from the first server that we connect to.

use super::certificate;
use super::context::Context;
use crate::errors::strerror;
use rustls::Connection;
use rustls::pki_types::CertificateDer;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const MODULE: &str = "stream_ssl";

/// Writes the last certificate that the peer has shown to the file of the authority. The connection is to be closed
/// in any case, and made again: it was not verified. The error is what to tell of its end.
pub(super) fn bootstrap(context: &Context, session: &Connection) -> io::Error {
    let protocol_error = || io::Error::from_raw_os_error(libc::EPROTO);
    let Some(path) = context.ca_cert() else {
        return protocol_error();
    };
    let chain = session.peer_certificates().unwrap_or_default();
    let Some(authority) = chain.last() else {
        log::error!(target: MODULE, "could not bootstrap CA cert: no certificate presented by peer");
        return protocol_error();
    };
    if !certificate::is_self_issued(authority) {
        log::error!(target: MODULE, "could not bootstrap CA cert: obtained certificate is not self-signed");
        if chain.len() < 2 {
            log::error!(
                target: MODULE,
                "only one certificate was received, so probably the peer is not configured to send its CA certificate"
            );
        }
        return protocol_error();
    }
    match write_new(&path, authority) {
        Ok(()) => {
            log::info!(target: MODULE, "successfully bootstrapped CA cert to {}", path.display());
            let (path, what) = (path.display(), certificate::describe(authority));
            log::info!(target: MODULE, "Trusting CA cert from {path} ({what})");
            log::info!(target: MODULE, "killing successful connection to retry using CA cert");
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            log::info!(target: MODULE, "reading CA cert {} created by another process", path.display());
        }
        Err(error) => {
            let (path, text) = (path.display(), strerror(&error));
            log::error!(target: MODULE, "could not bootstrap CA cert: creating {path} failed: {text}");
            return error;
        }
    }
    context.reread();
    protocol_error()
}

/// Writes a certificate to a file that must not be there yet; what cannot be written whole is removed again.
fn write_new(path: &Path, certificate: &CertificateDer<'_>) -> io::Result<()> {
    let pem = certificate::to_pem(certificate).map_err(io::Error::other)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o444)
        .open(path)?;
    file.write_all(pem.as_bytes())
        .and_then(|()| file.sync_all())
        .or_else(|error| fs::remove_file(path).and(Err(error)))
}
