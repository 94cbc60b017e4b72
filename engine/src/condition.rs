//! Conditions on rows: `where` of operations and of conditional monitors (RFC 7047 §5.1 `<condition>`).
//!
//! A condition is parsed against its table once and kept in a canonical form: clauses sorted, each once,
//! constants folded. Evaluation looks at datums in place and allocates nothing. Clauses are joined by *and*
//! in a transaction and by *or* in a monitor; an empty condition matches every row in both.

use crate::datum::parse::text_lossy;
use crate::datum::{Datum, Shape, Symbols, merge, parse_shape, print};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::ColumnIdx;
use crate::limits::CLAUSES_SORTED_MIN;
use crate::schema::{AtomicType, TableSchema};
use ovsdb_wire::value::Value;
use ovsdb_wire::write::Items;

/// How a column is compared with the argument, from the most to the least selective (upstream's order).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    Equal,
    Includes,
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Excludes,
    NotEqual,
}

/// One clause. The order puts constants first, then what selects most, then the columns in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clause {
    Bool(bool),
    Compare {
        function: Function,
        column: ColumnIdx,
        argument: Datum,
    },
}

/// Clauses in canonical form. How they are joined is the caller's to know: [`Condition::matches_all`] for
/// what [`Condition::parse_where`] made, [`Condition::matches_any`] for [`Condition::parse_monitor`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    clauses: Vec<Clause>,
}

/// A condition of an operation, whose clauses may come in several parts.
#[derive(Debug, Default)]
pub(crate) struct Clauses {
    parsed: Vec<Clause>,
    /// So many of them, at the front, are sorted and distinct.
    distinct_count: usize,
}

/// What joins the clauses of a condition under construction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    And,
    Or,
}

