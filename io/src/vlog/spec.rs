//! Notation of `-v` and `vlog/set`: `[MODULE][:DESTINATION][:LEVEL]` in any order,
//! `PATTERN:DESTINATION:PATTERN`, `FACILITY:FACILITY`.

use super::level::{Destination, Level};

/// Facilities of the system log by name (RFC 5424 §6.2.1, and upstream's names).
const FACILITIES: [(&str, u8); 23] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("clock", 9),
    ("ftp", 11),
    ("ntp", 12),
    ("audit", 13),
    ("alert", 14),
    ("clock2", 15),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

#[derive(Debug, PartialEq)]
pub(super) enum Spec {
    Pattern(Vec<Destination>, String),
    /// Number of the facility.
    Facility(u8),
    Levels {
        /// All modules if there is none.
        module: Option<String>,
        destinations: Vec<Destination>,
        level: Level,
    },
}

/// Characters between words.
fn is_delimiter(c: char) -> bool {
    matches!(c, ' ' | ',' | ':' | '\t')
}

/// The next word and what follows the one delimiter behind it.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(is_delimiter);
    if text.is_empty() {
        return None;
    }
    let end = text.find(is_delimiter).unwrap_or(text.len());
    Some((&text[..end], text.get(end + 1..).unwrap_or("")))
}

impl Spec {
    /// Parses `text`; `is_module` tells module names. The error is what to tell the user.
    pub(super) fn parse(text: &str, is_module: impl Fn(&str) -> bool) -> Result<Spec, String> {
        match next_word(text) {
            Some((word, rest)) if word.eq_ignore_ascii_case("PATTERN") => {
                let Some((word, pattern)) = next_word(rest) else {
                    return Err("missing destination".to_owned());
                };
                let destinations = match Destination::from_name(word) {
                    Some(destination) => vec![destination],
                    None if word.eq_ignore_ascii_case("ANY") => Destination::ALL.to_vec(),
                    None => return Err(format!("unknown destination \"{word}\"")),
                };
                Ok(Spec::Pattern(destinations, pattern.to_owned()))
            }
            Some((word, rest)) if word.eq_ignore_ascii_case("FACILITY") => {
                let facility = FACILITIES
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(rest));
                facility
                    .map(|&(_, number)| Spec::Facility(number))
                    .ok_or_else(|| "invalid facility".to_owned())
            }
            _ => Spec::parse_levels(text, is_module),
        }
    }

    fn parse_levels(mut text: &str, is_module: impl Fn(&str) -> bool) -> Result<Spec, String> {
        let mut module = None;
        let mut destination = None;
        let mut level = None;
        while let Some((word, rest)) = next_word(text) {
            text = rest;
            if word.eq_ignore_ascii_case("ANY") {
                continue;
            }
            if let Some(named) = Destination::from_name(word) {
                if destination.replace(named).is_some() {
                    return Err("cannot specify multiple destinations".to_owned());
                }
            } else if let Some(named) = Level::from_name(word) {
                if level.replace(named).is_some() {
                    return Err("cannot specify multiple levels".to_owned());
                }
            } else if is_module(word) {
                if module.replace(word.to_owned()).is_some() {
                    return Err("cannot specify multiple modules".to_owned());
                }
            } else {
                return Err(format!("no destination, level, or module \"{word}\""));
            }
        }
        let destinations = destination.map_or_else(|| Destination::ALL.to_vec(), |named| vec![named]);
        Ok(Spec::Levels {
            module,
            destinations,
            level: level.unwrap_or(Level::Dbg),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Spec, String> {
        Spec::parse(text, |name| name == "jsonrpc" || name == "raft")
    }

    fn levels(module: Option<&str>, destinations: &[Destination], level: Level) -> Spec {
        Spec::Levels {
            module: module.map(str::to_owned),
            destinations: destinations.to_vec(),
            level,
        }
    }

    #[test]
    fn every_form_is_understood() {
        use Destination::{Console, File};
        let all = Destination::ALL;
        let cases = [
            ("dbg", levels(None, &all, Level::Dbg)),
            ("", levels(None, &all, Level::Dbg)),
            ("console:emer", levels(None, &[Console], Level::Emer)),
            ("any:console:emer", levels(None, &[Console], Level::Emer)),
            ("jsonrpc:file:WARN", levels(Some("jsonrpc"), &[File], Level::Warn)),
            ("jsonrpc file,warn", levels(Some("jsonrpc"), &[File], Level::Warn)),
            ("jsonrpc", levels(Some("jsonrpc"), &all, Level::Dbg)),
            ("off", levels(None, &all, Level::Off)),
            (
                "PATTERN:file:%D{%H:%M}|%m",
                Spec::Pattern(vec![File], "%D{%H:%M}|%m".to_owned()),
            ),
            ("pattern:any:%m", Spec::Pattern(all.to_vec(), "%m".to_owned())),
            ("FACILITY:local3", Spec::Facility(19)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_are_upstreams() {
        let cases = [
            ("console:file", "cannot specify multiple destinations"),
            ("dbg:info", "cannot specify multiple levels"),
            ("jsonrpc:raft", "cannot specify multiple modules"),
            ("nonsense:dbg", "no destination, level, or module \"nonsense\""),
            ("PATTERN", "missing destination"),
            ("PATTERN:paper:x", "unknown destination \"paper\""),
            ("FACILITY:moon", "invalid facility"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Err(expected.to_owned()), "{text}");
        }
    }
}
