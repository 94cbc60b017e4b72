//! The methods of an OVSDB server (RFC 7047 §4.1 and upstream's extensions) by the shape of their parameters.
//!
//! Checks stand in upstream's order, `ovsdb/jsonrpc-server.c`. Where upstream first looks for the database, the
//! monitor or the session's rights, the rest of the check is a method to be called after that.

use crate::object::is_id;
use crate::value::{Object, Value};
use crate::write::{self, Members};

/// A request with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Request<'a> {
    ListDbs,
    GetServerId,
    GetSchema {
        db: &'a str,
    },
    SetDbChangeAware {
        aware: bool,
    },
    /// An empty list of operations is legal and yields an empty list of results.
    Transact {
        db: &'a str,
        ops: &'a [Value<'a>],
    },
    Convert(Convert<'a>),
    Monitor(Monitor<'a>),
    MonitorCondChange(MonitorCondChange<'a>),
    MonitorCancel {
        id: Value<'a>,
    },
    Lock(Lock<'a>),
    Echo {
        params: &'a [Value<'a>],
    },
}

/// The three generations of `monitor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonitorVersion {
    /// `monitor`, notified by `update`.
    V1,
    /// `monitor_cond`, notified by `update2`.
    V2,
    /// `monitor_cond_since`, notified by `update3`.
    V3,
}

/// Which of the three lock methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMethod {
    Lock,
    Steal,
    Unlock,
}

impl LockMethod {
    pub fn name(self) -> &'static str {
        match self {
            LockMethod::Lock => "lock",
            LockMethod::Steal => "steal",
            LockMethod::Unlock => "unlock",
        }
    }
}

/// What goes into the `error` of a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestError<'a> {
    /// An OVSDB error object.
    Tagged {
        tag: &'static str,
        details: String,
        syntax: Option<Value<'a>>,
    },
    /// A bare string.
    Plain(&'static str),
}

const SYNTAX_ERROR: &str = "syntax error";

impl<'a> RequestError<'a> {
    fn syntax(syntax: Value<'a>, details: impl Into<String>) -> RequestError<'a> {
        RequestError::Tagged {
            tag: SYNTAX_ERROR,
            details: details.into(),
            syntax: Some(syntax),
        }
    }

    /// `METHOD: DETAILS` about all parameters.
    fn of_method(method: &str, params: &'a [Value<'a>], details: &str) -> RequestError<'a> {
        RequestError::syntax(Value::Array(params), format!("{method}: {details}"))
    }

    /// A request id equal to that of an unanswered `transact` or `convert` of the session.
    pub fn duplicate_request_id(method: &str, params: &'a [Value<'a>]) -> RequestError<'a> {
        RequestError::of_method(method, params, "duplicate request ID")
    }

    pub fn unknown_database(method: &str, params: &'a [Value<'a>], db: &str) -> RequestError<'a> {
        RequestError::Tagged {
            tag: "unknown database",
            details: format!("{method} request specifies unknown database {db}"),
            syntax: Some(Value::Array(params)),
        }
    }

    /// The database has no schema yet.
    pub fn database_not_available(method: &str, db: &str) -> RequestError<'a> {
        RequestError::Tagged {
            tag: "database not available",
            details: format!(
                "{method} request specifies database {db} which is not yet available because it has not completed \
                 joining its cluster"
            ),
            syntax: None,
        }
    }

    /// The session holds or awaits the lock already.
    pub fn lock_again(method: LockMethod, params: &'a [Value<'a>]) -> RequestError<'a> {
        let details = format!("must issue \"unlock\" before new \"{}\"", method.name());
        RequestError::syntax(Value::Array(params), details)
    }

    /// The session neither holds nor awaits the lock.
    pub fn unlock_without_lock(params: &'a [Value<'a>]) -> RequestError<'a> {
        RequestError::of_method("unlock", params, "\"unlock\" without \"lock\" or \"steal\"")
    }

    pub const LOCK_READ_ONLY: RequestError<'static> =
        RequestError::Plain("lock and unlock methods not allowed, DB server is read only.");

    /// The monitor id is in use by another monitor of the session.
    pub fn duplicate_monitor_id(id: Value<'a>) -> RequestError<'a> {
        RequestError::syntax(id, "duplicate monitor ID")
    }

    /// `monitor_cond_change` names a monitor the session has not.
    pub fn unknown_monitor_session(id: Value<'a>) -> RequestError<'a> {
        RequestError::syntax(id, "unknown monitor session")
    }

    /// `monitor_cancel` names a monitor the session has not.
    pub const UNKNOWN_MONITOR: RequestError<'static> = RequestError::Plain("unknown monitor");

    pub const UNKNOWN_METHOD: RequestError<'static> = RequestError::Plain("unknown method");

    /// A transaction or conversion that `cancel`, or the end of its database, ended.
    pub const CANCELED: RequestError<'static> = RequestError::Plain("canceled");

    /// Appends the value of the reply's `error`, members sorted.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            RequestError::Plain(text) => write::string(out, text),
            RequestError::Tagged { tag, details, syntax } => {
                let mut members = Members::begin(out);
                write::string(members.key("details"), details);
                write::string(members.key("error"), tag);
                if let Some(syntax) = syntax {
                    let mut text = Vec::new();
                    write::value_sorted(&mut text, syntax);
                    write::string_bytes(members.key("syntax"), &text);
                }
                members.end();
            }
        }
    }
}

