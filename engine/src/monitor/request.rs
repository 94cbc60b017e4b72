//! Reads monitor requests and condition changes, with upstream's checks and errors.
//!
//! Upstream `ovsdb_jsonrpc_parse_monitor_request` and `ovsdb_jsonrpc_parse_monitor_cond_change_request`;
//! RFC 7047 §4.1.5, ovsdb-server(7) §4.1.12 and §4.1.14.

use super::clause::Filter;
use super::shape::{Notation, Outcome, Select, Shape};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::{ColumnIdx, TableId};
use crate::schema::{Schema, TableSchema};
use ovsdb_wire::object::{ObjectParser, Types};
use ovsdb_wire::value::{Object, Value};

/// Parses `{TABLE: REQUEST | [REQUEST, …], …}` to what is shown of each table.
///
/// V1 takes no `where`. Several requests for one table show each of their columns as they select it; the
/// table as a whole shows what any of them selects, under any of their conditions.
pub(super) fn parse(
    schema: &Schema,
    notation: Notation,
    requests: Object<'_>,
) -> Result<Vec<(Shape, Filter)>> {
    let mut wanted = Vec::with_capacity(requests.len());
    for (name, value) in requests.members() {
        let table = table_named(schema, name)?;
        let requests = match value {
            Value::Array(requests) => requests,
            single => std::slice::from_ref(single),
        };
        let mut builder = Builder {
            schema: schema.table(table),
            notation,
            select: Select::NONE,
            columns: Vec::new(),
            filter: None,
        };
        for request in requests {
            builder.add(request)?;
        }
        wanted.push(builder.finish(table));
    }
    Ok(wanted)
}

/// What a `monitor_cond_change` asks for.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// New conditions, in the order of the request; of several for one table the last counts.
    pub(super) filters: Vec<(TableId, Filter)>,
}

/// Parses `{TABLE: [{"where": […]}, …], …}` into `change`, which holds after an error what came before it.
///
/// `is_monitored` tells whether the monitor has a table. Without conditions, as in V1, nothing but the
/// names and members is checked.
pub(super) fn parse_change(
    schema: &Schema,
    notation: Notation,
    requests: Object<'_>,
    is_monitored: &dyn Fn(TableId) -> bool,
    change: &mut Change,
) -> Result<()> {
    for (name, value) in requests.members() {
        let table = table_named(schema, name)?;
        if !is_monitored(table) {
            let text = format!("no table named {name} in monitor session");
            return Err(OvsdbError::new(Tag::SyntaxError, text));
        }
        let Value::Array(requests) = value else {
            let text = format!("table {name} no monitor-cond-change JSON array");
            return Err(OvsdbError::new(Tag::SyntaxError, text));
        };
        for request in *requests {
            let table_schema = schema.table(table);
            let clauses = change_clauses(request, table_schema)?;
            if notation == Notation::V2 {
                change.filters.push((table, filter(clauses, table_schema)?));
            }
        }
    }
    Ok(())
}

/// What the requests for one table add up to.
struct Builder<'s> {
    schema: &'s TableSchema,
    notation: Notation,
    select: Select,
    columns: Vec<(ColumnIdx, Select)>,
    /// `None` before the first request.
    filter: Option<Filter>,
}

impl Builder<'_> {
    fn add(&mut self, request: &Value<'_>) -> Result<()> {
        let name = &self.schema.name;
        let mut parser = ObjectParser::new(*request, format!("table {name}"));
        let mut clauses = None;
        if self.notation == Notation::V2 {
            clauses = parser.optional("where", Types::ARRAY);
        }
        let columns = parser.optional("columns", Types::ARRAY);
        let select = parser.optional("select", Types::OBJECT);
        parser.finish()?;
        let select = match select {
            Some(select) => self.parse_select(select)?,
            None => Select::ALL,
        };
        self.select = self.select.union(select);
        match columns {
            Some(columns) => self.add_named(&columns, select)?,
            None => {
                for column in self
                    .schema
                    .column_idxs()
                    .filter(|column| *column != ColumnIdx::UUID)
                {
                    self.add_column(column, select, &Value::Null)?;
                }
            }
        }
        let filter = filter(clauses, self.schema)?;
        self.filter = Some(match self.filter.take() {
            Some(before) => before.union(filter),
            None => filter,
        });
        Ok(())
    }

    fn parse_select(&self, value: Value<'_>) -> Result<Select> {
        let name = &self.schema.name;
        let mut parser = ObjectParser::new(value, format!("table {name} select"));
        let mut select = Select::NONE;
        for (member, outcome) in [
            ("initial", Outcome::Initial),
            ("insert", Outcome::Insert),
            ("delete", Outcome::Delete),
            ("modify", Outcome::Modify),
        ] {
            let flag = parser.optional(member, Types::BOOLEAN);
            if flag.is_none_or(|flag| flag == Value::Bool(true)) {
                select = select.with(outcome);
            }
        }
        parser.finish()?;
        Ok(select)
    }

    fn add_named(&mut self, columns: &Value<'_>, select: Select) -> Result<()> {
        for name in columns.as_array().expect("checked by the parser") {
            let Value::String(name) = name else {
                return Err(OvsdbError::syntax(columns, "array of column names expected"));
            };
            let Some(column) = self.schema.column_named(name) else {
                let text = format!("{name} is not a valid column name");
                return Err(OvsdbError::syntax(columns, text));
            };
            self.add_column(column, select, columns)?;
        }
        Ok(())
    }

    /// `columns` is the offending fragment if the column is there already; null if there is none.
    fn add_column(&mut self, column: ColumnIdx, select: Select, columns: &Value<'_>) -> Result<()> {
        if self.columns.iter().any(|(known, _)| *known == column) {
            let name = &self.schema.column(column).name;
            let text = format!("column {name} mentioned more than once");
            return Err(match columns {
                Value::Null => OvsdbError::new(Tag::SyntaxError, text),
                columns => OvsdbError::syntax(columns, text),
            });
        }
        self.columns.push((column, select));
        Ok(())
    }

    fn finish(mut self, table: TableId) -> (Shape, Filter) {
        self.columns.sort_unstable_by_key(|(column, _)| *column);
        let shape = Shape {
            table,
            notation: self.notation,
            select: self.select,
            columns: self.columns.into(),
        };
        (shape, self.filter.unwrap_or(Filter::All))
    }
}

fn table_named(schema: &Schema, name: &str) -> Result<TableId> {
    schema
        .table_named(name)
        .ok_or_else(|| OvsdbError::new(Tag::SyntaxError, format!("no table named {name}")))
}

/// The `where` of one element of a condition change; upstream crashes without one, here it is `true`.
fn change_clauses<'a>(request: &Value<'a>, table: &TableSchema) -> Result<Option<Value<'a>>> {
    let name = &table.name;
    let mut parser = ObjectParser::new(*request, format!("table {name}"));
    let columns = parser.optional("columns", Types::ARRAY);
    let clauses = parser.optional("where", Types::ARRAY);
    parser.finish()?;
    match columns {
        Some(_) => Err(OvsdbError::syntax(request, "changing columns is unsupported")),
        None => Ok(clauses),
    }
}

fn filter(clauses: Option<Value<'_>>, table: &TableSchema) -> Result<Filter> {
    let Some(clauses) = clauses else {
        return Ok(Filter::All);
    };
    let clauses = clauses.as_array().expect("checked by the parser");
    Filter::parse(clauses, table)
}
