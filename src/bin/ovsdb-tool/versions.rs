//! Versions of schemas, `X.Y.Z`.

use ovsdb::cli::{Fatal, Result};
use std::cmp::Ordering;

/// Whether `a OP b` holds; `op` is one of `<`, `<=`, `==`, `>=`, `>` and `!=`.
pub fn compare(a: &str, op: &str, b: &str) -> Result<bool> {
    let order = parse(a)?.cmp(&parse(b)?);
    match op {
        "<" => Ok(order == Ordering::Less),
        "<=" => Ok(order != Ordering::Greater),
        "==" => Ok(order == Ordering::Equal),
        ">=" => Ok(order != Ordering::Less),
        ">" => Ok(order == Ordering::Greater),
        "!=" => Ok(order != Ordering::Equal),
        _ => Err(Fatal::new(format!("{op}: not a relational operator"))),
    }
}

fn parse(text: &str) -> Result<[u32; 3]> {
    let mut version = [0; 3];
    let mut parts = text.split('.');
    let is_version = version.iter_mut().all(|number| {
        let part = parts
            .next()
            .filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        match part.and_then(|part| part.parse().ok()) {
            Some(parsed) => {
                *number = parsed;
                true
            }
            None => false,
        }
    });
    if is_version && parts.next().is_none() {
        Ok(version)
    } else {
        Err(Fatal::new(format!(
            "{text}: not an OVSDB version number in format x.y.z"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn versions_compare_by_number() {
        for (a, op, b, holds) in [
            ("1.2.3", "==", "1.2.3", true),
            ("1.10.0", ">", "1.9.9", true),
            ("1.2.3", "<", "1.2.3", false),
            ("1.2.3", "<=", "1.2.3", true),
            ("2.0.0", ">=", "10.0.0", false),
            ("2.0.0", "!=", "2.0.1", true),
        ] {
            assert_eq!(compare(a, op, b).unwrap(), holds, "{a} {op} {b}");
        }
        for (a, op, b, error) in [
            (
                "1.0",
                "<",
                "1.0.0",
                "1.0: not an OVSDB version number in format x.y.z",
            ),
            (
                "1.0.0",
                "<",
                "1.0.0.0",
                "1.0.0.0: not an OVSDB version number in format x.y.z",
            ),
            (
                "1.0.+1",
                "<",
                "1.0.0",
                "1.0.+1: not an OVSDB version number in format x.y.z",
            ),
            ("1.0.0", "=", "1.0.0", "=: not a relational operator"),
        ] {
            assert_eq!(compare(a, op, b).unwrap_err().to_string(), error);
        }
    }
}
