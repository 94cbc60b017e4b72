//! Monitors on both servers at a time: random requests, and the folded copies of both.

use serde_json::{Map, Value, json};

use crate::compare;
use crate::contents::{Columns, Contents};
use crate::names::Names;
use crate::operation::{FUNCTIONS, Generator};
use crate::schema::{self, Schema, Table};

/// A monitor that both servers hold for one connection.
pub(crate) struct Monitor {
    pub(crate) id: Value,
    method: &'static str,
    columns: Columns,
    /// Every kind of change is selected, so that the updates make up whole contents.
    pub(crate) is_whole: bool,
    /// What was asked for, and then asked for otherwise; shown when something differs.
    pub(crate) asked: Vec<Value>,
    /// What folding the updates of ours has come to, in our names.
    ours: Contents,
    theirs: Contents,
}

/// How updates are compared.
pub(crate) enum Rigour {
    /// One commit at most lies between two looks: each update equals its counterpart, but for their updates of
    /// `ghosts`.
    EachUpdate { ghosts: Vec<String> },
    /// Several commits do, and either server may merge any of them into one update.
    OnlyContents,
}

impl Monitor {
    /// A random request: the method and its params.
    pub(crate) fn request(generator: &mut Generator<'_>, id: Value) -> (Monitor, Value) {
        let method = *generator
            .random
            .pick(&["monitor", "monitor_cond", "monitor_cond_since"]);
        let mut monitor = Monitor {
            id,
            method,
            columns: Columns::new(),
            is_whole: true,
            asked: Vec::new(),
            ours: Contents::default(),
            theirs: Contents::default(),
        };
        let mut tables = Map::new();
        let schema = generator.schema;
        // Upstream goes through the tables in any order, so that one of them may be wrong at most.
        let careless = generator.random.below(schema.tables.len() as u64 * 2) as usize;
        let percent = *generator.random.pick(&[10, 30, 100]);
        for (at, table) in schema.tables.iter().enumerate() {
            if generator.random.chance(percent) {
                generator.careless = at == careless;
                let request = monitor.table_request(generator, table);
                tables.insert(table.name.clone(), request);
            }
        }
        let mut params = vec![json!(schema::DATABASE), monitor.id.clone(), Value::Object(tables)];
        if method == "monitor_cond_since" {
            params.push(json!("00000000-0000-0000-0000-000000000000"));
        }
        (monitor, Value::Array(params))
    }

    /// The monitor of everything that the generator's knowledge comes from.
    pub(crate) fn everything(schema: &Schema) -> (Monitor, Value) {
        let columns_of = |table: &Table| {
            table.columns[1..]
                .iter()
                .map(|column| column.name.clone())
                .collect()
        };
        let monitor = Monitor {
            id: json!("everything"),
            method: "monitor",
            columns: schema
                .tables
                .iter()
                .map(|table| (table.name.clone(), columns_of(table)))
                .collect(),
            is_whole: true,
            asked: Vec::new(),
            ours: Contents::default(),
            theirs: Contents::default(),
        };
        let requests: Map<String, Value> = schema
            .tables
            .iter()
            .map(|table| (table.name.clone(), json!({})))
            .collect();
        let params = json!([schema::DATABASE, monitor.id, requests]);
        (monitor, params)
    }

