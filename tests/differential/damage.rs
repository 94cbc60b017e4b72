//! Damage to a good message: something is left out, put in, doubled, or replaced by something else.

use ovsdb_harness::Random;
use serde_json::{Map, Value, json};

use crate::contents::Contents;
use crate::value::Values;

/// Damages one place of `message`.
pub(crate) fn damage(random: &mut Random, message: &mut Value) {
    let places = count(message);
    let at = random.below(places as u64) as usize;
    let nothing = Contents::default();
    let scrap = Values {
        random,
        shadow: &nothing,
        row_names: &[],
        careless: true,
    }
    .scrap();
    let mut left = at;
    hit(message, &mut left, &mut |value| {
        change(random, value, scrap.clone())
    });
}

/// Number of values in a message, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(elements) => elements.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Calls `change` for the value that comes after `left` others.
fn hit(value: &mut Value, left: &mut usize, change: &mut dyn FnMut(&mut Value)) -> bool {
    if *left == 0 {
        change(value);
        return true;
    }
    *left -= 1;
    match value {
        Value::Array(elements) => elements.iter_mut().any(|element| hit(element, left, change)),
        Value::Object(members) => members.values_mut().any(|member| hit(member, left, change)),
        _ => false,
    }
}

fn change(random: &mut Random, value: &mut Value, scrap: Value) {
    match value {
        Value::Array(elements) if !elements.is_empty() && random.chance(70) => {
            let at = random.below(elements.len() as u64) as usize;
            match random.below(3) {
                0 => drop(elements.remove(at)),
                1 => elements.insert(at, scrap),
                _ => elements.push(elements[at].clone()),
            }
        }
        Value::Object(members) if random.chance(85) => change_members(random, members, scrap),
        other => *other = scrap,
    }
}

fn change_members(random: &mut Random, members: &mut Map<String, Value>, scrap: Value) {
    let names: Vec<String> = members.keys().cloned().collect();
    if names.is_empty() || random.chance(30) {
        let name = *random.pick(&[
            "extra",
            "op",
            "table",
            "where",
            "row",
            "columns",
            "uuid",
            "uuid-name",
            "timeout",
            "name",
        ]);
        members.insert(name.to_owned(), scrap);
        return;
    }
    let name = random.pick(&names);
    match random.below(3) {
        0 => drop(members.remove(name)),
        1 => drop(members.insert(name.clone(), scrap)),
        _ => {
            let value = members.remove(name).expect("the name was just taken from here");
            members.insert(format!("{name}x"), value);
            if random.chance(20) {
                members.insert(String::from("extra"), json!(1));
            }
        }
    }
}
