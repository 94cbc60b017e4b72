//! What a reply must say, and whether it does: by its bytes, as servers mostly print them, or else by its values.

use serde_json::Value;

/// What the reply to a request must say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// What it must contain, in compact JSON; empty for nothing in particular.
    pub text: &'static str,
    /// Where the user has written the request, as file and line; empty for one of this program's own.
    pub place: &'static str,
}

impl From<&'static str> for Expected {
    fn from(text: &'static str) -> Expected {
        Expected { text, place: "" }
    }
}

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Expected,
    /// An operation has failed.
    Error,
    Other,
    /// Its beginning does not tell, and nothing else was kept.
    Unknown,
}

/// Judges a reply that is no error as a whole, of which only the beginning may be known.
pub(super) fn judge(text: &[u8], is_whole: bool, expected: &str) -> Verdict {
    let fits = memchr::memmem::find(text, expected.as_bytes()).is_some();
    if fits && !may_tell_of_error(text) {
        return Verdict::Expected;
    }
    if !is_whole {
        return Verdict::Unknown;
    }
    let Ok(reply) = serde_json::from_slice::<Value>(text) else {
        return Verdict::Other;
    };
    let results = reply["result"].as_array();
    if results.is_some_and(|results| results.iter().any(|result| result["error"].is_string())) {
        return Verdict::Error;
    }
    let printed = reply.to_string();
    if fits || printed.contains(expected) || printed.contains(&compact(expected)) {
        Verdict::Expected
    } else {
        Verdict::Other
    }
}

/// Whether there is an `error` that does not look like the one of a reply without any.
fn may_tell_of_error(text: &[u8]) -> bool {
    let name = br#""error""#;
    let mut places = memchr::memmem::find_iter(text, name);
    places.any(|at| {
        let after = text[at + name.len()..].trim_ascii_start();
        let value = after.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_some_and(|value| !value.starts_with(b"null"))
    })
}

/// The same as it is printed here: without spaces, and members in the order of their names.
fn compact(fragment: &str) -> String {
    if let Ok(value) = serde_json::from_str::<Value>(fragment) {
        return value.to_string();
    }
    if let Ok(members) = serde_json::from_str::<Value>(&format!("{{{fragment}}}")) {
        let printed = members.to_string();
        return printed[1..printed.len() - 1].to_owned();
    }
    // A part of a text: spaces between its tokens say nothing.
    let (mut is_inside, mut is_escaped) = (false, false);
    let says = |letter: &char| {
        let is_kept = is_inside || !letter.is_ascii_whitespace();
        is_inside ^= *letter == '"' && !is_escaped;
        is_escaped = is_inside && *letter == '\\' && !is_escaped;
        is_kept
    };
    fragment.chars().filter(says).collect()
}

/// Whether a reply to `monitor_cond_since` goes on from the transaction that the client knows: its beginning tells.
pub(super) fn is_resumed(head: &[u8]) -> bool {
    let name = br#""result""#;
    let at = memchr::memmem::find(head, name);
    let after = at.map(|at| {
        head[at + name.len()..]
            .iter()
            .filter(|byte| !byte.is_ascii_whitespace())
    });
    after.is_some_and(|after| after.take(6).eq(b":[true"))
}

#[cfg(test)]
mod tests {
    use super::{Verdict, is_resumed, judge};

    #[test]
    fn replies_are_judged_by_what_they_say() {
        for (text, expected, verdict) in [
            (
                r#"{"id":1,"result":[{"count":1},{}],"error":null}"#,
                r#"[{"count":1},{}]"#,
                Verdict::Expected,
            ),
            (
                r#"{ "result" : [ { "count" : 1 } , { } ] , "id" : 1 }"#,
                r#"[{"count":1},{}]"#,
                Verdict::Expected,
            ),
            (
                r#"{"result": [{"count": 2}, {}], "id": 1}"#,
                r#"[{"count":1},{}]"#,
                Verdict::Other,
            ),
            (
                r#"{"id":1,"result":[{"count":1}]}"#,
                r#"{"count" :  1}"#,
                Verdict::Expected,
            ),
            (
                r#"{"id":1,"result":[{"b":1,"a":" "}]}"#,
                r#""a": " ", "b":1"#,
                Verdict::Expected,
            ),
            (
                r#"{"id":1,"result":[{},{"error" : "constraint violation"}]}"#,
                "",
                Verdict::Error,
            ),
            (
                r#"{"id":1,"result":[{"error":"aborted"},null],"error":null}"#,
                "null",
                Verdict::Error,
            ),
            // A column may have that name.
            (
                r#"{"id":1,"result":[{"rows":[{"error":"none"}]}]}"#,
                "rows",
                Verdict::Expected,
            ),
            (
                r#"{"id":1,"error" : null,"result":{}}"#,
                r#""result":{}"#,
                Verdict::Expected,
            ),
        ] {
            assert_eq!(
                judge(text.as_bytes(), true, expected),
                verdict,
                "{text}, {expected}"
            );
        }
        assert_eq!(judge(br#"{"id":1,"result":["#, false, "{}"), Verdict::Unknown);
    }

    #[test]
    fn it_is_seen_whether_a_monitor_goes_on() {
        assert!(is_resumed(br#"{"id":4,"result":[true,"..."#));
        assert!(is_resumed(br#"{"error": null, "result" : [ true, "..."#));
        assert!(!is_resumed(br#"{"id":4,"result":[false,"true"#));
    }
}
