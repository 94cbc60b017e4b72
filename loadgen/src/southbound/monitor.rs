//! The monitor requests of `ovn-controller`: forty tables with the columns that it reads, all rows or those of some
//! datapaths. Tables and columns that the schema at hand has not are left out, as the controller itself does.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use crate::fold::columns::Columns;
use crate::fold::state::State;

/// Tables that a controller does not monitor.
const UNMONITORED: [&str; 1] = ["Connection"];

/// Tables of which a controller does not read `external_ids`.
const WITHOUT_EXTERNAL_IDS: [&str; 9] = [
    "SB_Global",
    "Logical_Flow",
    "Port_Binding",
    "Gateway_Chassis",
    "HA_Chassis",
    "HA_Chassis_Group",
    "Chassis_Private",
    "SSL",
    "Learned_Route",
];

/// One clause: the rows of a table that a column selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clause {
    pub table: Cow<'static, str>,
    pub column: Cow<'static, str>,
    /// `==` with a value that is no default, `includes` with one element or pair, or `!=` with the empty set.
    pub function: &'static str,
    /// In compact JSON.
    pub value: String,
}

/// The rows that a conditional client asks for; tables that are not named are asked for whole.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    pub clauses: Vec<Clause>,
    /// The only tables that are monitored; all are, if none is named.
    pub only: Vec<Cow<'static, str>>,
}

impl Condition {
    fn has(&self, table: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == table)
    }
}

/// Names of tables.
pub fn names(tables: &[&'static str]) -> Vec<Cow<'static, str>> {
    tables.iter().map(|table| Cow::Borrowed(*table)).collect()
}

/// Requests for all rows.
pub fn everything(columns: &Columns) -> Arc<str> {
    conditional(columns, &Condition::default())
}

/// Requests for all rows of some tables.
pub fn tables(columns: &Columns, only: &[&'static str]) -> Arc<str> {
    conditional(
        columns,
        &Condition {
            only: names(only),
            ..Condition::default()
        },
    )
}

/// Requests for the rows of a condition.
pub fn conditional(columns: &Columns, condition: &Condition) -> Arc<str> {
    let mut out = String::from("{");
    for table in columns.tables() {
        if !condition.has(&table.name) || UNMONITORED.contains(&&*table.name) {
            continue;
        }
        if out.len() > 1 {
            out.push(',');
        }
        write!(out, r#""{}":[{{"columns":["#, table.name).expect("a string takes everything");
        let without = WITHOUT_EXTERNAL_IDS.contains(&&*table.name);
        let mut separator = "";
        for name in table.names().filter(|name| !(without && *name == "external_ids")) {
            write!(out, r#"{separator}"{name}""#).expect("a string takes everything");
            separator = ",";
        }
        out.push(']');
        if let Some(clauses) = clauses_of(condition, &table.name) {
            write!(out, r#","where":[{clauses}]"#).expect("a string takes everything");
        }
        out.push_str("}]");
    }
    out.push('}');
    out.into()
}

/// A clause in JSON.
pub fn clause_text(column: &str, function: &str, value: &str) -> String {
    format!(r#"["{column}","{function}",{value}]"#)
}

/// The clauses of a table in JSON; `None` if all its rows are wanted.
fn clauses_of(condition: &Condition, table: &str) -> Option<String> {
    let clauses: Vec<String> = condition
        .clauses
        .iter()
        .filter(|clause| clause.table == table)
        .map(|clause| clause_text(&clause.column, clause.function, &clause.value))
        .collect();
    (!clauses.is_empty()).then(|| clauses.join(","))
}

/// Says what clients with conditions must know, given what one knows that monitors everything.
pub struct Oracle {
    /// Sum of digests and number of rows, by table.
    whole: HashMap<String, (u128, usize)>,
    /// The rows that each clause selects which any column of them makes true.
    matching: HashMap<Clause, Vec<(u128, u128)>>,
}

impl Oracle {
    /// Looks at the reference once for all columns by which clauses select.
    pub fn new(columns: &Columns, reference: &State, selected_by: &[(&str, &str)]) -> Oracle {
        let mut oracle = Oracle {
            whole: HashMap::new(),
            matching: HashMap::new(),
        };
        let numbers: Vec<(u16, u16, Cow<'static, str>, Cow<'static, str>)> = selected_by
            .iter()
            .filter_map(|(table, column)| {
                let (number, found) = columns.table(table)?;
                let column_number = found.column(column)?.0;
                Some((
                    number,
                    column_number,
                    (*table).to_owned().into(),
                    (*column).to_owned().into(),
                ))
            })
            .collect();
        for (uuid, row) in reference.iter() {
            let table = &columns.tables()[usize::from(row.table)].name;
            let whole = oracle.whole.entry(table.to_string()).or_default();
            whole.0 = whole.0.wrapping_add(row.digest);
            whole.1 += 1;
            for (_, column, table, name) in numbers.iter().filter(|(number, ..)| *number == row.table) {
                for (function, value) in row.selected_by(*column) {
                    let clause = Clause {
                        table: table.clone(),
                        column: name.clone(),
                        function,
                        value,
                    };
                    oracle
                        .matching
                        .entry(clause)
                        .or_default()
                        .push((uuid, row.digest));
                }
            }
        }
        oracle
    }

    /// The digest of what a client with that condition must know.
    pub fn digest(&self, condition: &Condition) -> u128 {
        let conditioned: HashSet<&str> = condition.clauses.iter().map(|clause| &*clause.table).collect();
        let mut digest = 0u128;
        for (table, (sum, _)) in &self.whole {
            if condition.has(table) && !conditioned.contains(table.as_str()) {
                digest = digest.wrapping_add(*sum);
            }
        }
        let mut seen = HashSet::new();
        for clause in &condition.clauses {
            for (uuid, row) in self.matching.get(clause).into_iter().flatten() {
                if seen.insert(*uuid) {
                    digest = digest.wrapping_add(*row);
                }
            }
        }
        digest
    }
}
