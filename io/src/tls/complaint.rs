//! What the log says of handshakes and connections that fail, in upstream's manner.

use crate::vlog::RateLimit;
use log::Level;
use rustls::{AlertDescription, CertificateError, Error};
use std::fmt;
use std::io;

const MODULE: &str = "stream_ssl";

/// Who knows what makes strangers' handshakes fail, so only so many are told of.
static LIMIT: RateLimit = RateLimit::new(10, 25);

/// Which side of a connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Client => "SSL_connect",
            Side::Server => "SSL_accept",
        })
    }
}

/// What the first bytes of a connection look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Tls,
    JsonRpc,
}

impl Content {
    /// A guess by the first two bytes.
    pub fn guess(head: &[u8]) -> Option<Content> {
        match head {
            // A handshake, and the alert that answers something else.
            [0x15 | 0x16, 0x03, ..] => Some(Content::Tls),
            [b'{', b'"', ..] => Some(Content::JsonRpc),
            _ => None,
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Content::Tls => "SSL/TLS",
            Content::JsonRpc => "JSON-RPC",
        })
    }
}

/// Says that nothing more can be read of the connection `name`.
pub(crate) fn complain_of_read(name: &str, error: &Error) {
    if LIMIT.allows(MODULE, Level::Warn) {
        log::warn!(target: MODULE, "{name}: SSL_read: {}", explain(error));
    }
}

/// What rustls says, in OpenSSL's words where scripts and people look for them: alerts of the peer.
pub(crate) fn explain(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => format!("received fatal alert {}", name_of_alert(*alert)),
        // Would list all that are supported, by number.
        Error::InvalidCertificate(CertificateError::UnsupportedSignatureAlgorithmContext { .. }) => {
            "invalid peer certificate: unsupported signature algorithm".to_owned()
        }
        Error::InvalidCertificate(error) => {
            format!("invalid peer certificate: {}", explain_certificate(error))
        }
        error => error.to_string(),
    }
}

/// In words what rustls names only.
fn explain_certificate(error: &CertificateError) -> String {
    let words = match error {
        CertificateError::UnknownIssuer => "unknown issuer: none of the CA certificates has signed it",
        CertificateError::Revoked => "revoked",
        CertificateError::UnknownRevocationStatus => {
            "its authority has no revocation list among those of --ssl-crl"
        }
        CertificateError::BadSignature => "a signature does not fit",
        CertificateError::BadEncoding => "it is not an X.509 certificate",
        CertificateError::Other(other) => return other.to_string(),
        error => return error.to_string(),
    };
    words.to_owned()
}

/// [`explain`] for an error that rustls has wrapped.
pub(super) fn explain_io(error: &io::Error) -> String {
    let wrapped = error.get_ref().and_then(|inner| inner.downcast_ref());
    wrapped.map_or_else(|| error.to_string(), explain)
}

/// An alert by its name in RFC 8446 §6, with blanks: `handshake failure`, `unknown ca`.
fn name_of_alert(alert: AlertDescription) -> String {
    let Some(name) = alert.as_str() else {
        return u8::from(alert).to_string();
    };
    let mut words = String::with_capacity(name.len() + 4);
    let mut was_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && was_lower {
            words.push(' ');
        }
        was_lower = letter.is_lowercase();
        words.extend(letter.to_lowercase());
    }
    words
}

/// Says what is missing for a connection.
pub(super) fn complain_of(missing: &[String]) {
    for missing in missing {
        if LIMIT.allows(MODULE, Level::Error) {
            log::error!(target: MODULE, "{missing}");
        }
    }
}

/// Says that a handshake with `name` failed, and what the peer probably meant if it began with `head`.
pub(crate) fn complain(name: &str, side: Side, head: &[u8], reason: &dyn fmt::Display) {
    if LIMIT.allows(MODULE, Level::Warn) {
        log::warn!(target: MODULE, "{name}: {side}: {reason}");
        if let Some(content) = Content::guess(head).filter(|content| *content != Content::Tls) {
            log::warn!(target: MODULE, "{name}: received {content} data on SSL/TLS channel");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_named_as_by_openssl() {
        for (alert, expected) in [
            (
                AlertDescription::HandshakeFailure,
                "received fatal alert handshake failure",
            ),
            (AlertDescription::UnknownCA, "received fatal alert unknown ca"),
            (
                AlertDescription::ProtocolVersion,
                "received fatal alert protocol version",
            ),
            (
                AlertDescription::CertificateRequired,
                "received fatal alert certificate required",
            ),
            (AlertDescription::Unknown(200), "received fatal alert 200"),
        ] {
            assert_eq!(explain(&Error::AlertReceived(alert)), expected);
            assert_eq!(
                explain_io(&io::Error::other(Error::AlertReceived(alert))),
                expected
            );
        }
        assert_eq!(explain_io(&io::Error::other("else")), "else");
    }
}
