//! JSON text appended straight to the caller's buffer, spelled as upstream spells it.
//!
//! Nothing here allocates but the buffer itself. Commas are kept by the [`Members`] and [`Items`] guards.

use crate::value::Value;

/// Appends `text` as a JSON string: `"`, `\` and bytes below 0x20 escaped, everything else raw.
pub fn string(out: &mut Vec<u8>, text: &str) {
    string_bytes(out, text.as_bytes());
}

/// [`string`] for text that need not be UTF-8.
pub fn string_bytes(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut clean_from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[clean_from..at]);
        clean_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&text[clean_from..]);
    out.push(b'"');
}

pub fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(number.to_string().as_bytes());
}

/// Appends `number` as C's `%.15g` prints it (upstream `lib/json.c`, DBL_DIG), which need not round-trip.
pub fn real(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(number.to_string().as_bytes());
}

pub fn boolean(out: &mut Vec<u8>, flag: bool) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

pub fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Appends a value compactly, members in the order of the input.
pub fn value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => null(out),
        Value::Bool(flag) => boolean(out, *flag),
        Value::Integer(number) => integer(out, *number),
        Value::Real(number) => real(out, *number),
        Value::String(text) => string(out, text),
        Value::InvalidString(bytes) => string_bytes(out, bytes),
        Value::Array(items) => {
            let mut list = Items::begin(out);
            for item in *items {
                self::value(list.item(), item);
            }
            list.end();
        }
        Value::Object(object) => {
            let mut members = Members::begin(out);
            for (name, member) in object.members() {
                self::value(members.key(name), member);
            }
            members.end();
        }
    }
}

/// Appends a value compactly, members sorted bytewise by name (upstream's `JSSF_SORT`).
pub fn value_sorted(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Array(items) => {
            let mut list = Items::begin(out);
            for item in *items {
                value_sorted(list.item(), item);
            }
            list.end();
        }
        Value::Object(object) => {
            let mut sorted: Vec<_> = object.members().to_vec();
            sorted.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            let mut members = Members::begin(out);
            for (name, member) in &sorted {
                value_sorted(members.key(name), member);
            }
            members.end();
        }
        scalar => self::value(out, scalar),
    }
}

/// An object under construction: `key` writes the comma and the name and lends the buffer for the value.
pub struct Members<'b> {
    out: &'b mut Vec<u8>,
    is_first: bool,
}

impl<'b> Members<'b> {
    pub fn begin(out: &'b mut Vec<u8>) -> Members<'b> {
        out.push(b'{');
        Members { out, is_first: true }
    }

    pub fn key(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        string(self.out, name);
        self.out.push(b':');
        self.out
    }

    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// An array under construction: `item` writes the comma and lends the buffer for the element.
pub struct Items<'b> {
    out: &'b mut Vec<u8>,
    is_first: bool,
}

impl<'b> Items<'b> {
    pub fn begin(out: &'b mut Vec<u8>) -> Items<'b> {
        out.push(b'[');
        Items { out, is_first: true }
    }

    pub fn item(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        self.out
    }

    pub fn end(self) {
        self.out.push(b']');
    }
}
