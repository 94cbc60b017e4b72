//! Well-formed requests that ask for what is not there: each is answered with the error that upstream gives, on a
//! connection that goes on.

use ovsdb_harness::Peer;
use serde_json::{Value, json};

use crate::bystander::{Bystander, Scene, foreign_items};

/// An error as RFC 7047 §3.1 has it.
fn error(tag: &str, details: &str) -> Value {
    json!({"error": tag, "details": details})
}

/// Requests refused as a whole: method, params, and the error of the reply without its `syntax`.
fn refused_requests() -> Vec<(&'static str, Value, Value)> {
    let syntax = |details| error("syntax error", details);
    let unknown_database = |details| error("unknown database", details);
    vec![
        ("nope", json!([]), json!("unknown method")),
        (
            "transact",
            json!([]),
            syntax("transact request params must begin with <db-name>"),
        ),
        (
            "transact",
            json!([7]),
            syntax("transact request params must begin with <db-name>"),
        ),
        (
            "transact",
            json!(["Nope"]),
            unknown_database("transact request specifies unknown database Nope"),
        ),
        (
            "get_schema",
            json!([]),
            syntax("get_schema request params must begin with <db-name>"),
        ),
        (
            "get_schema",
            json!(["Nope"]),
            unknown_database("get_schema request specifies unknown database Nope"),
        ),
        (
            "monitor",
            json!(["Nope", 1, {}]),
            unknown_database("monitor request specifies unknown database Nope"),
        ),
        (
            "monitor",
            json!(["Load", 1, 7]),
            syntax("monitor-requests must be object"),
        ),
        (
            "monitor",
            json!(["Load", 1, {"Nope": {}}]),
            syntax("no table named Nope"),
        ),
        (
            "monitor",
            json!(["Load", 1, {"Item": {"columns": ["nope"]}}]),
            syntax("nope is not a valid column name"),
        ),
        (
            "monitor",
            json!(["Load", 1, {"Item": {"columns": ["name", "name"]}}]),
            syntax("column name mentioned more than once"),
        ),
        (
            "monitor",
            json!(["Load", 1, {"Item": {"extra": 1}}]),
            syntax("Parsing table Item failed: Member 'extra' is present but not allowed here."),
        ),
        (
            "monitor_cond",
            json!(["Load", 1, {"Item": {"where": [["nope", "==", 1]]}}]),
            error("unknown column", "No column nope in table Item."),
        ),
        ("monitor_cancel", json!(["nobody"]), json!("unknown monitor")),
        (
            "monitor_cond_change",
            json!(["nobody", 1, {}]),
            syntax("unknown monitor session"),
        ),
        ("lock", json!([7]), syntax("lock request params must be <id>")),
        (
            "lock",
            json!(["no id"]),
            syntax("lock request params must be <id>"),
        ),
        (
            "steal",
            json!(["a", "b"]),
            syntax("steal request params must be <id>"),
        ),
        (
            "unlock",
            json!(["never"]),
            syntax("unlock: \"unlock\" without \"lock\" or \"steal\""),
        ),
        (
            "set_db_change_aware",
            json!([7]),
            syntax("set_db_change_aware: true or false parameter expected"),
        ),
    ]
}

/// Operations refused within a transaction: the operation, and its error without its `syntax`.
fn refused_operations() -> Vec<(Value, Value)> {
    let syntax = |details| error("syntax error", details);
    let parsing = |details: &str| {
        error(
            "syntax error",
            &format!("Parsing ovsdb operation 1 of 1 failed: {details}"),
        )
    };
    let unknown_column = error("unknown column", "No column nope in table Item.");
    vec![
        (json!(7), parsing("Object expected.")),
        (json!({}), parsing("Required 'op' member is missing.")),
        (json!({"op": 7}), parsing("Type mismatch for member 'op'.")),
        (json!({"op": "nope"}), parsing("No operation \"nope\"")),
        (
            json!({"op": "insert"}),
            parsing("Required 'table' member is missing."),
        ),
        (
            json!({"op": "insert", "table": "Nope", "row": {}}),
            parsing("No table named Nope."),
        ),
        (
            json!({"op": "insert", "table": "Item", "row": {}, "extra": 1}),
            parsing("Member 'extra' is present but not allowed here."),
        ),
        (
            json!({"op": "select", "table": "Item", "where": 7}),
            parsing("Type mismatch for member 'where'."),
        ),
        (
            json!({"op": "insert", "table": "Item", "row": {"nope": 1}}),
            unknown_column.clone(),
        ),
        (
            json!({"op": "insert", "table": "Item", "row": {"number": "x"}}),
            syntax("expected integer"),
        ),
        (
            json!({"op": "select", "table": "Item", "where": [["nope", "==", 1]]}),
            unknown_column.clone(),
        ),
        (
            json!({"op": "select", "table": "Item", "where": [["number", "~", 1]]}),
            error("unknown function", "No function named ~."),
        ),
        (
            json!({"op": "select", "table": "Item", "where": [["number", "=="]]}),
            syntax("Parse error in condition."),
        ),
        (
            json!({"op": "mutate", "table": "Item", "where": [], "mutations": [["nope", "+=", 1]]}),
            unknown_column,
        ),
        (
            json!({"op": "mutate", "table": "Item", "where": [], "mutations": [["number", "~=", 1]]}),
            error("unknown mutator", "No mutator named ~=."),
        ),
        (
            json!({"op": "mutate", "table": "Item", "where": [], "mutations": [["name", "+=", 1]]}),
            syntax("Type mismatch: \"+=\" operator may not be applied to column name of type string."),
        ),
        (
            json!({"op": "wait", "table": "Item", "where": [], "columns": ["number"], "until": "==",
                "rows": [{"number": 99}], "timeout": 0}),
            error("timed out", "\"where\" clause test failed"),
        ),
        (
            json!({"op": "assert", "lock": "theirs"}),
            error("not owner", "Asserted lock theirs not held."),
        ),
        (json!({"op": "abort"}), error("aborted", "aborted by request")),
    ]
}

