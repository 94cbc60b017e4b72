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
mod tests {
    use super::Mutations;
    use crate::datum::{Datum, parse, print};
    use crate::error::OvsdbError;
    use crate::schema::{self, Schema};
    use crate::testing::with_json;

    fn schema() -> Schema {
        let columns = r#"{
            "i": {"type": "integer"},
            "i03": {"type": {"key": "integer", "min": 0, "max": 3}},
            "i12": {"type": {"key": {"type": "integer", "minInteger": -10, "maxInteger": 10}, "min": 1, "max": 2}},
            "imm": {"type": "integer", "mutable": false},
            "m": {"type": {"key": "string", "value": "integer", "min": 0, "max": 2}},
            "mi": {"type": {"key": "integer", "value": "integer", "min": 0, "max": "unlimited"}},
            "r": {"type": "real"},
            "s": {"type": "string"},
            "sS": {"type": {"key": {"type": "string", "maxLength": 2}, "min": 0, "max": "unlimited"}}
        }"#;
        let json = format!(r#"{{"name": "d", "tables": {{"t": {{"columns": {columns}}}}}}}"#);
        with_json(&json, schema::parse).unwrap()
    }

    fn error_text(error: &OvsdbError) -> String {
        let mut out = Vec::new();
        error.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// The value of `column` after `[column, mutator, argument]` was applied to `value`, or the error.
    fn mutate(
        column: &str,
        value: &str,
        mutator: &str,
        argument: &str,
    ) -> std::result::Result<String, String> {
        let schema = schema();
        let table = &schema.tables[0];
        let mut row: Vec<Datum> = table
            .columns
            .iter()
            .map(|column| column.default.clone())
            .collect();
        let idx = table.column_named(column).unwrap();
        row[idx.at()] = with_json(value, |value| parse(value, &table.column(idx).ty, None)).unwrap();
        let json = format!(r#"[["{column}","{mutator}",{argument}]]"#);
        let mutations = with_json(&json, |value| {
            Mutations::parse(value.as_array().unwrap(), table, None)
        });
        let result = mutations.and_then(|mutations| mutations.apply(&mut row, table));
        result.map_err(|error| error_text(&error))?;
        let mut out = Vec::new();
        print::write(&row[idx.at()], &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn results_are_upstreams() {
        for (column, value, mutator, argument, expected) in [
            ("i", "5", "+=", "3", "8"),
            ("i", "5", "-=", "7", "-2"),
            ("i", "5", "*=", "3", "15"),
            ("i", "-7", "/=", "2", "-3"),
            ("i", "-7", "%=", "2", "-1"),
            ("i", "-5", "*=", "0", "0"),
            ("i", "1", "*=", "9223372036854775807", "9223372036854775807"),
            ("r", "1.5", "+=", "1", "2.5"),
            ("r", "1", "/=", "4", "0.25"),
            ("i03", r#"["set",[1,2,3]]"#, "*=", "-1", r#"["set",[-3,-2,-1]]"#),
            ("i03", r#"["set",[]]"#, "+=", "1", r#"["set",[]]"#),
            (
                "i03",
                r#"["set",[1,2]]"#,
                "insert",
                r#"["set",[2,3]]"#,
                r#"["set",[1,2,3]]"#,
            ),
            (
                "i03",
                r#"["set",[1,2]]"#,
                "insert",
                r#"["set",[]]"#,
                r#"["set",[1,2]]"#,
            ),
            ("i03", r#"["set",[1,2]]"#, "delete", r#"["set",[2,3,4,5,6]]"#, "1"),
            (
                "m",
                r#"["map",[["a",1]]]"#,
                "insert",
                r#"["map",[["a",2],["b",3]]]"#,
                r#"["map",[["a",1],["b",3]]]"#,
            ),
            (
                "m",
                r#"["map",[["a",1],["b",2]]]"#,
                "delete",
                r#"["map",[["a",1],["b",1]]]"#,
                r#"["map",[["b",2]]]"#,
            ),
            (
                "m",
                r#"["map",[["a",1],["b",2]]]"#,
                "delete",
                r#"["set",["a","c"]]"#,
                r#"["map",[["b",2]]]"#,
            ),
            (
                "m",
                r#"["map",[["a",1],["b",2]]]"#,
                "delete",
                r#""b""#,
                r#"["map",[["a",1]]]"#,
            ),
        ] {
            assert_eq!(
                mutate(column, value, mutator, argument).as_deref(),
                Ok(expected),
                "{value} {mutator} {argument}"
            );
        }
    }

    #[test]
    fn errors_are_upstreams() {
        let out_of_range = |name: &str| {
            format!(
                r#"{{"details":"Result of \"{name}\" operation is out of range.","error":"range error"}}"#
            )
        };
        let by_zero = r#"{"details":"Division by zero.","error":"domain error"}"#;
        for (column, value, mutator, argument, expected) in [
            ("i", "9223372036854775807", "+=", "1", out_of_range("+=").as_str()),
            ("i", "-9223372036854775808", "-=", "1", &out_of_range("-=")),
            ("i", "-3037000500", "*=", "-3037000500", &out_of_range("*=")),
            ("i", "-9223372036854775808", "/=", "-1", &out_of_range("/=")),
            ("i", "-9223372036854775808", "%=", "-1", &out_of_range("%=")),
            ("i", "1", "/=", "0", by_zero),
            ("i", "1", "%=", "0", by_zero),
            ("r", "1", "/=", "0", by_zero),
            ("r", "1e308", "*=", "1e308", &out_of_range("*=")),
            (
                "i03",
                r#"["set",[4,5]]"#,
                "/=",
                "2",
                r#"{"details":"Result of \"/=\" operation contains duplicates.","error":"constraint violation"}"#,
            ),
            (
                "i12",
                "5",
                "+=",
                "6",
                r#"{"details":"11 is not in the valid range -10 to 10 (inclusive)","error":"constraint violation"}"#,
            ),
            (
                "i12",
                r#"["set",[1,2]]"#,
                "insert",
                "3",
                r#"{"details":"Attempted to store 3 elements in set of 1 to 2 integers.","error":"constraint violation"}"#,
            ),
            (
                "i12",
                "1",
                "delete",
                "1",
                r#"{"details":"Attempted to store 0 elements in set of 1 to 2 integers.","error":"constraint violation"}"#,
            ),
            (
                "i12",
                "1",
                "delete",
                "11",
                r#"{"details":"11 is not in the valid range -10 to 10 (inclusive)","error":"constraint violation"}"#,
            ),
            (
                "m",
                r#"["map",[["a",1],["b",2]]]"#,
                "insert",
                r#"["map",[["c",1]]]"#,
                r#"{"details":"Attempted to store 3 elements in map of up to 2 (string, integer) pairs.","error":"constraint violation"}"#,
            ),
            (
                "i",
                "1",
                "+=",
                r#"["set",[1,2]]"#,
                r#"{"details":"set must have exactly one member but 2 are present","error":"syntax error","syntax":"[\"set\",[1,2]]"}"#,
            ),
            (
                "i",
                "1",
                "+=",
                "1.5",
                r#"{"details":"expected integer","error":"syntax error","syntax":"1.5"}"#,
            ),
            (
                "i03",
                "1",
                "insert",
                r#"["set",[1,2,3,4]]"#,
                r#"{"details":"set must have 0 to 3 members but 4 are present","error":"syntax error","syntax":"[\"set\",[1,2,3,4]]"}"#,
            ),
            (
                "m",
                r#"["map",[]]"#,
                "insert",
                r#"["set",["a"]]"#,
                r#"{"details":"expected [\"map\", <array>]","error":"syntax error","syntax":"[\"set\",[\"a\"]]"}"#,
            ),
            // The error of the second reading, as keys, is the one that is told.
            (
                "m",
                r#"["map",[]]"#,
                "delete",
                r#"["map",[["a","b"]]]"#,
                r#"{"details":"expected string","error":"syntax error","syntax":"[\"map\",[[\"a\",\"b\"]]]"}"#,
            ),
            (
                "i",
                "1",
                "insert",
                "1",
                r#"{"details":"Type mismatch: \"insert\" operator may not be applied to column i of type integer.","error":"syntax error","syntax":"[\"i\",\"insert\",1]"}"#,
            ),
            (
                "mi",
                r#"["map",[]]"#,
                "+=",
                "1",
                r#"{"details":"Type mismatch: \"+=\" operator may not be applied to column mi of type map of (integer, integer) pairs.","error":"syntax error","syntax":"[\"mi\",\"+=\",1]"}"#,
            ),
            (
                "s",
                r#""a""#,
                "+=",
                "1",
                r#"{"details":"Type mismatch: \"+=\" operator may not be applied to column s of type string.","error":"syntax error","syntax":"[\"s\",\"+=\",1]"}"#,
            ),
            (
                "r",
                "1",
                "%=",
                "1",
                r#"{"details":"Type mismatch: \"%=\" operator may not be applied to column r of type real.","error":"syntax error","syntax":"[\"r\",\"%=\",1]"}"#,
            ),
            (
                "i",
                "1",
                "^=",
                "1",
                r#"{"details":"No mutator named ^=.","error":"unknown mutator"}"#,
            ),
            (
                "imm",
                "1",
                "^=",
                "1",
                r#"{"details":"Cannot mutate immutable column imm in table t.","error":"constraint violation","syntax":"[\"imm\",\"^=\",1]"}"#,
            ),
            (
                "_version",
                r#"["uuid","00000000-0000-0000-0000-000000000000"]"#,
                "insert",
                "1",
                r#"{"details":"Cannot mutate immutable column _version in table t.","error":"constraint violation","syntax":"[\"_version\",\"insert\",1]"}"#,
            ),
        ] {
            assert_eq!(
                mutate(column, value, mutator, argument),
                Err(expected.to_owned()),
                "{value} {mutator} {argument}"
            );
        }
        for (json, expected) in [
            (
                "[1]",
                r#"{"details":"Parse error in mutation.","error":"syntax error","syntax":"1"}"#,
            ),
            (
                r#"[["i","+="]]"#,
                r#"{"details":"Parse error in mutation.","error":"syntax error","syntax":"[\"i\",\"+=\"]"}"#,
            ),
            (
                r#"[["x","+=",1]]"#,
                r#"{"details":"No column x in table t.","error":"unknown column","syntax":"[\"x\",\"+=\",1]"}"#,
            ),
        ] {
            let schema = schema();
            let result = with_json(json, |value| {
                Mutations::parse(value.as_array().unwrap(), &schema.tables[0], None)
            });
            assert_eq!(error_text(&result.unwrap_err()), expected, "{json}");
        }
    }

    #[test]
    fn what_does_not_change_stays_the_same_object() {
        let schema = schema();
        let table = &schema.tables[0];
        let idx = table.column_named("sS").unwrap();
        let mut row: Vec<Datum> = table
            .columns
            .iter()
            .map(|column| column.default.clone())
            .collect();
        let value = with_json(r#"["set",["a","b"]]"#, |value| {
            parse(value, &table.column(idx).ty, None)
        })
        .unwrap();
        row[idx.at()] = value.clone();
        let json = r#"[["sS","insert","a"],["sS","delete","c"]]"#;
        let mutations = with_json(json, |value| {
            Mutations::parse(value.as_array().unwrap(), table, None)
        })
        .unwrap();
        mutations.apply(&mut row, table).unwrap();
        assert!(row[idx.at()].ptr_eq(&value));
        assert!(mutations.columns().eq([idx, idx]));
    }
}
