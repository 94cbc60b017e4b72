//! Mutations of rows: what the operation `mutate` does to columns (RFC 7047 §5.1 `<mutation>`).
//!
//! A list of mutations is parsed against its table once, then applied to any number of rows: in order, each
//! checked before the next. A failed one leaves the columns before it changed; the caller discards the row.

use crate::datum::parse::text_lossy;
use crate::datum::{Atom, Datum, Real, Shape, Symbols, constraint, merge, parse_shape};
use crate::error::{OvsdbError, Result, Tag};
use crate::ids::ColumnIdx;
use crate::schema::{AtomicType, BaseType, ColumnSchema, ColumnType, TableSchema};
use ovsdb_wire::value::Value;

/// What is done to a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Insert,
    Delete,
}

/// One column, what is done to it, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mutation {
    column: ColumnIdx,
    mutator: Mutator,
    /// One number for arithmetic; a value of the column's kind, or a set of keys to delete from a map, else.
    argument: Datum,
}

/// Mutations of the rows of one table, in the order in which they are applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutations {
    list: Vec<Mutation>,
}

/// Why arithmetic on one number failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberError {
    DivisionByZero,
    OutOfRange,
}

impl Mutator {
    const ALL: [Mutator; 7] = [
        Mutator::Add,
        Mutator::Subtract,
        Mutator::Multiply,
        Mutator::Divide,
        Mutator::Modulo,
        Mutator::Insert,
        Mutator::Delete,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Mutator::Add => "+=",
            Mutator::Subtract => "-=",
            Mutator::Multiply => "*=",
            Mutator::Divide => "/=",
            Mutator::Modulo => "%=",
            Mutator::Insert => "insert",
            Mutator::Delete => "delete",
        }
    }

    fn named(name: &str) -> Option<Mutator> {
        Mutator::ALL.into_iter().find(|mutator| mutator.name() == name)
    }

    fn is_arithmetic(self) -> bool {
        !matches!(self, Mutator::Insert | Mutator::Delete)
    }

    /// Whether a column of type `ty` can be mutated so.
    fn applies_to(self, ty: &ColumnType) -> bool {
        if !self.is_arithmetic() {
            return ty.is_set() || ty.is_map();
        }
        match ty.key.atomic {
            _ if ty.is_map() => false,
            AtomicType::Integer => true,
            AtomicType::Real => self != Mutator::Modulo,
            _ => false,
        }
    }
}

