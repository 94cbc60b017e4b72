//! Differences between two arrays of results that mean nothing, because upstream's choice is arbitrary too.
//!
//! Upstream goes through the rows of a transaction, of a table and of a `row` in the order of hashes of random uuids
//! and of names. Where several of them are wrong, which one an error names is chance. Such errors are compared by
//! what kind they are; how often that was needed is counted, so that a run cannot live on it.

use ovsdb_harness::client::Reply;
use serde_json::{Map, Value, json};

use crate::names::is_uuid;

/// Beginnings of the errors of commits that name one of several rows or tables.
const ONE_OF_SEVERAL: &[&[&str]] = &[
    &["Table ", "references nonexistent row"],
    &["cannot delete ", "remaining reference"],
    &[
        "transaction causes ",
        "rows, greater than the schema-defined limit",
    ],
    &[
        "Deletion of ",
        "weak reference(s) to deleted (or never-existing) rows",
    ],
    &["Weak reference column ", "contained all-zeros UUID"],
    &["Transaction causes multiple rows in ", "identical values"],
];

/// Errors of executing one operation on one of several rows.
const EXECUTION_TAGS: &[&str] = &["constraint violation", "domain error", "range error"];

/// Errors of the values of columns.
const VALUE_TAGS: &[&str] = &[
    "syntax error",
    "ovsdb error",
    "constraint violation",
    "unknown column",
];

/// Whether the results of `operations` differ only in what is arbitrary.
pub(crate) fn is_arbitrary(operations: &[Value], ours: &Value, theirs: &Value) -> bool {
    let (Some(ours), Some(theirs)) = (ours.as_array(), theirs.as_array()) else {
        return false;
    };
    if ours.len() != theirs.len() {
        return false;
    }
    let failed = |results: &[Value]| results.iter().position(|result| result.get("error").is_some());
    let Some(at) = failed(ours) else {
        return false;
    };
    if failed(theirs) != Some(at) {
        return false;
    }
    let (ours, theirs) = (&ours[at], &theirs[at]);
    match operations.get(at) {
        None => is_one_of_several(ours, theirs),
        Some(operation) => {
            is_older_text(ours, theirs)
                || is_one_of_several_rows(operation, ours, theirs)
                || is_one_of_several_columns(operation, ours, theirs)
                || is_one_of_several_members(ours, theirs)
        }
    }
}

/// The commit has more than one reason to fail.
fn is_one_of_several(ours: &Value, theirs: &Value) -> bool {
    let (Some(ours), Some(theirs)) = (ours["details"].as_str(), theirs["details"].as_str()) else {
        return false;
    };
    ONE_OF_SEVERAL.iter().any(|parts| {
        [ours, theirs]
            .iter()
            .all(|text| parts.iter().all(|part| text.contains(part)))
    })
}

/// A `mutate` fails for more than one of the rows it matches, for different reasons.
fn is_one_of_several_rows(operation: &Value, ours: &Value, theirs: &Value) -> bool {
    let is_execution = |error: &Value| EXECUTION_TAGS.iter().any(|tag| error["error"] == *tag);
    let is_one_row = operation["where"][0][0] == "_uuid" && operation["where"][0][1] == "==";
    operation["op"] == "mutate" && !is_one_row && is_execution(ours) && is_execution(theirs)
}

/// More than one column of a `row` is wrong. What [`parts`] makes of the operation must be answered alike.
fn is_one_of_several_columns(operation: &Value, ours: &Value, theirs: &Value) -> bool {
    let is_value = |error: &Value| VALUE_TAGS.iter().any(|tag| error["error"] == *tag);
    let columns = operation["row"].as_object().map_or(0, Map::len);
    (operation["op"] == "insert" || operation["op"] == "update")
        && columns > 1
        && is_value(ours)
        && is_value(theirs)
}

/// Transactions that are aborted in the end, each with one column of the `row` that was wrong in more than one.
pub(crate) fn parts(params: &Value, results: &Reply) -> Vec<Value> {
    let failed = |results: &Vec<Value>| results.iter().position(|result| result.get("error").is_some());
    let Some(at) = results.as_ref().ok().and_then(Value::as_array).and_then(failed) else {
        return Vec::new();
    };
    let Some(row) = params
        .get(at + 1)
        .and_then(|operation| operation["row"].as_object())
    else {
        return Vec::new();
    };
    let part = |(column, value): (&String, &Value)| {
        let mut part = params.clone();
        part[at + 1]["row"] = json!({column: value});
        let operations = part.as_array_mut().expect("params are an array");
        operations.truncate(at + 2);
        operations.push(json!({"op": "abort"}));
        part
    };
    row.iter().map(part).collect()
}

/// "Member 'X' and K other members are present but not allowed here": X is one of them.
pub(crate) fn is_one_of_several_members(ours: &Value, theirs: &Value) -> bool {
    let without_member = |error: &Value| {
        let details = error["details"].as_str()?;
        let (before, rest) = details.split_once("Member '")?;
        let (_, after) = rest.split_once("' and ")?;
        Some((before.to_owned(), after.to_owned()))
    };
    without_member(ours).is_some() && without_member(ours) == without_member(theirs)
}

/// 3.1.0 does not name the table of a duplicate uuid; later versions do, and so do we.
fn is_older_text(ours: &Value, theirs: &Value) -> bool {
    let without_table = |error: &Value| {
        let details = error["details"].as_str()?;
        let (before, rest) = details.split_once("within the ")?;
        (error["error"] == "duplicate uuid" && rest.ends_with("within the same transaction."))
            .then(|| before.to_owned())
    };
    without_table(ours).is_some()
        && without_table(ours) == without_table(theirs)
        && ours["syntax"].as_str().map(is_uuid) == theirs["syntax"].as_str().map(is_uuid)
}
