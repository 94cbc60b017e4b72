//! JSON text appended straight to the caller's buffer, spelled as upstream spells it.
//!
//! Nothing here allocates but the buffer itself. Commas are kept by the [`Members`] and [`Items`] guards.

use std::fmt::Write;

use crate::text;
use crate::value::Value;

/// Appends `text` as a JSON string: `"`, `\` and bytes below 0x20 escaped, everything else raw.
pub fn string(out: &mut Vec<u8>, text: &str) {
    string_bytes(out, text.as_bytes());
}

/// [`string`] for text that need not be UTF-8.
pub fn string_bytes(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text;
    loop {
        let (clean, _) = text::clean_prefix(rest);
        out.extend_from_slice(&rest[..clean]);
        let Some(&byte) = rest.get(clean) else { break };
        rest = &rest[clean + 1..];
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
    out.push(b'"');
}

pub fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `number`, which is finite, as C's `%.15g` prints it (upstream `lib/json.c`, DBL_DIG): not every
/// number reads back as it was.
pub fn real(out: &mut Vec<u8>, number: f64) {
    digits::<15>(out, number);
}

/// The same with two digits more where 15 would read back as another number: for what has to be found again.
pub fn real_exact(out: &mut Vec<u8>, number: f64) {
    let start = out.len();
    real(out, number);
    let reads_back = std::str::from_utf8(&out[start..])
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .is_some_and(|read| read == number);
    if !reads_back {
        out.truncate(start);
        digits::<17>(out, number);
    }
}

/// Appends `number` as `%.*g` prints it with so many digits.
fn digits<const DIGITS: usize>(out: &mut Vec<u8>, number: f64) {
    debug_assert!(number.is_finite(), "no datum and no JSON holds {number}");
    // "-d.dddddddddddddddde-308", rounded as C rounds.
    let mut text = ShortText::<32> {
        bytes: [0; 32],
        length: 0,
    };
    write!(text, "{number:.precision$e}", precision = DIGITS - 1).expect("17 digits fit 32 bytes");
    let text = &text.bytes[..text.length];
    let (sign, text) = match text {
        [b'-', text @ ..] => (&b"-"[..], text),
        text => (&b""[..], text),
    };
    let exponent_at = text
        .iter()
        .position(|&byte| byte == b'e')
        .expect("written with an exponent");
    let exponent = std::str::from_utf8(&text[exponent_at + 1..])
        .ok()
        .and_then(|text| text.parse::<i32>().ok());
    let exponent = exponent.expect("written as a small integer");
    let mut digits = [0; DIGITS];
    digits[0] = text[0];
    digits[1..].copy_from_slice(&text[2..exponent_at]);
    let kept = digits
        .iter()
        .rposition(|&digit| digit != b'0')
        .map_or(1, |last| last + 1);
    let digits = &digits[..kept];

    out.extend_from_slice(sign);
    match exponent {
        0.. if (exponent.unsigned_abs() as usize) < DIGITS => {
            let whole = exponent.unsigned_abs() as usize + 1;
            out.extend_from_slice(&digits[..whole.min(kept)]);
            out.resize(out.len() + whole.saturating_sub(kept), b'0');
            if kept > whole {
                out.push(b'.');
                out.extend_from_slice(&digits[whole..]);
            }
        }
        -4..0 => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + exponent.unsigned_abs() as usize - 1, b'0');
            out.extend_from_slice(digits);
        }
        _ => {
            out.push(digits[0]);
            if kept > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.unsigned_abs() < 10 {
                out.push(b'0');
            }
            out.extend_from_slice(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
        }
    }
}

/// Text on the stack.
struct ShortText<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> std::fmt::Write for ShortText<N> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes
            .get_mut(self.length..end)
            .ok_or(std::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
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
            let mut members = Members::begin(out);
            for (name, member) in &object.sorted() {
                value_sorted(members.key(name), member);
            }
            members.end();
        }
        scalar => self::value(out, scalar),
    }
}

/// The order of the members of printed objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Input,
    /// Bytewise by name.
    Sorted,
}

/// Appends a value with each element and member on a line of its own, indented by two spaces for each level, as
/// upstream's `JSSF_PRETTY` lays it out: brackets close on the line of the last element.
pub fn value_pretty(out: &mut Vec<u8>, value: &Value<'_>, order: Order) {
    pretty(out, value, order, 0);
}

