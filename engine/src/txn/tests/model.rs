//! Random transactions against a model that does everything in the most naive way.

use super::Db;
use super::persistence::{replay, snapshot};
use crate::datum::Datum;
use crate::store::View;
use bumpalo::Bump;
use ovsdb_wire::strict;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const TRANSACTIONS: usize = 400;
const SEEDS: u64 = 12;
/// Rows are named by small numbers, so that they meet.
const ROWS: u64 = 10;

#[derive(Clone, Debug, Default, PartialEq)]
struct Root {
    name: u64,
    x: u64,
    y: u64,
    ephemeral: u64,
    numbers: BTreeSet<u64>,
    children: BTreeSet<u64>,
    by_name: BTreeMap<u64, u64>,
    friends: BTreeSet<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Child {
    value: u64,
    next: Option<u64>,
    owner: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    roots: BTreeMap<u64, Root>,
    children: BTreeMap<u64, Child>,
}

/// One operation, as the model knows it.
#[derive(Clone, Debug)]
enum Op {
    InsertRoot(u64, Root),
    InsertChild(u64, Child),
    UpdateRoot(Where, Root),
    UpdateChild(u64, Child),
    AddChild(u64, u64),
    DropFriend(u64),
    AddNumber(Where, u64),
    DeleteRoot(Where),
    DeleteChild(u64),
    Count(u64),
    Abort,
}

/// Which roots an operation is about.
#[derive(Clone, Copy, Debug)]
enum Where {
    Uuid(u64),
    Name(u64),
    Key(u64, u64),
    XAbove(u64),
    Friend(u64),
}

struct Random {
    state: u64,
    /// Rows that exist, those that the transaction under construction inserts included.
    roots: Vec<u64>,
    children: Vec<u64>,
}

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.state >> 33) % bound
    }

    /// A child to refer to; mostly one that exists.
    fn child_id(&mut self) -> u64 {
        if self.children.is_empty() || self.below(20) == 0 {
            return self.below(ROWS);
        }
        let at = self.below(self.children.len() as u64);
        self.children[at as usize]
    }

    fn children(&mut self, count_max: u64) -> BTreeSet<u64> {
        (0..self.below(count_max + 1)).map(|_| self.child_id()).collect()
    }

    /// A row to insert; mostly one that does not exist.
    fn fresh_id(&mut self, existing: fn(&mut Random) -> &mut Vec<u64>) -> u64 {
        let mut id = self.below(ROWS);
        while existing(self).contains(&id) && self.below(10) != 0 {
            id = self.below(ROWS);
        }
        existing(self).push(id);
        id
    }

    fn some(&mut self, bound: u64, count_max: u64) -> BTreeSet<u64> {
        (0..self.below(count_max + 1))
            .map(|_| self.below(bound))
            .collect()
    }

    fn root(&mut self) -> Root {
        Root {
            name: self.below(60),
            x: self.below(6),
            y: self.below(9),
            ephemeral: self.below(3),
            numbers: self.some(9, 3),
            children: self.children(2),
            by_name: self
                .some(3, 1)
                .into_iter()
                .map(|key| (key, self.child_id()))
                .collect(),
            friends: self.some(ROWS, 3),
        }
    }

    fn child(&mut self) -> Child {
        Child {
            value: self.below(9),
            next: Some(self.child_id()).filter(|_| self.below(3) == 0),
            owner: Some(self.below(ROWS)).filter(|_| self.below(2) == 0),
        }
    }

    fn condition(&mut self) -> Where {
        match self.below(9) {
            0 => Where::Name(self.below(60)),
            1 => Where::Key(self.below(6), self.below(9)),
            2 => Where::XAbove(self.below(6)),
            3 => Where::Friend(self.below(ROWS)),
            _ => Where::Uuid(self.below(ROWS)),
        }
    }

    fn op(&mut self) -> Op {
        match self.below(24) {
            0..4 => Op::InsertRoot(self.fresh_id(|random| &mut random.roots), self.root()),
            4..11 => Op::InsertChild(self.fresh_id(|random| &mut random.children), self.child()),
            11..14 => Op::UpdateRoot(self.condition(), self.root()),
            14..16 => Op::UpdateChild(self.below(ROWS), self.child()),
            16 | 17 => Op::AddChild(self.below(ROWS), self.child_id()),
            18 => Op::DropFriend(self.below(ROWS)),
            19 => Op::AddNumber(self.condition(), self.below(9)),
            20 => Op::DeleteRoot(self.condition()),
            21 => Op::DeleteChild(self.below(ROWS)),
            22 => Op::Count(self.below(6)),
            _ if self.below(4) == 0 => Op::Abort,
            _ => Op::DeleteRoot(Where::Uuid(self.below(ROWS))),
        }
    }
}

