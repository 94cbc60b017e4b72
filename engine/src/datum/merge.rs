//! Set arithmetic on datums: what the mutators `insert` and `delete` and the functions `includes` and
//! `excludes` are made of. Cost follows the smaller side (times a logarithm), plus one copy where the
//! result differs.

use super::element::{Element, find};
use super::{Atom, Datum};

/// `a` with the elements of `b` that it lacks; a key of both keeps the value it has in `a`. Returns `a`
/// itself, shared, if nothing is added. Both are sets or both are maps.
pub fn union(a: &Datum, b: &Datum) -> Datum {
    let merged = if a.is_map() {
        add(a.pairs(), b.pairs()).map(Element::datum)
    } else {
        add(a.atoms(), b.atoms()).map(Element::datum)
    };
    merged.unwrap_or_else(|| a.clone())
}

/// `a` without the elements of `b`: pairs where both are maps (key and value must agree), keys where `b` is
/// a set. Returns `a` itself, shared, if nothing is removed.
pub fn subtract(a: &Datum, b: &Datum) -> Datum {
    let rest = match (a.is_map(), b.is_map()) {
        (true, true) => {
            remove(a.pairs(), b.pairs(), |(key, _)| key, |pair, gone| pair == gone).map(Element::datum)
        }
        (true, false) => remove(a.pairs(), b.atoms(), |key| key, |_, _| true).map(Element::datum),
        (false, _) => remove(a.atoms(), b.atoms(), |key| key, |_, _| true).map(Element::datum),
    };
    rest.unwrap_or_else(|| a.clone())
}

/// True if every element of `b` is in `a`; of maps, with the same value.
pub fn includes_all(a: &Datum, b: &Datum) -> bool {
    if b.len() > a.len() {
        return false;
    }
    if a.is_map() {
        contains_all(a.pairs(), b.pairs())
    } else {
        contains_all(a.atoms(), b.atoms())
    }
}

/// True if no element is in both; of maps, a key counts as shared only with the same value.
pub fn excludes_all(a: &Datum, b: &Datum) -> bool {
    let (large, small) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if a.is_map() {
        contains_none(large.pairs(), small.pairs())
    } else {
        contains_none(large.atoms(), small.atoms())
    }
}

fn add<E: Element>(mut a: &[E], b: &[E]) -> Option<Vec<E>> {
    let whole = a;
    let mut out: Option<Vec<E>> = None;
    for (taken, element) in b.iter().enumerate() {
        match find(a, element.key()) {
            Ok(at) => continue_from(&mut out, &mut a, at),
            Err(at) => {
                let copied = whole.len() - a.len();
                let out = out.get_or_insert_with(|| {
                    let mut out = Vec::with_capacity(whole.len() + b.len() - taken);
                    out.extend_from_slice(&whole[..copied]);
                    out
                });
                out.extend_from_slice(&a[..at]);
                out.push(element.clone());
                a = &a[at..];
            }
        }
    }
    let mut out = out?;
    out.extend_from_slice(a);
    Some(out)
}

/// Moves `at` elements from the front of `a` to `out`, if copying has begun.
fn continue_from<E: Element>(out: &mut Option<Vec<E>>, a: &mut &[E], at: usize) {
    if let Some(out) = out {
        out.extend_from_slice(&a[..at]);
    }
    *a = &a[at..];
}

fn remove<E: Element, F>(
    mut a: &[E],
    b: &[F],
    key: impl Fn(&F) -> &Atom,
    is_gone: impl Fn(&E, &F) -> bool,
) -> Option<Vec<E>> {
    let whole = a;
    let mut out: Option<Vec<E>> = None;
    for gone in b {
        match find(a, key(gone)) {
            Ok(at) if is_gone(&a[at], gone) => {
                let copied = whole.len() - a.len();
                let out = out.get_or_insert_with(|| {
                    let mut out = Vec::with_capacity(whole.len() - 1);
                    out.extend_from_slice(&whole[..copied]);
                    out
                });
                out.extend_from_slice(&a[..at]);
                a = &a[at + 1..];
            }
            Ok(at) | Err(at) => continue_from(&mut out, &mut a, at),
        }
    }
    let mut out = out?;
    out.extend_from_slice(a);
    Some(out)
}

fn contains_all<E: Element>(mut large: &[E], small: &[E]) -> bool {
    small.iter().all(|element| match find(large, element.key()) {
        Ok(at) if large[at] == *element => {
            large = &large[at + 1..];
            true
        }
        _ => false,
    })
}

fn contains_none<E: Element>(mut large: &[E], small: &[E]) -> bool {
    small.iter().all(|element| match find(large, element.key()) {
        Ok(at) if large[at] == *element => false,
        Ok(at) | Err(at) => {
            large = &large[at..];
            true
        }
    })
}
