//! Random transactions: every operation of RFC 7047 §5.2 on every table, mostly valid, and damaged ones.

use ovsdb_harness::Random;
use serde_json::{Map, Value, json};

use crate::contents::{Contents, elements};
use crate::damage;
use crate::names;
use crate::schema::{Atomic, Column, Schema, Table, Type};
use crate::value::{Values, columns_with};

/// Functions of conditions (RFC 7047 §5.1).
pub(crate) const FUNCTIONS: &[&str] = &["==", "!=", "includes", "excludes", "<", "<=", ">", ">="];

/// A table with so many rows rather loses than wins some.
const ROWS_MANY: usize = 14;

/// Integers beyond this are not multiplied: upstream's check of overflow refuses too much there, or too little
/// (COMPAT.md, "`*=` that nearly overflows").
const FACTOR_MAX: i64 = 1_000_000_000_000;

/// Makes transactions on what `shadow` holds.
pub(crate) struct Generator<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) schema: &'a Schema,
    pub(crate) shadow: &'a Contents,
    /// Numbers the uuids that the test makes.
    pub(crate) next_own: &'a mut u64,
    /// Whether requests may be wrong.
    pub(crate) careless: bool,
}

/// The inserts of a transaction are planned first, so that references can run forward.
struct Plan {
    /// Kind of each operation, and the table for an insert.
    kinds: Vec<(&'static str, Option<usize>)>,
    /// Names of inserted rows, with their tables.
    names: Vec<(String, String)>,
    /// The name of the insert at a position.
    name_at: Vec<Option<String>>,
}

impl Generator<'_> {
    /// The operations of a transaction.
    pub(crate) fn transaction(&mut self) -> Vec<Value> {
        let plan = self.plan();
        let mut operations = Vec::new();
        for (at, (kind, table)) in plan.kinds.iter().enumerate() {
            let is_damaged = self.random.chance(4);
            // What is damaged was good before: which of several mistakes is named is arbitrary upstream.
            self.careless = !is_damaged;
            let mut operation = self.operation(kind, *table, plan.name_at[at].as_deref(), &plan.names);
            if is_damaged {
                damage::damage(self.random, &mut operation);
            }
            make_harmless(&mut operation);
            operations.push(operation);
        }
        operations
    }

    fn plan(&mut self) -> Plan {
        let count = 1 + self.random.below(3) + self.random.below(3);
        let mut plan = Plan {
            kinds: Vec::new(),
            names: Vec::new(),
            name_at: Vec::new(),
        };
        for _ in 0..count {
            let kind = match self.random.below(100) {
                0..40 => "insert",
                40..56 => "update",
                56..74 => "mutate",
                74..82 => "delete",
                82..89 => "select",
                89..94 => "wait",
                94..96 => "comment",
                96..98 => "assert",
                98 => "commit",
                _ => "abort",
            };
            let table =
                (kind == "insert").then(|| self.random.below(self.schema.tables.len() as u64) as usize);
            let mut name = None;
            if let Some(table) = table
                && self.random.chance(60)
            {
                // Now and then a name is used twice.
                let number = plan.names.len() - usize::from(!plan.names.is_empty() && self.random.chance(2));
                let text = format!("row{number}");
                plan.names
                    .push((text.clone(), self.schema.tables[table].name.clone()));
                name = Some(text);
            }
            plan.kinds.push((kind, table));
            plan.name_at.push(name);
        }
        if self.random.chance(1) {
            plan.names.push((String::from("nobody"), String::from("Child")));
        }
        plan
    }

    fn operation(
        &mut self,
        kind: &str,
        table: Option<usize>,
        name: Option<&str>,
        row_names: &[(String, String)],
    ) -> Value {
        let schema = self.schema;
        let table = match table {
            Some(at) => &schema.tables[at],
            None => self.random.pick(&schema.tables),
        };
        match kind {
            "insert" => self.insert(table, name, row_names),
            "update" => {
                let mut row = self.row(table, row_names, 3, true);
                if self.random.chance(2) {
                    row.insert(String::from("_uuid"), json!(["uuid", names::own(1)]));
                }
                json!({"op": kind, "table": table.name, "where": self.clauses(table, row_names), "row": row})
            }
            "mutate" => json!({
                "op": kind, "table": table.name, "where": self.clauses(table, row_names),
                "mutations": self.mutations(table, row_names),
            }),
            "delete" => {
                let wanted = self.shadow.uuids(&table.name).len() > ROWS_MANY || self.random.chance(30);
                let mut clauses = self.clauses(table, row_names);
                if !wanted && clauses.as_array().is_some_and(Vec::is_empty) {
                    clauses = json!([false]);
                }
                json!({"op": kind, "table": table.name, "where": clauses})
            }
            "select" => self.select(table, row_names),
            "wait" => self.wait(table, row_names),
            "comment" => json!({"op": kind, "comment": self.random.pick(&["", "why", "ä\n\"", "a b c"])}),
            "assert" => json!({"op": kind, "lock": self.random.pick(&["one", "two"])}),
            "commit" => json!({"op": kind, "durable": self.random.chance(50)}),
            "abort" => json!({"op": kind}),
            other => panic!("there is no operation {other}"),
        }
    }