impl Where {
    fn holds(self, id: u64, root: &Root) -> bool {
        match self {
            Where::Uuid(uuid) => id == uuid,
            Where::Name(name) => root.name == name,
            Where::Key(x, y) => (root.x, root.y) == (x, y),
            Where::XAbove(x) => root.x > x,
            Where::Friend(friend) => root.friends.contains(&friend),
        }
    }

    fn json(self) -> String {
        match self {
            Where::Uuid(id) => format!(r#"[["_uuid","==",{}]]"#, uuid(id)),
            Where::Name(name) => format!(r#"[["name","==","{name}"]]"#),
            Where::Key(x, y) => format!(r#"[["y","==",{y}],["x","==",{x}]]"#),
            Where::XAbove(x) => format!(r#"[["x",">",{x}]]"#),
            Where::Friend(id) => format!(r#"[["friends","includes",{}]]"#, uuid(id)),
        }
    }
}

fn uuid(id: u64) -> String {
    format!("[\"uuid\",\"{}\"]", uuid_text(id))
}

fn uuid_text(id: u64) -> String {
    format!("bbbbbbbb-0000-4000-8000-00000000000{id}")
}

fn set(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    match items.as_slice() {
        [only] => only.clone(),
        _ => format!("[\"set\",[{}]]", items.join(",")),
    }
}

impl Root {
    fn columns(&self) -> Vec<(&'static str, String)> {
        let pairs = self
            .by_name
            .iter()
            .map(|(key, child)| format!("[\"{key}\",{}]", uuid(*child)));
        vec![
            (
                "by_name",
                format!("[\"map\",[{}]]", pairs.collect::<Vec<_>>().join(",")),
            ),
            ("children", set(self.children.iter().map(|id| uuid(*id)))),
            ("ephemeral", self.ephemeral.to_string()),
            ("fixed", "0".to_owned()),
            ("friends", set(self.friends.iter().map(|id| uuid(*id)))),
            ("name", format!("\"{}\"", self.name)),
            ("named", "[\"map\",[]]".to_owned()),
            ("numbers", set(self.numbers.iter().map(u64::to_string))),
            ("options", "[\"map\",[]]".to_owned()),
            ("plain", "[\"set\",[]]".to_owned()),
            ("reals", "[\"set\",[]]".to_owned()),
            ("titles", "[\"map\",[]]".to_owned()),
            ("x", self.x.to_string()),
            ("y", self.y.to_string()),
        ]
    }
}

impl Child {
    fn columns(&self) -> Vec<(&'static str, String)> {
        vec![
            ("next", set(self.next.map(uuid))),
            ("owner", set(self.owner.map(uuid))),
            ("value", self.value.to_string()),
        ]
    }
}

fn row_json(columns: &[(&'static str, String)], is_update: bool) -> String {
    let members = columns
        .iter()
        .filter(|(name, _)| !is_update || *name != "fixed")
        .map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

impl Op {
    fn json(&self) -> String {
        let insert = |table: &str, id: u64, row: String| {
            format!(
                r#"{{"op":"insert","table":"{table}","uuid":"{}","row":{row}}}"#,
                uuid_text(id)
            )
        };
        match self {
            Op::InsertRoot(id, root) => insert("Root", *id, row_json(&root.columns(), false)),
            Op::InsertChild(id, child) => insert("Child", *id, row_json(&child.columns(), false)),
            Op::UpdateRoot(which, root) => format!(
                r#"{{"op":"update","table":"Root","where":{},"row":{}}}"#,
                which.json(),
                row_json(&root.columns(), true)
            ),
            Op::UpdateChild(id, child) => format!(
                r#"{{"op":"update","table":"Child","where":{},"row":{}}}"#,
                Where::Uuid(*id).json(),
                row_json(&child.columns(), true)
            ),
            Op::AddChild(root, child) => format!(
                r#"{{"op":"mutate","table":"Root","where":{},"mutations":[["children","insert",{}]]}}"#,
                Where::Uuid(*root).json(),
                uuid(*child)
            ),
            Op::DropFriend(id) => format!(
                r#"{{"op":"mutate","table":"Root","where":[],"mutations":[["friends","delete",{}]]}}"#,
                uuid(*id)
            ),
            Op::AddNumber(which, number) => format!(
                r#"{{"op":"mutate","table":"Root","where":{},"mutations":[["numbers","insert",{number}]]}}"#,
                which.json()
            ),
            Op::DeleteRoot(which) => {
                format!(r#"{{"op":"delete","table":"Root","where":{}}}"#, which.json())
            }
            Op::DeleteChild(id) => {
                format!(
                    r#"{{"op":"delete","table":"Child","where":{}}}"#,
                    Where::Uuid(*id).json()
                )
            }
            Op::Count(x) => {
                format!(r#"{{"op":"mutate","table":"Root","where":[["x","==",{x}]],"mutations":[]}}"#)
            }
            Op::Abort => r#"{"op":"abort"}"#.to_owned(),
        }
    }
}

/// Results as the model gives them: `count N`, `uuid`, or an error's tag.
type Results = Vec<String>;

impl Model {
    /// Executes all or nothing.
    fn transact(&mut self, ops: &[Op]) -> Results {
        let before = self.clone();
        let mut results = Vec::new();
        for op in ops {
            let result = self.step(op, &before);
            let is_error = !result.starts_with("count") && result != "uuid";
            results.push(result);
            if is_error {
                *self = before;
                results.resize(ops.len(), "null".to_owned());
                return results;
            }
        }
        if let Err(tag) = self.commit() {
            *self = before;
            results.push(tag.to_owned());
        }
        results
    }

    fn step(&mut self, op: &Op, before: &Model) -> String {
        let matching = |model: &Model, which: Where| -> Vec<u64> {
            let matches = model.roots.iter().filter(|(id, root)| which.holds(**id, root));
            matches.map(|(id, _)| *id).collect()
        };
        let count = |count: usize| format!("count {count}");
        match op {
            Op::InsertRoot(id, root) => {
                if self.roots.contains_key(id) || before.roots.contains_key(id) {
                    return "duplicate uuid".to_owned();
                }
                self.roots.insert(*id, root.clone());
                "uuid".to_owned()
            }
            Op::InsertChild(id, child) => {
                if self.children.contains_key(id) || before.children.contains_key(id) {
                    return "duplicate uuid".to_owned();
                }
                self.children.insert(*id, child.clone());
                "uuid".to_owned()
            }
            Op::UpdateRoot(which, root) => {
                let ids = matching(self, *which);
                for id in &ids {
                    self.roots.insert(*id, root.clone());
                }
                count(ids.len())
            }
            Op::UpdateChild(id, child) => {
                let found = self.children.get_mut(id).map(|known| *known = child.clone());
                count(usize::from(found.is_some()))
            }
            Op::AddChild(root, child) => {
                let found = self.roots.get_mut(root).map(|root| root.children.insert(*child));
                count(usize::from(found.is_some()))
            }
            Op::DropFriend(id) => {
                self.roots.values_mut().for_each(|root| {
                    root.friends.remove(id);
                });
                count(self.roots.len())
            }
            Op::AddNumber(which, number) => {
                let ids = matching(self, *which);
                for id in &ids {
                    let numbers = &mut self.roots.get_mut(id).unwrap().numbers;
                    numbers.insert(*number);
                    if numbers.len() > 3 {
                        return "constraint violation".to_owned();
                    }
                }
                count(ids.len())
            }
            Op::DeleteRoot(which) => {
                let ids = matching(self, *which);
                ids.iter().for_each(|id| {
                    self.roots.remove(id);
                });
                count(ids.len())
            }
            Op::DeleteChild(id) => count(usize::from(self.children.remove(id).is_some())),
            Op::Count(x) => count(self.roots.values().filter(|root| root.x == *x).count()),
            Op::Abort => "aborted".to_owned(),
        }
    }

    /// Children that rows other than themselves refer to, as often as they do.
    fn referenced(&self) -> Vec<u64> {
        let roots = self.roots.values();
        let of_roots = roots.flat_map(|root| root.children.iter().chain(root.by_name.values()).copied());
        let of_children = self
            .children
            .iter()
            .filter_map(|(id, child)| child.next.filter(|next| next != id));
        of_roots.chain(of_children).collect()
    }

    fn commit(&mut self) -> Result<(), &'static str> {
        if self.referenced().iter().any(|id| !self.children.contains_key(id)) {
            return Err("referential integrity violation");
        }
        loop {
            let referenced: BTreeSet<u64> = self.referenced().into_iter().collect();
            let count = self.children.len();
            self.children.retain(|id, _| referenced.contains(id));
            if self.children.len() == count {
                break;
            }
        }
        let living: BTreeSet<u64> = self.roots.keys().copied().collect();
        for root in self.roots.values_mut() {
            root.friends.retain(|id| living.contains(id));
        }
        for child in self.children.values_mut() {
            child.owner = child.owner.filter(|id| living.contains(id));
        }
        let names: BTreeSet<u64> = self.roots.values().map(|root| root.name).collect();
        let keys: BTreeSet<(u64, u64)> = self.roots.values().map(|root| (root.x, root.y)).collect();
        if names.len() < self.roots.len() || keys.len() < self.roots.len() {
            return Err("constraint violation");
        }
        Ok(())
    }

    fn contents(&self) -> Vec<String> {
        let line = |table: &str, id: u64, columns: &[(&'static str, String)]| {
            let mut text = format!("{table} {}", uuid_text(id));
            for (name, value) in columns {
                write!(text, " {name}={value}").unwrap();
            }
            text
        };
        let children = self
            .children
            .iter()
            .map(|(id, child)| line("Child", *id, &child.columns()));
        let roots = self
            .roots
            .iter()
            .map(|(id, root)| line("Root", *id, &root.columns()));
        let mut rows: Vec<String> = children.chain(roots).collect();
        rows.sort();
        rows
    }
}

/// The server's results in the form of the model's.
fn results_of(reply: &str) -> Results {
    let arena = Bump::new();
    let results = strict::parse(reply.as_bytes(), &arena).unwrap();
    let result = |value: &ovsdb_wire::value::Value<'_>| {
        let Some(object) = value.as_object() else {
            return "null".to_owned();
        };
        if let Some(count) = object.get("count") {
            return format!("count {}", count.as_integer().unwrap());
        }
        object
            .get("error")
            .map_or("uuid", |tag| tag.as_str().unwrap())
            .to_owned()
    };
    results.as_array().unwrap().iter().map(result).collect()
}

fn without_ephemeral(contents: Vec<String>) -> Vec<String> {
    let strip = |line: String| match line.find(" ephemeral=") {
        Some(at) => {
            let rest = &line[at + 1..];
            let end = rest.find(' ').unwrap_or(rest.len());
            format!("{}{}", &line[..at], &rest[end..])
        }
        None => line,
    };
    contents.into_iter().map(strip).collect()
}

/// What a view holds, and that its indexes find it.
fn view_contents(view: &View) -> Vec<String> {
    let mut rows = Vec::new();
    for id in view.schema().table_ids() {
        let (table, schema) = (view.table(id), view.schema().table(id));
        assert_eq!(table.iter().count(), table.len());
        for (slot, row) in table.iter() {
            assert_eq!(table.get(row.uuid()).map(|(slot, _)| slot), Some(slot));
            for (number, index) in schema.indexes.iter().enumerate() {
                let key: Vec<&Datum> = index.iter().map(|column| row.get(*column)).collect();
                let mut found = Vec::new();
                table.lookup_unique(number, &key, &mut |slot, _| found.push(slot));
                assert_eq!(found, [slot]);
            }
            for column in schema.declared_idxs() {
                for atom in row.get(column).keys() {
                    let mut found = Vec::new();
                    if table.lookup(column, atom, &mut |slot, _| found.push(slot)) {
                        assert!(found.contains(&slot));
                    }
                }
            }
            rows.push(format!("{} {row:?}", schema.name));
        }
    }
    rows
}

fn run(seed: u64) {
    println!("seed {seed}");
    let mut random = Random {
        state: seed,
        roots: Vec::new(),
        children: Vec::new(),
    };
    let (mut db, mut replica, mut model) = (Db::new(), Db::new(), Model::default());
    let mut views: Vec<(View, Vec<String>)> = Vec::new();
    let (mut commits, mut failures) = (0, 0);
    for _ in 0..TRANSACTIONS {
        random.roots = model.roots.keys().copied().collect();
        random.children = model.children.keys().copied().collect();
        let ops: Vec<Op> = (0..1 + random.below(6)).map(|_| random.op()).collect();
        let json = format!("[{}]", ops.iter().map(Op::json).collect::<Vec<_>>().join(","));
        db.column_diff = random.below(2) == 0;
        let before = model.clone();
        let expected = model.transact(&ops);
        let done = db.transact(&json);
        assert_eq!(results_of(&done.reply), expected, "{json}\n{}", done.reply);
        assert_eq!(db.contents(), model.contents(), "{json}");
        assert_eq!(done.changes.is_some(), before != model, "{json}");
        commits += usize::from(done.changes.is_some());
        failures += usize::from(expected.len() > ops.len());
        if let Some(record) = &done.record {
            let changes = replay(&mut replica, &record.body, false).unwrap();
            assert!(!changes.tables.is_empty());
        }
        assert_eq!(
            without_ephemeral(replica.contents()),
            without_ephemeral(db.contents())
                .iter()
                .map(|line| line.to_owned())
                .collect::<Vec<_>>(),
            "{json}"
        );
        match random.below(8) {
            0 => {
                let view = db.store.view();
                let contents = view_contents(&view);
                views.push((view, contents));
            }
            1 if !views.is_empty() => {
                let (view, contents) = views.swap_remove(random.below(views.len() as u64) as usize);
                assert_eq!(view_contents(&view), contents, "a view never changes");
            }
            2 => db.store.build_step(),
            _ => db.store.maintain(),
        }
    }
    assert!(
        commits > TRANSACTIONS / 10 && failures > TRANSACTIONS / 20,
        "{commits} {failures}"
    );
    for (view, contents) in &views {
        assert_eq!(&view_contents(view), contents, "a view never changes");
    }
    let mut restored = Db::new();
    replay(&mut restored, &snapshot(&mut db.store), false).unwrap();
    assert_eq!(
        without_ephemeral(restored.contents()),
        without_ephemeral(db.contents())
    );
}

#[test]
fn random_transactions_agree_with_the_model() {
    match std::env::var("OVSDB_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => run(seed),
        None => (1..=SEEDS).for_each(run),
    }
}