impl<'a> Request<'a> {
    /// Types a request. Databases named here may not exist: ask for [`Request::db`] next.
    pub fn parse(method: &str, params: &'a [Value<'a>]) -> Result<Request<'a>, RequestError<'a>> {
        let db = || match params.first() {
            Some(Value::String(db)) => Ok(*db),
            // No database has such a name, but upstream would look for it.
            Some(Value::InvalidString(_)) => Ok("\u{fffd}"),
            _ => Err(RequestError::syntax(
                Value::Array(params),
                format!("{method} request params must begin with <db-name>"),
            )),
        };
        Ok(match method {
            "transact" => Request::Transact {
                db: db()?,
                ops: &params[1..],
            },
            "monitor" => Request::Monitor(Monitor {
                version: MonitorVersion::V1,
                db: db()?,
                params,
            }),
            "monitor_cond" => Request::Monitor(Monitor {
                version: MonitorVersion::V2,
                db: db()?,
                params,
            }),
            "monitor_cond_since" => Request::Monitor(Monitor {
                version: MonitorVersion::V3,
                db: db()?,
                params,
            }),
            "monitor_cond_change" => match *params {
                [id, new_id, requests] => {
                    Request::MonitorCondChange(MonitorCondChange { id, new_id, requests })
                }
                _ => return Err(RequestError::syntax(Value::Array(params), "invalid parameters")),
            },
            "monitor_cancel" => match *params {
                [id] => Request::MonitorCancel { id },
                _ => return Err(RequestError::Plain("invalid parameters")),
            },
            "convert" => Request::Convert(Convert { db: db()?, params }),
            "get_schema" => Request::GetSchema { db: db()? },
            "list_dbs" => Request::ListDbs,
            "get_server_id" => Request::GetServerId,
            "set_db_change_aware" => match *params {
                [Value::Bool(aware)] => Request::SetDbChangeAware { aware },
                _ => {
                    return Err(RequestError::of_method(
                        method,
                        params,
                        "true or false parameter expected",
                    ));
                }
            },
            "lock" => Request::Lock(Lock {
                method: LockMethod::Lock,
                params,
            }),
            "steal" => Request::Lock(Lock {
                method: LockMethod::Steal,
                params,
            }),
            "unlock" => Request::Lock(Lock {
                method: LockMethod::Unlock,
                params,
            }),
            "echo" => Request::Echo { params },
            _ => return Err(RequestError::UNKNOWN_METHOD),
        })
    }

    /// The database the request is about, whose existence is the next thing to check.
    pub fn db(&self) -> Option<&'a str> {
        match self {
            Request::GetSchema { db }
            | Request::Transact { db, .. }
            | Request::Convert(Convert { db, .. })
            | Request::Monitor(Monitor { db, .. }) => Some(db),
            Request::ListDbs
            | Request::GetServerId
            | Request::SetDbChangeAware { .. }
            | Request::MonitorCondChange(_)
            | Request::MonitorCancel { .. }
            | Request::Lock(_)
            | Request::Echo { .. } => None,
        }
    }
}

/// The id of the request that a notification asks to cancel; other notifications mean nothing to a server.
pub fn canceled_id<'a>(method: &str, params: &'a [Value<'a>]) -> Option<Value<'a>> {
    match (method, params) {
        ("cancel", [id]) => Some(*id),
        _ => None,
    }
}

/// `convert`; upstream checks the session's rights before [`Convert::schema`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convert<'a> {
    pub db: &'a str,
    params: &'a [Value<'a>],
}