    fn insert(&mut self, table: &Table, name: Option<&str>, row_names: &[(String, String)]) -> Value {
        let row = self.row(table, row_names, 8, false);
        let mut operation = json!({"op": "insert", "table": table.name, "row": row});
        if let Some(name) = name {
            operation["uuid-name"] = json!(name);
        }
        if self.random.chance(75) {
            *self.next_own += 1;
            let mut uuid = names::own(*self.next_own);
            let existing = self.shadow.uuids(&table.name);
            if !existing.is_empty() && self.random.chance(1) {
                uuid = (*self.random.pick(&existing)).to_owned();
            }
            operation["uuid"] = json!(uuid);
        }
        operation
    }

    /// Some columns with values. At most one of them is wrong: which of several is named is arbitrary upstream.
    fn row(
        &mut self,
        table: &Table,
        row_names: &[(String, String)],
        most: u64,
        only_mutable: bool,
    ) -> Map<String, Value> {
        let mut row = Map::new();
        let mut may_fail = true;
        for _ in 0..self.random.below(most + 1) {
            let column = self.random.pick(table.declared());
            if row.contains_key(&column.name) || (only_mutable && !column.mutable && !self.random.chance(10))
            {
                continue;
            }
            if only_mutable && !column.mutable {
                if !may_fail {
                    continue;
                }
                may_fail = false;
            }
            let wrong = may_fail && self.careless && self.random.chance(1);
            may_fail &= !wrong;
            let mut values = self.values(row_names);
            let value = if wrong {
                values.misfit(&column.ty)
            } else {
                values.datum(&column.ty)
            };
            row.insert(column.name.clone(), value);
        }
        // A row without its enumerated column is refused; that is tried often enough by not choosing it.
        if table.name == "Strict" && !only_mutable && self.random.chance(70) {
            row.insert(String::from("choice"), json!("yes"));
        }
        if may_fail && self.careless && self.random.chance(1) {
            row.insert(String::from("nope"), json!(1));
        }
        row
    }

    /// A `where`: mostly about one row that exists, sometimes about all, sometimes anything.
    fn clauses(&mut self, table: &Table, row_names: &[(String, String)]) -> Value {
        let existing = self.shadow.uuids(&table.name);
        match self.random.below(100) {
            0..35 if !existing.is_empty() => {
                json!([["_uuid", "==", ["uuid", *self.random.pick(&existing)]]])
            }
            0..50 => json!([]),
            50..52 => json!([self.random.chance(50)]),
            52..56 if !row_names.is_empty() => {
                let name = &self.random.pick(row_names).0;
                json!([["_uuid", "==", ["named-uuid", name]]])
            }
            _ => {
                let count = 1 + self.random.below(2) * self.random.below(2);
                (0..count).map(|_| self.clause(table, row_names)).collect()
            }
        }
    }

    pub(crate) fn clause(&mut self, table: &Table, row_names: &[(String, String)]) -> Value {
        let column = self.random.pick(&table.columns);
        let function = if self.random.chance(60) || !(is_ordered(&column.ty) || self.careless) {
            self.random.pick(&FUNCTIONS[..4])
        } else {
            self.random.pick(FUNCTIONS)
        };
        let argument = match self.random.below(100) {
            0..2 if self.careless => self.values(row_names).misfit(&column.ty),
            _ if !self.careless && function.starts_with(['<', '>']) => {
                self.values(row_names).datum_of(&column.ty, 1)
            }
            0..60 => self.value_of_some_row(table, column, function, row_names),
            _ => self.values(row_names).datum(&column.ty),
        };
        let name = if self.careless && self.random.chance(1) {
            "nope"
        } else {
            &column.name
        };
        json!([name, function, argument])
    }