    pub(crate) fn method(&self) -> &'static str {
        self.method
    }

    /// Their contents as far as the monitor tells.
    pub(crate) fn contents(&self) -> &Contents {
        &self.theirs
    }

    /// One table's part of a request: an object, or an array of objects with different columns.
    fn table_request(&mut self, generator: &mut Generator<'_>, table: &Table) -> Value {
        let mut left: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let mut monitored = Vec::new();
        // With conditions there is one request: which of several conditions counts is arbitrary upstream.
        let count = if self.method == "monitor" {
            1 + generator.random.below(2)
        } else {
            1
        };
        let mut requests = Vec::new();
        for _ in 0..count {
            let mut request = Map::new();
            if count == 1 && generator.random.chance(40) {
                monitored.extend(
                    left.iter()
                        .filter(|name| **name != "_uuid")
                        .map(|name| (*name).to_owned()),
                );
            } else {
                let mut chosen = Vec::new();
                for _ in 0..generator.random.below(5) {
                    if left.is_empty() {
                        break;
                    }
                    let at = generator.random.below(left.len() as u64) as usize;
                    chosen.push(left.remove(at).to_owned());
                }
                monitored.extend(chosen.iter().cloned());
                request.insert(String::from("columns"), json!(chosen));
            }
            if generator.random.chance(20) {
                let mut select = Map::new();
                for kind in ["initial", "insert", "delete", "modify"] {
                    if generator.random.chance(50) {
                        let wanted = generator.random.chance(50);
                        self.is_whole &= wanted;
                        select.insert(kind.to_owned(), json!(wanted));
                    }
                }
                request.insert(String::from("select"), Value::Object(select));
            }
            if self.method != "monitor" && generator.random.chance(60) {
                request.insert(String::from("where"), conditions(generator, table));
            }
            requests.push(Value::Object(request));
        }
        self.columns.insert(table.name.clone(), monitored);
        if requests.len() == 1 && generator.random.chance(70) {
            return requests.remove(0);
        }
        Value::Array(requests)
    }

    /// Params of a `monitor_cond_change` to other conditions and to the id `new_id`. Absent if there is no table.
    pub(crate) fn change_request(&self, generator: &mut Generator<'_>, new_id: &Value) -> Option<Value> {
        if self.method == "monitor" {
            return None;
        }
        let mut tables = Map::new();
        let careless = generator.random.below(self.columns.len() as u64 * 2 + 1) as usize;
        for (at, name) in self.columns.keys().enumerate() {
            generator.careless = at == careless;
            if generator.random.chance(50) {
                let table = generator.schema.table(name);
                tables.insert(name.clone(), json!([{"where": conditions(generator, table)}]));
            }
        }
        Some(json!([self.id, new_id, tables]))
    }

    /// Takes the result of the request that has registered the monitor.
    pub(crate) fn begin(&mut self, schema: &Schema, names: &mut Names, ours: &Value, theirs: &Value) {
        let (mut a, mut b) = (ours.clone(), theirs.clone());
        if self.method == "monitor_cond_since" {
            // A standalone database has no transaction ids upstream, ours has (COMPAT.md). Both find nothing.
            for reply in [&mut a, &mut b] {
                assert_eq!(reply[0], json!(false), "nothing is known of the zero id");
                *reply = reply[2].take();
            }
        }
        self.check_equal(names, &a, &b);
        if self.is_whole {
            self.fold(schema, &a, Whose::Ours);
            self.fold(schema, &b, Whose::Theirs);
        }
        self.compare_contents(names);
    }

    /// Takes the updates that came for the monitor since the last look.
    pub(crate) fn update(
        &mut self,
        schema: &Schema,
        names: &mut Names,
        ours: &[Value],
        theirs: &[Value],
        rigour: &Rigour,
    ) {
        let ours: Vec<Value> = ours
            .iter()
            .filter_map(|update| self.table_updates(update, &[]))
            .collect();
        if let Rigour::EachUpdate { ghosts } = rigour {
            let theirs: Vec<Value> = theirs
                .iter()
                .filter_map(|update| self.table_updates(update, ghosts))
                .collect();
            self.check_equal(names, &Value::from(ours.clone()), &Value::from(theirs));
        }
        let theirs: Vec<Value> = theirs
            .iter()
            .filter_map(|update| self.table_updates(update, &[]))
            .collect();
        if self.is_whole {
            for update in &ours {
                self.fold(schema, update, Whose::Ours);
            }
            for update in &theirs {
                self.fold(schema, update, Whose::Theirs);
            }
            self.compare_contents(names);
        }
    }

    /// Whether a condition speaks of the rows' `_version`.
    pub(crate) fn depends_on_version(&self) -> bool {
        FUNCTIONS.iter().any(|function| {
            self.asked.iter().any(|asked| {
                asked
                    .to_string()
                    .contains(&format!("[\"_version\",\"{function}\""))
            })
        })
    }

    /// Whether their contents, after `updates`, have weak references to rows that do not exist. Upstream leaves some
    /// when the row that has them is changed by the transaction that deletes the row they lead to, depending on the
    /// order of hashes (COMPAT.md). From then on the databases differ.
    pub(crate) fn leaves_dangling(&self, schema: &Schema, updates: &[Value]) -> bool {
        let is_deletion = |change: &Value| change.get("old").is_some() && change.get("new").is_none();
        let rows = |update: &Value| -> Vec<Value> {
            let tables = update["params"][1].as_object().into_iter().flatten();
            tables
                .flat_map(|(_, rows)| rows.as_object().into_iter().flatten())
                .map(|(_, change)| change.clone())
                .collect()
        };
        if !updates.iter().flat_map(rows).any(|change| is_deletion(&change)) {
            return false;
        }
        let mut contents = self.theirs.clone();
        for update in updates {
            contents.apply_update(&update["params"][1]);
        }
        contents.has_dangling(schema)
    }

    /// The updates in a notification for the monitor, without what says nothing. Absent if nothing is left.
    fn table_updates(&self, notification: &Value, ghosts: &[String]) -> Option<Value> {
        let (method, at, length) = match self.method {
            "monitor" => ("update", 1, 2),
            "monitor_cond" => ("update2", 1, 2),
            _ => ("update3", 2, 3),
        };
        assert_eq!(notification["method"], method, "{notification}");
        assert_eq!(
            notification["params"].as_array().map(Vec::len),
            Some(length),
            "{notification}"
        );
        let mut tables = notification["params"][at]
            .as_object()
            .expect("updates of tables")
            .clone();
        for (_, rows) in &mut tables {
            let rows = rows.as_object_mut().expect("updates of rows");
            // Upstream also tells of rows in which nothing that is monitored has changed.
            rows.retain(|uuid, change| {
                change.get("modify") != Some(&json!({}))
                    && change.get("old") != Some(&json!({}))
                    && !(ghosts.contains(uuid) && is_of_version_only(change))
            });
        }
        tables.retain(|_, rows| rows != &json!({}));
        (!tables.is_empty()).then_some(Value::Object(tables))
    }

    fn fold(&mut self, schema: &Schema, updates: &Value, whose: Whose) {
        let contents = match whose {
            Whose::Ours => &mut self.ours,
            Whose::Theirs => &mut self.theirs,
        };
        if self.method == "monitor" {
            contents.apply_update(updates);
        } else {
            contents.apply_update2(schema, &self.columns, updates);
        }
        contents.tables.retain(|_, rows| !rows.is_empty());
    }

    fn compare_contents(&self, names: &mut Names) {
        self.check_equal(names, &self.ours.to_json(), &self.theirs.to_json());
    }

    fn check_equal(&self, names: &mut Names, ours: &Value, theirs: &Value) {
        if let Err(difference) = compare::equal(names, ours, theirs) {
            panic!(
                "{} {}, asked {}\nours   {ours}\ntheirs {theirs}\n{difference}",
                self.method,
                self.id,
                Value::from(self.asked.clone())
            );
        }
    }
}

