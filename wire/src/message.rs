//! JSON-RPC 1.0 messages as upstream's `lib/jsonrpc.c` tells them apart, and the ones a server sends.

use crate::value::Value;
use crate::write;

/// A well-formed message. Where upstream takes `null` for absence, so do we.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Message<'a> {
    /// `id` is any JSON but `null`.
    Request {
        id: Value<'a>,
        method: &'a str,
        params: &'a [Value<'a>],
    },
    Notification {
        method: &'a str,
        params: &'a [Value<'a>],
    },
    Reply {
        id: Value<'a>,
        result: Value<'a>,
    },
    Error {
        id: Value<'a>,
        error: Value<'a>,
    },
}

/// JSON that is no message. `Display` is what upstream logs after `received bad JSON-RPC message: `, before it
/// closes the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadMessage {
    NotAnObject,
    MethodNotAString,
    UnexpectedMember(String),
    ParamsNotAnArray,
    /// A message of this kind must have this member.
    Missing {
        kind: &'static str,
        member: &'static str,
    },
    /// A message of this kind must not have this member.
    Forbidden {
        kind: &'static str,
        member: &'static str,
    },
}

impl std::fmt::Display for BadMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadMessage::NotAnObject => f.write_str("message is not a JSON object"),
            BadMessage::MethodNotAString => f.write_str("method is not a JSON string"),
            BadMessage::UnexpectedMember(name) => write!(f, "message has unexpected member \"{name}\""),
            BadMessage::ParamsNotAnArray => f.write_str("\"params\" must be JSON array"),
            BadMessage::Missing { kind, member } => write!(f, "{kind} must have \"{member}\""),
            BadMessage::Forbidden { kind, member } => write!(f, "{kind} must not have \"{member}\""),
        }
    }
}

impl std::error::Error for BadMessage {}

/// Tells what kind of message `value` is. A method that is not UTF-8 comes out as U+FFFD, which no one serves.
pub fn classify(value: Value<'_>) -> Result<Message<'_>, BadMessage> {
    let object = value.as_object().ok_or(BadMessage::NotAnObject)?;
    let (mut method, mut params, mut result, mut error, mut id) = (None, None, None, None, None);
    let mut unexpected = None;
    for &(name, member) in object.members() {
        let slot = match name {
            "method" => {
                method = Some(member);
                continue;
            }
            "params" => &mut params,
            "result" => &mut result,
            "error" => &mut error,
            "id" => &mut id,
            other => {
                unexpected = unexpected.or(Some(other));
                continue;
            }
        };
        *slot = Some(member).filter(|member| !member.is_null());
    }
    let method = match method {
        None => None,
        Some(Value::String(method)) => Some(method),
        Some(Value::InvalidString(_)) => Some("\u{fffd}"),
        Some(_) => return Err(BadMessage::MethodNotAString),
    };
    if let Some(name) = unexpected {
        return Err(BadMessage::UnexpectedMember(name.to_owned()));
    }
    let params = match params {
        None => None,
        Some(params) => Some(params.as_array().ok_or(BadMessage::ParamsNotAnArray)?),
    };
    match (result, error, id) {
        (Some(result), _, _) => {
            let kind = "reply";
            forbid(kind, "method", method.is_some())?;
            forbid(kind, "params", params.is_some())?;
            forbid(kind, "error", error.is_some())?;
            Ok(Message::Reply {
                id: require(kind, "id", id)?,
                result,
            })
        }
        (None, Some(error), _) => {
            let kind = "error";
            forbid(kind, "method", method.is_some())?;
            forbid(kind, "params", params.is_some())?;
            Ok(Message::Error {
                id: require(kind, "id", id)?,
                error,
            })
        }
        (None, None, Some(id)) => {
            let kind = "request";
            let method = require(kind, "method", method)?;
            Ok(Message::Request {
                id,
                method,
                params: require(kind, "params", params)?,
            })
        }
        (None, None, None) => {
            let kind = "notification";
            let method = require(kind, "method", method)?;
            Ok(Message::Notification {
                method,
                params: require(kind, "params", params)?,
            })
        }
    }
}

fn require<T>(kind: &'static str, member: &'static str, value: Option<T>) -> Result<T, BadMessage> {
    value.ok_or(BadMessage::Missing { kind, member })
}

fn forbid(kind: &'static str, member: &'static str, is_present: bool) -> Result<(), BadMessage> {
    if is_present {
        Err(BadMessage::Forbidden { kind, member })
    } else {
        Ok(())
    }
}

/// The id of a message that is sent.
#[derive(Clone, Copy, Debug)]
pub enum Id<'a> {
    Value(&'a Value<'a>),
    /// As JSON.
    Text(&'a [u8]),
}

impl<'a> From<&'a Value<'a>> for Id<'a> {
    fn from(value: &'a Value<'a>) -> Id<'a> {
        Id::Value(value)
    }
}

impl<'a> From<&'a [u8]> for Id<'a> {
    fn from(text: &'a [u8]) -> Id<'a> {
        Id::Text(text)
    }
}

impl Id<'_> {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Id::Value(value) => write::value(out, value),
            Id::Text(text) => out.extend_from_slice(text),
        }
    }
}

/// Appends `{"id":ID,"result":RESULT,"error":null}`.
pub fn write_reply<'a>(out: &mut Vec<u8>, id: impl Into<Id<'a>>, result: impl FnOnce(&mut Vec<u8>)) {
    write_reply_head(out, id);
    result(out);
    out.extend_from_slice(REPLY_TAIL);
}