    /// A value that some row has, or a part of it.
    fn value_of_some_row(
        &mut self,
        table: &Table,
        column: &Column,
        function: &str,
        row_names: &[(String, String)],
    ) -> Value {
        let rows: Vec<_> = self.shadow.rows(&table.name).collect();
        if rows.is_empty() {
            return self.values(row_names).datum(&column.ty);
        }
        let (uuid, row) = *self.random.pick(&rows);
        if column.name == "_uuid" {
            return json!(["uuid", uuid]);
        }
        let Some(value) = row.get(&column.name) else {
            return self.values(row_names).datum(&column.ty);
        };
        let is_map = column.ty.value.is_some();
        let mut parts = elements(value, is_map);
        if function.ends_with("cludes") && parts.len() > 1 && self.random.chance(70) {
            let kept = 1 + self.random.below(parts.len() as u64 - 1) as usize;
            parts.truncate(kept);
            return json!([if is_map { "map" } else { "set" }, parts]);
        }
        value.clone()
    }

    fn mutations(&mut self, table: &Table, row_names: &[(String, String)]) -> Value {
        let count = 1 + self.random.below(2) * self.random.below(2);
        (0..count).map(|_| self.mutation(table, row_names)).collect()
    }

    fn mutation(&mut self, table: &Table, row_names: &[(String, String)]) -> Value {
        let numeric = columns_with(table, |ty| {
            ty.value.is_none() && matches!(ty.key.atomic, Atomic::Integer | Atomic::Real)
        });
        let column = if !numeric.is_empty() && self.random.chance(40) {
            table.column(numeric[self.random.below(numeric.len() as u64) as usize])
        } else {
            self.random.pick(&table.columns)
        };
        let ty = &column.ty;
        let is_number = ty.value.is_none() && matches!(ty.key.atomic, Atomic::Integer | Atomic::Real);
        let (mutator, argument) = match self.random.below(100) {
            0..2 => ("insert", self.values(row_names).misfit(ty)),
            2..4 => ("~=", json!(1)),
            4..8 => (
                *self.random.pick(&["+=", "-=", "/=", "%="]),
                self.values(row_names).datum(ty),
            ),
            _ if is_number && (ty.max == 1 || self.random.chance(50)) => self.arithmetic(table, column),
            _ => self.set_mutation(table, column, row_names),
        };
        let name = if self.random.chance(1) {
            "nope"
        } else {
            &column.name
        };
        json!([name, mutator, argument])
    }

    fn arithmetic(&mut self, table: &Table, column: &Column) -> (&'static str, Value) {
        let is_integer = column.ty.key.atomic == Atomic::Integer;
        // Upstream's files hold 15 digits of a real, ours all (COMPAT.md): after a restart values with more would
        // differ, and two of a set that look alike are refused. Sums and halves of quarters have few digits.
        let is_quarter = |value: &Value| {
            value
                .as_f64()
                .is_some_and(|value| (value * 4.0).fract() == 0.0 && value.abs() < 1e9)
        };
        let has_digits = self.shadow.rows(&table.name).any(|(_, row)| {
            row.get(&column.name)
                .is_some_and(|value| !elements(value, false).iter().all(is_quarter))
        });
        if !is_integer && has_digits {
            return ("/=", json!(*self.random.pick(&[1.0, 0.0])));
        }
        let is_large = |value: &Value| {
            value
                .as_i64()
                .is_some_and(|value| value.saturating_abs() > FACTOR_MAX)
        };
        let may_multiply = !self.shadow.rows(&table.name).any(|(_, row)| {
            row.get(&column.name)
                .is_some_and(|value| elements(value, false).iter().any(is_large))
        });
        match self.random.below(5) {
            0 => ("+=", json!(*self.random.pick(&[1, 2, 5, -3, 0]))),
            1 => ("-=", json!(*self.random.pick(&[1, 2, 5, -3, 0]))),
            // No real becomes -0: upstream's indexes take it for another value than 0 (COMPAT.md).
            // Zero is not a factor: the packaged server divides by it when the other factor is negative, and dies.
            2 if may_multiply && column.name != "big" => (
                "*=",
                json!(
                    *self
                        .random
                        .pick(if is_integer { &[1, 2, 3, -1] } else { &[1, 2, 3] })
                ),
            ),
            3 if is_integer => ("%=", json!(*self.random.pick(&[1, 2, 3, -3, 0]))),
            _ if is_integer => ("/=", json!(*self.random.pick(&[1, 2, -2, 0, -1]))),
            _ => ("/=", json!(*self.random.pick(&[1.0, 2.0, 0.5, 0.0]))),
        }
    }

    fn set_mutation(
        &mut self,
        table: &Table,
        column: &Column,
        row_names: &[(String, String)],
    ) -> (&'static str, Value) {
        let ty = &column.ty;
        let count = 1 + self.random.below(3) as usize;
        if self.random.chance(50) {
            return ("insert", self.values(row_names).datum_of(ty, count));
        }
        let mut argument = self.value_of_some_row(table, column, "includes", row_names);
        if self.random.chance(30) {
            argument = self.values(row_names).datum_of(ty, count);
        }
        if ty.value.is_some() && self.random.chance(50) {
            // Keys are enough.
            let keys: Vec<Value> = elements(&argument, true)
                .iter()
                .map(|pair| pair[0].clone())
                .collect();
            argument = json!(["set", keys]);
        }
        ("delete", argument)
    }

