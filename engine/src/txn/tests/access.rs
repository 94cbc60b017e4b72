//! Access control: every role, operation, table, column and owner against a model that decides in the most naive way.

use super::{Db, parse_schema};
use std::collections::{BTreeMap, BTreeSet};

const SCHEMA: &str = r#"{"name":"D","tables":{
  "RBAC_Role":{"isRoot":true,"columns":{"name":{"type":"string"},
    "permissions":{"type":{"key":"string","value":{"type":"uuid","refTable":"RBAC_Permission","refType":"weak"},"min":0,"max":"unlimited"}}}},
  "RBAC_Permission":{"isRoot":true,"columns":{"table":{"type":"string"},"insert_delete":{"type":"boolean"},
    "authorization":{"type":{"key":"string","min":0,"max":"unlimited"}},
    "update":{"type":{"key":"string","min":0,"max":"unlimited"}}}},
  "A":{"isRoot":true,"columns":{COLUMNS}},
  "B":{"isRoot":true,"columns":{COLUMNS}},
  "C":{"isRoot":true,"columns":{COLUMNS}}}}"#;

const COLUMNS: &str = r#"
    "number":{"type":"integer"},"other":{"type":"integer"},
    "owner":{"type":"string"},
    "maybe":{"type":{"key":"string","min":0,"max":1}},
    "owners":{"type":{"key":"string","min":0,"max":"unlimited"}},
    "names":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
    "pair":{"type":{"key":"string","value":"string","min":0,"max":2}}"#;

const TABLES: [&str; 3] = ["A", "B", "C"];
const ROLES: [&str; 4] = ["", "controller", "other", "nobody"];
const PEOPLE: [&str; 4] = ["", "alice", "bob", "a name of more than twenty-two bytes"];
const CHANGED: [&str; 3] = ["number", "other", "owner"];
/// Elements of `authorization`, those that mean nothing included.
const OWNERS: [&str; 14] = [
    "",
    "owner",
    "maybe",
    "owners",
    "names",
    "names:k",
    "names:l",
    "pair:k",
    "owner:k",
    "number",
    "missing",
    ":",
    "::names::k:l",
    "names:",
];

#[derive(Clone, Debug, Default)]
struct Row {
    number: u64,
    other: u64,
    owner: String,
    maybe: Option<String>,
    owners: BTreeSet<String>,
    names: BTreeMap<String, String>,
    pair: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default)]
struct Permission {
    authorization: BTreeSet<String>,
    insert_delete: bool,
    update: BTreeSet<String>,
}

/// Permissions by role and table.
type Rules = BTreeMap<&'static str, BTreeMap<&'static str, Permission>>;
type Contents = BTreeMap<&'static str, Vec<Row>>;

#[derive(Clone, Debug)]
enum Op {
    Insert(Row),
    /// Of rows whose number is below the bound.
    Update(u64, BTreeSet<&'static str>),
    Mutate(u64, Vec<&'static str>),
    Delete(u64),
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn some<T: Copy>(&mut self, of: &[T], most: usize) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| self.one(of)).collect()
    }

    fn person(&mut self) -> String {
        self.one(&PEOPLE).to_owned()
    }

    fn map(&mut self) -> BTreeMap<String, String> {
        let keys = self.some(&["k", "l"], 2);
        keys.into_iter()
            .map(|key| (key.to_owned(), self.person()))
            .collect()
    }

    fn row(&mut self) -> Row {
        Row {
            number: self.below(10) as u64,
            other: 0,
            owner: self.person(),
            maybe: (self.below(2) == 0).then(|| self.person()),
            owners: self.some(&PEOPLE, 3).into_iter().map(str::to_owned).collect(),
            names: self.map(),
            pair: self.map(),
        }
    }

