//! Texts with places in them that differ by client and transaction.

use std::fmt::Write;

/// What stands in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// How many transactions of this writer went before, from 1 on.
    Number,
    /// The client's number in its group, from 0 on.
    Client,
    /// The number of the client's node, and UUIDs of its rows.
    Node,
    Chassis,
    ChassisPrivate,
    Datapath,
    /// One of the ports of the client's node, a different one each time.
    Port,
    /// The UUID of the row of SB_Global.
    Global,
}

const PLACES: &[(&str, Place)] = &[
    ("number", Place::Number),
    ("client", Place::Client),
    ("node", Place::Node),
    ("chassis", Place::Chassis),
    ("chassis-private", Place::ChassisPrivate),
    ("datapath", Place::Datapath),
    ("port", Place::Port),
    ("global", Place::Global),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// A text with places, which are names in braces: `{number}`. Braces around anything else are text, as in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Reads it; fails for a place of unknown name.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut from = 0;
        while let Some(at) = rest[from..].find('{').map(|at| from + at) {
            let name: &str = rest[at + 1..].split('}').next().unwrap_or_default();
            let is_name = !name.is_empty()
                && rest[at + 1 + name.len()..].starts_with('}')
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            if !is_name {
                from = at + 1;
                continue;
            }
            let Some((_, place)) = PLACES.iter().find(|(known, _)| *known == name) else {
                let names: Vec<String> = PLACES.iter().map(|(name, _)| format!("{{{name}}}")).collect();
                return Err(format!("{{{name}}} is none of {}", names.join(" ")));
            };
            parts.push(Part::Text(rest[..at].to_owned()));
            parts.push(Part::Place(*place));
            rest = &rest[at + name.len() + 2..];
            from = 0;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Template { parts })
    }

    /// The same without the brackets of an array of operations; fails unless it is one with anything in its places.
    pub fn operations(self) -> Result<Template, String> {
        let example = self.fill(|place, out| {
            out.push_str(match place {
                Place::Number | Place::Client | Place::Node => "1",
                _ => "00000000-0000-0000-0000-000000000000",
            });
        });
        let operations: serde_json::Value =
            serde_json::from_str(&example).map_err(|error| format!("this is not JSON: {error}"))?;
        let is_array = operations.as_array().is_some_and(|operations| {
            !operations.is_empty() && operations.iter().all(serde_json::Value::is_object)
        });
        if !is_array {
            return Err("a transaction is an array of operations".to_owned());
        }
        let mut parts = self.parts;
        if let Some(Part::Text(first)) = parts.first_mut() {
            *first = first.trim_start().trim_start_matches('[').to_owned();
        }
        if let Some(Part::Text(last)) = parts.last_mut() {
            let trimmed = last.trim_end();
            *last = trimmed.strip_suffix(']').unwrap_or(trimmed).to_owned();
        }
        Ok(Template { parts })
    }

    /// Its places.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(place) => Some(*place),
            Part::Text(_) => None,
        })
    }

    /// The text with its places filled.
    pub fn fill(&self, mut put: impl FnMut(Place, &mut String)) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.write_str(text).expect("a string takes everything"),
                Part::Place(place) => put(*place, &mut out),
            }
        }
        out
    }
}