impl<'a> Convert<'a> {
    pub fn schema(&self) -> Result<Value<'a>, RequestError<'a>> {
        match *self.params {
            [_, schema] => Ok(schema),
            _ => Err(RequestError::syntax(Value::Array(self.params), "array expected")),
        }
    }
}

/// `monitor`, `monitor_cond` and `monitor_cond_since`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Monitor<'a> {
    pub version: MonitorVersion,
    pub db: &'a str,
    params: &'a [Value<'a>],
}

/// The parameters of a monitor after the database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonitorArguments<'a> {
    /// Any JSON. Its being in use already is upstream's next complaint.
    pub id: Value<'a>,
    pub requests: Object<'a>,
    /// For `monitor_cond_since`. Checked last, see [`last_txn_id`].
    pub last_id: Option<Value<'a>>,
}

impl<'a> Monitor<'a> {
    pub fn arguments(&self) -> Result<MonitorArguments<'a>, RequestError<'a>> {
        let (id, requests, last_id) = match (self.version, self.params) {
            // Upstream crashes on fewer than three.
            (MonitorVersion::V1, [_, id, requests, ..]) => (*id, *requests, None),
            (MonitorVersion::V2, [_, id, requests]) => (*id, *requests, None),
            (MonitorVersion::V3, [_, id, requests, last_id]) => (*id, *requests, Some(*last_id)),
            _ => {
                return Err(RequestError::syntax(
                    Value::Array(self.params),
                    "invalid parameters",
                ));
            }
        };
        match requests {
            Value::Object(requests) => Ok(MonitorArguments {
                id,
                requests,
                last_id,
            }),
            _ => Err(RequestError::syntax(requests, "monitor-requests must be object")),
        }
    }
}

/// The text of a last-txn-id of which `parse` knows whether it is a UUID; checked after the monitor requests.
pub fn last_txn_id<'a, T>(
    last_id: Value<'a>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, RequestError<'a>> {
    if last_id.as_text_bytes().is_none() {
        return Err(RequestError::syntax(last_id, "last-txn-id must be string"));
    }
    last_id
        .as_str()
        .and_then(parse)
        .ok_or_else(|| RequestError::syntax(last_id, "last-txn-id must be UUID format."))
}

/// `monitor_cond_change`. Whether the ids are known is checked before [`MonitorCondChange::requests`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonitorCondChange<'a> {
    pub id: Value<'a>,
    pub new_id: Value<'a>,
    requests: Value<'a>,
}

impl<'a> MonitorCondChange<'a> {
    pub fn requests(&self) -> Result<Object<'a>, RequestError<'a>> {
        self.requests.as_object().ok_or_else(|| RequestError::Tagged {
            tag: SYNTAX_ERROR,
            details: "monitor-cond-change-requests must be object".to_owned(),
            syntax: None,
        })
    }
}

/// `lock`, `steal` and `unlock`. A read-only session is refused before [`Lock::name`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lock<'a> {
    pub method: LockMethod,
    pub params: &'a [Value<'a>],
}