    fn rules(&mut self) -> Rules {
        let mut rules = Rules::new();
        for role in self.some(&ROLES[1..3], 2) {
            let of_role = rules.entry(role).or_default();
            for table in self.some(&TABLES, 3) {
                let permission = Permission {
                    authorization: self.some(&OWNERS, 3).into_iter().map(str::to_owned).collect(),
                    insert_delete: self.below(3) > 0,
                    update: self
                        .some(&["number", "other", "owner", "missing"], 4)
                        .into_iter()
                        .map(str::to_owned)
                        .collect(),
                };
                of_role.insert(table, permission);
            }
        }
        rules
    }

    fn op(&mut self) -> Op {
        let bound = self.below(11) as u64;
        match self.below(4) {
            0 => Op::Insert(self.row()),
            1 => Op::Update(bound, self.some(&CHANGED, 3).into_iter().collect()),
            2 => Op::Mutate(bound, self.some(&CHANGED[..2], 2)),
            _ => Op::Delete(bound / 2),
        }
    }
}

/// Whether the permission makes the row the client's.
fn is_owner(permission: &Permission, id: &str, row: &Row) -> bool {
    permission
        .authorization
        .iter()
        .any(|element| match element.as_str() {
            "" => true,
            "owner" => row.owner == id,
            "maybe" => row.maybe.as_deref() == Some(id),
            "names:k" | "::names::k:l" => row.names.get("k").is_some_and(|name| name == id),
            "names:l" => row.names.get("l").is_some_and(|name| name == id),
            _ => false,
        })
}

/// Applies an operation to the rows of its table; `false` if the client may not.
fn apply(
    op: &Op,
    rows: &mut Vec<Row>,
    permission: Option<&Permission>,
    is_root: bool,
    id: Option<&str>,
) -> bool {
    let permission = permission.filter(|_| id.is_some());
    let owns =
        |row: &Row| permission.is_some_and(|permission| is_owner(permission, id.unwrap_or_default(), row));
    let updates = |column: &&str| permission.is_some_and(|permission| permission.update.contains(*column));
    let inserts = permission.is_some_and(|permission| permission.insert_delete);
    let is_permitted = is_root
        || match op {
            Op::Insert(row) => owns(row) && inserts,
            // Nothing to mutate is as good as a count.
            Op::Mutate(_, columns) if columns.is_empty() => true,
            Op::Update(bound, _) | Op::Mutate(bound, _) | Op::Delete(bound) => {
                let all_columns = match op {
                    Op::Update(_, columns) => columns.iter().all(updates),
                    Op::Mutate(_, columns) => columns.iter().all(updates),
                    _ => inserts,
                };
                let mut chosen = rows.iter().filter(|row| row.number < *bound).peekable();
                permission.is_some() && (chosen.peek().is_none() || all_columns && chosen.all(owns))
            }
        };
    if is_permitted {
        change(op, rows);
    }
    is_permitted
}

fn change(op: &Op, rows: &mut Vec<Row>) {
    match op {
        Op::Insert(row) => rows.push(row.clone()),
        Op::Update(bound, columns) => {
            for row in rows.iter_mut().filter(|row| row.number < *bound) {
                for column in columns {
                    match *column {
                        "number" => row.number = 7,
                        "other" => row.other = 5,
                        _ => row.owner = "alice".to_owned(),
                    }
                }
            }
        }
        Op::Mutate(bound, columns) => {
            for row in rows.iter_mut().filter(|row| row.number < *bound) {
                for column in columns {
                    let value = if *column == "number" {
                        &mut row.number
                    } else {
                        &mut row.other
                    };
                    *value += 1;
                }
            }
        }
        Op::Delete(bound) => rows.retain(|row| row.number >= *bound),
    }
}

fn set_json(set: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = set.into_iter().map(|item| format!("\"{item}\"")).collect();
    format!("[\"set\",[{}]]", items.join(","))
}

fn map_json(map: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = map.iter().map(|(k, v)| format!("[\"{k}\",\"{v}\"]")).collect();
    format!("[\"map\",[{}]]", pairs.join(","))
}

