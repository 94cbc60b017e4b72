//! Whether an answer of our server equals one of theirs, and what is left out of account because nothing specifies
//! it.
//!
//! | left out | because |
//! | --- | --- |
//! | order of members of objects | JSON objects have none; upstream sends them in hash order |
//! | order of the rows of a `select` | RFC 7047 §5.2.2: "in unspecified order"; with `sort`, the order of ties |
//! | values of random uuids | see `names`; which of them are equal is compared |
//! | digits of reals beyond the 15th | upstream writes no more, also into its files (COMPAT.md) |
//! | order of sets and maps of random uuids | follows from their values; that each is in order is checked |

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use crate::names::{Match, Names, is_uuid};

/// Where two answers differ.
#[derive(Debug)]
pub(crate) struct Difference {
    path: String,
    ours: String,
    theirs: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "at {}:\n  ours   {}\n  theirs {}",
            self.path, self.ours, self.theirs
        )
    }
}

/// Compares two answers and learns which random uuids belong together.
pub(crate) fn equal(names: &mut Names, ours: &Value, theirs: &Value) -> Result<(), Difference> {
    Comparison {
        names,
        path: String::from("$"),
    }
    .values(ours, theirs)
}

struct Comparison<'n> {
    names: &'n mut Names,
    path: String,
}

impl Comparison<'_> {
    fn values(&mut self, ours: &Value, theirs: &Value) -> Result<(), Difference> {
        match (ours, theirs) {
            (Value::String(a), Value::String(b)) => self.texts(a, b),
            (Value::Array(a), Value::Array(b)) => self.arrays(a, b),
            (Value::Object(a), Value::Object(b)) => self.objects(a, b),
            (Value::Number(a), Value::Number(b)) if digits(a) == digits(b) => Ok(()),
            _ if ours == theirs => Ok(()),
            _ => Err(self.difference(ours, theirs)),
        }
    }

    /// Texts may contain uuids, in errors and in the `syntax` of what was asked.
    fn texts(&mut self, ours: &str, theirs: &str) -> Result<(), Difference> {
        let (mut a, mut b) = (ours, theirs);
        loop {
            let (Some(at), Some(other)) = (uuid_at(a), uuid_at(b)) else {
                return if a == b {
                    Ok(())
                } else {
                    Err(self.difference(ours, theirs))
                };
            };
            if a[..at] != b[..other] {
                return Err(self.difference(ours, theirs));
            }
            let (one, two) = (&a[at..at + 36], &b[other..other + 36]);
            match self.names.check(one, two) {
                Match::Same => {}
                Match::New => self.names.learn(one, two),
                Match::Different => return Err(self.difference(ours, theirs)),
            }
            (a, b) = (&a[at + 36..], &b[other + 36..]);
        }
    }

    fn arrays(&mut self, ours: &[Value], theirs: &[Value]) -> Result<(), Difference> {
        if let ([kind, Value::Array(a)], [other, Value::Array(b)]) = (ours, theirs)
            && kind == other
            && (kind == "set" || kind == "map")
        {
            for elements in [a, b] {
                assert_in_order(elements, kind == "map");
            }
            return self.unordered(a, b);
        }
        if ours.len() != theirs.len() {
            return Err(self.difference(ours, theirs));
        }
        for (at, (a, b)) in ours.iter().zip(theirs).enumerate() {
            self.within(&format!("[{at}]"), |me| me.values(a, b))?;
        }
        Ok(())
    }

    fn objects(&mut self, ours: &Map<String, Value>, theirs: &Map<String, Value>) -> Result<(), Difference> {
        if ours.len() != theirs.len() {
            return Err(self.difference(ours, theirs));
        }
        if let (Some(Value::Array(a)), Some(Value::Array(b))) = (ours.get("rows"), theirs.get("rows")) {
            return self.within(".rows", |me| me.unordered(a, b));
        }
        let mut unnamed = Vec::new();
        for (name, value) in ours {
            if !is_uuid(name) {
                let Some(other) = theirs.get(name) else {
                    return Err(self.difference(ours, theirs));
                };
                self.within(&format!(".{name}"), |me| me.values(value, other))?;
            } else if let Some(name) = self.names.theirs(name).map(str::to_owned) {
                let Some(other) = theirs.get(&name) else {
                    return Err(self.difference(ours, theirs));
                };
                self.within(&format!(".{name}"), |me| me.values(value, other))?;
            } else {
                unnamed.push((name, value));
            }
        }
        // Rows that are new to both: of several, those with equal contents belong together.
        let new: Vec<(&String, &Value)> = theirs
            .iter()
            .filter(|(name, _)| is_uuid(name) && !self.names.knows_theirs(name))
            .collect();
        if unnamed.len() != new.len() {
            return Err(self.difference(ours, theirs));
        }
        let as_pair =
            |(name, value): (&String, &Value)| Value::from(vec![Value::from(name.clone()), value.clone()]);
        let a: Vec<Value> = unnamed.into_iter().map(as_pair).collect();
        let b: Vec<Value> = new.into_iter().map(as_pair).collect();
        self.unordered(&a, &b)
    }

    /// Compares without regard to order. Elements that cannot be told apart but for new uuids teach nothing.
    fn unordered(&mut self, ours: &[Value], theirs: &[Value]) -> Result<(), Difference> {
        if ours.len() != theirs.len() {
            return Err(self.difference(ours, theirs));
        }
        let mut groups: BTreeMap<String, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        for element in ours {
            let key = self.key(element, Side::Ours);
            groups.entry(key).or_default().0.push(element);
        }
        for element in theirs {
            let key = self.key(element, Side::Theirs);
            groups.entry(key).or_default().1.push(element);
        }
        let unmatched = groups.values().filter(|(a, b)| a.len() != b.len());
        let (a, b): (Vec<_>, Vec<_>) = unmatched.cloned().unzip();
        if !a.is_empty() {
            return Err(self.difference(a.concat().as_slice(), b.concat().as_slice()));
        }
        for (key, (a, b)) in groups {
            if let ([a], [b]) = (a.as_slice(), b.as_slice()) {
                self.within(&format!("{{{key}}}"), |me| me.values(a, b))?;
            }
        }
        Ok(())
    }

    /// A text that is equal for elements that may correspond: known uuids in their names, new ones left out.
    fn key(&self, value: &Value, side: Side) -> String {
        let mut key = String::new();
        self.write_key(value, side, &mut key);
        key
    }

    fn write_key(&self, value: &Value, side: Side, key: &mut String) {
        match value {
            Value::String(text) if is_uuid(text) => key.push_str(self.known(text, side).unwrap_or("new")),
            Value::Array(elements) => {
                let mut parts: Vec<String> = elements.iter().map(|element| self.key(element, side)).collect();
                if elements
                    .first()
                    .is_some_and(|kind| kind == "set" || kind == "map")
                    && let Some(Value::Array(inner)) = elements.get(1)
                {
                    let mut inner: Vec<String> =
                        inner.iter().map(|element| self.key(element, side)).collect();
                    inner.sort_unstable();
                    parts[1] = inner.join(",");
                }
                write!(key, "[{}]", parts.join(",")).expect("a text can be written to");
            }
            Value::Object(members) => {
                let mut parts: Vec<String> = members
                    .iter()
                    .map(|(name, value)| {
                        let name = if is_uuid(name) {
                            self.known(name, side).unwrap_or("new")
                        } else {
                            name
                        };
                        format!("{name}:{}", self.key(value, side))
                    })
                    .collect();
                parts.sort_unstable();
                write!(key, "{{{}}}", parts.join(",")).expect("a text can be written to");
            }
            Value::Number(number) => key.push_str(&digits(number)),
            other => write!(key, "{other}").expect("a text can be written to"),
        }
    }

    fn known<'a>(&'a self, uuid: &'a str, side: Side) -> Option<&'a str> {
        match side {
            Side::Ours => self.names.theirs(uuid),
            Side::Theirs => self.names.knows_theirs(uuid).then_some(uuid),
        }
    }

    fn within(
        &mut self,
        step: &str,
        compare: impl FnOnce(&mut Self) -> Result<(), Difference>,
    ) -> Result<(), Difference> {
        let length = self.path.len();
        self.path.push_str(step);
        compare(self)?;
        self.path.truncate(length);
        Ok(())
    }

    fn difference<V: Into<Shown>>(&self, ours: V, theirs: V) -> Difference {
        let (ours, theirs) = (ours.into(), theirs.into());
        Difference {
            path: self.path.clone(),
            ours: ours.0,
            theirs: theirs.0,
        }
    }
}

