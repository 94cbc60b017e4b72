//! JSON to types of columns (RFC 7047 §3.2 `<type>`, `<base-type>`, `<atomic-type>`).

use super::parse::References;
use super::{AtomicType, BaseType, ColumnType, RefKind, Reference};
use crate::datum::parse::text_lossy;
use crate::datum::{self, constraint};
use crate::error::{OvsdbError, Result};
use crate::ids::TableId;
use ovsdb_wire::object::{ObjectParser, Types};
use ovsdb_wire::value::Value;

/// Reads the type of column `name`.
pub(super) fn column_type(
    value: &Value<'_>,
    name: &str,
    references: &mut References<'_>,
) -> Result<ColumnType> {
    let mut base = |value: &Value<'_>, role: &str| {
        base_type(value, &mut |table: &str| references.resolve(table, name, role))
    };
    if text_lossy(value).is_some() {
        return Ok(ColumnType {
            key: base(value, "key")?,
            value: None,
            n_min: 1,
            n_max: 1,
        });
    }
    if value.as_object().is_none() {
        return Err(OvsdbError::syntax(value, "ovsdb type expected"));
    }
    let mut parser = ObjectParser::new(*value, "ovsdb type");
    let key = parser.member("key", Types::STRING | Types::OBJECT);
    let mapped = parser.optional("value", Types::STRING | Types::OBJECT);
    let min = parser.optional("min", Types::INTEGER);
    let max = parser.optional("max", Types::INTEGER | Types::STRING);
    parser.finish()?;
    let key = base(&key.expect("the parser has seen the member"), "key")?;
    let mapped = mapped.map(|mapped| base(&mapped, "value")).transpose()?;
    let n_min = count(min)?;
    let n_max = match max {
        Some(Value::String("unlimited")) => u32::MAX,
        number => count(number)?,
    };
    if n_min > 1 || n_max < 1 {
        return Err(OvsdbError::syntax(value, "ovsdb type fails constraint checks"));
    }
    Ok(ColumnType {
        key,
        value: mapped,
        n_min,
        n_max,
    })
}

/// `min` or `max`: 1 if absent. `u32::MAX` cannot be said in digits, it means unlimited.
fn count(value: Option<Value<'_>>) -> Result<u32> {
    let Some(value) = value else {
        return Ok(1);
    };
    let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| *number < u32::MAX)
        .ok_or_else(|| OvsdbError::syntax(&value, "bad min or max value"))
}

fn base_type(value: &Value<'_>, resolve: &mut dyn FnMut(&str) -> TableId) -> Result<BaseType> {
    if let Some(name) = text_lossy(value) {
        return Ok(BaseType::new(atomic_type(&name, value)?));
    }
    let mut parser = ObjectParser::new(*value, "ovsdb type");
    let Some(ty) = parser.member("type", Types::STRING) else {
        parser.finish()?;
        unreachable!("a missing member is an error");
    };
    let name = text_lossy(&ty).expect("the parser has seen a string");
    let mut base = BaseType::new(atomic_type(&name, &ty)?);
    if let Some(allowed) = parser.optional("enum", Types::ANY) {
        base.enumeration = Some(datum::parse(&allowed, &constraint::enum_type(base.atomic), None)?);
    } else {
        match base.atomic {
            AtomicType::Integer => integer_range(&mut base, &mut parser, value)?,
            AtomicType::Real => real_range(&mut base, &mut parser, value)?,
            AtomicType::String => length_range(&mut base, &mut parser, value)?,
            AtomicType::Uuid => base.reference = reference(&mut parser, value, resolve)?,
            AtomicType::Boolean => {}
        }
    }
    parser.finish()?;
    Ok(base)
}

fn atomic_type(name: &str, value: &Value<'_>) -> Result<AtomicType> {
    AtomicType::named(name)
        .ok_or_else(|| OvsdbError::syntax(value, format!("\"{name}\" is not an atomic-type")))
}

type Parser<'a> = ObjectParser<'a, &'static str>;

fn integer_range(base: &mut BaseType, parser: &mut Parser<'_>, value: &Value<'_>) -> Result<()> {
    let mut bound = |name| {
        parser
            .optional(name, Types::INTEGER)
            .and_then(|number| number.as_integer())
    };
    let (min, max) = (bound("minInteger"), bound("maxInteger"));
    base.integer_range = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
    if base.integer_range.0 > base.integer_range.1 {
        return Err(OvsdbError::syntax(value, "minInteger exceeds maxInteger"));
    }
    Ok(())
}

fn real_range(base: &mut BaseType, parser: &mut Parser<'_>, value: &Value<'_>) -> Result<()> {
    let mut bound = |name| match parser.optional(name, Types::NUMBER) {
        Some(Value::Integer(number)) => Some(number as f64),
        Some(Value::Real(number)) => Some(number),
        _ => None,
    };
    // The largest finite numbers mean no bound, as upstream.
    let min = bound("minReal").filter(|min| *min > f64::MIN);
    let max = bound("maxReal").filter(|max| *max < f64::MAX);
    base.real_range = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
    if base.real_range.0 > base.real_range.1 {
        return Err(OvsdbError::syntax(value, "minReal exceeds maxReal"));
    }
    Ok(())
}

fn length_range(base: &mut BaseType, parser: &mut Parser<'_>, value: &Value<'_>) -> Result<()> {
    let mut bound = |name: &str| match parser.optional(name, Types::INTEGER) {
        Some(Value::Integer(number)) => match u32::try_from(number) {
            Ok(bound) => Ok(Some(bound)),
            Err(_) => {
                let details = format!("{name} out of valid range 0 to {}", u32::MAX);
                Err(OvsdbError::syntax(&Value::Integer(number), details))
            }
        },
        _ => Ok(None),
    };
    let (min, max) = (bound("minLength")?, bound("maxLength")?);
    base.length_range = (min.unwrap_or(0), max.unwrap_or(u32::MAX));
    if base.length_range.0 > base.length_range.1 {
        return Err(OvsdbError::syntax(value, "minLength exceeds maxLength"));
    }
    Ok(())
}

/// `refTable` and, only beside it, `refType`.
fn reference(
    parser: &mut Parser<'_>,
    value: &Value<'_>,
    resolve: &mut dyn FnMut(&str) -> TableId,
) -> Result<Option<Reference>> {
    let Some(Value::String(table)) = parser.optional("refTable", Types::ID) else {
        return Ok(None);
    };
    let kind = match parser.optional("refType", Types::ID) {
        None | Some(Value::String("strong")) => RefKind::Strong,
        Some(Value::String("weak")) => RefKind::Weak,
        Some(other) => {
            let other = text_lossy(&other).unwrap_or_default();
            let details = format!("refType must be \"strong\" or \"weak\" (not \"{other}\")");
            return Err(OvsdbError::syntax(value, details));
        }
    };
    Ok(Some(Reference {
        table: resolve(table),
        kind,
    }))
}