fn row_json(row: &Row) -> String {
    let Row {
        number, other, owner, ..
    } = row;
    let (maybe, owners) = (set_json(row.maybe.clone()), set_json(row.owners.clone()));
    let (names, pair) = (map_json(&row.names), map_json(&row.pair));
    format!(
        r#"{{"number":{number},"other":{other},"owner":"{owner}","maybe":{maybe},"owners":{owners},"names":{names},"pair":{pair}}}"#
    )
}

fn op_json(table: &str, op: &Op) -> String {
    let below = |bound: &u64| format!(r#""where":[["number","<",{bound}]]"#);
    match op {
        Op::Insert(row) => format!(r#"{{"op":"insert","table":"{table}","row":{}}}"#, row_json(row)),
        Op::Update(bound, columns) => {
            let value = |column: &&str| match *column {
                "number" => "\"number\":7",
                "other" => "\"other\":5",
                _ => "\"owner\":\"alice\"",
            };
            let row: Vec<&str> = columns.iter().map(value).collect();
            format!(
                r#"{{"op":"update","table":"{table}",{},"row":{{{}}}}}"#,
                below(bound),
                row.join(",")
            )
        }
        Op::Mutate(bound, columns) => {
            let list: Vec<String> = columns.iter().map(|c| format!(r#"["{c}","+=",1]"#)).collect();
            format!(
                r#"{{"op":"mutate","table":"{table}",{},"mutations":[{}]}}"#,
                below(bound),
                list.join(",")
            )
        }
        Op::Delete(bound) => format!(r#"{{"op":"delete","table":"{table}",{}}}"#, below(bound)),
    }
}

/// The transaction of the root role that puts the rules in the place of those before.
fn rules_json(rules: &Rules) -> String {
    let mut ops = vec![
        r#"{"op":"delete","table":"RBAC_Role","where":[]}"#.to_owned(),
        r#"{"op":"delete","table":"RBAC_Permission","where":[]}"#.to_owned(),
    ];
    for (role, tables) in rules {
        let mut links = Vec::new();
        for (table, permission) in tables {
            let (authorization, update) = (
                set_json(permission.authorization.clone()),
                set_json(permission.update.clone()),
            );
            ops.push(format!(
                r#"{{"op":"insert","table":"RBAC_Permission","uuid-name":"{role}{table}","row":{{"table":"{table}","insert_delete":{},"authorization":{authorization},"update":{update}}}}}"#,
                permission.insert_delete
            ));
            links.push(format!(r#"["{table}",["named-uuid","{role}{table}"]]"#));
        }
        ops.push(format!(
            r#"{{"op":"insert","table":"RBAC_Role","row":{{"name":"{role}","permissions":["map",[{}]]}}}}"#,
            links.join(",")
        ));
    }
    format!("[{}]", ops.join(","))
}

/// The text by which a client is refused.
fn refusal(role: &str, id: Option<&str>, table: &str, op: &Op) -> String {
    let id = id.unwrap_or("(null)");
    let prohibited = match op {
        Op::Insert(_) => "row insertion into",
        Op::Update(..) => "modification of",
        Op::Mutate(..) => "mutate operation on",
        Op::Delete(_) => "row deletion from",
    };
    format!(
        r#"{{"details":"RBAC rules for client \"{id}\" role \"{role}\" prohibit {prohibited} table \"{table}\".","error":"permission error"}}"#
    )
}

fn run(seed: u64) {
    let mut random = Random(seed);
    let mut db = Db::with_schema(&parse_schema(&SCHEMA.replace("COLUMNS", COLUMNS)));
    let mut contents: Contents = TABLES.iter().map(|table| (*table, Vec::new())).collect();
    let mut rules = Rules::new();
    let mut verdicts = [0, 0];
    for step in 0..600 {
        if step % 10 == 0 {
            rules = random.rules();
            db.role.clear();
            let reply = db.transact(&rules_json(&rules)).reply;
            assert!(!reply.contains("error"), "seed {seed}: {reply}");
        }
        let role = random.one(&ROLES);
        let id = (random.below(8) > 0).then(|| random.one(&PEOPLE));
        let mut after = contents.clone();
        let (mut ops, mut refused) = (Vec::new(), None);
        for _ in 0..1 + random.below(3) {
            let (table, op) = (random.one(&TABLES), random.op());
            ops.push(op_json(table, &op));
            let permission = rules.get(role).and_then(|tables| tables.get(table));
            let rows = after.get_mut(table).expect("all tables are there");
            if refused.is_none() && !apply(&op, rows, permission, role.is_empty(), id) {
                refused = Some(refusal(role, id, table, &op));
            }
        }
        verdicts[usize::from(refused.is_some())] += 1;
        let text = format!("[{}]", ops.join(","));
        db.role = role.to_owned();
        db.client_id = id.map(str::to_owned);
        let reply = db.transact(&text).reply;
        let context =
            format!("seed {seed}, step {step}, role {role:?}, client {id:?}, {rules:?}\n{text}\n{reply}");
        match refused {
            Some(refusal) => assert!(reply.contains(&refusal), "{context}\nnot {refusal}"),
            None => {
                assert!(!reply.contains("error"), "{context}");
                contents = after;
            }
        }
        // Reading is free for everybody.
        for table in TABLES {
            let count: u64 = contents[table].iter().map(|row| row.number).sum();
            let select =
                format!(r#"[{{"op":"select","table":"{table}","where":[],"columns":["_uuid","number"]}}]"#);
            let reply = db.transact(&select).reply;
            let sum: u64 = reply.split("\"number\":").skip(1).map(number_at).sum();
            assert_eq!(
                (sum, reply.matches("_uuid").count()),
                (count, contents[table].len()),
                "{context}"
            );
        }
        if contents.values().any(|rows| rows.len() > 30) {
            db.role.clear();
            for (table, rows) in &mut contents {
                rows.clear();
                db.transact(&format!(r#"[{{"op":"delete","table":"{table}","where":[]}}]"#));
            }
        }
    }
    assert!(
        verdicts.iter().all(|count| *count > 50),
        "seed {seed}: one verdict hardly ever: {verdicts:?}"
    );
}

fn number_at(text: &str) -> u64 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().expect("a number follows")
}

#[test]
fn a_client_writes_what_its_role_permits_and_nothing_else() {
    if let Ok(seed) = std::env::var("OVSDB_SEED") {
        return run(seed.parse().expect("OVSDB_SEED is a number"));
    }
    (1..=12).for_each(run);
}

/// A database where the role `controller` may do everything to its own rows of table A.
fn with_one_rule() -> Db {
    let mut db = Db::with_schema(&parse_schema(&SCHEMA.replace("COLUMNS", COLUMNS)));
    let permission = Permission {
        authorization: ["owner".to_owned()].into(),
        insert_delete: true,
        update: CHANGED.iter().map(|column| (*column).to_owned()).collect(),
    };
    let rules = Rules::from([("controller", BTreeMap::from([("A", permission)]))]);
    let reply = db.transact(&rules_json(&rules)).reply;
    assert!(!reply.contains("error"), "{reply}");
    db.role = "controller".to_owned();
    db.client_id = Some("alice".to_owned());
    db
}

#[test]
fn rights_are_judged_on_what_the_transaction_has_made_of_the_rows() {
    let own = r#"{"op":"insert","table":"A","row":{"owner":"alice"}}"#;
    let give = r#"{"op":"update","table":"A","where":[],"row":{"owner":"bob"}}"#;
    let touch = r#"{"op":"update","table":"A","where":[],"row":{"other":1}}"#;
    let mut db = with_one_rule();
    let reply = db.transact(&format!("[{own},{touch},{touch}]")).reply;
    assert!(!reply.contains("error"), "{reply}");
    let reply = db.transact(&format!("[{give},{touch}]")).reply;
    assert!(
        reply.starts_with(r#"[{"count":1},{"details":"RBAC rules for client \"alice\""#),
        "{reply}"
    );
    let reply = db.transact(&format!("[{give}]")).reply;
    assert_eq!(reply, r#"[{"count":1}]"#);
    let reply = db.transact(&format!("[{touch}]")).reply;
    assert!(
        reply.contains("permission error"),
        "it is not hers any more: {reply}"
    );
}

#[test]
fn rules_are_out_of_reach_of_those_they_bind() {
    let mut db = with_one_rule();
    for ops in [
        r#"[{"op":"update","table":"RBAC_Permission","where":[],"row":{"authorization":""}}]"#,
        r#"[{"op":"insert","table":"RBAC_Permission","row":{"authorization":""}}]"#,
        r#"[{"op":"mutate","table":"RBAC_Role","where":[],"mutations":[["permissions","delete",["set",["A"]]]]}]"#,
        r#"[{"op":"delete","table":"RBAC_Role","where":[["name","==","nobody"]]}]"#,
    ] {
        let reply = db.transact(ops).reply;
        assert!(reply.contains("permission error"), "{ops}: {reply}");
    }
}

#[test]
fn mistakes_are_told_before_rights_are_looked_at() {
    let mut db = with_one_rule();
    for (ops, tag) in [
        (
            r#"[{"op":"insert","table":"B","row":{"nothing":1}}]"#,
            "unknown column",
        ),
        (
            r#"[{"op":"update","table":"B","where":[["number","==","x"]],"row":{}}]"#,
            "syntax error",
        ),
        (
            r#"[{"op":"mutate","table":"B","where":[],"mutations":[["owner","+=",1]]}]"#,
            "syntax error",
        ),
        (r#"[{"op":"delete","table":"D","where":[]}]"#, "syntax error"),
        (r#"[{"op":"delete","table":"B","where":[]}]"#, "permission error"),
    ] {
        let reply = db.transact(ops).reply;
        assert!(reply.contains(&format!("\"error\":\"{tag}\"")), "{ops}: {reply}");
    }
}

#[test]
fn a_database_without_roles_restricts_nobody() {
    let mut db = Db::new();
    db.role = "controller".to_owned();
    let reply = db
        .transact(r#"[{"op":"insert","table":"Single","row":{}}]"#)
        .reply;
    assert!(!reply.contains("error"), "{reply}");
}

#[test]
fn rules_of_an_unexpected_type_permit_nothing() {
    let odd = SCHEMA
        .replace("COLUMNS", COLUMNS)
        .replace(
            r#""insert_delete":{"type":"boolean"}"#,
            r#""insert_delete":{"type":"integer"}"#,
        )
        .replace(
            r#""update":{"type":{"key":"string","min":0,"max":"unlimited"}}"#,
            r#""update":{"type":{"key":"string","min":0,"max":9}}"#,
        );
    let mut db = Db::with_schema(&parse_schema(&odd));
    let rules = r#"[{"op":"insert","table":"RBAC_Permission","uuid-name":"p","row":{"authorization":"","update":"number","insert_delete":1}},
        {"op":"insert","table":"RBAC_Role","row":{"name":"controller","permissions":["map",[["A",["named-uuid","p"]]]]}}]"#;
    assert!(!db.transact(rules).reply.contains("error"));
    db.role = "controller".to_owned();
    db.client_id = Some("alice".to_owned());
    for ops in [
        r#"[{"op":"insert","table":"A","row":{}}]"#,
        r#"[{"op":"update","table":"A","where":[],"row":{"number":1}}]"#,
    ] {
        let reply = db.transact(ops).reply;
        assert!(reply.contains("permission error"), "{ops}: {reply}");
    }
}