/// Appends what stands before the result of a reply; [`REPLY_TAIL`] has to follow the result.
pub fn write_reply_head<'a>(out: &mut Vec<u8>, id: impl Into<Id<'a>>) {
    out.extend_from_slice(b"{\"id\":");
    id.into().write(out);
    out.extend_from_slice(b",\"result\":");
}

/// What stands behind the result of a reply.
pub const REPLY_TAIL: &[u8] = b",\"error\":null}";

/// Appends `{"id":ID,"error":ERROR}`; upstream sends no `result` with an error.
pub fn write_error<'a>(out: &mut Vec<u8>, id: impl Into<Id<'a>>, error: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"id\":");
    id.into().write(out);
    out.extend_from_slice(b",\"error\":");
    error(out);
    out.push(b'}');
}

/// Appends `{"id":null,"method":METHOD,"params":PARAMS}`; `params` writes an array.
pub fn write_notification(out: &mut Vec<u8>, method: &str, params: impl FnOnce(&mut Vec<u8>)) {
    write_request(out, &Value::Null, method, params);
}

/// Appends `{"id":ID,"method":METHOD,"params":PARAMS}`; `params` writes an array.
pub fn write_request<'a>(
    out: &mut Vec<u8>,
    id: impl Into<Id<'a>>,
    method: &str,
    params: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(b"{\"id\":");
    id.into().write(out);
    out.extend_from_slice(b",\"method\":");
    write::string(out, method);
    out.extend_from_slice(b",\"params\":");
    params(out);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::{Message, classify, write_error, write_notification, write_reply, write_request};
    use crate::value::Value;
    use crate::{strict, write};

    #[test]
    fn messages_are_told_apart_as_upstream_does() {
        for (text, expected) in [
            (r#"[1]"#, "message is not a JSON object"),
            (r#"{"method":1}"#, "method is not a JSON string"),
            (
                r#"{"method":null,"id":1,"params":[]}"#,
                "method is not a JSON string",
            ),
            (
                r#"{"method":"m","params":[],"jsonrpc":"2.0"}"#,
                "message has unexpected member \"jsonrpc\"",
            ),
            (r#"{"method":"m","params":{}}"#, "\"params\" must be JSON array"),
            (
                r#"{"method":"m","params":null,"id":1}"#,
                "request must have \"params\"",
            ),
            (r#"{"params":[],"id":1}"#, "request must have \"method\""),
            (r#"{}"#, "notification must have \"method\""),
            (r#"{"method":"m"}"#, "notification must have \"params\""),
            (r#"{"result":1}"#, "reply must have \"id\""),
            (
                r#"{"result":1,"error":2,"id":1}"#,
                "reply must not have \"error\"",
            ),
            (
                r#"{"result":1,"method":"m","id":1}"#,
                "reply must not have \"method\"",
            ),
            (
                r#"{"error":1,"params":[],"id":1}"#,
                "error must not have \"params\"",
            ),
            (r#"{"error":1}"#, "error must have \"id\""),
            (r#"{"method":"m","params":[],"id":0}"#, "request"),
            (
                r#"{"method":"m","params":[],"id":{"a":1},"result":null,"error":null}"#,
                "request",
            ),
            (r#"{"method":"m","params":[],"id":null}"#, "notification"),
            (r#"{"id":"echo","result":[],"error":null}"#, "reply"),
            (r#"{"id":"echo","result":null,"error":false}"#, "error"),
        ] {
            let arena = Bump::new();
            let got = match classify(strict::parse(text.as_bytes(), &arena).unwrap()) {
                Ok(Message::Request { .. }) => "request".to_owned(),
                Ok(Message::Notification { .. }) => "notification".to_owned(),
                Ok(Message::Reply { .. }) => "reply".to_owned(),
                Ok(Message::Error { .. }) => "error".to_owned(),
                Err(bad) => bad.to_string(),
            };
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn what_is_sent_is_classified_as_meant() {
        let arena = Bump::new();
        let id = Value::Integer(7);
        let mut texts = vec![Vec::new(); 4];
        write_reply(&mut texts[0], &id, |out| out.extend_from_slice(b"{}"));
        write_error(&mut texts[1], &id, |out| write::string(out, "canceled"));
        write_notification(&mut texts[2], "locked", |out| out.extend_from_slice(b"[\"l\"]"));
        write_request(&mut texts[3], &id, "echo", |out| out.extend_from_slice(b"[]"));
        assert_eq!(texts[0], br#"{"id":7,"result":{},"error":null}"#);
        assert_eq!(texts[1], br#"{"id":7,"error":"canceled"}"#);
        assert_eq!(texts[2], br#"{"id":null,"method":"locked","params":["l"]}"#);
        assert_eq!(texts[3], br#"{"id":7,"method":"echo","params":[]}"#);
        let kinds = texts
            .iter()
            .map(|text| classify(strict::parse(text, &arena).unwrap()).unwrap());
        let kinds: Vec<_> = kinds.collect();
        assert!(matches!(kinds[0], Message::Reply { .. }));
        assert!(matches!(kinds[1], Message::Error { .. }));
        assert!(matches!(kinds[2], Message::Notification { .. }));
        assert!(matches!(kinds[3], Message::Request { .. }));
    }
}
