//! A JSON value that borrows its strings from the read buffer and its nodes from a per-message arena.

/// One JSON value. Copying it copies a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    /// Whatever is mathematically an integer and fits `i64`, however it was spelled (`1.0`, `1e3`).
    Integer(i64),
    /// Any other finite number.
    Real(f64),
    String(&'a str),
    /// A string that upstream's parser takes although it is not UTF-8; no datum can hold it, an echo can.
    InvalidString(&'a [u8]),
    Array(&'a [Value<'a>]),
    Object(Object<'a>),
}

/// Members in the order of the input, each name once (the last of equal names won).
///
/// A name that is not UTF-8 stands here with U+FFFD for what is wrong: no schema knows such a name.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    members: &'a [(&'a str, Value<'a>)],
}

impl<'a> Object<'a> {
    /// Wraps members whose names are already distinct.
    pub fn from_distinct(members: &'a [(&'a str, Value<'a>)]) -> Object<'a> {
        Object { members }
    }

    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.members
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    pub fn members(&self) -> &'a [(&'a str, Value<'a>)] {
        self.members
    }

    /// The members sorted bytewise by name, as upstream prints and compares them.
    pub fn sorted(&self) -> Vec<(&'a str, Value<'a>)> {
        let mut members = self.members.to_vec();
        members.sort_unstable_by_key(|(name, _)| *name);
        members
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// Equality as in JSON: the order of the members does not count (upstream `json_equal`).
impl PartialEq for Object<'_> {
    fn eq(&self, other: &Object<'_>) -> bool {
        self.len() == other.len() && (self.members == other.members || self.sorted() == other.sorted())
    }
}

impl<'a> Value<'a> {
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of a string, UTF-8 or not.
    pub fn as_text_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Value::String(text) => Some(text.as_bytes()),
            Value::InvalidString(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&'a [Value<'a>]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<Object<'a>> {
        match self {
            Value::Object(object) => Some(*object),
            _ => None,
        }
    }

    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}
