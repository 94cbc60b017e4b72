//! Constraints of a base type on one atom: enum, range, length (RFC 7047 §3.2 `<base-type>`).
//!
//! References are no constraint here: whether the row exists is decided at commit.

use super::{Atom, print};
use crate::error::{OvsdbError, Result, Tag};
use crate::schema::{AtomicType, BaseType, ColumnType};
use ovsdb_wire::write;

/// Checks `atom`, which has the type of `base`; the error is `constraint violation` with upstream's text.
pub fn check(atom: &Atom, base: &BaseType) -> Result<()> {
    if let Some(allowed) = &base.enumeration {
        if allowed.contains_key(atom) {
            return Ok(());
        }
        let mut actual = Vec::new();
        print::write_atom_text(atom, &mut actual);
        return Err(not_in_enum(&String::from_utf8_lossy(&actual), base));
    }
    match atom {
        Atom::Integer(number) => {
            let (min, max) = base.integer_range;
            if min <= *number && *number <= max {
                return Ok(());
            }
            Err(out_of_range(
                &number.to_string(),
                (min != i64::MIN).then(|| min.to_string()),
                (max != i64::MAX).then(|| max.to_string()),
            ))
        }
        Atom::Real(real) => {
            let (min, max) = base.real_range;
            if min <= real.0 && real.0 <= max {
                return Ok(());
            }
            Err(out_of_range(
                &real_text(real.0),
                (min != f64::NEG_INFINITY).then(|| real_text(min)),
                (max != f64::INFINITY).then(|| real_text(max)),
            ))
        }
        Atom::String(text) => check_length(text, base),
        Atom::Boolean(_) | Atom::Uuid(_) => Ok(()),
    }
}

/// The error for a string that is not UTF-8 and so became no atom.
pub(super) fn invalid_utf8(bytes: &[u8], base: &BaseType) -> Box<OvsdbError> {
    if base.enumeration.is_some() {
        let mut actual = Vec::new();
        write::string_bytes(&mut actual, bytes);
        return not_in_enum(&String::from_utf8_lossy(&actual), base);
    }
    let at = match std::str::from_utf8(bytes) {
        Ok(_) => 0,
        Err(error) => error.valid_up_to(),
    };
    // Upstream names the bytes up to the one that does not fit, the terminating NUL included.
    let lead = bytes.get(at).copied().unwrap_or(0);
    let mut shown = 1;
    if (0xc2..=0xf4).contains(&lead) {
        let fitting = std::str::from_utf8(&bytes[at..])
            .err()
            .and_then(|error| error.error_len());
        shown = fitting.unwrap_or(bytes.len() - at) + 1;
    }
    let mut text = "not a valid UTF-8 string: invalid UTF-8 sequence".to_owned();
    for offset in at..at + shown {
        text.push_str(&format!(" 0x{:02x}", bytes.get(offset).copied().unwrap_or(0)));
    }
    OvsdbError::new(Tag::ConstraintViolation, text)
}

fn check_length(text: &str, base: &BaseType) -> Result<()> {
    let (min, max) = base.length_range;
    if (min, max) == (0, u32::MAX) {
        return Ok(());
    }
    let length = text.chars().count();
    let violation = |word: &str, bound_word: &str, bound: u32| {
        let details =
            format!("\"{text}\" length {length} is {word} than {bound_word} allowed length {bound}");
        Err(OvsdbError::new(Tag::ConstraintViolation, details))
    };
    if length < min as usize {
        return violation("less", "minimum", min);
    }
    if length > max as usize {
        return violation("greater", "maximum", max);
    }
    Ok(())
}

fn not_in_enum(actual: &str, base: &BaseType) -> Box<OvsdbError> {
    let mut allowed = Vec::new();
    if let Some(datum) = &base.enumeration {
        print::write_text(datum, &enum_type(base.atomic), &mut allowed);
    }
    let allowed = String::from_utf8_lossy(&allowed);
    OvsdbError::new(
        Tag::ConstraintViolation,
        format!("{actual} is not one of the allowed values ({allowed})"),
    )
}

/// The type of the set of allowed values: one or more atoms, unconstrained.
pub fn enum_type(atomic: AtomicType) -> ColumnType {
    ColumnType {
        n_max: u32::MAX,
        ..ColumnType::scalar(atomic)
    }
}

fn out_of_range(actual: &str, min: Option<String>, max: Option<String>) -> Box<OvsdbError> {
    let details = match (min, max) {
        (Some(min), Some(max)) => format!("{actual} is not in the valid range {min} to {max} (inclusive)"),
        (Some(min), None) => format!("{actual} is less than minimum allowed value {min}"),
        (None, max) => {
            let max = max.unwrap_or_default();
            format!("{actual} is greater than maximum allowed value {max}")
        }
    };
    OvsdbError::new(Tag::ConstraintViolation, details)
}

fn real_text(number: f64) -> String {
    let mut out = Vec::new();
    write::real(&mut out, number);
    String::from_utf8_lossy(&out).into_owned()
}
