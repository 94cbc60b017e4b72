//! `--ssl-ciphers` and `--ssl-ciphersuites`: OpenSSL's notation, applied to the suites of rustls
//! (`openssl-ciphers`(1)).
//!
//! rustls has no suite without forward secrecy and authenticated encryption, so most of OpenSSL's words select
//! nothing here. A word that OpenSSL knows is taken; one that nobody knows is warned of, as it is probably a
//! mistake; a string that leaves no suite is an error.

use rustls::{CipherSuite, SupportedCipherSuite};

/// A suite of TLS 1.2: OpenSSL's name, and the words that select it besides `ALL` and its like.
struct Suite12 {
    suite: CipherSuite,
    name: &'static str,
    words: &'static [&'static str],
}

const ECDSA: &str = "aECDSA";
const RSA: &str = "aRSA";
const AES128: &str = "AES128";
const AES256: &str = "AES256";
const CHACHA20: &str = "CHACHA20";
const SHA256: &str = "SHA256";
const SHA384: &str = "SHA384";

const SUITES_12: [Suite12; 6] = [
    Suite12 {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        words: &[ECDSA, "ECDSA", AES256, "AES", "AESGCM", SHA384],
    },
    Suite12 {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        words: &[RSA, AES256, "AES", "AESGCM", SHA384],
    },
    Suite12 {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        words: &[ECDSA, "ECDSA", CHACHA20],
    },
    Suite12 {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        name: "ECDHE-RSA-CHACHA20-POLY1305",
        words: &[RSA, CHACHA20],
    },
    Suite12 {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        words: &[ECDSA, "ECDSA", AES128, "AES", "AESGCM", SHA256],
    },
    Suite12 {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        words: &[RSA, AES128, "AES", "AESGCM", SHA256],
    },
];

/// Words that select every suite of TLS 1.2 that rustls has.
const EVERY: &[&str] = &[
    "ALL",
    "DEFAULT",
    "COMPLEMENTOFALL",
    "HIGH",
    "ECDHE",
    "EECDH",
    "kECDHE",
    "kEECDH",
    "ECDH",
    "TLSv1.2",
    "FIPS",
];

/// Words of OpenSSL for suites that rustls has not.
const NOTHING: &[&str] = &[
    "eNULL",
    "NULL",
    "aNULL",
    "kRSA",
    "kDHr",
    "kDHd",
    "kDH",
    "kDHE",
    "kEDH",
    "DH",
    "DHE",
    "EDH",
    "ADH",
    "AECDH",
    "aDSS",
    "DSS",
    "aDH",
    "RSA",
    "TLSv1.0",
    "TLSv1",
    "SSLv3",
    "SSLv2",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "CBC",
    "3DES",
    "DES",
    "RC4",
    "RC2",
    "IDEA",
    "SEED",
    "MD5",
    "SHA",
    "SHA1",
    "aGOST",
    "aGOST01",
    "kGOST",
    "GOST94",
    "GOST89MAC",
    "PSK",
    "kPSK",
    "kECDHEPSK",
    "kDHEPSK",
    "kRSAPSK",
    "aPSK",
    "SRP",
    "kSRP",
    "aSRP",
    "SUITEB128",
    "SUITEB128ONLY",
    "SUITEB192",
    "MEDIUM",
    "LOW",
    "EXP",
    "EXPORT",
    "COMPLEMENTOFDEFAULT",
];

/// Suites of TLS 1.3.
const SUITES_13: [(CipherSuite, &str); 3] = [
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_CHACHA20_POLY1305_SHA256",
    ),
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
];

/// Suites of TLS 1.3 that OpenSSL has and rustls has not.
const MISSING_13: [&str; 2] = ["TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"];

/// The suites of TLS 1.2 that OpenSSL's cipher string `text` leaves, in its order.
pub(super) fn parse(text: &str) -> Result<Vec<CipherSuite>, String> {
    let mut enabled: Vec<usize> = Vec::new();
    let mut killed: Vec<usize> = Vec::new();
    for item in text.split([':', ',', ' ', ';']).filter(|item| !item.is_empty()) {
        if let Some(command) = item.strip_prefix('@') {
            obey(command, &mut enabled)?;
            continue;
        }
        let (order, words) = match item.as_bytes()[0] {
            b'!' => (Order::Kill, &item[1..]),
            b'-' => (Order::Remove, &item[1..]),
            b'+' => (Order::MoveBack, &item[1..]),
            _ => (Order::Add, item),
        };
        let Some(selected) = select(words) else {
            log::warn!(target: "stream_ssl", "--ssl-ciphers: {words} is no cipher that we know; it is passed over");
            continue;
        };
        match order {
            Order::Add => {
                let new = selected
                    .iter()
                    .filter(|at| !enabled.contains(at) && !killed.contains(at));
                let new: Vec<usize> = new.copied().collect();
                enabled.extend(new);
            }
            Order::Remove => enabled.retain(|at| !selected.contains(at)),
            Order::Kill => {
                enabled.retain(|at| !selected.contains(at));
                killed.extend(selected);
            }
            Order::MoveBack => enabled.sort_by_key(|at| selected.contains(at)),
        }
    }
    if enabled.is_empty() {
        return Err(format!("--ssl-ciphers: no cipher match in \"{text}\""));
    }
    Ok(enabled.into_iter().map(|at| SUITES_12[at].suite).collect())
}

/// What an item of a cipher string does with the suites it selects.
#[derive(Clone, Copy)]
enum Order {
    Add,
    Remove,
    /// Remove, and never add again.
    Kill,
    MoveBack,
}

