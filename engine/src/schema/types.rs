//! The schema as a value. Everything here is resolved: names to positions, defaults filled in.

use crate::datum::{Atom, Datum};
use crate::hash::HashMap;
use crate::ids::{ColumnIdx, TableId};

/// A database schema.
#[derive(Clone, Debug)]
pub struct Schema {
    pub name: String,
    /// Empty if absent.
    pub version: String,
    /// Stored and reproduced, never verified. Empty if absent.
    pub cksum: String,
    /// In ascending order of name; `TableId` is the position here.
    pub tables: Vec<TableSchema>,
    pub table_ids: HashMap<String, TableId>,
}

/// One table.
#[derive(Clone, Debug)]
pub struct TableSchema {
    pub name: String,
    /// Parsed and reproduced, never enforced (as upstream).
    pub mutable: bool,
    /// Whether rows live without being referenced; true for all tables if no table says so.
    pub is_root: bool,
    /// `u32::MAX` is unlimited.
    pub rows_max: u32,
    /// `_uuid`, `_version`, then the declared columns in ascending order of name.
    pub columns: Vec<ColumnSchema>,
    pub column_ids: HashMap<String, ColumnIdx>,
    pub indexes: Vec<Vec<ColumnIdx>>,
}

/// One column.
#[derive(Clone, Debug)]
pub struct ColumnSchema {
    pub name: String,
    /// False forbids `update` and `mutate`. Always true for a column with weak references.
    pub mutable: bool,
    /// False for what is not written to the database file.
    pub persistent: bool,
    pub ty: ColumnType,
    /// What a row has that does not name the column: `n_min` default atoms.
    pub default: Datum,
}

/// Type of a column: scalar, optional, set or map.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnType {
    pub key: BaseType,
    pub value: Option<BaseType>,
    /// 0 or 1 in practice.
    pub n_min: u32,
    /// `u32::MAX` is unlimited.
    pub n_max: u32,
}

