//! JSON notation to datums (RFC 7047 §5.1 `<value>`), checked against the column's type on the way.
//!
//! The order of the checks, and so which error wins, is upstream's: notation, number of elements, then each
//! element in the order given (type, then constraints), duplicates last. Input that is sorted already, as
//! ours and upstream's output is, is not sorted again.

use super::{Atom, Datum, Real, Str, constraint, print, uuid_text};
use crate::error::{OvsdbError, Result, Tag};
use crate::schema::{AtomicType, BaseType, ColumnType};
use ovsdb_wire::object::is_id;
use ovsdb_wire::value::Value;
use std::borrow::Cow;
use uuid::Uuid;

/// Where `["named-uuid", NAME]` gets its meaning: the transaction's names.
pub trait Symbols {
    /// The uuid that `name`, a valid id, stands for; a name not seen before gets one.
    fn resolve(&mut self, name: &str) -> Uuid;
}

/// The type to parse by: a column's, or one relaxed from it.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'t> {
    pub key: &'t BaseType,
    /// Present for maps.
    pub value: Option<&'t BaseType>,
    pub n_min: u32,
    /// `u32::MAX` is unlimited.
    pub n_max: u32,
}

impl<'t> From<&'t ColumnType> for Shape<'t> {
    fn from(ty: &'t ColumnType) -> Shape<'t> {
        Shape {
            key: &ty.key,
            value: ty.value.as_ref(),
            n_min: ty.n_min,
            n_max: ty.n_max,
        }
    }
}

impl Shape<'_> {
    /// The same elements in any number.
    #[must_use]
    pub fn of_any_size(self) -> Self {
        Shape {
            n_min: 0,
            n_max: u32::MAX,
            ..self
        }
    }
}

/// Parses the value of a column with all its constraints. Without `symbols`, named uuids are refused.
pub fn parse(value: &Value<'_>, ty: &ColumnType, symbols: Option<&mut dyn Symbols>) -> Result<Datum> {
    parse_shape(value, ty.into(), symbols)
}

/// Parses with the column's atoms but any number of elements: differences in the log.
pub fn parse_relaxed(value: &Value<'_>, ty: &ColumnType) -> Result<Datum> {
    parse_shape(value, Shape::from(ty).of_any_size(), None)
}

/// Checks the number of elements of a value parsed by [`parse_relaxed`].
pub fn check_len(datum: &Datum, ty: &ColumnType) -> Result<()> {
    let len = datum.len();
    // A single element stands for itself, whatever the type says, as in `parse`.
    if matches!(datum, Datum::One(_)) || (ty.n_min as usize <= len && len <= ty.n_max as usize) {
        return Ok(());
    }
    let class = if datum.is_map() { "map" } else { "set" };
    let mut error = OvsdbError::new(Tag::SyntaxError, wrong_len(class, Shape::from(ty), len));
    let mut text = Vec::new();
    print::write(datum, &mut text);
    error.syntax = Some(String::from_utf8_lossy(&text).into_owned());
    Err(error)
}

/// Parses with nothing of the column's type but its atomic types.
pub fn parse_unconstrained(value: &Value<'_>, ty: &ColumnType) -> Result<Datum> {
    let key = BaseType::new(ty.key.atomic);
    let value_type = ty.value.as_ref().map(|value| BaseType::new(value.atomic));
    let shape = Shape {
        key: &key,
        value: value_type.as_ref(),
        n_min: 0,
        n_max: u32::MAX,
    };
    parse_shape(value, shape, None)
}

/// Parses by a type that need not be a column's.
pub fn parse_shape(value: &Value<'_>, shape: Shape<'_>, symbols: Option<&mut dyn Symbols>) -> Result<Datum> {
    let mut reader = Reader { symbols };
    if let Some(value_type) = shape.value {
        return reader.map(value, shape, value_type);
    }
    match value {
        Value::Array([Value::String("set"), ..]) => reader.set(value, shape),
        single => Ok(Datum::One(reader.atom(single, shape.key)?)),
    }
}

/// Parses one atom with its constraints.
pub fn parse_atom(value: &Value<'_>, base: &BaseType, symbols: Option<&mut dyn Symbols>) -> Result<Atom> {
    Reader { symbols }.atom(value, base)
}

struct Reader<'s> {
    symbols: Option<&'s mut dyn Symbols>,
}

