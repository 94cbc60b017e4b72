//! One rule of the protocol at a time.

use super::{Columns, PORT, SITE, World, error_text};
use crate::ids::SessionId;
use crate::monitor::Version;
use uuid::Uuid;

/// `"…"` of a row that has this number as its uuid.
fn uuid(number: u128) -> String {
    format!("\"{}\"", Uuid::from_u128(number))
}

fn populated() -> World {
    let mut world = World::new();
    world.commit(&[
        (PORT, 1, Some(&[("name", "\"a\""), ("number", "1")])),
        (
            PORT,
            2,
            Some(&[("name", "\"b\""), ("tags", "[\"set\",[\"x\",\"y\"]]")]),
        ),
        (SITE, 3, Some(&[])),
    ]);
    world
}

#[test]
fn requests_are_checked_as_upstream_does() {
    let cases = [
        (
            Version::V2,
            r#"{"Nope":{}}"#,
            r#"{"details":"no table named Nope","error":"syntax error"}"#,
        ),
        (
            Version::V2,
            r#"{"Port":{"columns":["nope"]}}"#,
            r#"{"details":"nope is not a valid column name","error":"syntax error","syntax":"[\"nope\"]"}"#,
        ),
        (
            Version::V2,
            r#"{"Port":{"columns":[1]}}"#,
            r#"{"details":"array of column names expected","error":"syntax error","syntax":"[1]"}"#,
        ),
        (
            Version::V2,
            r#"{"Port":{"columns":1}}"#,
            r#"{"details":"Parsing table Port failed: Type mismatch for member 'columns'.","error":"syntax error","syntax":"{\"columns\":1}"}"#,
        ),
        (
            Version::V2,
            r#"{"Port":[{"columns":["name"]},{"columns":["tags","name"]}]}"#,
            r#"{"details":"column name mentioned more than once","error":"syntax error","syntax":"[\"tags\",\"name\"]"}"#,
        ),
        (
            Version::V2,
            r#"{"Port":[{"columns":["name"]},{}]}"#,
            r#"{"details":"column name mentioned more than once","error":"syntax error"}"#,
        ),
        (
            Version::V1,
            r#"{"Port":{"where":[]}}"#,
            r#"{"details":"Parsing table Port failed: Member 'where' is present but not allowed here.","error":"syntax error","syntax":"{\"where\":[]}"}"#,
        ),
        (
            Version::V2,
            r#"{"Port":{"select":{"update":true}}}"#,
            r#"{"details":"Parsing table Port select failed: Member 'update' is present but not allowed here.","error":"syntax error","syntax":"{\"update\":true}"}"#,
        ),
        (
            Version::V2,
            r#"{"Port":{"select":{"insert":1}}}"#,
            r#"{"details":"Parsing table Port select failed: Type mismatch for member 'insert'.","error":"syntax error","syntax":"{\"insert\":1}"}"#,
        ),
        (
            Version::V3,
            r#"{"Port":{"where":[["nope","==",1]]}}"#,
            r#"{"details":"No column nope in table Port.","error":"unknown column","syntax":"[\"nope\",\"==\",1]"}"#,
        ),
        (
            Version::V3,
            r#"{"Port":[1]}"#,
            r#"{"details":"Parsing table Port failed: Object expected.","error":"syntax error"}"#,
        ),
    ];
    for (version, requests, expected) in cases {
        let mut world = populated();
        let error = world.try_add(1, version, "1", requests, None).unwrap_err();
        assert_eq!(error_text(&error), expected, "{requests}");
        assert_eq!(world.monitors.usage(), Default::default(), "nothing remains");
    }
}

