//! Which transactions are light.

use super::{Db, parse_schema};

const SCHEMA: &str = r#"{"name":"D","tables":{
  "T":{"isRoot":true,"indexes":[["key"]],"columns":{
    "key":{"type":"string"},"a":{"type":"integer"},"b":{"type":"integer"},
    "parts":{"type":{"key":{"type":"uuid","refTable":"Part"},"min":0,"max":"unlimited"}}}},
  "Part":{"columns":{"n":{"type":"integer"}}},
  "Loose":{"isRoot":true,"columns":{"t":{"type":{"key":{"type":"uuid","refTable":"Leaf","refType":"weak"},"min":0}}}},
  "Leaf":{"isRoot":true,"columns":{"n":{"type":"integer"}}}}}"#;

/// Uuids of the rows of `T`, but for their last digit.
pub(super) const ROW: &str = "00000000-0000-4000-9000-00000000000";

/// A database with rows 1 and 2 in `T`.
pub(super) fn db() -> Db {
    let mut db = Db::with_schema(&parse_schema(SCHEMA));
    for (number, key) in ["", "x", "y"].into_iter().enumerate().skip(1) {
        let insert = format!(
            r#"[{{"op":"insert","table":"T","uuid":"{ROW}{number}","row":{{"key":"{key}","a":{number}}}}}]"#
        );
        assert!(!db.transact(&insert).reply.contains("error"));
    }
    db
}

#[test]
fn a_light_program_touches_few_rows() {
    let row = format!(r#"[["_uuid","==",["uuid","{ROW}1"]]]"#);
    let many = vec![r#"{"op":"insert","table":"Leaf","row":{}}"#; 65].join(",");
    for (ops, is_light) in [
        (r#"{"op":"update","table":"T","where":@,"row":{"a":1}}"#, true),
        (
            r#"{"op":"update","table":"T","where":[["key","==","x"]],"row":{"a":1}}"#,
            true,
        ),
        (
            r#"{"op":"update","table":"T","where":[["a","==",1]],"row":{"a":1}}"#,
            false,
        ),
        (r#"{"op":"update","table":"T","where":[],"row":{"a":1}}"#, false),
        // The rows that it lets go of may be many.
        (
            r#"{"op":"update","table":"T","where":@,"row":{"parts":["set",[]]}}"#,
            false,
        ),
        (r#"{"op":"delete","table":"T","where":@}"#, false),
        (r#"{"op":"delete","table":"Loose","where":@}"#, true),
        (r#"{"op":"delete","table":"Loose","where":[]}"#, false),
        // The rows that refer to it may be many.
        (r#"{"op":"delete","table":"Leaf","where":@}"#, false),
        (
            r#"{"op":"mutate","table":"T","where":@,"mutations":[["a","+=",1]]}"#,
            true,
        ),
        (r#"{"op":"select","table":"T","where":[["a","<",1]]}"#, false),
        (
            r#"{"op":"wait","table":"T","where":@,"until":"==","rows":[]},{"op":"commit","durable":true}"#,
            true,
        ),
        (r#"{"op":"abort"}"#, true),
        (&many, false),
    ] {
        let mut db = db();
        let program = db.compile(&format!("[{}]", ops.replace('@', &row)));
        assert_eq!(program.is_light(&db.store), is_light, "{ops}");
    }
}