/// The suites that all of the words, joined by `+`, select; `None` if nobody knows one of them.
fn select(words: &str) -> Option<Vec<usize>> {
    let mut selected: Vec<usize> = (0..SUITES_12.len()).collect();
    for word in words.split('+') {
        let is_meant = |suite: &Suite12| {
            suite.name == word || suite.suite.as_str() == Some(word) || suite.words.contains(&word)
        };
        if EVERY.contains(&word) {
            continue;
        }
        let is_known = NOTHING.contains(&word) || SUITES_12.iter().any(is_meant) || is_openssl_name(word);
        if !is_known {
            return None;
        }
        selected.retain(|&at| is_meant(&SUITES_12[at]));
    }
    Some(selected)
}

/// Whether a word looks like OpenSSL's or IANA's name of a suite.
fn is_openssl_name(word: &str) -> bool {
    const ENDS: [&str; 7] = ["-SHA", "-SHA256", "-SHA384", "-MD5", "-POLY1305", "-CCM", "-CCM8"];
    word.starts_with("TLS_") || ENDS.iter().any(|end| word.ends_with(end))
}

/// A command of a cipher string, such as `SECLEVEL=2`.
fn obey(command: &str, enabled: &mut [usize]) -> Result<(), String> {
    match command.split_once('=') {
        // By what rustls takes at all, levels up to 2 (112 bits) always hold.
        Some(("SECLEVEL", "0" | "1" | "2")) => Ok(()),
        Some(("SECLEVEL", level)) => Err(format!(
            "--ssl-ciphers: @SECLEVEL={level} is not supported; 2 always holds"
        )),
        None if command == "STRENGTH" => {
            enabled.sort_by_key(|&at| SUITES_12[at].words.contains(&AES128));
            Ok(())
        }
        _ => Err(format!("--ssl-ciphers: @{command} is no command that we know")),
    }
}

/// The suites of TLS 1.3 that `text` names.
pub(super) fn parse_13(text: &str) -> Result<Vec<CipherSuite>, String> {
    let mut suites = Vec::new();
    for word in text.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
        if let Some((suite, _)) = SUITES_13.iter().find(|(_, name)| *name == word) {
            suites.push(*suite);
        } else if MISSING_13.contains(&word) {
            log::warn!(target: "stream_ssl", "--ssl-ciphersuites: {word} is not supported; it is passed over");
        } else {
            return Err(format!(
                "--ssl-ciphersuites: {word} is no cipher suite that we know"
            ));
        }
    }
    if suites.is_empty() {
        return Err(format!("--ssl-ciphersuites: no cipher match in \"{text}\""));
    }
    Ok(suites)
}

/// Those of `available` that are `wanted`, in that order.
pub(super) fn pick(available: &[SupportedCipherSuite], wanted: &[CipherSuite]) -> Vec<SupportedCipherSuite> {
    wanted
        .iter()
        .filter_map(|wanted| available.iter().find(|suite| suite.suite() == *wanted))
        .copied()
        .collect()
}

/// Every suite of TLS 1.2, or of TLS 1.3.
pub(super) fn all_12() -> Vec<CipherSuite> {
    SUITES_12.iter().map(|known| known.suite).collect()
}

/// Every suite of TLS 1.3.
pub(super) fn all_13() -> Vec<CipherSuite> {
    SUITES_13.iter().map(|(suite, _)| *suite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let name = |suite: CipherSuite| SUITES_12.iter().find(|known| known.suite == suite).unwrap().name;
        parse(text).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn strings_select_as_openssl_does() {
        let only = |word: &str| {
            names("ALL")
                .into_iter()
                .filter(|name| name.contains(word))
                .collect::<Vec<_>>()
        };
        assert_eq!(names("DEFAULT:@SECLEVEL=2").len(), 6);
        assert_eq!(names("HIGH:!aNULL:!MD5"), names("ALL"));
        assert_eq!(names("ECDHE+AESGCM"), only("GCM"));
        assert_eq!(
            names("ECDHE-RSA-AES128-GCM-SHA256"),
            ["ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(
            names("HIGH:!aECDSA:-CHACHA20"),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(names("!CHACHA20,ALL"), only("GCM"));
        let moved = names("ALL:+AES256");
        assert!(moved[4..].iter().all(|name| name.contains("AES256")), "{moved:?}");
        assert_eq!(
            names("AES128-SHA:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305"),
            ["ECDHE-RSA-CHACHA20-POLY1305"]
        );
        // A mistake is passed over when something remains.
        assert_eq!(names("NOSUCH:aRSA+CHACHA20"), ["ECDHE-RSA-CHACHA20-POLY1305"]);
    }

    #[test]
    fn strings_that_leave_nothing_are_errors() {
        for (text, expected) in [
            ("RC4", "--ssl-ciphers: no cipher match in \"RC4\""),
            ("NOSUCH", "--ssl-ciphers: no cipher match in \"NOSUCH\""),
            ("ALL:!ECDHE", "--ssl-ciphers: no cipher match in \"ALL:!ECDHE\""),
            (
                "ALL:@SECLEVEL=5",
                "--ssl-ciphers: @SECLEVEL=5 is not supported; 2 always holds",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn suites_of_tls_1_3_are_named_whole() {
        assert_eq!(
            parse_13("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256").unwrap(),
            [CipherSuite::TLS13_AES_128_GCM_SHA256]
        );
        assert_eq!(
            parse_13("TLS_NOTHING").unwrap_err(),
            "--ssl-ciphersuites: TLS_NOTHING is no cipher suite that we know"
        );
        assert!(parse_13("TLS_AES_128_CCM_8_SHA256").is_err());
    }
}
