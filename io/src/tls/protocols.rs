//! `--ssl-protocols`: a range (`TLSv1.2-TLSv1.3`), a lowest version (`TLSv1.2+`) or a list (upstream `lib/ssl.man`).

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

/// Versions by upstream's names, lowest first.
const VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("TLSv1.2", &TLS12), ("TLSv1.3", &TLS13)];

/// Versions that upstream knew once, and that RFC 8996 has retired.
const RETIRED: [&str; 4] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1"];

/// All versions, as without the option.
pub(super) fn default() -> Vec<&'static SupportedProtocolVersion> {
    VERSIONS.iter().map(|(_, version)| *version).collect()
}

/// The versions that `text` enables. Retired ones are warned of and left out; an error says why nothing is left.
pub(super) fn parse(text: &str) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let (words, reach) = if let Some(lowest) = text.strip_suffix('+') {
        (vec![lowest], Reach::Later)
    } else if let Some((lowest, highest)) = text.split_once('-') {
        (vec![lowest, highest], Reach::Between)
    } else {
        let is_separator = |c: char| matches!(c, ' ' | ',' | '\t');
        let words = text.split(is_separator).filter(|word| !word.is_empty());
        (words.collect(), Reach::Between)
    };
    if words.is_empty() {
        return Err("SSL/TLS protocol settings invalid".to_owned());
    }
    let mut named = Vec::new();
    for word in words {
        if let Some(at) = VERSIONS.iter().position(|(name, _)| *name == word) {
            named.push(at);
        } else if RETIRED.contains(&word) {
            log::warn!(
                target: "stream_ssl",
                "{word}: SSL/TLS protocol not recognized (TLSv1.2 and TLSv1.3 are)"
            );
            // As the end of a range it still says where the range begins.
            if text.contains(['-', '+']) {
                named.push(0);
            }
        } else {
            return Err(format!("{word}: SSL/TLS protocol not recognized"));
        }
    }
    let (Some(&lowest), Some(&highest)) = (named.iter().min(), named.iter().max()) else {
        return Err(format!("{text}: none of these SSL/TLS protocols is supported"));
    };
    let from = VERSIONS[lowest].0;
    let highest = match reach {
        Reach::Later => {
            log::debug!(target: "stream_ssl", "Enabled protocol range: {from} or later");
            VERSIONS.len() - 1
        }
        Reach::Between => {
            log::debug!(target: "stream_ssl", "Enabled protocol range: {from} - {}", VERSIONS[highest].0);
            highest
        }
    };
    Ok(VERSIONS[lowest..=highest]
        .iter()
        .map(|(_, version)| *version)
        .collect())
}

/// How far a setting reaches.
#[derive(Clone, Copy)]
enum Reach {
    /// To the highest version.
    Later,
    /// From the lowest to the highest that is named.
    Between,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<&'static str>, String> {
        let versions = parse(text)?;
        let name = |version: &SupportedProtocolVersion| {
            VERSIONS
                .iter()
                .find(|(_, known)| known.version == version.version)
                .unwrap()
                .0
        };
        Ok(versions.into_iter().map(name).collect())
    }

    #[test]
    fn ranges_and_lists_are_upstreams() {
        let cases: [(&str, &[&str]); 9] = [
            ("TLSv1.2", &["TLSv1.2"]),
            ("TLSv1.3", &["TLSv1.3"]),
            ("TLSv1.2+", &["TLSv1.2", "TLSv1.3"]),
            ("TLSv1.3+", &["TLSv1.3"]),
            ("TLSv1.2-TLSv1.3", &["TLSv1.2", "TLSv1.3"]),
            ("TLSv1.3, TLSv1.2", &["TLSv1.2", "TLSv1.3"]),
            ("TLSv1,TLSv1.1,TLSv1.2", &["TLSv1.2"]),
            ("TLSv1+", &["TLSv1.2", "TLSv1.3"]),
            ("TLSv1.1-TLSv1.3", &["TLSv1.2", "TLSv1.3"]),
        ];
        for (text, expected) in cases {
            assert_eq!(names(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        let cases = [
            ("", "SSL/TLS protocol settings invalid"),
            (" ,", "SSL/TLS protocol settings invalid"),
            ("TLSv1.4", "TLSv1.4: SSL/TLS protocol not recognized"),
            ("TLSv1.2 later", "later: SSL/TLS protocol not recognized"),
            (
                "TLSv1,TLSv1.1",
                "TLSv1,TLSv1.1: none of these SSL/TLS protocols is supported",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(names(text).unwrap_err(), expected);
        }
    }
}