/// An atomic type with its constraints.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseType {
    pub atomic: AtomicType,
    /// A set of at least one atom; excludes the ranges below.
    pub enumeration: Option<Datum>,
    /// Inclusive; both for integers.
    pub integer_range: (i64, i64),
    /// Inclusive; both for reals; infinite where not given.
    pub real_range: (f64, f64),
    /// Inclusive, in Unicode code points.
    pub length_range: (u32, u32),
    pub reference: Option<Reference>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtomicType {
    Integer,
    Real,
    Boolean,
    String,
    Uuid,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub table: TableId,
    pub kind: RefKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefKind {
    Strong,
    Weak,
}

impl Schema {
    pub fn table(&self, id: TableId) -> &TableSchema {
        &self.tables[id.at()]
    }

    /// True if both describe the same database: if they print the same.
    pub fn is_equal(&self, other: &Schema) -> bool {
        super::print(self) == super::print(other)
    }

    pub fn table_named(&self, name: &str) -> Option<TableId> {
        self.table_ids.get(name).copied()
    }

    pub fn table_ids(&self) -> impl Iterator<Item = TableId> + use<> {
        (0..self.tables.len() as u16).map(TableId)
    }
}

impl TableSchema {
    pub fn column(&self, idx: ColumnIdx) -> &ColumnSchema {
        &self.columns[idx.at()]
    }

    pub fn column_named(&self, name: &str) -> Option<ColumnIdx> {
        self.column_ids.get(name).copied()
    }

    /// All columns, `_uuid` and `_version` included.
    pub fn column_idxs(&self) -> impl Iterator<Item = ColumnIdx> + use<> {
        (0..self.columns.len() as u16).map(ColumnIdx)
    }

    /// The columns that the schema declares.
    pub fn declared_idxs(&self) -> impl Iterator<Item = ColumnIdx> + use<> {
        (ColumnIdx::FIRST_DECLARED..self.columns.len() as u16).map(ColumnIdx)
    }
}

impl ColumnType {
    /// Exactly one element, no value type.
    pub fn is_scalar(&self) -> bool {
        self.n_min == 1 && self.n_max == 1 && self.value.is_none()
    }

    /// At most one element, no value type.
    pub fn is_optional_scalar(&self) -> bool {
        self.n_min == 0 && self.n_max == 1 && self.value.is_none()
    }

    /// More than one element possible: diffs are element by element.
    pub fn is_composite(&self) -> bool {
        self.n_max > 1
    }

    pub fn is_map(&self) -> bool {
        self.value.is_some()
    }

    /// A scalar of `atomic` without constraints.
    pub fn scalar(atomic: AtomicType) -> ColumnType {
        ColumnType {
            key: BaseType::new(atomic),
            value: None,
            n_min: 1,
            n_max: 1,
        }
    }

    /// The base types of key and, for maps, value.
    pub fn bases(&self) -> impl Iterator<Item = &BaseType> {
        std::iter::once(&self.key).chain(&self.value)
    }

    /// True if the two types allow the same values; what their references point at may differ, which no
    /// value tells.
    pub fn same_values(&self, other: &ColumnType) -> bool {
        let same_value_types = match (&self.value, &other.value) {
            (None, None) => true,
            (Some(a), Some(b)) => a.same_values(b),
            _ => false,
        };
        (self.n_min, self.n_max) == (other.n_min, other.n_max)
            && same_value_types
            && self.key.same_values(&other.key)
    }

    /// The type in words, as error texts have it: `integer`, `set of up to 3 integers`,
    /// `map of (string, uuid) pairs`.
    pub fn english(&self) -> String {
        if self.is_scalar() {
            return self.key.atomic.name().to_owned();
        }
        let class = if self.is_map() { "map" } else { "set" };
        let size = match (self.n_min, self.n_max) {
            (0, u32::MAX) => " of".to_owned(),
            (n_min, u32::MAX) => format!(" of {n_min} or more"),
            (0, n_max) => format!(" of up to {n_max}"),
            (n_min, n_max) => format!(" of {n_min} to {n_max}"),
        };
        let key = self.key.atomic.name();
        match &self.value {
            None => format!("{class}{size} {key}s"),
            Some(value) => format!("{class}{size} ({key}, {}) pairs", value.atomic.name()),
        }
    }

    /// A set for the purposes of mutation and notation: no value and not a scalar.
    pub fn is_set(&self) -> bool {
        self.value.is_none() && !self.is_scalar()
    }
}

impl AtomicType {
    /// The type that is called `name` in a schema.
    pub fn named(name: &str) -> Option<AtomicType> {
        use AtomicType::{Boolean, Integer, Real, String, Uuid};
        [Integer, Real, Boolean, String, Uuid]
            .into_iter()
            .find(|ty| ty.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            AtomicType::Integer => "integer",
            AtomicType::Real => "real",
            AtomicType::Boolean => "boolean",
            AtomicType::String => "string",
            AtomicType::Uuid => "uuid",
        }
    }

    /// 0, 0.0, false, "" and the zero uuid.
    pub fn default_atom(self) -> Atom {
        match self {
            AtomicType::Integer => Atom::Integer(0),
            AtomicType::Real => Atom::Real(crate::datum::Real(0.0)),
            AtomicType::Boolean => Atom::Boolean(false),
            AtomicType::String => Atom::String(crate::datum::Str::new("")),
            AtomicType::Uuid => Atom::Uuid(uuid::Uuid::nil()),
        }
    }
}

impl BaseType {
    /// `atomic` without constraints.
    pub const fn new(atomic: AtomicType) -> BaseType {
        BaseType {
            atomic,
            enumeration: None,
            integer_range: (i64::MIN, i64::MAX),
            real_range: (f64::NEG_INFINITY, f64::INFINITY),
            length_range: (0, u32::MAX),
            reference: None,
        }
    }

    /// False if every atom of the type is allowed and refers to nothing.
    pub fn has_constraints(&self) -> bool {
        self.reference.is_some() || !self.same_values(&BaseType::new(self.atomic))
    }

    /// True if both allow the same atoms, whatever they refer to.
    pub fn same_values(&self, other: &BaseType) -> bool {
        self.atomic == other.atomic
            && self.enumeration == other.enumeration
            && self.integer_range == other.integer_range
            && self.real_range == other.real_range
            && self.length_range == other.length_range
    }

    pub fn strong_target(&self) -> Option<TableId> {
        self.reference
            .as_ref()
            .filter(|r| r.kind == RefKind::Strong)
            .map(|r| r.table)
    }

    pub fn weak_target(&self) -> Option<TableId> {
        self.reference
            .as_ref()
            .filter(|r| r.kind == RefKind::Weak)
            .map(|r| r.table)
    }
}