fn pretty(out: &mut Vec<u8>, value: &Value<'_>, order: Order, depth: usize) {
    let depth = depth + 1;
    let break_line = |out: &mut Vec<u8>| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                break_line(out);
                pretty(out, item, order, depth);
            }
            out.push(b']');
        }
        Value::Object(object) => {
            let sorted = (order == Order::Sorted).then(|| object.sorted());
            out.push(b'{');
            if object.is_empty() {
                break_line(out);
            }
            for (at, (name, member)) in sorted
                .as_deref()
                .unwrap_or_else(|| object.members())
                .iter()
                .enumerate()
            {
                if at > 0 {
                    out.push(b',');
                }
                break_line(out);
                string(out, name);
                out.extend_from_slice(b": ");
                pretty(out, member, order, depth);
            }
            out.push(b'}');
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

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::{Order, integer, real, real_exact, string_bytes, value, value_pretty, value_sorted};
    use crate::strict;

    fn printed(print: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reals_are_printed_as_c_prints_them() {
        // What `printf("%.15g")` of glibc prints.
        for (number, expected) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (-1.5, "-1.5"),
            (0.30000000000000004, "0.3"),
            (0.1 + 0.7, "0.8"),
            (1.0 / 3.0, "0.333333333333333"),
            (2.0 / 3.0, "0.666666666666667"),
            (1e14, "100000000000000"),
            (999999999999999.0, "999999999999999"),
            (1e15, "1e+15"),
            (123456789012345680.0, "1.23456789012346e+17"),
            (100000000000000.5, "100000000000000"),
            (100000000000001.5, "100000000000002"),
            (999999999999999.5, "1e+15"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00001, "1e-05"),
            (1.7976931348623157e308, "1.79769313486232e+308"),
            (2.2250738585072014e-308, "2.2250738585072e-308"),
            (-1e100, "-1e+100"),
            (9.007199254740993e15, "9.00719925474099e+15"),
            (20.0, "20"),
            (1234.5, "1234.5"),
        ] {
            assert_eq!(printed(|out| real(out, number)), expected, "{number:e}");
        }
    }

    #[test]
    fn exact_reals_read_back_and_are_short_where_they_can_be() {
        for (number, expected) in [
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1.0 / 3.0, "0.33333333333333331"),
            (0.1 + 0.2, "0.30000000000000004"),
            (999_999.999_999_999_9, "999999.99999999988"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (1e16, "1e+16"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (2.225_073_858_507_201_4e-308, "2.2250738585072014e-308"),
        ] {
            let text = printed(|out| real_exact(out, number));
            assert_eq!(text, expected);
            assert_eq!(text.parse(), Ok(number));
        }
    }

    #[test]
    fn integers_are_printed_in_full() {
        for number in [0, 1, -1, 10, i64::MAX, i64::MIN] {
            assert_eq!(printed(|out| integer(out, number)), number.to_string());
        }
    }

    #[test]
    fn only_quotes_backslashes_and_control_bytes_are_escaped() {
        for (text, expected) in [
            (&b""[..], r#""""#),
            (
                b"plain text, longer than a word /",
                r#""plain text, longer than a word /""#,
            ),
            (b"\"\\/\x08\t\n\x0c\r", r#""\"\\/\b\t\n\f\r""#),
            (b"\x00\x1f\x7f", "\"\\u0000\\u001f\u{7f}\""),
            ("é€😀".as_bytes(), "\"é€😀\""),
        ] {
            assert_eq!(printed(|out| string_bytes(out, text)), expected);
        }
    }

    #[test]
    fn layouts_are_those_of_upstream() {
        let text = br#"{"b":[1,{"x":null},[]],"a":{},"c":"t"}"#;
        let arena = Bump::new();
        let parsed = strict::parse(text, &arena).unwrap();
        assert_eq!(printed(|out| value(out, &parsed)).as_bytes(), text);
        assert_eq!(
            printed(|out| value_sorted(out, &parsed)),
            r#"{"a":{},"b":[1,{"x":null},[]],"c":"t"}"#
        );
        assert_eq!(
            printed(|out| value_pretty(out, &parsed, Order::Sorted)),
            "{\n  \"a\": {\n    },\n  \"b\": [\n    1,\n    {\n      \"x\": null},\n    []],\n  \"c\": \"t\"}"
        );
        assert!(printed(|out| value_pretty(out, &parsed, Order::Input)).starts_with("{\n  \"b\""));
    }
}
