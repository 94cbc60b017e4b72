//! Patterns of messages (`ovs-appctl`(8), "vlog/set PATTERN").

use super::level::{Destination, Level};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::fmt::Write;
use std::time::Duration;

/// Patterns by default, in the order of [`Destination::ALL`].
const DEFAULTS: [&str; 3] = [
    "ovs|%05N|%c%T|%p|%m",
    "%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m",
    "%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m",
];

/// Form of a time that is asked for without one.
const TIME_DEFAULT: &str = "%Y-%m-%d %H:%M:%S.###";

/// Number of facility `local0`, which `%B` shows unless another was chosen.
const FACILITY_SHOWN: u8 = 16;

/// What a pattern may refer to.
pub(super) struct Fields<'a> {
    pub(super) program: &'a str,
    pub(super) module: &'a str,
    pub(super) level: Level,
    /// Without newlines at its end.
    pub(super) message: &'a str,
    pub(super) number: u32,
    /// Empty for the main thread.
    pub(super) thread: &'a str,
    pub(super) facility: Option<u8>,
    /// Since the program started.
    pub(super) running: Duration,
}

pub(super) struct Patterns([String; 3]);

impl Default for Patterns {
    fn default() -> Patterns {
        Patterns(DEFAULTS.map(str::to_owned))
    }
}

impl Patterns {
    pub(super) fn set(&mut self, destination: Destination, pattern: &str) {
        self.0[destination as usize] = pattern.to_owned();
    }

    pub(super) fn format(&self, destination: Destination, fields: &Fields<'_>) -> String {
        format(&self.0[destination as usize], fields)
    }

    /// The table that `vlog/list-pattern` prints; `prefix` is what the system log puts before a message.
    pub(super) fn list(&self, prefix: &str) -> String {
        let mut text = String::from(
            "         prefix                            format\n         ------                            ------\n",
        );
        for destination in Destination::ALL {
            let prefix = if destination == Destination::Syslog {
                prefix
            } else {
                "none"
            };
            let pattern = &self.0[destination as usize];
            text.push_str(&format!("{:<7}  {prefix:<32}  {pattern}\n", destination.name()));
        }
        text
    }
}

/// The message that `fields` describe, in the form of `pattern`.
pub(super) fn format(pattern: &str, fields: &Fields<'_>) -> String {
    let mut text = String::with_capacity(64 + fields.message.len());
    let mut rest = pattern;
    while let Some(percent) = rest.find('%') {
        text.push_str(&rest[..percent]);
        rest = format_field(&rest[percent + 1..], fields, &mut text);
    }
    text.push_str(rest);
    text
}

/// Formats the field at the start of `rest`, behind its `%`, and returns what follows.
fn format_field<'p>(mut rest: &'p str, fields: &Fields<'_>, text: &mut String) -> &'p str {
    let left = strip(&mut rest, '-');
    let zeros = strip(&mut rest, '0');
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let width = rest[..digits].parse().unwrap_or(0);
    rest = &rest[digits..];
    let Some(letter) = rest.chars().next() else {
        return rest;
    };
    rest = &rest[letter.len_utf8()..];

    let begin = text.len();
    match letter {
        'A' => text.push_str(fields.program),
        'B' => push(
            text,
            fields.facility.unwrap_or(FACILITY_SHOWN) * 8 + fields.level.severity(),
        ),
        'c' => {
            take_braces(&mut rest);
            text.push_str(fields.module);
        }
        'd' => push_time(text, take_braces(&mut rest), TimeZone::system()),
        'D' => push_time(text, take_braces(&mut rest), TimeZone::UTC),
        'E' => text.push_str(&host_name()),
        'm' => text.push_str(fields.message),
        'N' => push(text, fields.number),
        'n' => text.push('\n'),
        'p' => text.push_str(fields.level.name()),
        'P' => push(text, std::process::id()),
        'r' => push(text, fields.running.as_millis()),
        't' => text.push_str(if fields.thread.is_empty() {
            "main"
        } else {
            fields.thread
        }),
        'T' if fields.thread.is_empty() => {}
        'T' => push(text, format_args!("({})", fields.thread)),
        other => text.push(other),
    }
    let used = text.len() - begin;
    for _ in used..width {
        match (left, zeros) {
            (true, true) => text.push('0'),
            (true, false) => text.push(' '),
            (false, true) => text.insert(begin, '0'),
            (false, false) => text.insert(begin, ' '),
        }
    }
    rest
}

fn push(text: &mut String, value: impl std::fmt::Display) {
    write!(text, "{value}").expect("a String takes everything");
}

fn strip(rest: &mut &str, c: char) -> bool {
    match rest.strip_prefix(c) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

/// Takes `{ARGUMENT}` off, if it is there.
fn take_braces<'p>(rest: &mut &'p str) -> Option<&'p str> {
    let inner = rest.strip_prefix('{')?;
    let (argument, after) = inner.split_once('}').unwrap_or((inner, ""));
    *rest = after;
    Some(argument)
}

/// The present time in the form of strftime(3); `###` is the fraction of the second, in milliseconds.
fn push_time(text: &mut String, form: Option<&str>, zone: TimeZone) {
    let now: Zoned = Timestamp::now().to_zoned(zone);
    let form = form
        .unwrap_or(TIME_DEFAULT)
        .replace("###", &format!("{:03}", now.millisecond()));
    match jiff::fmt::strtime::format(&form, &now) {
        Ok(formatted) => text.push_str(&formatted),
        // A conversion that does not exist is the operator's to see.
        Err(_) => text.push_str(&form),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields<'static> {
        Fields {
            program: "ovsdb-server",
            module: "jsonrpc",
            level: Level::Warn,
            message: "hello",
            number: 7,
            thread: "",
            facility: None,
            running: Duration::from_millis(1234),
        }
    }

    #[test]
    fn fields_are_filled_and_padded() {
        let cases = [
            ("ovs|%05N|%c%T|%p|%m", "ovs|00007|jsonrpc|WARN|hello"),
            ("%t %A %r %B", "main ovsdb-server 1234 132"),
            ("[%10c][%-10c][%-08p]", "[   jsonrpc][jsonrpc   ][WARN0000]"),
            ("%%%c{x}.%n|100%", "%jsonrpc.\n|100"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(format(pattern, &fields()), expected, "{pattern}");
        }
        let in_worker = Fields {
            thread: "worker1",
            facility: Some(3),
            ..fields()
        };
        assert_eq!(format("%c%T|%t|%B", &in_worker), "jsonrpc(worker1)|worker1|28");
    }

    #[test]
    fn times_have_the_form_of_a_log_file() {
        let text = format(DEFAULTS[2], &fields());
        let time: Timestamp = text[..24].parse().unwrap();
        assert!(Timestamp::now().duration_since(time).as_secs() < 60);
        assert_eq!(&text[24..], "|00007|jsonrpc|WARN|hello");
        assert_eq!(format("%D", &fields()).len(), "2026-01-01 00:00:00.000".len());
        assert_eq!(format("%d{%S.###}", &fields()).len(), "00.000".len());
    }
}
