//! Random values: datums that fit a column, and datums that do not.

use serde_json::{Value, json};

use crate::contents::Contents;
use crate::names;
use crate::schema::{Atomic, Base, Table, Type};
use ovsdb_harness::Random;

/// Texts of different lengths, scripts and escapes. Short ones come often, so that values meet again.
const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "c",
    "ab",
    "abc",
    "B",
    "only",
    "red",
    "äöü",
    "😀",
    "\"\\/\u{8}\n\t\u{1}\u{7f}",
    "a b",
    "0",
    "a text that is too long to be kept in place, and then some more of it",
];

/// Integers around the bounds of the schema.
const INTEGERS: &[i64] = &[0, 1, 2, 3, 4, 5, 7, 8, 10, -1, -2, -3, -5];

/// Integers at the bounds of the type, outside every range.
const EXTREMES: &[i64] = &[
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    i64::MIN + 1,
    1 << 53,
    (1 << 53) + 1,
    4_294_967_296,
    -6,
    11,
];

/// Reals that 15 digits print exactly, large and small.
const REALS: &[f64] = &[
    0.0, 1.0, 2.0, 0.5, 1.5, -1.0, -1.5, 0.25, 2.5, 0.1, 1e10, -2.25, 1e15, 1e-7, 123456.789,
];

/// Reals at the bounds of the type.
const EXTREME_REALS: &[f64] = &[1e300, -1e300, 1e-300, 1e22, 12345678901234568.0];

/// Makes values. Uuids come from rows that exist, from names of the transaction, and from nowhere.
pub(crate) struct Values<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) shadow: &'a Contents,
    /// Names that the transaction's inserts give, now or later, with their tables.
    pub(crate) row_names: &'a [(String, String)],
    /// Now and then an atom that its type's constraints refuse.
    pub(crate) careless: bool,
}