/// An error without the part that repeats what was asked.
fn without_syntax(mut error: Value) -> Value {
    if let Some(members) = error.as_object_mut() {
        members.remove("syntax");
    }
    error
}

#[test]
fn a_request_for_what_is_not_there_gets_its_error() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let mut client = scene.server.client();
    for (method, params, expected) in refused_requests() {
        let answer = client
            .call(method, params.clone())
            .expect_err("the request is refused");
        assert_eq!(without_syntax(answer), expected, "{method} {params}");
    }
    bystander.check();
}

#[test]
fn a_conversion_to_no_schema_is_refused() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let answer = scene
        .server
        .client()
        .call("convert", json!(["Load", {}]))
        .expect_err("the request is refused");
    assert_eq!(answer["error"], "syntax error", "{answer}");
    bystander.check();
}

/// The packaged 3.1 ends with a segmentation fault on this one.
#[test]
fn a_monitor_without_requests_gets_its_error() {
    if Peer::under_test() == Peer::Packaged {
        return;
    }
    let scene = Scene::new();
    let mut client = scene.server.client();
    for method in ["monitor", "monitor_cond"] {
        let answer = client
            .call(method, json!(["Load"]))
            .expect_err("the request is refused");
        assert_eq!(
            without_syntax(answer),
            error("syntax error", "invalid parameters"),
            "{method}"
        );
    }
}

#[test]
fn an_operation_that_cannot_be_done_gets_its_error_and_undoes_the_others() {
    let scene = Scene::new();
    let mut bystander = Bystander::new(&scene.server);
    let mut client = scene.server.client();
    let good = json!({"op": "insert", "table": "Item", "row": {"name": "undone"}});
    for (operation, expected) in refused_operations() {
        let results = client.transact("Load", json!([operation]));
        assert_eq!(results.len(), 1, "{operation}: {results:?}");
        assert_eq!(without_syntax(results[0].clone()), expected, "{operation}");

        let results = client.transact("Load", json!([good, operation, good]));
        assert_eq!(results.len(), 3, "{operation}: {results:?}");
        assert!(results[0].get("uuid").is_some(), "{operation}: {results:?}");
        assert_eq!(results[1]["error"], expected["error"], "{operation}");
        assert_eq!(results[2], Value::Null, "{operation}");
        assert_eq!(foreign_items(&mut client), 0, "{operation}");
    }
    bystander.check();
}

#[test]
fn a_transaction_that_breaks_a_rule_is_undone_as_a_whole() {
    let scene = Scene::new();
    let mut client = scene.server.client();
    let counter = json!({"op": "insert", "table": "Counter", "row": {"name": "twice"}});
    let item = json!({"op": "insert", "table": "Item", "row": {"name": "undone"}});
    let results = client.transact("Load", json!([item, counter, counter]));
    assert_eq!(results.len(), 4, "{results:?}");
    assert_eq!(results[3]["error"], "constraint violation", "{results:?}");
    assert_eq!(foreign_items(&mut client), 0);
}

#[test]
fn a_monitor_id_is_used_once() {
    let scene = Scene::new();
    let mut client = scene.server.client();
    let monitor = json!(["Load", {"id": [1, null]}, {"Item": {}}]);
    client
        .call("monitor", monitor.clone())
        .expect("the monitor is accepted");
    let answer = client
        .call("monitor", monitor)
        .expect_err("the same id is refused");
    assert_eq!(
        without_syntax(answer),
        error("syntax error", "duplicate monitor ID")
    );
}
