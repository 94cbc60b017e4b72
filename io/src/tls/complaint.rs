//! What the log says of handshakes and connections that fail, in upstream's manner.

use crate::vlog::RateLimit;
use log::Level;
use std::fmt;

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

/// Says what is missing for a connection.
pub(super) fn complain_of(missing: &[&str]) {
    for missing in missing {
        if LIMIT.allows(MODULE, Level::Error) {
            log::error!(target: MODULE, "{missing}");
        }
    }
}

/// Says that a handshake with `name` failed, and what the peer probably meant if it began with `head`.
pub(crate) fn complain(name: &str, side: Side, head: &[u8], reason: &dyn fmt::Display) {
    if LIMIT.allows(MODULE, Level::Warn) {
        log::warn!(target: MODULE, "{name}: {side}: {}", in_words(reason.to_string()));
        if let Some(content) = Content::guess(head).filter(|content| *content != Content::Tls) {
            log::warn!(target: MODULE, "{name}: received {content} data on SSL/TLS channel");
        }
    }
}

/// What rustls says of an alert, with the alert's name in words, as OpenSSL logs it and operators look for it:
/// `alert handshake failure` rather than `alert: HandshakeFailure`. Other texts stay as they are.
fn in_words(reason: String) -> String {
    const ALERT: &str = "received fatal alert";
    let Some(name) = reason
        .strip_prefix(ALERT)
        .and_then(|rest| rest.strip_prefix(": "))
    else {
        return reason;
    };
    let mut words = ALERT.to_owned();
    let mut was_upper = false;
    for c in name.chars() {
        // Of the letters of `CA` only the first begins a word.
        if c.is_ascii_uppercase() && !was_upper {
            words.push(' ');
        }
        was_upper = c.is_ascii_uppercase();
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::in_words;
    use rustls::{AlertDescription, Error};

    #[test]
    fn alerts_are_told_in_words() {
        let cases = [
            (AlertDescription::HandshakeFailure, "handshake failure"),
            (AlertDescription::UnknownCA, "unknown ca"),
            (AlertDescription::BadRecordMac, "bad record mac"),
            (AlertDescription::ProtocolVersion, "protocol version"),
        ];
        for (alert, words) in cases {
            let text = in_words(Error::AlertReceived(alert).to_string());
            assert_eq!(text, format!("received fatal alert {words}"));
        }
        assert_eq!(in_words("tls handshake eof".to_owned()), "tls handshake eof");
    }
}
