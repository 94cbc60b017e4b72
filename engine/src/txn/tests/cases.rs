//! Tables of transactions with their replies.
//!
//! `@N` stands for a fixed uuid in requests and replies; uuids made by the server appear in replies as `<0>`,
//! `<1>`, … in order of appearance.

use super::{Db, anonymous};

/// Transactions executed first, the one under test, and its reply.
type Case = (&'static [&'static str], &'static str, &'static str);

const FIXED: &str = "aaaaaaaa-0000-4000-8000-00000000000";

fn expand(text: &str) -> String {
    text.replace('@', FIXED)
}

fn reply(db: &mut Db, ops: &str) -> String {
    anonymous(&db.transact(&expand(ops)).reply).replace(FIXED, "@")
}

fn run(cases: &[Case]) {
    for (before, ops, expected) in cases {
        let mut db = Db::new();
        for earlier in *before {
            let reply = reply(&mut db, earlier);
            assert!(!reply.contains("error"), "{earlier}: {reply}");
        }
        let contents = db.contents();
        let actual = reply(&mut db, ops);
        assert_eq!(&actual, expected, "{ops}");
        if actual.contains("error") || actual.contains("waiting") {
            assert_eq!(
                db.contents(),
                contents,
                "a failed transaction leaves no trace: {ops}"
            );
        }
    }
}

const ROOT_1: &str = r#"[{"op":"insert","table":"Root","uuid":"@1","row":{"name":"a","x":1,"y":1}}]"#;
const ROOT_2: &str = r#"[{"op":"insert","table":"Root","uuid":"@2","row":{"name":"b","x":2,"y":2}}]"#;
const WITH_CHILD: &str = r#"[{"op":"insert","table":"Child","uuid":"@3","row":{"value":7}},
    {"op":"insert","table":"Root","uuid":"@1","row":{"name":"a","children":["uuid","@3"]}}]"#;