impl<'a> Lock<'a> {
    pub fn name(&self) -> Result<&'a str, RequestError<'a>> {
        match self.params {
            [Value::String(name)] if is_id(name) => Ok(name),
            _ => Err(RequestError::syntax(
                Value::Array(self.params),
                format!("{} request params must be <id>", self.method.name()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::{MonitorVersion, Request, RequestError, canceled_id, last_txn_id};
    use crate::strict;
    use crate::value::Value;

    /// The checks that the server makes after others of its own.
    fn deferred(request: Request<'_>) -> Result<(), RequestError<'_>> {
        match request {
            Request::Monitor(monitor) => {
                let arguments = monitor.arguments()?;
                arguments
                    .last_id
                    .map_or(Ok(()), |id| last_txn_id(id, |text| (text == "U").then_some(())))
            }
            Request::MonitorCondChange(change) => change.requests().map(|_| ()),
            Request::Lock(lock) => lock.name().map(|_| ()),
            Request::Convert(convert) => convert.schema().map(|_| ()),
            _ => Ok(()),
        }
    }

    /// The error of a request as it goes out, or `ok`.
    fn error_of(method: &str, params: &str) -> String {
        let arena = Bump::new();
        let params = strict::parse(params.as_bytes(), &arena)
            .unwrap()
            .as_array()
            .unwrap();
        match Request::parse(method, params).and_then(deferred) {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                let mut out = Vec::new();
                error.write(&mut out);
                String::from_utf8(out).unwrap()
            }
        }
    }

    #[test]
    fn parameters_are_refused_in_the_words_of_upstream() {
        let syntax = |details: &str, syntax: &str| {
            let syntax = syntax.replace('"', "\\\"");
            format!(r#"{{"details":"{details}","error":"syntax error","syntax":"{syntax}"}}"#)
        };
        for (method, params, expected) in [
            ("list_dbs", "[]", "ok".to_owned()),
            ("get_server_id", "[1,2]", "ok".to_owned()),
            ("echo", "[1,{}]", "ok".to_owned()),
            ("get_schema", r#"["d"]"#, "ok".to_owned()),
            (
                "get_schema",
                "[]",
                syntax("get_schema request params must begin with <db-name>", "[]"),
            ),
            (
                "transact",
                "[1]",
                syntax("transact request params must begin with <db-name>", "[1]"),
            ),
            ("transact", r#"["d"]"#, "ok".to_owned()),
            ("set_db_change_aware", "[true]", "ok".to_owned()),
            (
                "set_db_change_aware",
                "[1]",
                syntax("set_db_change_aware: true or false parameter expected", "[1]"),
            ),
            ("convert", r#"["d"]"#, syntax("array expected", r#"["d"]"#)),
            (
                "monitor",
                r#"["d",1]"#,
                syntax("invalid parameters", r#"["d",1]"#),
            ),
            ("monitor", r#"["d",1,{},2]"#, "ok".to_owned()),
            (
                "monitor",
                r#"["d",1,2]"#,
                syntax("monitor-requests must be object", "2"),
            ),
            (
                "monitor_cond",
                r#"["d",1,{},2]"#,
                syntax("invalid parameters", r#"["d",1,{},2]"#),
            ),
            ("monitor_cond_since", r#"["d",1,{},"U"]"#, "ok".to_owned()),
            (
                "monitor_cond_since",
                r#"["d",1,{},2]"#,
                syntax("last-txn-id must be string", "2"),
            ),
            (
                "monitor_cond_since",
                r#"["d",1,{},"X"]"#,
                syntax("last-txn-id must be UUID format.", r#""X""#),
            ),
            (
                "monitor_cond_change",
                "[1,2]",
                syntax("invalid parameters", "[1,2]"),
            ),
            (
                "monitor_cond_change",
                "[1,2,3]",
                r#"{"details":"monitor-cond-change-requests must be object","error":"syntax error"}"#
                    .to_owned(),
            ),
            ("monitor_cancel", "[]", r#""invalid parameters""#.to_owned()),
            ("monitor_cancel", "[null]", "ok".to_owned()),
            ("lock", r#"["l"]"#, "ok".to_owned()),
            (
                "steal",
                r#"["l",1]"#,
                syntax("steal request params must be <id>", r#"["l",1]"#),
            ),
            (
                "unlock",
                r#"["1"]"#,
                syntax("unlock request params must be <id>", r#"["1"]"#),
            ),
            ("nope", "[]", r#""unknown method""#.to_owned()),
        ] {
            assert_eq!(error_of(method, params), expected, "{method} {params}");
        }
    }

    #[test]
    fn the_generation_of_a_monitor_follows_from_its_method() {
        let params = [Value::String("d"), Value::Null, Value::Bool(true)];
        for (method, version) in [
            ("monitor", MonitorVersion::V1),
            ("monitor_cond", MonitorVersion::V2),
            ("monitor_cond_since", MonitorVersion::V3),
        ] {
            let request = Request::parse(method, &params).unwrap();
            assert!(matches!(request, Request::Monitor(monitor) if monitor.version == version));
            assert_eq!(request.db(), Some("d"));
        }
    }

    #[test]
    fn cancel_takes_exactly_one_id() {
        let id = Value::Integer(3);
        assert_eq!(canceled_id("cancel", &[id]), Some(id));
        assert_eq!(canceled_id("cancel", &[id, id]), None);
        assert_eq!(canceled_id("transact", &[id]), None);
    }

    #[test]
    fn errors_that_need_the_session_are_worded_here() {
        let params = [Value::String("d")];
        let mut out = Vec::new();
        RequestError::unknown_database("transact", &params, "d").write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"details":"transact request specifies unknown database d","error":"unknown database","syntax":"[\"d\"]"}"#
        );
    }
}
