//! A value of one column type as a value of another: by way of JSON, as a schema conversion does it.

use super::{Atom, Datum, Pair, parse, uuid_text};
use crate::error::Result;
use crate::schema::ColumnType;
use bumpalo::Bump;
use ovsdb_wire::value::Value;

/// What `datum` of a column of type `from` is in a column of type `to`; the error is that of parsing its JSON.
pub fn convert(datum: &Datum, from: &ColumnType, to: &ColumnType) -> Result<Datum> {
    if from.same_values(to) {
        return Ok(datum.clone());
    }
    let arena = Bump::new();
    parse(&to_value(datum, &arena), to, None)
}

/// The JSON of a datum as a value in `arena`.
pub fn to_value<'a>(datum: &'a Datum, arena: &'a Bump) -> Value<'a> {
    let (class, items): (_, &[Value<'_>]) = match datum {
        Datum::One(atom) => return atom_to_value(atom, arena),
        Datum::Set(set) => {
            let atoms = set.iter().map(|atom| atom_to_value(atom, arena));
            ("set", arena.alloc_slice_fill_iter(atoms))
        }
        Datum::Map(map) => {
            let pairs = map.iter().map(Pair::split).map(|(key, value)| {
                Value::Array(arena.alloc([atom_to_value(key, arena), atom_to_value(value, arena)]))
            });
            ("map", arena.alloc_slice_fill_iter(pairs))
        }
    };
    Value::Array(arena.alloc([Value::String(class), Value::Array(items)]))
}

fn atom_to_value<'a>(atom: &'a Atom, arena: &'a Bump) -> Value<'a> {
    match atom {
        Atom::Integer(number) => Value::Integer(*number),
        Atom::Real(real) => Value::Real(real.0),
        Atom::Boolean(flag) => Value::Bool(*flag),
        Atom::String(text) => Value::String(text),
        Atom::Uuid(uuid) => {
            let mut buffer = [0; uuid_text::LEN];
            let text = arena.alloc_str(uuid.hyphenated().encode_lower(&mut buffer));
            Value::Array(arena.alloc([Value::String("uuid"), Value::String(text)]))
        }
    }
}