#[test]
fn whole_requests_have_the_shape_of_upstream() {
    run(&[
        (&[], "[]", "[]"),
        (&[], r#"[{"op":"comment","comment":"x"}]"#, "[{}]"),
        (&[], r#"[{"op":"commit","durable":true}]"#, "[{}]"),
        (
            &[],
            r#"[{"op":"comment","comment":"x"},{"op":"abort"},{"op":"nonsense"},3]"#,
            r#"[{},{"details":"aborted by request","error":"aborted"},null,null]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Root","row":{}},{"op":"x"}]"#,
            r#"[{"uuid":["uuid","<0>"]},{"details":"Parsing ovsdb operation 2 of 2 failed: No operation \"x\"","error":"syntax error","syntax":"{\"op\":\"x\"}"}]"#,
        ),
        (
            &[],
            "[5]",
            r#"[{"details":"Parsing ovsdb operation 1 of 1 failed: Object expected.","error":"syntax error"}]"#,
        ),
        (
            &[],
            r#"[{"op":"delete","table":"Nope","where":[]}]"#,
            r#"[{"details":"Parsing ovsdb operation 1 of 1 failed: No table named Nope.","error":"syntax error","syntax":"{\"op\":\"delete\",\"table\":\"Nope\",\"where\":[]}"}]"#,
        ),
        (&[], r#"[{"op":"assert","lock":"mine"}]"#, "[{}]"),
        (
            &[],
            r#"[{"op":"assert","lock":"other"},{"op":"abort"}]"#,
            r#"[{"details":"Asserted lock other not held.","error":"not owner"},null]"#,
        ),
    ]);
}

#[test]
fn inserts_take_explicit_uuids_and_names() {
    run(&[
        (
            &[],
            r#"[{"op":"insert","table":"Root","row":{},"uuid":"nope"}]"#,
            r#"[{"details":"bad uuid","error":"syntax error","syntax":"\"nope\""}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"insert","table":"Root","uuid":"@1","row":{"bogus":1}}]"#,
            r#"[{"details":"This UUID would duplicate a UUID already present within the \"Root\" table or deleted from this table within the same transaction.","error":"duplicate uuid","syntax":"\"@1\""}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"delete","table":"Root","where":[]},{"op":"insert","table":"Root","uuid":"@1","row":{}}]"#,
            r#"[{"count":1},{"details":"This UUID would duplicate a UUID already present within the \"Root\" table or deleted from this table within the same transaction.","error":"duplicate uuid","syntax":"\"@1\""}]"#,
        ),
        // A row that came and went within the transaction does not count as deleted.
        (
            &[],
            r#"[{"op":"insert","table":"Root","uuid":"@1","row":{}},{"op":"delete","table":"Root","where":[]},
                {"op":"insert","table":"Root","uuid":"@1","row":{"name":"again"}}]"#,
            r#"[{"uuid":["uuid","@1"]},{"count":1},{"uuid":["uuid","@1"]}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Root","row":{"name":"a"},"uuid-name":"n"},
                {"op":"insert","table":"Root","row":{"name":"b","x":1,"friends":["named-uuid","n"]}},
                {"op":"select","table":"Root","where":[["name","==","b"]],"columns":["friends"]}]"#,
            r#"[{"uuid":["uuid","<0>"]},{"uuid":["uuid","<1>"]},{"rows":[{"friends":["uuid","<0>"]}]}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Root","row":{},"uuid-name":"n"},{"op":"insert","table":"Root","row":{},"uuid-name":"n"}]"#,
            r#"[{"uuid":["uuid","<0>"]},{"details":"This \"uuid-name\" appeared on an earlier \"insert\" operation.","error":"duplicate uuid-name","syntax":"\"n\""}]"#,
        ),
        // A forward reference keeps the random uuid that the name had before its explicit one.
        (
            &[],
            r#"[{"op":"insert","table":"Root","row":{"name":"a","plain":["named-uuid","n"]}},
                {"op":"insert","table":"Root","uuid-name":"n","uuid":"@5","row":{"name":"b","x":1,"plain":["named-uuid","n"]}},
                {"op":"select","table":"Root","where":[],"columns":["name","plain"],"sort":["name"]}]"#,
            r#"[{"uuid":["uuid","<0>"]},{"uuid":["uuid","@5"]},{"rows":[{"name":"a","plain":["uuid","<1>"]},{"name":"b","plain":["uuid","@5"]}]}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Root","uuid":"@1","row":{"_uuid":["uuid","@2"],"_version":["uuid","@2"]}},
                {"op":"select","table":"Root","where":[["_uuid","==",["uuid","@1"]]],"columns":["_uuid"]}]"#,
            r#"[{"uuid":["uuid","@1"]},{"rows":[{"_uuid":["uuid","@1"]}]}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Root","row":{"bogus":1}}]"#,
            r#"[{"details":"No column bogus in table Root.","error":"unknown column","syntax":"{\"bogus\":1}"}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Bad","row":{}}]"#,
            r#"[{"details":"0 is less than minimum allowed value 1","error":"constraint violation"}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Bad","row":{"positive":1}}]"#,
            r#"[{"uuid":["uuid","<0>"]}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Single","row":{"color":"green"}}]"#,
            r#"[{"details":"green is not one of the allowed values ([blue, red])","error":"constraint violation"}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Root","row":{"numbers":["set",[1,2,3,4]]}}]"#,
            r#"[{"details":"set must have 0 to 3 members but 4 are present","error":"syntax error","syntax":"[\"set\",[1,2,3,4]]"}]"#,
        ),
    ]);
}