impl Function {
    const ALL: [Function; 8] = [
        Function::Equal,
        Function::Includes,
        Function::LessOrEqual,
        Function::Less,
        Function::GreaterOrEqual,
        Function::Greater,
        Function::Excludes,
        Function::NotEqual,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Function::Equal => "==",
            Function::Includes => "includes",
            Function::LessOrEqual => "<=",
            Function::Less => "<",
            Function::GreaterOrEqual => ">=",
            Function::Greater => ">",
            Function::Excludes => "excludes",
            Function::NotEqual => "!=",
        }
    }

    fn named(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|function| function.name() == name)
    }

    fn is_ordering(self) -> bool {
        use Function::{Greater, GreaterOrEqual, Less, LessOrEqual};
        matches!(self, Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    /// `field FUNCTION argument`. An ordering of an empty field is false.
    pub fn holds(self, field: &Datum, argument: &Datum) -> bool {
        let ordering = || match (field, argument) {
            (Datum::One(field), Datum::One(argument)) => Some(field.cmp(argument)),
            _ => None,
        };
        match self {
            Function::Equal => field == argument,
            Function::NotEqual => field != argument,
            Function::Includes => merge::includes_all(field, argument),
            Function::Excludes => merge::excludes_all(field, argument),
            Function::Less => ordering().is_some_and(|order| order.is_lt()),
            Function::LessOrEqual => ordering().is_some_and(|order| order.is_le()),
            Function::Greater => ordering().is_some_and(|order| order.is_gt()),
            Function::GreaterOrEqual => ordering().is_some_and(|order| order.is_ge()),
        }
    }
}

impl Condition {
    /// Parses the `where` of an operation, whose clauses are joined by *and*.
    ///
    /// Errors are upstream's: `syntax error`, `unknown column`, `unknown function`, or those of parsing the
    /// argument as a value of the column.
    pub fn parse_where(
        clauses: &[Value<'_>],
        table: &TableSchema,
        symbols: Option<&mut dyn Symbols>,
    ) -> Result<Condition> {
        let mut parsed = Vec::new();
        parse_clauses(clauses, table, symbols, &mut parsed)?;
        Ok(Condition::canonical(parsed, Join::And))
    }

    /// Parses the `where` of a monitor request, whose clauses are joined by *or*; named uuids have no meaning
    /// there.
    pub fn parse_monitor(clauses: &[Value<'_>], table: &TableSchema) -> Result<Condition> {
        let mut parsed = Vec::new();
        parse_clauses(clauses, table, None, &mut parsed)?;
        Ok(Condition::canonical(parsed, Join::Or))
    }

    fn canonical(mut clauses: Vec<Clause>, join: Join) -> Condition {
        let neutral = join == Join::And;
        let is_decided = clauses.contains(&Clause::Bool(!neutral));
        if is_decided {
            clauses = vec![Clause::Bool(!neutral)];
        } else if !clauses.is_empty() {
            clauses.retain(|clause| *clause != Clause::Bool(neutral));
            if clauses.is_empty() {
                clauses.push(Clause::Bool(neutral));
            }
            clauses.sort_unstable();
            clauses.dedup();
        }
        // Empty matches every row, so `true` is spelled that way too.
        if clauses == [Clause::Bool(true)] {
            clauses.clear();
        }
        Condition { clauses }
    }

    /// Sorted and distinct. A constant stands alone and is `false`; no clauses at all is `true`.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// True if every row matches, whatever joins the clauses.
    pub fn is_true(&self) -> bool {
        self.clauses.is_empty()
    }

    /// True if no row can match, by its form alone.
    pub fn is_false(&self) -> bool {
        self.clauses == [Clause::Bool(false)]
    }

    /// True if all clauses hold for the row that `column` reads from.
    pub fn matches_all<'r>(&self, column: impl Fn(ColumnIdx) -> &'r Datum) -> bool {
        self.clauses.iter().all(|clause| clause.holds(&column))
    }

    /// True if any clause holds for the row that `column` reads from, or there is none.
    pub fn matches_any<'r>(&self, column: impl Fn(ColumnIdx) -> &'r Datum) -> bool {
        self.clauses.is_empty() || self.clauses.iter().any(|clause| clause.holds(&column))
    }

    /// The columns that evaluation reads, in the order of the clauses, perhaps repeatedly.
    pub fn columns(&self) -> impl Iterator<Item = ColumnIdx> {
        self.clauses.iter().filter_map(|clause| match clause {
            Clause::Bool(_) => None,
            Clause::Compare { column, .. } => Some(*column),
        })
    }

    /// Appends the condition as JSON, for logs and status commands.
    pub fn write(&self, table: &TableSchema, out: &mut Vec<u8>) {
        let mut items = Items::begin(out);
        for clause in &self.clauses {
            clause.write(table, items.item());
        }
        items.end();
    }
}

impl Clauses {
    /// Adds clauses; errors are those of [`Condition::parse_where`].
    pub(crate) fn push(
        &mut self,
        clauses: &[Value<'_>],
        table: &TableSchema,
        symbols: Option<&mut dyn Symbols>,
    ) -> Result<()> {
        parse_clauses(clauses, table, symbols, &mut self.parsed)?;
        // What is said again and again takes no memory.
        if self.parsed.len() >= CLAUSES_SORTED_MIN + 2 * self.distinct_count {
            self.parsed.sort_unstable();
            self.parsed.dedup();
            self.distinct_count = self.parsed.len();
        }
        Ok(())
    }

    /// The condition that all clauses together are.
    pub(crate) fn finish(self) -> Condition {
        Condition::canonical(self.parsed, Join::And)
    }
}

impl Clause {
    /// True if the clause holds for the row that `column` reads from.
    pub fn holds<'r>(&self, column: impl Fn(ColumnIdx) -> &'r Datum) -> bool {
        match self {
            Clause::Bool(constant) => *constant,
            Clause::Compare {
                function,
                column: idx,
                argument,
            } => function.holds(column(*idx), argument),
        }
    }

    fn write(&self, table: &TableSchema, out: &mut Vec<u8>) {
        match self {
            Clause::Bool(constant) => ovsdb_wire::write::boolean(out, *constant),
            Clause::Compare {
                function,
                column,
                argument,
            } => {
                let mut items = Items::begin(out);
                ovsdb_wire::write::string(items.item(), &table.column(*column).name);
                ovsdb_wire::write::string(items.item(), function.name());
                print::write(argument, items.item());
                items.end();
            }
        }
    }
}

/// Parses clauses of a condition on the table and appends them to `parsed`.
fn parse_clauses(
    clauses: &[Value<'_>],
    table: &TableSchema,
    mut symbols: Option<&mut dyn Symbols>,
    parsed: &mut Vec<Clause>,
) -> Result<()> {
    parsed.reserve(clauses.len());
    for clause in clauses {
        // Reborrowed for each clause.
        let symbols: Option<&mut dyn Symbols> = match &mut symbols {
            Some(symbols) => Some(&mut **symbols),
            None => None,
        };
        parsed.push(parse_clause(clause, table, symbols)?);
    }
    Ok(())
}

/// Parses one clause of a condition on the table.
pub(crate) fn parse_clause(
    clause: &Value<'_>,
    table: &TableSchema,
    symbols: Option<&mut dyn Symbols>,
) -> Result<Clause> {
    if let Value::Bool(constant) = clause {
        return Ok(Clause::Bool(*constant));
    }
    let Value::Array([column_name, function_name, argument]) = clause else {
        return Err(OvsdbError::syntax(clause, "Parse error in condition."));
    };
    let (Some(column_name), Some(function_name)) = (text_lossy(column_name), text_lossy(function_name))
    else {
        return Err(OvsdbError::syntax(clause, "Parse error in condition."));
    };
    let Some(idx) = table.column_named(&column_name) else {
        let details = format!("No column {column_name} in table {}.", table.name);
        return Err(OvsdbError::new(Tag::UnknownColumn, details).about(clause));
    };
    let Some(function) = Function::named(&function_name) else {
        let details = format!("No function named {function_name}.");
        return Err(OvsdbError::new(Tag::UnknownFunction, details));
    };
    let column = table.column(idx);
    let ty = &column.ty;
    let mut shape = Shape::from(ty);
    match function {
        _ if function.is_ordering() => {
            let is_number = matches!(ty.key.atomic, AtomicType::Integer | AtomicType::Real);
            if !is_number || !(ty.is_scalar() || ty.is_optional_scalar()) {
                let details = format!(
                    "Type mismatch: \"{}\" operator may not be applied to column {} of type {}.",
                    function.name(),
                    column.name,
                    ty.english()
                );
                return Err(OvsdbError::syntax(clause, details));
            }
            shape.n_min = 1;
        }
        Function::Includes if !ty.is_scalar() => shape.n_min = 0,
        Function::Excludes if !ty.is_scalar() => shape = shape.of_any_size(),
        _ => {}
    }
    let argument = parse_shape(argument, shape, symbols)?;
    Ok(Clause::Compare {
        function,
        column: idx,
        argument,
    })
}

#[cfg(test)]
mod tests;
