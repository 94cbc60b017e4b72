//! The rows of `floors.toml`: which scenarios are run at which size, and what must be reached.

use std::collections::HashSet;
use std::fs;

use serde::Deserialize;

/// The committed table.
const FLOORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/floors.toml");

/// How large the scenarios are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Size {
    /// A tenth: what continuous integration has time for.
    Quick,
    /// What a release is measured with.
    Full,
}

/// A scenario of loadgen with its sizes and floors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// As loadgen knows it.
    pub(crate) scenario: String,
    /// What the tables call it, if not by its scenario; unique.
    #[serde(default)]
    pub(super) name: String,
    /// Clients; a size without a number leaves the row out.
    pub(crate) quick: Option<u32>,
    pub(crate) full: Option<u32>,
    /// The sizes at which the packaged server runs beside ours. At others, what is known of it is stored.
    #[serde(default)]
    pub(super) packaged: Vec<Size>,
    /// Clients of a smaller trial of ours, measured right after, for floors that compare with it.
    #[serde(default)]
    pub(super) smaller: Smaller,
    /// Rounds, for a row that takes so long that it has fewer than the others.
    pub(crate) rounds: Option<u16>,
    /// Whether clients connect by TLS.
    #[serde(default)]
    pub(crate) tls: bool,
    /// More options of loadgen, separated by spaces.
    #[serde(default)]
    pub(crate) options: String,
    /// Arguments of our server, separated by spaces.
    #[serde(default)]
    pub(crate) server: String,
    #[serde(default)]
    pub(crate) floors: Vec<Floor>,
}

/// How many clients a smaller trial has at each size.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Smaller {
    quick: Option<u32>,
    full: Option<u32>,
}

/// How many times better than something else a figure has to be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Floor {
    /// As the scenario calls it.
    pub(crate) metric: String,
    pub(crate) than: Than,
    /// What the figure is compared with if that is a target, in the unit of the figure.
    pub(crate) value: Option<f64>,
    pub(crate) quick: Option<f64>,
    pub(crate) full: Option<f64>,
    /// Why this much.
    pub(crate) reason: String,
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Than {
    /// The packaged server: in the same run, or as stored and scaled by the bare sends of then and now.
    Packaged,
    /// Our own server without TLS, for a row with TLS.
    Plain,
    /// Our own server with fewer clients, as the row says.
    Smaller,
    /// A bare loop of sends, one to each client.
    Sends,
    /// The processor time of a bare echo.
    Echo,
    /// What is to be reached, as the floor says.
    Target,
}

impl Row {
    pub(crate) fn name(&self) -> &str {
        if self.name.is_empty() {
            &self.scenario
        } else {
            &self.name
        }
    }

    pub(crate) fn clients(&self, size: Size) -> Option<u32> {
        match size {
            Size::Quick => self.quick,
            Size::Full => self.full,
        }
    }

    /// Whether a floor compares with our server without TLS.
    pub(crate) fn needs_plain(&self) -> bool {
        self.floors.iter().any(|floor| floor.than == Than::Plain)
    }

    /// The clients of the smaller trial, if a floor compares with one.
    pub(crate) fn smaller(&self, size: Size) -> Option<u32> {
        match size {
            Size::Quick => self.smaller.quick,
            Size::Full => self.smaller.full,
        }
    }

    pub(crate) fn runs_packaged(&self, size: Size) -> bool {
        self.packaged.contains(&size)
    }
}

impl Floor {
    pub(crate) fn least(&self, size: Size) -> Option<f64> {
        match size {
            Size::Quick => self.quick,
            Size::Full => self.full,
        }
    }
}

impl Size {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Size::Quick => "quick",
            Size::Full => "full",
        }
    }
}

impl Than {
    /// The column of the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Than::Packaged => "C server",
            Than::Plain => "ours without TLS",
            Than::Smaller => "ours, fewer clients",
            Than::Sends => "bare sends",
            Than::Echo => "bare echo",
            Than::Target => "the target",
        }
    }
}

/// Reads the committed table.
pub(crate) fn rows() -> Result<Vec<Row>, String> {
    let text = fs::read_to_string(FLOORS).map_err(|error| format!("{FLOORS}: {error}"))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Row>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        row: Vec<Row>,
    }
    let table: Table = toml::from_str(text).map_err(|error| format!("perf/floors.toml: {error}"))?;
    let mut names = HashSet::new();
    for row in &table.row {
        let wrong = |what: &str| Err(format!("perf/floors.toml: row {}: {what}", row.name()));
        if !names.insert(row.name()) {
            return wrong("there are two of that name");
        }
        if row.floors.is_empty() {
            return wrong("a row without a floor guards nothing");
        }
        for size in [Size::Quick, Size::Full] {
            let is_guarded = row.floors.iter().any(|floor| floor.least(size).is_some());
            if row.clients(size).is_some() != is_guarded {
                return wrong(&format!(
                    "{} has clients without a floor, or the reverse",
                    size.name()
                ));
            }
        }
        for floor in &row.floors {
            if floor.reason.trim().is_empty() {
                return wrong(&format!("floor of {:?} has no reason", floor.metric));
            }
            if floor.than == Than::Plain && !row.tls {
                return wrong(&format!(
                    "floor of {:?}: the row is without TLS itself",
                    floor.metric
                ));
            }
            for size in [Size::Quick, Size::Full] {
                let compares = floor.than == Than::Smaller && floor.least(size).is_some();
                if compares && row.smaller(size).is_none() {
                    return wrong(&format!(
                        "floor of {:?}: {} has no smaller trial",
                        floor.metric,
                        size.name()
                    ));
                }
            }
            if (floor.than == Than::Target) != floor.value.is_some() {
                return wrong(&format!(
                    "floor of {:?}: a value belongs to than = \"target\"",
                    floor.metric
                ));
            }
        }
    }
    Ok(table.row)
}

#[cfg(test)]
mod tests {
    use super::{parse, rows};

    #[test]
    fn the_committed_table_names_scenarios_that_there_are() {
        for row in rows().expect("the table is good") {
            loadgen::scenario::by_name(&row.scenario).expect("loadgen has it");
        }
    }

    #[test]
    fn a_floor_needs_a_reason_and_a_name_is_given_once() {
        let row = |floors: &str| format!("[[row]]\nscenario = \"fanout\"\nquick = 9\nfloors = [{floors}]\n");
        let floor = |reason: &str| {
            format!("{{ metric = \"m\", than = \"packaged\", quick = 1.0, reason = \"{reason}\" }}")
        };
        assert!(parse(&row(&floor("noise"))).is_ok());
        for (text, said) in [
            (row(&floor(" ")), "no reason"),
            (row(""), "guards nothing"),
            (
                row(&floor("noise")) + "full = 9\n",
                "full has clients without a floor",
            ),
            (
                row(&floor("noise")).replace("quick = 9", ""),
                "quick has clients without a floor",
            ),
            (row(&floor("noise")).repeat(2), "two of that name"),
            (
                row(&floor("noise").replace("packaged", "smaller")),
                "quick has no smaller trial",
            ),
        ] {
            let error = parse(&text).expect_err("it is refused");
            assert!(error.contains(said), "{error}");
        }
    }
}