#[test]
fn selects_find_what_the_where_says() {
    const THREE: &str = r#"[{"op":"insert","table":"Root","uuid":"@1","row":{"name":"a","x":1,"y":1,"numbers":["set",[1,2]]}},
        {"op":"insert","table":"Root","uuid":"@2","row":{"name":"b","x":1,"y":2,"numbers":2}},
        {"op":"insert","table":"Root","uuid":"@3","row":{"name":"c","x":1,"y":3,"options":["map",[["k","v"]]]}}]"#;
    run(&[
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[],"columns":["x"]}]"#,
            r#"[{"rows":[{"x":1}]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[],"columns":["x","_uuid"],"sort":["y"]}]"#,
            r#"[{"rows":[{"x":1,"_uuid":["uuid","@1"]},{"x":1,"_uuid":["uuid","@2"]},{"x":1,"_uuid":["uuid","@3"]}]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[["y","==",2],["x","==",1]],"columns":["name"]}]"#,
            r#"[{"rows":[{"name":"b"}]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[["name","==","b"],["x","==",9]],"columns":["name"]}]"#,
            r#"[{"rows":[]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[["numbers","includes",2]],"columns":["name"],"sort":["numbers","name"]}]"#,
            r#"[{"rows":[{"name":"b"},{"name":"a"}]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[["options","includes",["map",[["k","v"]]]]],"columns":["name"]}]"#,
            r#"[{"rows":[{"name":"c"}]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[["_uuid","==",["uuid","@9"]]]}]"#,
            r#"[{"rows":[]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[["_uuid","!=",["uuid","@1"]],["y","<",3]],"columns":["name"]}]"#,
            r#"[{"rows":[{"name":"b"}]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[false],"columns":["name"]}]"#,
            r#"[{"rows":[]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[true],"columns":[]}]"#,
            r#"[{"rows":[{}]}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[],"columns":["x","x"]}]"#,
            r#"[{"details":"array of distinct column names expected","error":"syntax error","syntax":"[\"x\",\"x\"]"}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[],"columns":["z"]}]"#,
            r#"[{"details":"z is not a valid column name","error":"syntax error","syntax":"[\"z\"]"}]"#,
        ),
        (
            &[THREE],
            r#"[{"op":"select","table":"Root","where":[["z","==",1]]}]"#,
            r#"[{"details":"No column z in table Root.","error":"unknown column","syntax":"[\"z\",\"==\",1]"}]"#,
        ),
        (
            &[],
            r#"[{"op":"select","table":"Single","where":[]},{"op":"insert","table":"Single","uuid":"@1","row":{}},
                {"op":"select","table":"Single","where":[],"columns":["_uuid","color","small"]}]"#,
            r#"[{"rows":[]},{"uuid":["uuid","@1"]},{"rows":[{"_uuid":["uuid","@1"],"color":["set",[]],"small":0}]}]"#,
        ),
    ]);
}

#[test]
fn updates_and_mutations_count_what_matches() {
    run(&[
        (
            &[ROOT_1, ROOT_2],
            r#"[{"op":"update","table":"Root","where":[],"row":{"ephemeral":0}}]"#,
            r#"[{"count":2}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"update","table":"Root","where":[["zzz","==",1]],"row":{"fixed":1}}]"#,
            r#"[{"details":"Cannot update immutable column fixed in table Root.","error":"constraint violation","syntax":"{\"op\":\"update\",\"row\":{\"fixed\":1},\"table\":\"Root\",\"where\":[[\"zzz\",\"==\",1]]}"}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"update","table":"Root","where":[],"row":{"_uuid":["uuid","@2"]}}]"#,
            r#"[{"details":"Cannot update immutable column _uuid in table Root.","error":"constraint violation","syntax":"{\"op\":\"update\",\"row\":{\"_uuid\":[\"uuid\",\"@2\"]},\"table\":\"Root\",\"where\":[]}"}]"#,
        ),
        (
            &[ROOT_1, ROOT_2],
            r#"[{"op":"mutate","table":"Root","where":[],"mutations":[]},{"op":"mutate","table":"Root","where":[["name","==","a"]],"mutations":[]}]"#,
            r#"[{"count":2},{"count":1}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"mutate","table":"Root","where":[],"mutations":[["x","+=",4],["x","*=",3],["numbers","insert",["set",[5,6]]]]},
                {"op":"select","table":"Root","where":[],"columns":["x","numbers"]}]"#,
            r#"[{"count":1},{"rows":[{"x":15,"numbers":["set",[5,6]]}]}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"mutate","table":"Root","where":[],"mutations":[["x","/=",0]]}]"#,
            r#"[{"details":"Division by zero.","error":"domain error"}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"mutate","table":"Root","where":[],"mutations":[["numbers","insert",["set",[1,2,3]]],["numbers","insert",4]]}]"#,
            r#"[{"details":"Attempted to store 4 elements in set of up to 3 integers.","error":"constraint violation"}]"#,
        ),
        (
            &[ROOT_1, ROOT_2],
            r#"[{"op":"delete","table":"Root","where":[["name","==","a"]]},{"op":"select","table":"Root","where":[],"columns":["name"]}]"#,
            r#"[{"count":1},{"rows":[{"name":"b"}]}]"#,
        ),
    ]);
}