impl Values<'_> {
    /// An atom that is valid for `base`, mostly.
    pub(crate) fn atom(&mut self, base: &Base) -> Value {
        if !base.choices.is_empty() && !self.slips() {
            return self.random.pick(&base.choices).clone();
        }
        match base.atomic {
            Atomic::Integer => self.integer(base),
            Atomic::Real => self.real(base),
            Atomic::Boolean => json!(self.random.chance(50)),
            Atomic::String => self.text(base),
            Atomic::Uuid => self.uuid(base.ref_table()),
        }
    }

    /// A datum that is valid for `ty`, mostly, in one of its notations.
    pub(crate) fn datum(&mut self, ty: &Type) -> Value {
        let most = ty.max.min(ty.min + 4);
        let count = ty.min + self.random.below((most - ty.min + 1) as u64) as usize;
        self.datum_of(ty, count)
    }

    /// A datum of `ty` with up to `count` elements: equal ones are left out.
    pub(crate) fn datum_of(&mut self, ty: &Type, count: usize) -> Value {
        let mut keys: Vec<Value> = Vec::new();
        // Keys that meet are tried again for a while: an enum may not have so many.
        for _ in 0..count * 4 {
            let key = self.atom(&ty.key);
            if keys.len() < count && !keys.iter().any(|other| same_atom(other, &key)) {
                keys.push(key);
            }
        }
        match &ty.value {
            Some(value) => {
                let pairs: Vec<Value> = keys
                    .into_iter()
                    .map(|key| json!([key, self.atom(value)]))
                    .collect();
                json!(["map", pairs])
            }
            None if keys.len() == 1 && self.random.chance(60) => keys.remove(0),
            None => json!(["set", keys]),
        }
    }

    /// A datum that does not fit, or only seems to.
    pub(crate) fn misfit(&mut self, ty: &Type) -> Value {
        let atom = self.atom(&ty.key);
        match self.random.below(14) {
            0 => json!(["set", [atom, atom]]),
            1 => json!(["map", [[atom, 1], [atom, 2]]]),
            2 if ty.max < 10 => self.datum_of(ty, ty.max + 1),
            3 => json!(["set", []]),
            4 => json!(["map", []]),
            5 => json!(["map", [[atom]]]),
            6 => json!(["set", atom]),
            7 => json!(["set", [atom], 1]),
            8 => json!(["uuid", "not-a-uuid"]),
            9 => json!(["named-uuid", "0 no id"]),
            10 => json!([self.random.pick(&["set", "map", "uuid", "other"])]),
            11 => self.scrap(),
            12 => json!(["set", [self.scrap()]]),
            _ => match ty.key.atomic {
                Atomic::Integer => json!(*self.random.pick(EXTREMES)),
                Atomic::Real => json!(*self.random.pick(EXTREME_REALS)),
                Atomic::String => json!(*self.random.pick(TEXTS)),
                _ => self.scrap(),
            },
        }
    }

    /// Any small piece of JSON.
    pub(crate) fn scrap(&mut self) -> Value {
        match self.random.below(16) {
            0 => Value::Null,
            1 => json!(self.random.chance(50)),
            2 => json!(*self.random.pick(INTEGERS)),
            3 => json!(*self.random.pick(EXTREMES)),
            4 => json!(*self.random.pick(REALS)),
            5 | 6 => json!(*self.random.pick(TEXTS)),
            7 => json!([]),
            8 => json!({}),
            9 => json!([*self.random.pick(INTEGERS)]),
            10 => json!({"a": *self.random.pick(TEXTS)}),
            11 => json!(["set", [*self.random.pick(INTEGERS)]]),
            12 => json!(["map", [[*self.random.pick(TEXTS), *self.random.pick(INTEGERS)]]]),
            13 => self.uuid(None),
            14 => json!(["named-uuid", "loose"]),
            _ => json!("name"),
        }
    }

    fn slips(&mut self) -> bool {
        self.careless && self.random.chance(3)
    }

    fn integer(&mut self, base: &Base) -> Value {
        let bound = |name: &str| base.constraints.get(name).and_then(Value::as_i64);
        let (least, greatest) = (bound("minInteger"), bound("maxInteger"));
        loop {
            let value = *self.random.pick(INTEGERS);
            let fits =
                least.is_none_or(|least| value >= least) && greatest.is_none_or(|greatest| value <= greatest);
            if fits || self.slips() {
                return json!(value);
            }
        }
    }

    fn real(&mut self, base: &Base) -> Value {
        let bound = |name: &str| base.constraints.get(name).and_then(Value::as_f64);
        let (least, greatest) = (bound("minReal"), bound("maxReal"));
        loop {
            let value = *self.random.pick(REALS);
            let fits =
                least.is_none_or(|least| value >= least) && greatest.is_none_or(|greatest| value <= greatest);
            if fits || self.slips() {
                // Integers are reals, too.
                let as_integer = value.fract() == 0.0 && value.abs() < 1e9 && self.random.chance(50);
                return if as_integer {
                    json!(value as i64)
                } else {
                    json!(value)
                };
            }
        }
    }

    fn text(&mut self, base: &Base) -> Value {
        let bound = |name: &str| base.constraints.get(name).and_then(Value::as_u64);
        let (least, greatest) = (bound("minLength"), bound("maxLength"));
        loop {
            let bulk = if self.random.chance(70) { 7 } else { TEXTS.len() };
            let text = TEXTS[self.random.below(bulk as u64) as usize];
            let length = text.chars().count() as u64;
            let fits = least.is_none_or(|least| length >= least)
                && greatest.is_none_or(|greatest| length <= greatest);
            if fits || self.slips() {
                return json!(text);
            }
        }
    }

    fn uuid(&mut self, table: Option<&str>) -> Value {
        let named: Vec<&String> = self
            .row_names
            .iter()
            .filter(|(_, target)| table.is_none_or(|table| table == target))
            .map(|(name, _)| name)
            .collect();
        if !named.is_empty() && self.random.chance(40) {
            return json!(["named-uuid", *self.random.pick(&named)]);
        }
        let existing = table.map(|table| self.shadow.uuids(table)).unwrap_or_default();
        match self.random.below(100) {
            // A reference to nothing.
            0..3 => json!(["uuid", names::own(1_000_000 + self.random.below(4))]),
            3 => json!(["uuid", "00000000-0000-0000-0000-000000000000"]),
            _ if !existing.is_empty() => json!(["uuid", *self.random.pick(&existing)]),
            _ if table.is_none() => json!(["uuid", names::own(2_000_000 + self.random.below(6))]),
            _ => json!(["uuid", names::own(1_000_000 + self.random.below(4))]),
        }
    }
}

/// Whether two atoms are the same to a server: `1` and `1.0` are.
fn same_atom(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// The columns of a table whose type has `property`.
pub(crate) fn columns_with(table: &Table, property: impl Fn(&Type) -> bool) -> Vec<&str> {
    table
        .declared()
        .iter()
        .filter(|column| property(&column.ty))
        .map(|column| column.name.as_str())
        .collect()
}
