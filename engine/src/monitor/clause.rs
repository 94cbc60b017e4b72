//! One comparison of a monitor condition, and how it is found from a row's value.

use crate::condition::{Clause, Function, parse_clause};
use crate::datum::{Atom, Datum};
use crate::error::Result;
use crate::ids::ColumnIdx;
use crate::schema::TableSchema;
use ovsdb_wire::value::Value;
use std::hash::{Hash, Hasher};

/// `[COLUMN, FUNCTION, VALUE]` of a monitor's `where`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Comparison {
    pub(super) column: ColumnIdx,
    pub(super) function: Function,
    pub(super) argument: Datum,
}

/// What a column's value must have for a comparison to be worth a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Probe<'c> {
    /// It is exactly this one atom.
    Only(&'c Atom),
    /// It has this element or key.
    Has(&'c Atom),
    /// It maps the first to the second.
    Maps(&'c Atom, &'c Atom),
    Present,
    Absent,
    /// Nothing short of evaluating the comparison tells.
    Anything,
}

/// A probe, and whether finding it settles the comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probing<'c> {
    pub(super) probe: Probe<'c>,
    pub(super) is_exact: bool,
}

impl Comparison {
    /// True if the comparison holds for every value: everything includes, and excludes, nothing.
    pub(super) fn is_always_true(&self) -> bool {
        matches!(self.function, Function::Includes | Function::Excludes) && self.argument.is_empty()
    }

    pub(super) fn probing(&self) -> Probing<'_> {
        let argument = &self.argument;
        let is_single = argument.len() == 1;
        let first = match argument {
            Datum::Map(map) => map
                .slices()
                .first()
                .map(|pair| Probe::Maps(pair.key(), pair.value())),
            _ => argument.atoms().first().map(Probe::Has),
        };
        let (probe, is_exact) = match (self.function, first) {
            (Function::Equal, None) => (Probe::Absent, true),
            (Function::NotEqual, None) => (Probe::Present, true),
            (Function::Equal, Some(Probe::Has(atom))) if is_single => (Probe::Only(atom), true),
            (Function::Equal, Some(first)) => (first, false),
            (Function::Includes, Some(first)) => (first, is_single),
            _ => (Probe::Anything, false),
        };
        Probing { probe, is_exact }
    }

    /// True if a row with `value` in the column satisfies the comparison.
    pub(super) fn holds_for(&self, value: &Datum) -> bool {
        self.function.holds(value, &self.argument)
    }
}

impl Probe<'_> {
    /// Hashes the probe together with its column; presence and anything have no atoms to be found by.
    pub(super) fn hash_into(self, column: ColumnIdx, state: &mut impl Hasher) {
        column.hash(state);
        std::mem::discriminant(&self).hash(state);
        match self {
            Probe::Only(atom) | Probe::Has(atom) => atom.hash(state),
            Probe::Maps(key, value) => (key, value).hash(state),
            Probe::Present | Probe::Absent | Probe::Anything => {}
        }
    }
}

/// What a `where` asks for, before it is shared with equal ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Every row: no condition, an empty one, or one with `true` in it.
    All,
    /// Rows for which one of these holds; none at all if there are none (`[false]`).
    AnyOf(Vec<Comparison>),
}

impl Filter {
    /// Parses the `where` of a monitor request with monitor semantics: one clause that holds suffices, none means all.
    ///
    /// Clauses stay in the order of the client, who may have sent thousands: those that are equal to others are told apart
    /// when they are shared. Named uuids have no meaning here.
    pub(super) fn parse(clauses: &[Value<'_>], table: &TableSchema) -> Result<Filter> {
        let mut is_all = clauses.is_empty();
        let mut comparisons = Vec::with_capacity(clauses.len());
        for clause in clauses {
            match parse_clause(clause, table, None)? {
                Clause::Bool(constant) => is_all |= constant,
                Clause::Compare {
                    column,
                    function,
                    argument,
                } => {
                    let comparison = Comparison {
                        column,
                        function,
                        argument,
                    };
                    is_all |= comparison.is_always_true();
                    comparisons.push(comparison);
                }
            }
        }
        Ok(if is_all {
            Filter::All
        } else {
            Filter::AnyOf(comparisons)
        })
    }

    /// Rows that either filter lets through.
    #[must_use]
    pub(super) fn union(self, other: Filter) -> Filter {
        match (self, other) {
            (Filter::AnyOf(mut these), Filter::AnyOf(those)) => {
                these.extend(those);
                Filter::AnyOf(these)
            }
            _ => Filter::All,
        }
    }
}