#[test]
fn writes_are_refused_where_the_database_takes_none() {
    let ops = |db: &mut Db, ops: &str| reply(db, ops);
    let mut db = Db::new();
    db.reserved = true;
    assert_eq!(
        ops(&mut db, r#"[{"op":"insert","table":"Root","row":{}}]"#),
        r#"[{"details":"insert operation not allowed on table in reserved database D","error":"not allowed"}]"#
    );
    db.read_only = true;
    for (name, members) in [
        ("insert", r#""table":"Root","row":{}"#),
        ("update", r#""table":"Root","row":{},"where":[]"#),
        ("mutate", r#""table":"Root","mutations":[],"where":[]"#),
        ("delete", r#""table":"Root","where":[]"#),
        ("commit", r#""durable":false"#),
    ] {
        let refused = format!(
            r#"[{{"details":"{name} operation not allowed when database server is in read only mode","error":"not allowed"}}]"#
        );
        assert_eq!(
            ops(&mut db, &format!(r#"[{{"op":"{name}",{members}}}]"#)),
            refused
        );
    }
    let allowed = r#"[{"op":"select","table":"Root","where":[]},{"op":"comment","comment":""},{"op":"assert","lock":"mine"},
        {"op":"wait","table":"Root","where":[],"until":"==","rows":[]}]"#;
    assert_eq!(ops(&mut db, allowed), r#"[{"rows":[]},{},{},{}]"#);
}

#[test]
fn strong_references_hold_rows_and_must_lead_to_rows() {
    run(&[
        (
            &[],
            r#"[{"op":"insert","table":"Root","uuid":"@1","row":{"children":["uuid","@9"]}}]"#,
            r#"[{"uuid":["uuid","@1"]},{"details":"Table Root column children row @1 references nonexistent row @9 in table Child.","error":"referential integrity violation"}]"#,
        ),
        (
            &[],
            r#"[{"op":"insert","table":"Root","uuid":"@1","row":{"by_name":["map",[["k",["named-uuid","never"]]]]}}]"#,
            r#"[{"uuid":["uuid","@1"]},{"details":"Table Root column by_name row @1 references nonexistent row <0> in table Child.","error":"referential integrity violation"}]"#,
        ),
        (
            &[WITH_CHILD],
            r#"[{"op":"delete","table":"Child","where":[]}]"#,
            r#"[{"count":1},{"details":"cannot delete Child row @3 because of 1 remaining reference(s)","error":"referential integrity violation"}]"#,
        ),
        // New references to a row that the transaction deleted count as remaining ones.
        (
            &[WITH_CHILD, ROOT_2],
            r#"[{"op":"delete","table":"Child","where":[]},{"op":"update","table":"Root","where":[["name","==","b"]],"row":{"children":["uuid","@3"],"by_name":["map",[["p",["uuid","@3"]],["q",["uuid","@3"]]]]}}]"#,
            r#"[{"count":1},{"count":1},{"details":"cannot delete Child row @3 because of 4 remaining reference(s)","error":"referential integrity violation"}]"#,
        ),
        // A row that came and went within the transaction never existed.
        (
            &[],
            r#"[{"op":"insert","table":"Child","uuid":"@3","row":{}},{"op":"delete","table":"Child","where":[]},
                {"op":"insert","table":"Root","uuid":"@1","row":{"children":["uuid","@3"]}}]"#,
            r#"[{"uuid":["uuid","@3"]},{"count":1},{"uuid":["uuid","@1"]},{"details":"Table Root column children row @1 references nonexistent row @3 in table Child.","error":"referential integrity violation"}]"#,
        ),
        (
            &[WITH_CHILD],
            r#"[{"op":"update","table":"Root","where":[],"row":{"children":["set",[]]}},{"op":"delete","table":"Child","where":[]}]"#,
            r#"[{"count":1},{"count":1}]"#,
        ),
    ]);
}

#[test]
fn unreferenced_rows_of_non_root_tables_go() {
    let mut db = Db::new();
    let chain = r#"[{"op":"insert","table":"Child","uuid-name":"c","row":{}},
        {"op":"insert","table":"Child","uuid-name":"b","row":{"next":["named-uuid","c"]}},
        {"op":"insert","table":"Root","uuid":"@1","row":{"children":["named-uuid","b"]}},
        {"op":"insert","table":"Child","row":{"value":9}}]"#;
    assert!(!reply(&mut db, chain).contains("error"));
    let count = r#"[{"op":"mutate","table":"Child","where":[],"mutations":[]}]"#;
    assert_eq!(reply(&mut db, count), r#"[{"count":2}]"#);
    // A row that refers to itself is not held by that.
    let selfish = r#"[{"op":"insert","table":"Child","uuid-name":"s","row":{"next":["named-uuid","s"]}}]"#;
    let done = db.transact(selfish);
    assert!(done.changes.is_none() && done.record.is_none());
    assert_eq!(reply(&mut db, count), r#"[{"count":2}]"#);
    // Two rows that refer to each other are, as upstream.
    let cycle = r#"[{"op":"insert","table":"Child","uuid-name":"s","row":{"next":["named-uuid","t"]}},
        {"op":"insert","table":"Child","uuid-name":"t","row":{"next":["named-uuid","s"]}}]"#;
    assert!(!reply(&mut db, cycle).contains("error"));
    assert_eq!(reply(&mut db, count), r#"[{"count":4}]"#);
    let cut = r#"[{"op":"update","table":"Root","where":[],"row":{"children":["set",[]]}}]"#;
    assert_eq!(reply(&mut db, cut), r#"[{"count":1}]"#);
    assert_eq!(reply(&mut db, count), r#"[{"count":2}]"#);
}

#[test]
fn weak_references_go_with_their_rows() {
    run(&[
        (
            &[ROOT_1],
            r#"[{"op":"insert","table":"Needy","uuid":"@4","row":{}}]"#,
            r#"[{"uuid":["uuid","@4"]},{"details":"Weak reference column \"of\" in \"Needy\" row @4 (inserted within this transaction) contained all-zeros UUID (probably as the default value for this column) but deleting this value caused a constraint volation because this column is not allowed to be empty.","error":"constraint violation"}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"insert","table":"Needy","uuid":"@4","row":{"of":["uuid","@9"]}}]"#,
            r#"[{"uuid":["uuid","@4"]},{"details":"Deletion of 1 weak reference(s) to deleted (or never-existing) rows from column \"of\" in \"Needy\" row @4 (inserted within this transaction) caused this column to become empty, but constraints on this column disallow an empty column.","error":"constraint violation"}]"#,
        ),
        (
            &[
                ROOT_1,
                r#"[{"op":"insert","table":"Needy","uuid":"@4","row":{"of":["uuid","@1"]}}]"#,
            ],
            r#"[{"op":"delete","table":"Root","where":[]}]"#,
            r#"[{"count":1},{"details":"Deletion of 1 weak reference(s) to deleted (or never-existing) rows from column \"of\" in \"Needy\" row @4 caused this column to become empty, but constraints on this column disallow an empty column.","error":"constraint violation"}]"#,
        ),
        (
            &[
                ROOT_1,
                ROOT_2,
                r#"[{"op":"update","table":"Root","where":[["name","==","b"]],"row":{"friends":["set",[["uuid","@1"],["uuid","@2"],["uuid","@7"]]]}}]"#,
                r#"[{"op":"delete","table":"Root","where":[["name","==","a"]]}]"#,
            ],
            r#"[{"op":"select","table":"Root","where":[],"columns":["friends"]}]"#,
            r#"[{"rows":[{"friends":["uuid","@2"]}]}]"#,
        ),
        // Pairs go when their key or their value dangles.
        (
            &[
                ROOT_1,
                ROOT_2,
                r#"[{"op":"update","table":"Root","where":[["name","==","b"]],"row":{
                    "titles":["map",[[["uuid","@1"],"one"],[["uuid","@2"],"two"]]],
                    "named":["map",[["one",["uuid","@1"]],["again",["uuid","@1"]],["two",["uuid","@2"]],["never",["uuid","@7"]]]]}}]"#,
                r#"[{"op":"delete","table":"Root","where":[["name","==","a"]]}]"#,
            ],
            r#"[{"op":"select","table":"Root","where":[],"columns":["titles","named"]}]"#,
            r#"[{"rows":[{"titles":["map",[[["uuid","@2"],"two"]]],"named":["map",[["two",["uuid","@2"]]]]}]}]"#,
        ),
    ]);
}

#[test]
fn table_limits_and_indexes_are_checked_at_the_end() {
    run(&[
        (
            &[r#"[{"op":"insert","table":"Single","row":{}}]"#],
            r#"[{"op":"insert","table":"Single","row":{"small":2}}]"#,
            r#"[{"uuid":["uuid","<0>"]},{"details":"transaction causes \"Single\" table to contain 2 rows, greater than the schema-defined limit of 1 row(s)","error":"constraint violation"}]"#,
        ),
        (
            &[r#"[{"op":"insert","table":"Single","row":{}}]"#],
            r#"[{"op":"insert","table":"Single","row":{"small":2}},{"op":"delete","table":"Single","where":[["small","==",0]]}]"#,
            r#"[{"uuid":["uuid","<0>"]},{"count":1}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"insert","table":"Root","uuid":"@2","row":{"name":"a","x":9}}]"#,
            r#"[{"uuid":["uuid","@2"]},{"details":"Transaction causes multiple rows in \"Root\" table to have identical values (a) for index on column \"name\".  First row, with UUID @2, was inserted by this transaction.  Second row, with UUID @1, existed in the database before this transaction and was not modified by the transaction.","error":"constraint violation"}]"#,
        ),
        (
            &[ROOT_1, ROOT_2],
            r#"[{"op":"update","table":"Root","where":[["name","==","a"]],"row":{"ephemeral":1}},
                {"op":"update","table":"Root","where":[["name","==","b"]],"row":{"name":"q","x":1,"y":1}}]"#,
            r#"[{"count":1},{"count":1},{"details":"Transaction causes multiple rows in \"Root\" table to have identical values (1 and 1) for index on columns \"x\" and \"y\".  First row, with UUID @1, existed in the database before this transaction, which modified some of the row's columns but not any columns in this index.  Second row, with UUID @2, had the following index values before the transaction: 2 and 2.","error":"constraint violation"}]"#,
        ),
        // Two rows swap their keys.
        (
            &[ROOT_1, ROOT_2],
            r#"[{"op":"update","table":"Root","where":[["_uuid","==",["uuid","@1"]]],"row":{"name":"b"}},
                {"op":"update","table":"Root","where":[["_uuid","==",["uuid","@2"]]],"row":{"name":"a"}}]"#,
            r#"[{"count":1},{"count":1}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"delete","table":"Root","where":[]},{"op":"insert","table":"Root","row":{"name":"a","x":1,"y":1}}]"#,
            r#"[{"count":1},{"uuid":["uuid","<0>"]}]"#,
        ),
    ]);
}

#[test]
fn waits_compare_sets_of_distinct_rows() {
    run(&[
        (
            &[ROOT_1],
            r#"[{"op":"wait","timeout":0,"table":"Root","where":[["name","==","a"]],"columns":["x"],"until":"==","rows":[{"x":1},{"x":1}]}]"#,
            "[{}]",
        ),
        (
            &[ROOT_1],
            r#"[{"op":"wait","timeout":0,"table":"Root","where":[],"columns":["x","numbers"],"until":"==","rows":[{"x":1}]}]"#,
            "[{}]",
        ),
        (
            &[ROOT_1],
            r#"[{"op":"wait","timeout":0,"table":"Root","where":[],"columns":["x"],"until":"==","rows":[{"x":2}]}]"#,
            r#"[{"details":"\"where\" clause test failed","error":"timed out"}]"#,
        ),
        (
            &[ROOT_1],
            r#"[{"op":"wait","timeout":0,"table":"Root","where":[],"columns":["x"],"until":"!=","rows":[{"x":2}]}]"#,
            "[{}]",
        ),
        (
            &[ROOT_1],
            r#"[{"op":"insert","table":"Child","row":{}},{"op":"wait","timeout":9,"table":"Single","where":[],"until":"==","rows":[]},
                {"op":"wait","timeout":5,"table":"Root","where":[],"columns":["x"],"until":"==","rows":[]},{"op":"delete","table":"Needy","where":[]}]"#,
            "waiting Some(5) Root,Single",
        ),
        (
            &[],
            r#"[{"op":"wait","table":"Root","where":[],"until":"!=","rows":[]}]"#,
            "waiting None Root",
        ),
        (
            &[],
            r#"[{"op":"wait","timeout":-1,"table":"Root","where":[],"until":"!=","rows":[]}]"#,
            r#"[{"details":"timeout must be nonnegative","error":"syntax error","syntax":"-1"}]"#,
        ),
        (
            &[],
            r#"[{"op":"wait","table":"Root","where":[],"until":"<","rows":[]}]"#,
            r#"[{"details":"\"until\" must be \"==\" or \"!=\"","error":"syntax error","syntax":"\"<\""}]"#,
        ),
        (
            &[],
            r#"[{"op":"wait","table":"Root","where":[],"until":"==","rows":[3]}]"#,
            r#"[{"details":"row must be JSON object","error":"syntax error","syntax":"3"}]"#,
        ),
    ]);
    let mut db = Db::new();
    let wait = r#"[{"op":"wait","timeout":10,"table":"Root","where":[],"columns":["x"],"until":"==","rows":[{"x":1}]}]"#;
    db.elapsed_ms = 9;
    assert_eq!(reply(&mut db, wait), "waiting Some(10) Root");
    db.elapsed_ms = 12;
    assert_eq!(
        reply(&mut db, wait),
        r#"[{"details":"\"wait\" timed out after 12 ms","error":"timed out"}]"#
    );
}

#[test]
fn versions_change_with_real_changes_only() {
    let version = |db: &mut Db| {
        let select = r#"[{"op":"select","table":"Root","where":[["name","==","a"]],"columns":["_version"]}]"#;
        db.transact(select).reply
    };
    let mut db = Db::new();
    db.transact(&expand(ROOT_1));
    db.transact(&expand(ROOT_2));
    let first = version(&mut db);
    for no_change in [
        r#"[{"op":"update","table":"Root","where":[],"row":{"ephemeral":0}}]"#,
        r#"[{"op":"mutate","table":"Root","where":[],"mutations":[["numbers","delete",4]]}]"#,
        r#"[{"op":"update","table":"Root","where":[["name","==","a"]],"row":{"ephemeral":1}},
            {"op":"update","table":"Root","where":[["name","==","a"]],"row":{"ephemeral":0}}]"#,
        r#"[{"op":"update","table":"Root","where":[["name","==","b"]],"row":{"ephemeral":1}}]"#,
        r#"[{"op":"update","table":"Root","where":[["name","==","a"]],"row":{"friends":["uuid","@9"]}}]"#,
    ] {
        assert!(!db.transact(&expand(no_change)).reply.contains("error"));
        assert_eq!(version(&mut db), first, "{no_change}");
    }
    let change = r#"[{"op":"update","table":"Root","where":[["name","==","a"]],"row":{"ephemeral":3}},
        {"op":"select","table":"Root","where":[["name","==","a"]],"columns":["_version"]}]"#;
    let within = db.transact(change).reply;
    assert!(
        within.ends_with(&first[1..]),
        "within the transaction the version is the old one"
    );
    assert_ne!(version(&mut db), first);
}
