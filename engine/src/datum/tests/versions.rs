//! Random values, few elements and many, against plain ordered collections.

use super::{ANY, map, set};
use crate::datum::{Atom, Datum, apply_diff, diff, merge};
use crate::schema::AtomicType::Integer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Random numbers from `SEED`, which is printed.
fn random_numbers() -> impl FnMut(u64) -> u64 {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    println!("SEED={seed}");
    let mut state: u64 = seed;
    move |below: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    }
}

fn set_of<'a>(numbers: impl IntoIterator<Item = &'a i64>) -> Datum {
    Datum::set_from_sorted(numbers.into_iter().map(|number| Atom::Integer(*number)).collect())
}

/// Sets of random numbers, few and many: each operation agrees with the plain one on `BTreeSet`s.
#[test]
fn set_arithmetic_agrees_with_the_plain_one() {
    let mut random = random_numbers();
    let ty = set(Integer, 0, ANY);
    for round in 0..2000 {
        let count_max = if round % 50 == 0 { 4000 } else { 20 };
        let mut make = || {
            let (count, range) = (random(count_max), 1 + random(2 * count_max));
            (0..count).map(|_| random(range) as i64).collect::<BTreeSet<_>>()
        };
        let (a, b) = (make(), make());
        let (x, y) = (set_of(&a), set_of(&b));
        assert_eq!(x.len(), a.len());
        assert!(x.keys().eq(set_of(&a).keys()));
        assert_eq!(merge::union(&x, &y), set_of(a.union(&b)));
        assert_eq!(merge::subtract(&x, &y), set_of(a.difference(&b)));
        assert_eq!(diff(&x, &y, &ty), set_of(a.symmetric_difference(&b)));
        assert_eq!(apply_diff(&x, &diff(&x, &y, &ty), &ty).unwrap(), y);
        assert_eq!(merge::includes_all(&x, &y), b.is_subset(&a));
        assert_eq!(merge::excludes_all(&x, &y), b.is_disjoint(&a));
        let mut gained = Vec::new();
        merge::gained_keys(&x, &y, &mut |atom| gained.push(atom.clone()));
        assert_eq!(Datum::set_from_sorted(gained), set_of(b.difference(&a)));
        for probe in 0..20 {
            assert_eq!(x.contains_key(&Atom::Integer(probe)), a.contains(&probe));
        }
    }
}

/// A map that grows to thousands of pairs and shrinks again by small steps: every version is right, equal to
/// one made at once, and shares what did not change.
#[test]
fn versions_of_a_large_map_are_right_and_share() {
    let mut random = random_numbers();
    let ty = map(Integer, Integer, 0, ANY);
    let pair = |key: i64, value: i64| (Atom::Integer(key), Atom::Integer(value));
    let of = |pairs: &BTreeMap<i64, i64>| {
        Datum::map_from_sorted(pairs.iter().map(|(key, value)| pair(*key, *value)).collect())
    };
    let mut model = BTreeMap::new();
    let mut value = Datum::EMPTY_MAP;
    let mut largest = 0;
    for round in 0..600 {
        let mut next = model.clone();
        for _ in 0..1 + random(if round % 10 == 0 { 300 } else { 3 }) {
            let key = random(6000) as i64;
            if random(10) < if round < 400 { 8 } else { 3 } {
                next.insert(key, random(3) as i64);
            } else {
                // A run of neighbours, so that whole chunks go.
                let gone: Vec<_> = next
                    .range(key..)
                    .take(1 + random(if round < 400 { 3 } else { 40 }) as usize)
                    .map(|(key, _)| *key)
                    .collect();
                gone.iter().for_each(|key| {
                    next.remove(key);
                });
            }
        }
        let difference = diff(&of(&model), &of(&next), &ty);
        let new = apply_diff(&value, &difference, &ty).unwrap();
        assert_eq!(new, of(&next), "round {round}");
        assert_eq!(new.len(), next.len());
        assert!(
            new.keys()
                .zip(next.keys())
                .all(|(atom, key)| *atom == Atom::Integer(*key))
        );
        assert_eq!(diff(&value, &new, &ty), difference);
        if let Datum::Map(map) = &new {
            let sizes: Vec<_> = map.slices().chunks.iter().map(|chunk| chunk.len()).collect();
            let max = crate::limits::DATUM_CHUNK_ELEMENTS_MAX;
            assert!(sizes.iter().all(|size| (1..=max).contains(size)), "{sizes:?}");
            assert!(sizes.len() * 60 <= map.len(), "few chunks are small: {sizes:?}");
        }
        largest = largest.max(new.len());
        (model, value) = (next, new);
    }
    assert!(largest > 1024, "{largest}");
    let one = Datum::map_from_sorted(vec![pair(6001, 0)]);
    let large = of(&(0..5000).map(|key| (key, 0)).collect());
    let next = merge::union(&large, &one);
    let chunks = |datum: &Datum| datum.pairs().chunks.to_vec();
    let shared = chunks(&large)
        .iter()
        .zip(chunks(&next))
        .filter(|(a, b)| Arc::ptr_eq(a, b))
        .count();
    assert_eq!(shared, chunks(&large).len() - 1);
    let (whole, beside) = (next.heap_bytes(), next.heap_bytes_beside(&large));
    assert!(
        whole > 5000 * 48 && beside * 5 < whole && large.heap_bytes_beside(&large) == 0,
        "{whole} {beside}"
    );
}