/// A part of an answer as JSON text.
struct Shown(String);

impl From<&Value> for Shown {
    fn from(value: &Value) -> Shown {
        Shown(value.to_string())
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Shown {
        Shown(text.to_owned())
    }
}

impl From<&[Value]> for Shown {
    fn from(values: &[Value]) -> Shown {
        Shown(Value::from(values).to_string())
    }
}

impl From<&[&Value]> for Shown {
    fn from(values: &[&Value]) -> Shown {
        Shown(
            values
                .iter()
                .map(|value| value.to_string())
                .collect::<Vec<_>>()
                .join(", "),
        )
    }
}

impl From<&Map<String, Value>> for Shown {
    fn from(members: &Map<String, Value>) -> Shown {
        Shown(Value::from(members.clone()).to_string())
    }
}

#[derive(Clone, Copy)]
enum Side {
    Ours,
    Theirs,
}

/// A number with all digits if it is whole, and 15 of them otherwise.
fn digits(number: &Number) -> String {
    match number.as_f64() {
        Some(real) if number.is_f64() => format!("{real:.14e}"),
        _ => number.to_string(),
    }
}

/// Where the first uuid of a text is.
fn uuid_at(text: &str) -> Option<usize> {
    (0..text.len().saturating_sub(35)).find(|at| text.get(*at..at + 36).is_some_and(is_uuid))
}

/// RFC 7047 leaves the order of sets and maps open; both servers send them ascending, and clients may count on it.
fn assert_in_order(elements: &[Value], is_map: bool) {
    let keys: Vec<&Value> = elements
        .iter()
        .map(|element| if is_map { &element[0] } else { element })
        .collect();
    for pair in keys.windows(2) {
        let ascending = match (pair[0], pair[1]) {
            (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => a < b,
                // Distinct reals may have the same 15 digits.
                _ => a.as_f64() <= b.as_f64(),
            },
            (Value::Bool(a), Value::Bool(b)) => !a & b,
            (Value::String(a), Value::String(b)) => a.as_bytes() < b.as_bytes(),
            (Value::Array(a), Value::Array(b)) => a[1].as_str() < b[1].as_str(),
            _ => false,
        };
        assert!(ascending, "not in order: {elements:?}");
    }
}