    fn select(&mut self, table: &Table, row_names: &[(String, String)]) -> Value {
        let mut operation = json!({
            "op": "select", "table": table.name, "where": self.clauses(table, row_names),
        });
        if self.random.chance(70) {
            operation["columns"] = self.some_columns(table);
        }
        if self.random.chance(20) {
            operation["sort"] = self.some_columns(table);
        }
        operation
    }

    fn some_columns(&mut self, table: &Table) -> Value {
        let mut names: Vec<&str> = Vec::new();
        for _ in 0..self.random.below(4) {
            let name = self.random.pick(&table.columns).name.as_str();
            // A column that is mentioned twice is an error.
            if !names.contains(&name) || self.random.chance(5) {
                names.push(name);
            }
        }
        if self.random.chance(1) {
            names.push("nope");
        }
        json!(names)
    }

    /// A `wait` that does not wait: the rows are those of the shadow, or some of them, or others.
    fn wait(&mut self, table: &Table, row_names: &[(String, String)]) -> Value {
        let columns: Vec<&Column> = match self.random.below(4) {
            0 => table.columns.iter().collect(),
            _ => {
                let count = 1 + self.random.below(3);
                let mut columns: Vec<&Column> = Vec::new();
                for _ in 0..count {
                    let column = self.random.pick(&table.columns);
                    if !columns.iter().any(|other| other.name == column.name) {
                        columns.push(column);
                    }
                }
                columns
            }
        };
        let mut rows = Vec::new();
        let all: Vec<_> = self.shadow.rows(&table.name).collect();
        let clauses = match self.random.below(3) {
            0 => self.clauses(table, row_names),
            1 if !all.is_empty() => {
                let (uuid, row) = *self.random.pick(&all);
                rows.push(project(uuid, row, &columns));
                json!([["_uuid", "==", ["uuid", uuid]]])
            }
            _ => {
                rows.extend(all.iter().map(|(uuid, row)| project(uuid, row, &columns)));
                json!([])
            }
        };
        if self.random.chance(20) && !columns.is_empty() {
            let mut row = Map::new();
            let column = *self.random.pick(&columns);
            row.insert(column.name.clone(), self.values(row_names).datum(&column.ty));
            rows.push(Value::Object(row));
        }
        let mut operation = json!({
            "op": "wait", "timeout": 0, "table": table.name, "where": clauses, "rows": rows,
            "until": self.random.pick(&["==", "!="]),
        });
        if columns.len() < table.columns.len() || self.random.chance(50) {
            operation["columns"] = columns.iter().map(|column| column.name.as_str()).collect();
        }
        operation
    }

    pub(crate) fn values<'s>(&'s mut self, row_names: &'s [(String, String)]) -> Values<'s> {
        Values {
            random: self.random,
            shadow: self.shadow,
            row_names,
            careless: self.careless,
        }
    }
}

/// Whether `<` and its like may be applied.
fn is_ordered(ty: &Type) -> bool {
    ty.max == 1 && ty.value.is_none() && matches!(ty.key.atomic, Atomic::Integer | Atomic::Real)
}

fn project(uuid: &str, row: &Map<String, Value>, columns: &[&Column]) -> Value {
    columns
        .iter()
        .map(|column| {
            let value = match column.name.as_str() {
                "_uuid" => json!(["uuid", uuid]),
                name => row[name].clone(),
            };
            (column.name.clone(), value)
        })
        .collect()
}

/// Takes out of a damaged operation what would stop the test: waiting, and the factor that kills the packaged server.
fn make_harmless(operation: &mut Value) {
    let Some(members) = operation.as_object_mut() else {
        return;
    };
    if members.get("op").is_some_and(|op| op == "wait") {
        let waits = match members.get("timeout") {
            None => true,
            Some(timeout) => timeout.as_f64().is_some_and(|timeout| timeout > 0.0),
        };
        if waits {
            members.insert(String::from("timeout"), json!(0));
        }
    }
    if let Some(Value::Array(mutations)) = members.get_mut("mutations") {
        mutations.retain(|mutation| {
            mutation.get(1).is_none_or(|mutator| mutator != "*=")
                || mutation
                    .get(2)
                    .and_then(Value::as_f64)
                    .is_some_and(|factor| factor > 0.0 && factor < 4.0)
        });
    }
}