/// Rows of which theirs says that they have a new `_version` and nothing else, and ours says nothing, out of updates
/// of the monitor of everything. Upstream renews the version of a row that got nothing but weak references to rows
/// that do not exist, although nothing is left of those (COMPAT.md). The old and the new version are the same then.
pub(crate) fn ghosts(names: &mut Names, ours: &[Value], theirs: &[Value]) -> Vec<String> {
    let rows = |update: &Value| -> Vec<(String, Value)> {
        let tables = update["params"][1].as_object().into_iter().flatten();
        tables
            .flat_map(|(_, rows)| rows.as_object().into_iter().flatten())
            .map(|(uuid, change)| (uuid.clone(), change.clone()))
            .collect()
    };
    let ours: Vec<(String, Value)> = ours.iter().flat_map(rows).collect();
    let mut ghosts = Vec::new();
    for (uuid, change) in theirs.iter().flat_map(rows) {
        let is_told = ours
            .iter()
            .any(|(other, _)| names.theirs(other) == Some(uuid.as_str()));
        if !is_told && is_of_version_only(&change) {
            let version = |of: &str| {
                change[of]["_version"][1]
                    .as_str()
                    .expect("a version is a uuid")
                    .to_owned()
            };
            names.rebind(&version("old"), &version("new"));
            ghosts.push(uuid);
        }
    }
    ghosts
}

/// Whether an update tells of a new `_version` and nothing else.
fn is_of_version_only(change: &Value) -> bool {
    let changed = change
        .get("modify")
        .or_else(|| change.get("old").filter(|_| change.get("new").is_some()));
    changed
        .and_then(Value::as_object)
        .is_some_and(|columns| columns.keys().all(|name| name == "_version"))
}

#[derive(Clone, Copy)]
enum Whose {
    Ours,
    Theirs,
}

/// A monitor's `where`. There are no named uuids outside of transactions.
fn conditions(generator: &mut Generator<'_>, table: &Table) -> Value {
    match generator.random.below(10) {
        0 => json!([]),
        1 => json!([false]),
        2 => json!([true]),
        _ => {
            let count = 1 + generator.random.below(3);
            (0..count).map(|_| generator.clause(table, &[])).collect()
        }
    }
}