impl Reader<'_> {
    fn set(&mut self, value: &Value<'_>, shape: Shape<'_>) -> Result<Datum> {
        let items = members(value, "set", shape)?;
        if let [only] = items {
            return Ok(Datum::One(self.atom(only, shape.key)?));
        }
        let mut atoms = Vec::with_capacity(items.len());
        for item in items {
            atoms.push(self.atom(item, shape.key)?);
        }
        if !sort_by_key(&mut atoms, |atom| atom) {
            return Err(OvsdbError::new(Tag::Ovsdb, "set contains duplicate"));
        }
        Ok(Datum::set_from_sorted(atoms))
    }

    fn map(&mut self, value: &Value<'_>, shape: Shape<'_>, value_type: &BaseType) -> Result<Datum> {
        let items = members(value, "map", shape)?;
        let mut pairs = Vec::with_capacity(items.len());
        for item in items {
            let Value::Array([key, mapped]) = item else {
                return Err(OvsdbError::syntax(item, "expected 2-element array"));
            };
            pairs.push((self.atom(key, shape.key)?, self.atom(mapped, value_type)?));
        }
        if !sort_by_key(&mut pairs, |(key, _)| key) {
            return Err(OvsdbError::new(Tag::Ovsdb, "map contains duplicate key"));
        }
        Ok(Datum::map_from_sorted(pairs))
    }

    fn atom(&mut self, value: &Value<'_>, base: &BaseType) -> Result<Atom> {
        let atom = match (base.atomic, value) {
            (AtomicType::Integer, Value::Integer(number)) => Atom::Integer(*number),
            (AtomicType::Real, Value::Integer(number)) => Atom::Real(Real(*number as f64)),
            (AtomicType::Real, Value::Real(number)) => Atom::Real(Real(*number)),
            (AtomicType::Boolean, Value::Bool(flag)) => Atom::Boolean(*flag),
            (AtomicType::String, Value::String(text)) => Atom::String(Str::new(text)),
            (AtomicType::String, Value::InvalidString(bytes)) => {
                return Err(constraint::invalid_utf8(bytes, base));
            }
            (AtomicType::Uuid, _) => Atom::Uuid(self.uuid(value)?),
            (atomic, _) => {
                return Err(OvsdbError::syntax(value, format!("expected {}", atomic.name())));
            }
        };
        constraint::check(&atom, base)?;
        Ok(atom)
    }

    fn uuid(&mut self, value: &Value<'_>) -> Result<Uuid> {
        if let Value::Array([Value::String(notation), text]) = value
            && let Some(bytes) = text.as_text_bytes()
        {
            if *notation == "uuid" {
                return uuid_text::parse(bytes).ok_or_else(|| {
                    let text = String::from_utf8_lossy(bytes);
                    OvsdbError::syntax(value, format!("\"{text}\" is not a valid UUID"))
                });
            }
            if *notation == "named-uuid"
                && let Some(symbols) = &mut self.symbols
            {
                return match text {
                    Value::String(name) if is_id(name) => Ok(symbols.resolve(name)),
                    _ => Err(OvsdbError::syntax(value, "named-uuid string is not a valid <id>")),
                };
            }
        }
        Err(OvsdbError::syntax(value, "expected [\"uuid\", <string>]"))
    }
}

/// The elements of `["set", […]]` or `["map", […]]`, their number checked.
fn members<'a>(value: &Value<'a>, class: &str, shape: Shape<'_>) -> Result<&'a [Value<'a>]> {
    let items = match value {
        Value::Array([Value::String(notation), Value::Array(items)]) if *notation == class => *items,
        _ => {
            return Err(OvsdbError::syntax(
                value,
                format!("expected [\"{class}\", <array>]"),
            ));
        }
    };
    let n = items.len();
    if shape.n_min as usize <= n && n <= shape.n_max as usize {
        return Ok(items);
    }
    Err(OvsdbError::syntax(value, wrong_len(class, shape, n)))
}

/// The words for a set or map that has `n` elements.
fn wrong_len(class: &str, shape: Shape<'_>, n: usize) -> String {
    let Shape { n_min, n_max, .. } = shape;
    if (n_min, n_max) == (1, 1) {
        format!("{class} must have exactly one member but {n} are present")
    } else {
        format!("{class} must have {n_min} to {n_max} members but {n} are present")
    }
}

/// Sorts unless sorted already; false if two keys are equal.
fn sort_by_key<T>(elements: &mut [T], key: impl Fn(&T) -> &Atom) -> bool {
    let ascends = |elements: &[T]| elements.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]));
    if ascends(elements) {
        return true;
    }
    elements.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    ascends(elements)
}

/// A JSON string as text for names and messages, what is not UTF-8 in it replaced.
pub(crate) fn text_lossy<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    value.as_text_bytes().map(String::from_utf8_lossy)
}