impl Mutations {
    /// Parses the elements of `mutations`.
    ///
    /// Errors are upstream's: `syntax error`, `unknown column`, `unknown mutator`, `constraint violation` for an
    /// immutable column, or those of parsing the argument.
    pub fn parse(
        mutations: &[Value<'_>],
        table: &TableSchema,
        mut symbols: Option<&mut dyn Symbols>,
    ) -> Result<Mutations> {
        let mut list = Vec::with_capacity(mutations.len());
        for mutation in mutations {
            // Reborrowed for each mutation.
            let symbols: Option<&mut dyn Symbols> = match &mut symbols {
                Some(symbols) => Some(&mut **symbols),
                None => None,
            };
            list.push(parse_mutation(mutation, table, symbols)?);
        }
        Ok(Mutations { list })
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The columns that are mutated, in order, perhaps repeatedly.
    pub fn columns(&self) -> impl Iterator<Item = ColumnIdx> {
        self.list.iter().map(|mutation| mutation.column)
    }

    /// Applies all mutations to `columns`, all columns of one row of `table`.
    ///
    /// Errors: `domain error`, `range error`, `constraint violation`. A value that does not change stays the
    /// same object.
    pub fn apply(&self, columns: &mut [Datum], table: &TableSchema) -> Result<()> {
        for mutation in &self.list {
            let field = &mut columns[mutation.column.at()];
            *field = mutation.result(field, &table.column(mutation.column).ty)?;
        }
        Ok(())
    }
}

impl Mutation {
    fn result(&self, field: &Datum, ty: &ColumnType) -> Result<Datum> {
        let result = match self.mutator {
            Mutator::Insert => merge::union(field, &self.argument),
            Mutator::Delete => merge::subtract(field, &self.argument),
            arithmetic => return calculate(arithmetic, field, &self.argument, ty),
        };
        let n = result.len();
        if n < ty.n_min as usize || n > ty.n_max as usize {
            let details = format!("Attempted to store {n} elements in {}.", ty.english());
            return Err(OvsdbError::new(Tag::ConstraintViolation, details));
        }
        Ok(result)
    }
}

fn parse_mutation(
    mutation: &Value<'_>,
    table: &TableSchema,
    symbols: Option<&mut dyn Symbols>,
) -> Result<Mutation> {
    let parse_error = || OvsdbError::syntax(mutation, "Parse error in mutation.");
    let Value::Array([column_name, mutator_name, argument]) = mutation else {
        return Err(parse_error());
    };
    let column_name = text_lossy(column_name).ok_or_else(parse_error)?;
    let mutator_name = text_lossy(mutator_name).ok_or_else(parse_error)?;
    let Some(idx) = table.column_named(&column_name) else {
        let details = format!("No column {column_name} in table {}.", table.name);
        return Err(OvsdbError::new(Tag::UnknownColumn, details).about(mutation));
    };
    let column = table.column(idx);
    if !column.mutable {
        let details = format!(
            "Cannot mutate immutable column {column_name} in table {}.",
            table.name
        );
        return Err(OvsdbError::new(Tag::ConstraintViolation, details).about(mutation));
    }
    let Some(mutator) = Mutator::named(&mutator_name) else {
        let details = format!("No mutator named {mutator_name}.");
        return Err(OvsdbError::new(Tag::UnknownMutator, details));
    };
    if !mutator.applies_to(&column.ty) {
        let details = format!(
            "Type mismatch: \"{}\" operator may not be applied to column {} of type {}.",
            mutator.name(),
            column.name,
            column.ty.english()
        );
        return Err(OvsdbError::syntax(mutation, details));
    }
    Ok(Mutation {
        column: idx,
        mutator,
        argument: parse_argument(mutator, column, argument, symbols)?,
    })
}

fn parse_argument(
    mutator: Mutator,
    column: &ColumnSchema,
    argument: &Value<'_>,
    mut symbols: Option<&mut dyn Symbols>,
) -> Result<Datum> {
    let ty = &column.ty;
    let shape = Shape::from(ty);
    match mutator {
        Mutator::Insert => parse_shape(argument, Shape { n_min: 0, ..shape }, symbols),
        Mutator::Delete if ty.is_map() => {
            let symbols_of_pairs: Option<&mut dyn Symbols> = match &mut symbols {
                Some(symbols) => Some(&mut **symbols),
                None => None,
            };
            // Pairs to delete, or else only keys.
            parse_shape(argument, shape.of_any_size(), symbols_of_pairs).or_else(|_| {
                let keys = Shape { value: None, ..shape };
                parse_shape(argument, keys.of_any_size(), symbols)
            })
        }
        Mutator::Delete => parse_shape(argument, shape.of_any_size(), symbols),
        _ => {
            let number = BaseType::new(ty.key.atomic);
            let shape = Shape {
                key: &number,
                value: None,
                n_min: 1,
                n_max: 1,
            };
            parse_shape(argument, shape, symbols)
        }
    }
}

/// Applies arithmetic to each number of `field`, then checks each result and that they still differ.
fn calculate(mutator: Mutator, field: &Datum, argument: &Datum, ty: &ColumnType) -> Result<Datum> {
    let by = argument
        .atoms()
        .first()
        .expect("the argument was parsed as one number");
    let one = |atom: &Atom| {
        calculate_number(mutator, atom, by).map_err(|error| match error {
            NumberError::DivisionByZero => OvsdbError::new(Tag::DomainError, "Division by zero."),
            NumberError::OutOfRange => {
                let details = format!("Result of \"{}\" operation is out of range.", mutator.name());
                OvsdbError::new(Tag::RangeError, details)
            }
        })
    };
    if let Datum::One(atom) = field {
        let atom = one(atom)?;
        constraint::check(&atom, &ty.key)?;
        return Ok(Datum::One(atom));
    }
    let mut atoms = field.atoms().iter().map(one).collect::<Result<Vec<_>>>()?;
    for atom in &atoms {
        constraint::check(atom, &ty.key)?;
    }
    atoms.sort_unstable();
    if atoms.windows(2).any(|pair| pair[0] == pair[1]) {
        let details = format!("Result of \"{}\" operation contains duplicates.", mutator.name());
        return Err(OvsdbError::new(Tag::ConstraintViolation, details));
    }
    Ok(Datum::set_from_sorted(atoms))
}

/// Overflow is an error in every direction, where upstream's multiplication also refuses what fits, lets
/// some overflows pass and may divide by zero.
fn calculate_number(mutator: Mutator, x: &Atom, y: &Atom) -> std::result::Result<Atom, NumberError> {
    match (x, y) {
        (Atom::Integer(x), Atom::Integer(y)) => {
            let is_division = matches!(mutator, Mutator::Divide | Mutator::Modulo);
            if is_division && *y == 0 {
                return Err(NumberError::DivisionByZero);
            }
            let result = match mutator {
                Mutator::Add => x.checked_add(*y),
                Mutator::Subtract => x.checked_sub(*y),
                Mutator::Multiply => x.checked_mul(*y),
                Mutator::Divide => x.checked_div(*y),
                Mutator::Modulo => x.checked_rem(*y),
                Mutator::Insert | Mutator::Delete => unreachable!("not arithmetic"),
            };
            result.map(Atom::Integer).ok_or(NumberError::OutOfRange)
        }
        (Atom::Real(Real(x)), Atom::Real(Real(y))) => {
            if mutator == Mutator::Divide && *y == 0.0 {
                return Err(NumberError::DivisionByZero);
            }
            let result = match mutator {
                Mutator::Add => x + y,
                Mutator::Subtract => x - y,
                Mutator::Multiply => x * y,
                Mutator::Divide => x / y,
                _ => unreachable!("refused when the mutation was parsed"),
            };
            if !result.is_finite() {
                return Err(NumberError::OutOfRange);
            }
            Ok(Atom::Real(Real(result)))
        }
        _ => unreachable!("the argument was parsed by the type of the column"),
    }
}

#[cfg(test)]
mod tests;