#[test]
fn initial_contents_follow_notation_columns_select_and_condition() {
    let version = Uuid::from_u128(0xffff_0000);
    let (one, two, three) = (uuid(1), uuid(2), uuid(3));
    let cases = [
        (Version::V1, r#"{}"#, "{}".to_owned()),
        (Version::V1, r#"{"Empty":{}}"#, "{}".to_owned()),
        (Version::V2, r#"{"Port":[]}"#, "{}".to_owned()),
        (
            Version::V1,
            r#"{"Site":{}}"#,
            format!(r#"{{"Site":{{{three}:{{"new":{{"_version":["uuid","{version}"],"n":0}}}}}}}}"#),
        ),
        (
            Version::V2,
            r#"{"Site":{}}"#,
            format!(r#"{{"Site":{{{three}:{{"initial":{{"_version":["uuid","{version}"]}}}}}}}}"#),
        ),
        (
            Version::V2,
            r#"{"Site":{"columns":["_uuid"]}}"#,
            format!(r#"{{"Site":{{{three}:{{"initial":{{"_uuid":["uuid",{three}]}}}}}}}}"#),
        ),
        (
            Version::V2,
            r#"{"Port":{"columns":[]}}"#,
            format!(r#"{{"Port":{{{one}:{{"initial":{{}}}},{two}:{{"initial":{{}}}}}}}}"#),
        ),
        (
            Version::V1,
            r#"{"Port":{"columns":["tags","name"]}}"#,
            format!(
                r#"{{"Port":{{{one}:{{"new":{{"name":"a","tags":["set",[]]}}}},{two}:{{"new":{{"name":"b","tags":["set",["x","y"]]}}}}}}}}"#
            ),
        ),
        (
            Version::V2,
            r#"{"Port":{"columns":["tags","name","number"]},"Site":{"columns":["n"]}}"#,
            format!(
                r#"{{"Port":{{{one}:{{"initial":{{"name":"a","number":1}}}},{two}:{{"initial":{{"name":"b","tags":["set",["x","y"]]}}}}}},"Site":{{{three}:{{"initial":{{}}}}}}}}"#
            ),
        ),
        (
            Version::V2,
            r#"{"Port":{"select":{"initial":false}}}"#,
            "{}".to_owned(),
        ),
        (
            Version::V2,
            r#"{"Port":[{"columns":["name"],"select":{"initial":false}},{"columns":["number"]}]}"#,
            format!(r#"{{"Port":{{{one}:{{"initial":{{"number":1}}}},{two}:{{"initial":{{}}}}}}}}"#),
        ),
        (
            Version::V2,
            r#"{"Port":{"columns":["name"],"where":[["name","==","b"]]}}"#,
            format!(r#"{{"Port":{{{two}:{{"initial":{{"name":"b"}}}}}}}}"#),
        ),
        (
            Version::V2,
            r#"{"Port":{"columns":["name"],"where":[false]}}"#,
            "{}".to_owned(),
        ),
        (
            Version::V3,
            r#"{"Port":{"columns":["name"],"where":[false,["tags","includes","y"],["number",">",7]]}}"#,
            format!(
                r#"[false,"{}",{{"Port":{{{two}:{{"initial":{{"name":"b"}}}}}}}}]"#,
                Uuid::from_u128(0xaaab)
            ),
        ),
    ];
    for (version, requests, expected) in cases {
        let (_, reply) = populated().add(1, version, "1", requests);
        assert_eq!(reply, expected, "{requests}");
    }
}

#[test]
fn row_changes_are_told_in_each_notation() {
    let two = uuid(2);
    let columns = r#""columns":["limit","name","options","tags"]"#;
    let v1 = r#""name":"b","options":["map",[]],"tags":["set",["x","y"]]"#;
    // Edits of row 2, and the row update in V1 and in V2.
    let cases: [(Columns<'_>, String, String); 7] = [
        (
            &[("limit", "5")],
            format!(r#"{{"old":{{"limit":["set",[]]}},"new":{{"limit":5,{v1}}}}}"#),
            r#"{"modify":{"limit":5}}"#.to_owned(),
        ),
        (
            &[("tags", r#"["set",["y","z"]]"#)],
            r#"{"old":{"tags":["set",["x","y"]]},"new":{"limit":["set",[]],"name":"b","options":["map",[]],"tags":["set",["y","z"]]}}"#
                .to_owned(),
            r#"{"modify":{"tags":["set",["x","z"]]}}"#.to_owned(),
        ),
        (
            &[("options", r#"["map",[["k","v"]]]"#)],
            r#"{"old":{"options":["map",[]]},"new":{"limit":["set",[]],"name":"b","options":["map",[["k","v"]]],"tags":["set",["x","y"]]}}"#
                .to_owned(),
            r#"{"modify":{"options":["map",[["k","v"]]]}}"#.to_owned(),
        ),
        (&[("number", "9")], String::new(), String::new()),
        (&[], String::new(), String::new()),
        (
            &[("tags", r#"["set",[]]"#)],
            r#"{"old":{"tags":["set",["x","y"]]},"new":{"limit":["set",[]],"name":"b","options":["map",[]],"tags":["set",[]]}}"#
                .to_owned(),
            r#"{"modify":{"tags":["set",["x","y"]]}}"#.to_owned(),
        ),
        (
            &[("name", "\"\"")],
            r#"{"old":{"name":"b"},"new":{"limit":["set",[]],"name":"","options":["map",[]],"tags":["set",["x","y"]]}}"#
                .to_owned(),
            r#"{"modify":{"name":""}}"#.to_owned(),
        ),
    ];
    for (edit, old_notation, new_notation) in cases {
        for (version, method, update) in [
            (Version::V1, "update", &old_notation),
            (Version::V2, "update2", &new_notation),
        ] {
            let mut world = populated();
            world.add(1, version, "[\"m\",1]", &format!("{{\"Port\":{{{columns}}}}}"));
            world.publish(&[(PORT, 2, Some(edit))]);
            let expected = if update.is_empty() {
                String::new()
            } else {
                format!(
                    r#"{{"id":null,"method":"{method}","params":[["m",1],{{"Port":{{{two}:{update}}}}}]}}"#
                )
            };
            assert_eq!(world.heard_once(), expected, "{edit:?} {version:?}");
        }
    }
}

#[test]
fn rows_come_and_go_in_each_notation() {
    let (one, four) = (uuid(1), uuid(4));
    let id = Uuid::from_u128(0xaaac);
    let cases = [
        (
            Version::V1,
            format!(
                r#"{{"id":null,"method":"update","params":[7,{{"Port":{{{four}:{{"new":{{"name":"","number":4}}}},{one}:{{"old":{{"name":"a","number":1}}}}}}}}]}}"#
            ),
        ),
        (
            Version::V3,
            format!(
                r#"{{"id":null,"method":"update3","params":[7,"{id}",{{"Port":{{{four}:{{"insert":{{"number":4}}}},{one}:{{"delete":null}}}}}}]}}"#
            ),
        ),
    ];
    for (version, expected) in cases {
        let mut world = populated();
        world.add(1, version, "7", r#"{"Port":{"columns":["name","number"]}}"#);
        world.publish(&[
            (PORT, 4, Some(&[("number", "4")])),
            (PORT, 1, None),
            (SITE, 3, None),
        ]);
        assert_eq!(world.heard_once(), expected);
    }
}

#[test]
fn a_condition_turns_changes_into_what_they_are_to_the_client() {
    let one = uuid(1);
    let cases: [(&str, Columns<'_>, &str); 6] = [
        (r#"[["number","==",1]]"#, &[("number", "2")], r#"{"delete":null}"#),
        (
            r#"[["number","==",2]]"#,
            &[("number", "2")],
            r#"{"insert":{"name":"a","number":2}}"#,
        ),
        (
            r#"[["number","<",3]]"#,
            &[("number", "2")],
            r#"{"modify":{"number":2}}"#,
        ),
        (r#"[["number","==",3]]"#, &[("number", "2")], ""),
        (r#"[["rate","==",0]]"#, &[("rate", "2.5")], r#"{"delete":null}"#),
        (r#"[["rate",">=",0]]"#, &[("rate", "2.5")], ""),
    ];
    for (condition, edit, update) in cases {
        let mut world = populated();
        let requests = format!(r#"{{"Port":{{"columns":["name","number"],"where":{condition}}}}}"#);
        world.add(1, Version::V2, "7", &requests);
        world.publish(&[(PORT, 1, Some(edit))]);
        let expected = if update.is_empty() {
            String::new()
        } else {
            format!(r#"{{"id":null,"method":"update2","params":[7,{{"Port":{{{one}:{update}}}}}]}}"#)
        };
        assert_eq!(world.heard_once(), expected, "{condition} {edit:?}");
    }
}

#[test]
fn select_leaves_kinds_of_change_out() {
    let cases = [
        ("insert", [false, true, true]),
        ("modify", [true, false, true]),
        ("delete", [true, true, false]),
        ("initial", [true, true, true]),
    ];
    for (kind, is_told) in cases {
        let mut world = populated();
        world.add(
            1,
            Version::V2,
            "7",
            &format!(r#"{{"Port":{{"select":{{"{kind}":false}}}}}}"#),
        );
        let edits = [
            (PORT, 4, Some([("number", "4")].as_slice())),
            (PORT, 4, Some([("number", "5")].as_slice())),
            (PORT, 4, None),
        ];
        for (edit, is_told) in edits.iter().zip(is_told) {
            world.publish(&[*edit]);
            assert_eq!(!world.heard_once().is_empty(), is_told, "{kind} {edit:?}");
        }
    }
}

#[test]
fn a_condition_change_tells_the_difference_under_the_new_id() {
    let (one, two) = (uuid(1), uuid(2));
    let id = Uuid::from_u128(0xaaab);
    let cases = [
        (r#"[["name","==","a"]]"#, r#"[["name","==","a"]]"#, String::new()),
        (
            r#"[["name","==","a"]]"#,
            r#"[["name","==","a"],["number","==",1]]"#,
            String::new(),
        ),
        (
            r#"[["name","==","a"]]"#,
            r#"[["name","==","b"]]"#,
            format!(r#"{{"Port":{{{one}:{{"delete":null}},{two}:{{"insert":{{"name":"b"}}}}}}}}"#),
        ),
        (
            r#"[false]"#,
            r#"[["name","==","b"]]"#,
            format!(r#"{{"Port":{{{two}:{{"insert":{{"name":"b"}}}}}}}}"#),
        ),
        (
            r#"[["name","==","b"]]"#,
            r#"[]"#,
            format!(r#"{{"Port":{{{one}:{{"insert":{{"name":"a"}}}}}}}}"#),
        ),
        (
            r#"[true]"#,
            r#"[["tags","!=",["set",[]]]]"#,
            format!(r#"{{"Port":{{{one}:{{"delete":null}}}}}}"#),
        ),
        (
            r#"[true]"#,
            r#"[false]"#,
            format!(r#"{{"Port":{{{one}:{{"delete":null}},{two}:{{"delete":null}}}}}}"#),
        ),
    ];
    for (before, after, update) in cases {
        let mut world = populated();
        let requests = format!(r#"{{"Port":{{"columns":["name"],"where":{before}}},"Site":{{}}}}"#);
        let (monitor, _) = world.add(1, Version::V3, "1", &requests);
        let requests = format!(r#"{{"Port":[{{"where":{after}}}]}}"#);
        world.change(monitor, "\"new\"", &requests).unwrap();
        let expected = if update.is_empty() {
            String::new()
        } else {
            format!(r#"{{"id":null,"method":"update3","params":["new","{id}",{update}]}}"#)
        };
        assert_eq!(world.heard_once(), expected, "{before} {after}");
        assert_eq!(world.monitors.monid(monitor), b"\"new\"");
    }
}

#[test]
fn condition_changes_are_checked_as_upstream_does() {
    let cases = [
        (
            r#"{"Nope":[]}"#,
            r#"{"details":"no table named Nope","error":"syntax error"}"#,
        ),
        (
            r#"{"Empty":[]}"#,
            r#"{"details":"no table named Empty in monitor session","error":"syntax error"}"#,
        ),
        (
            r#"{"Port":{}}"#,
            r#"{"details":"table Port no monitor-cond-change JSON array","error":"syntax error"}"#,
        ),
        (
            r#"{"Port":[{"columns":[]}]}"#,
            r#"{"details":"changing columns is unsupported","error":"syntax error","syntax":"{\"columns\":[]}"}"#,
        ),
        (
            r#"{"Port":[{"what":[]}]}"#,
            r#"{"details":"Parsing table Port failed: Member 'what' is present but not allowed here.","error":"syntax error","syntax":"{\"what\":[]}"}"#,
        ),
    ];
    for version in [Version::V1, Version::V2] {
        for (requests, expected) in cases {
            let mut world = populated();
            let (monitor, _) = world.add(1, version, "1", r#"{"Port":{},"Site":{}}"#);
            let error = world.change(monitor, "2", requests).unwrap_err();
            assert_eq!(error_text(&error), expected, "{requests}");
            assert_eq!(world.monitors.monid(monitor), b"1", "the id stays");
            assert_eq!(world.heard_once(), "");
        }
    }
}

#[test]
fn tables_before_a_failing_one_keep_their_new_condition() {
    let mut world = populated();
    let (monitor, _) = world.add(1, Version::V2, "1", r#"{"Port":{"columns":["number"]}}"#);
    world
        .change(monitor, "2", r#"{"Port":[{"where":[false]}],"Nope":[]}"#)
        .unwrap_err();
    world.publish(&[(PORT, 1, Some(&[("number", "8")]))]);
    assert_eq!(world.heard_once(), "");
}

#[test]
fn an_element_without_where_means_all() {
    let mut world = populated();
    let requests = r#"{"Port":{"columns":["name"],"where":[["name","==","a"]]}}"#;
    let (monitor, _) = world.add(1, Version::V2, "1", requests);
    world.change(monitor, "1", r#"{"Port":[{}]}"#).unwrap();
    let two = uuid(2);
    let expected = format!(
        r#"{{"id":null,"method":"update2","params":[1,{{"Port":{{{two}:{{"insert":{{"name":"b"}}}}}}}}]}}"#
    );
    assert_eq!(world.heard_once(), expected);
}

#[test]
fn a_v1_monitor_takes_a_condition_change_and_shows_all_rows_still() {
    let mut world = populated();
    let (monitor, _) = world.add(1, Version::V1, "1", r#"{"Port":{"columns":["number"]}}"#);
    world
        .change(monitor, "2", r#"{"Port":[{"where":[false]}]}"#)
        .unwrap();
    assert_eq!(world.heard_once(), "");
    world.publish(&[(PORT, 1, Some(&[("number", "8")]))]);
    assert!(
        world
            .heard_once()
            .starts_with(r#"{"id":null,"method":"update","params":[2,"#)
    );
}

#[test]
fn resume_gives_what_was_missed_or_everything() {
    let mut world = populated();
    let seen = world.view.txn_id();
    world.commit(&[(PORT, 4, Some(&[("name", "\"d\"")]))]);
    world.commit(&[(PORT, 4, None), (PORT, 1, Some(&[("number", "2")]))]);
    let last = world.view.txn_id();
    let requests = r#"{"Port":{"columns":["number"],"where":[["number",">",0]]}}"#;
    let one = uuid(1);
    let all = format!(r#"[false,"{last}",{{"Port":{{{one}:{{"initial":{{"number":2}}}}}}}}]"#);
    let cases = [
        (
            Some(seen),
            format!(r#"[true,"{last}",{{"Port":{{{one}:{{"modify":{{"number":2}}}}}}}}]"#),
        ),
        (Some(last), format!(r#"[true,"{last}",{{}}]"#)),
        (Some(Uuid::nil()), all.clone()),
        (Some(Uuid::from_u128(77)), all.clone()),
        (None, all),
    ];
    for (last_id, expected) in cases {
        let (_, reply) = world.try_add(1, Version::V3, "1", requests, last_id).unwrap();
        assert_eq!(reply, expected, "{last_id:?}");
    }
}

#[test]
fn what_does_not_survive_a_restart_is_not_resumed_from_the_opened_state() {
    let cases = [
        (r#"{"Port":{"columns":["name","number"]}}"#, true),
        (
            r#"{"Port":{"columns":["name"],"where":[["number","==",1]]}}"#,
            true,
        ),
        (r#"{"Port":{"columns":["name"]},"Site":{}}"#, false),
        (r#"{"Port":{"columns":["_version"]}}"#, false),
        (r#"{"Port":{"columns":["name","rate"]}}"#, false),
        (
            r#"{"Port":{"columns":["name"],"where":[["number","==",1],["rate",">",0]]}}"#,
            false,
        ),
    ];
    for (requests, is_resumed) in cases {
        let mut world = World::new();
        let opened = world.view.txn_id();
        world.commit(&[(PORT, 1, Some(&[("name", "\"a\"")]))]);
        let mut resume = |id: Uuid| {
            let (_, reply) = world.try_add(1, Version::V3, "1", requests, Some(id)).unwrap();
            reply.starts_with("[true")
        };
        assert_eq!(resume(opened), is_resumed, "{requests}");
        assert!(resume(Uuid::from_u128(0xaaab)), "{requests}");
    }
}

#[test]
fn a_lagging_session_is_told_once_what_it_missed() {
    let mut world = populated();
    let seen = world.view.clone();
    world.add(1, Version::V2, "1", r#"{"Port":{"columns":["number"]}}"#);
    world.add(2, Version::V2, "1", r#"{"Port":{"columns":["number"]}}"#);
    world.monitors.set_lagging(SessionId(2), true);
    world.publish(&[(PORT, 1, Some(&[("number", "5")]))]);
    world.publish(&[(PORT, 1, Some(&[("number", "6")]))]);
    let heard = world.heard();
    assert!(heard.len() == 2 && heard.iter().all(|(session, _)| *session == 1));
    let net = world.view.diff(&seen);
    let last_id = world.view.txn_id();
    world
        .monitors
        .catch_up(&[SessionId(2)], &net, last_id, &mut world.sent);
    let one = uuid(1);
    let expected = format!(
        r#"{{"id":null,"method":"update2","params":[1,{{"Port":{{{one}:{{"modify":{{"number":6}}}}}}}}]}}"#
    );
    assert_eq!(world.heard(), [(2, expected)]);
    world.monitors.set_lagging(SessionId(2), false);
    world.publish(&[(PORT, 1, Some(&[("number", "7")]))]);
    assert_eq!(world.heard().len(), 2);
}

#[test]
fn nothing_is_left_of_monitors_that_are_gone() {
    let mut world = populated();
    let conditional = r#"{"Port":{"where":[["number","==",1],["tags","includes","x"],["rate",">",1.5]]}}"#;
    let (first, _) = world.add(1, Version::V2, "1", conditional);
    let (second, _) = world.add(1, Version::V2, "2", r#"{"Site":{}}"#);
    let (third, _) = world.add(1, Version::V3, "3", conditional);
    world.add(2, Version::V3, "3", conditional);
    world.monitors.cancel(second);
    world.publish(&[(SITE, 3, None)]);
    assert_eq!(world.heard_once(), "");
    world.monitors.cancel(third);
    world.monitors.cancel(first);
    assert!(!world.monitors.has_session(SessionId(1)));
    world.monitors.drop_session(SessionId(2));
    world.monitors.drop_session(SessionId(2));
    assert_eq!(world.monitors.usage(), Default::default());
}

#[test]
fn cancel_all_names_every_monitor() {
    let mut world = populated();
    world.add(1, Version::V1, "1", r#"{"Site":{}}"#);
    world.add(2, Version::V3, "[\"m\"]", r#"{"Site":{}}"#);
    let mut canceled = world.monitors.cancel_all();
    canceled.sort_unstable();
    assert_eq!(
        canceled,
        [
            (SessionId(1), b"1".as_slice().into()),
            (SessionId(2), b"[\"m\"]".as_slice().into())
        ]
    );
    assert_eq!(world.monitors.usage(), Default::default());
    world.publish(&[(SITE, 3, None)]);
    assert_eq!(world.heard_once(), "");
}
