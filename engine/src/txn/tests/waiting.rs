//! Which changes a waiting transaction hears of.

use super::Db;
use super::light::{ROW, db};
use crate::ids::TableId;
use crate::txn::Program;

fn wait(condition: &str, column: &str) -> String {
    format!(
        r#"{{"op":"wait","table":"T","where":[{condition}],"columns":["{column}"],"until":"==","rows":[{{"{column}":99}}]}}"#
    )
    .replace('@', ROW)
}

fn concerns(program: &Program, executed: usize, db: &mut Db, ops: &str) -> bool {
    let changes = db.transact(&ops.replace('@', ROW)).changes.expect(ops);
    let mut rows = changes
        .tables
        .iter()
        .flat_map(|table| table.rows.iter().map(|row| (table.table, row)));
    rows.any(|(table, row)| program.is_concerned(executed, table, row))
}

#[test]
fn a_wait_is_concerned_by_what_it_looks_at() {
    let by_uuid = wait(r#"["_uuid","==",["uuid","@1"]]"#, "a");
    let by_key = wait(r#"["key","==","x"]"#, "a");
    let by_all = wait("", "a");
    let update = |row: u8, column: &str| {
        format!(
            r#"[{{"op":"update","table":"T","where":[["_uuid","==",["uuid","@{row}"]]],"row":{{"{column}":7}}}}]"#
        )
    };
    let insert = r#"[{"op":"insert","table":"T","row":{"key":"z"}}]"#.to_owned();
    let delete = r#"[{"op":"delete","table":"T","where":[["key","==","x"]]}]"#.to_owned();
    let rename = r#"[{"op":"update","table":"T","where":[["key","==","x"]],"row":{"key":"w"}}]"#.to_owned();
    let elsewhere = r#"[{"op":"insert","table":"Leaf","row":{}}]"#.to_owned();
    for (wait, change, is_concerned) in [
        (&by_uuid, update(1, "a"), true),
        (&by_uuid, update(1, "b"), false),
        (&by_uuid, update(2, "a"), false),
        (&by_uuid, insert.clone(), false),
        (&by_uuid, delete.clone(), true),
        (&by_uuid, elsewhere.clone(), false),
        (&by_key, update(1, "a"), true),
        (&by_key, update(1, "b"), false),
        (&by_key, update(2, "a"), false),
        (&by_key, insert.clone(), false),
        (&by_key, rename, true),
        (&by_all, update(2, "a"), true),
        (&by_all, update(2, "b"), false),
        (&by_all, insert, true),
        (&by_all, delete, true),
        (&by_all, elsewhere, false),
    ] {
        let mut db = db();
        let ops = format!("[{wait}]");
        assert!(db.transact(&ops).reply.starts_with("waiting"));
        let program = db.compile(&ops);
        assert_eq!(
            concerns(&program, 1, &mut db, &change),
            is_concerned,
            "{wait} {change}"
        );
    }
}

#[test]
fn what_comes_before_a_wait_counts_too() {
    let mut db = db();
    let before = format!(
        r#"[{{"op":"insert","table":"T","uuid":"{ROW}5","row":{{"key":"v"}}}},{{"op":"select","table":"Leaf","where":[["n","==",3]]}},{}]"#,
        wait(r#"["_uuid","==",["uuid","@1"]]"#, "a")
    );
    let program = db.compile(&before);
    assert_eq!(
        program.looked_at(3),
        [
            (TableId(0), None),
            (TableId(3), Some(format!("{ROW}1").parse().unwrap())),
            (TableId(3), Some(format!("{ROW}5").parse().unwrap())),
        ]
    );
    let leaf = |n: u8| format!(r#"[{{"op":"insert","table":"Leaf","row":{{"n":{n}}}}}]"#);
    assert!(!concerns(&program, 3, &mut db, &leaf(2)));
    assert!(concerns(&program, 3, &mut db, &leaf(3)));
    let taken = r#"[{"op":"insert","table":"T","uuid":"@5","row":{"key":"u"}}]"#;
    assert!(concerns(&program, 3, &mut db, taken));
}
