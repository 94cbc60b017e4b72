//! Folding: equal contents have equal digests, and what cannot be is refused.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;

use super::{Columns, Folds, State, hash};

const A: &str = "00000000-0000-0000-0000-00000000000a";
const B: &str = "00000000-0000-0000-0000-00000000000b";

fn folds() -> Folds {
    let schema = json!({"name": "D", "tables": {"T": {"columns": {
        "n": {"type": "integer"},
        "s": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
        "m": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
        "o": {"type": {"key": "string", "min": 0}}}}}});
    Folds::new(Arc::new(Columns::parse(&schema).unwrap()))
}

fn update(folds: &mut Folds, before: &Rc<State>, rows: serde_json::Value) -> Result<Rc<State>, String> {
    let text = json!({"method": "update2", "id": null, "params": ["m", {"T": rows}]}).to_string();
    let change = folds.fold(before, hash(text.as_bytes()), Some(text.as_bytes()));
    let change = change.map_err(|failure| failure.to_string())?.unwrap();
    Ok(change.after.clone().unwrap())
}

#[test]
fn differences_lead_to_what_a_first_reply_says() {
    let mut folds = folds();
    let empty = folds.empty();
    let first =
        json!({A: {"initial": {"n": 1, "s": ["set", ["x", "y"]], "m": ["map", [["a", "1"], ["b", "2"]]]}}});
    let state = update(&mut folds, &empty, first).unwrap();
    let change = json!({A: {"modify": {"n": 0, "s": ["set", ["y", "z"]], "m": ["map", [["a", "1"], ["b", "3"]]], "o": "v"}}});
    let state = update(&mut folds, &state, change).unwrap();
    let whole =
        json!({A: {"insert": {"o": ["set", ["v"]], "s": ["set", ["z", "x"]], "m": ["map", [["b", "3"]]]}}});
    let other = update(&mut folds, &empty, whole).unwrap();
    assert_eq!(state.digest(), other.digest());
    let state = update(&mut folds, &state, json!({A: {"delete": null}})).unwrap();
    assert_eq!((state.digest(), state.len()), (0, 0));
}

#[test]
fn sets_and_maps_of_any_size_are_what_their_elements_are() {
    let mut folds = folds();
    let empty = folds.empty();
    let set = |from: usize, to: usize| (from..to).map(|number| format!("e{number}")).collect::<Vec<_>>();
    let map = |from: usize, to: usize| (from..to).map(|n| (format!("k{n}"), "v")).collect::<Vec<_>>();
    let row = |from, to| json!({"s": ["set", set(from, to)], "m": ["map", map(from, to)]});
    let mut state = update(&mut folds, &empty, json!({A: {"insert": row(0, 1)}})).unwrap();
    for number in 1..200 {
        state = update(
            &mut folds,
            &state,
            json!({A: {"modify": row(number, number + 1)}}),
        )
        .unwrap();
    }
    let grown = update(&mut folds, &empty, json!({A: {"insert": row(0, 200)}})).unwrap();
    assert_eq!(state.digest(), grown.digest());
    let shrunk = update(&mut folds, &state, json!({A: {"modify": row(3, 200)}})).unwrap();
    let small = update(&mut folds, &empty, json!({A: {"insert": row(0, 3)}})).unwrap();
    assert_eq!(shrunk.digest(), small.digest());
    assert_ne!(small.digest(), grown.digest());
}

#[test]
fn updates_that_cannot_be_are_refused() {
    let mut folds = folds();
    let empty = folds.empty();
    let state = update(&mut folds, &empty, json!({A: {"insert": {"n": 1}}})).unwrap();
    for (rows, reason) in [
        (
            json!({A: {"insert": {"n": 1}}}),
            "an insertion of a row that is there",
        ),
        (
            json!({B: {"modify": {"n": 1}}}),
            "a change of a row that is not there",
        ),
        (
            json!({B: {"delete": null}}),
            "a change of a row that is not there",
        ),
        (json!({A: {"modify": {"x": 1}}}), "was not asked for"),
        (json!({A: {"modify": {"m": 1}}}), "not of its type"),
        (json!({"A": {"delete": null}}), "a row without a UUID"),
    ] {
        let error = update(&mut folds, &state, rows).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn long_chains_of_states_end() {
    let mut folds = folds();
    let first = folds.empty();
    let mut state = first.clone();
    for number in 1..50_000 {
        let rows = if number == 1 {
            json!({A: {"insert": {"n": 1}}})
        } else {
            json!({A: {"modify": {"n": number}}})
        };
        state = update(&mut folds, &state, rows).unwrap();
    }
    assert_eq!(state.len(), 1);
    drop((state, first, folds));
}

#[test]
fn old_changes_are_forgotten_and_parsed_again() {
    let mut folds = folds();
    let empty = folds.empty();
    let first = update(&mut folds, &empty, json!({A: {"insert": {"n": 1}}})).unwrap();
    let second = update(&mut folds, &first, json!({A: {"modify": {"n": 2}}})).unwrap();
    let (forgotten, digest) = (Rc::downgrade(&second), second.digest());
    let mut state = second;
    for number in 3..20_000 {
        state = update(&mut folds, &state, json!({A: {"modify": {"n": number}}})).unwrap();
    }
    assert!(forgotten.upgrade().is_none());
    let again = update(&mut folds, &first, json!({A: {"modify": {"n": 2}}})).unwrap();
    assert_eq!(again.digest(), digest);
}
