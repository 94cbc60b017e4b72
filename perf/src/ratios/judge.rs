//! From the figures of a row to how many times better ours are than what they are compared with.

use std::fmt;

use loadgen::measure::outcome::{Better, Figure, Outcome};
use serde::{Deserialize, Serialize};

use crate::ratios::table::{Floor, Row, Size, Than};
use crate::ratios::{median, stored};

/// What the machine can do at best, in seconds: an echo's processor time, a message's way to all clients.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare {
    pub(super) echo_s: f64,
    pub(super) sends_s: f64,
}

/// The rounds of a row.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) ours: Vec<Outcome>,
    /// Of the packaged server, if it took part.
    pub(super) packaged: Option<Vec<Outcome>>,
    /// Of ours without TLS, likewise.
    pub(super) plain: Option<Vec<Outcome>>,
    /// Of ours with fewer clients, likewise.
    pub(super) smaller: Option<Vec<Outcome>>,
}

/// A metric of a row and what is to be said of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) size: String,
    pub(super) row: String,
    pub(super) clients: u32,
    pub(super) metric: String,
    pub(super) unit: String,
    pub(super) ours: f64,
    /// What it is compared with, and where that is from if it is not from the same run.
    pub(super) than: String,
    pub(super) theirs: f64,
    /// How many times better ours is.
    pub(super) times: f64,
    /// The floor: how many times better it has to be.
    pub(super) least: f64,
}

/// The lines of a row.
pub(super) fn lines(
    row: &Row,
    size: Size,
    clients: u32,
    runs: &Runs,
    bare: Bare,
) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for floor in &row.floors {
        let Some(least) = floor.least(size) else { continue };
        let wrong = |what: String| format!("perf/floors.toml: row {}: {what}", row.name());
        let ours = values(&runs.ours, &floor.metric);
        let Some((figure, ours)) = ours else {
            return Err(wrong(format!("the scenario has no figure {:?}", floor.metric)));
        };
        let Some((than, theirs)) = theirs(row, floor, clients, figure, runs, bare).map_err(wrong)? else {
            return Err(wrong(format!(
                "nobody has measured {:?} of {} with {clients} clients",
                floor.metric,
                floor.than.name()
            )));
        };
        let times = match figure.better {
            Better::Lower => theirs / ours,
            Better::Higher => ours / theirs,
        };
        lines.push(Line {
            size: size.name().to_owned(),
            row: row.name().to_owned(),
            clients,
            metric: floor.metric.clone(),
            unit: figure.unit.clone(),
            ours,
            than,
            theirs,
            times,
            least,
        });
    }
    Ok(lines)
}

/// What a figure is compared with and its value in the figure's unit; `None` if nobody has measured it.
fn theirs(
    row: &Row,
    floor: &Floor,
    clients: u32,
    figure: &Figure,
    runs: &Runs,
    bare: Bare,
) -> Result<Option<(String, f64)>, String> {
    let seconds = |unit: &str| match unit {
        "s" => Ok(1.0),
        "ms" => Ok(1e-3),
        "µs" => Ok(1e-6),
        other => Err(format!(
            "{:?} is in {other}, no time, and has no bare floor",
            floor.metric
        )),
    };
    let of = |rounds: &Option<Vec<Outcome>>| {
        let found = rounds.as_ref().and_then(|rounds| values(rounds, &floor.metric));
        found.map(|(_, value)| value)
    };
    let name = floor.than.name().to_owned();
    Ok(match floor.than {
        Than::Sends => Some((name, bare.sends_s / seconds(&figure.unit)?)),
        Than::Echo => Some((name, bare.echo_s / seconds(&figure.unit)?)),
        Than::Target => floor.value.map(|value| (name, value)),
        Than::Plain => of(&runs.plain).map(|value| (name, value)),
        Than::Smaller => of(&runs.smaller).map(|value| (name, value)),
        Than::Packaged => match of(&runs.packaged) {
            Some(value) => Some((name, value)),
            None => stored::find(row.name(), clients, &floor.metric)?.map(|stored| {
                let sends_s = bare.sends_s / f64::from(clients);
                let value = stored.scaled(figure.better, sends_s, bare.echo_s);
                (format!("{name}, {}", stored.origin()), value)
            }),
        },
    })
}

/// The figure as one round has it, and its median over all.
fn values<'r>(rounds: &'r [Outcome], metric: &str) -> Option<(&'r Figure, f64)> {
    let figures = |outcome: &'r Outcome| outcome.figures.iter().find(|figure| figure.name == metric);
    let found: Vec<&Figure> = rounds.iter().filter_map(figures).collect();
    let values: Vec<f64> = found.iter().map(|figure| figure.value).collect();
    Some((*found.first()?, median(&values)))
}

impl Line {
    /// What is to be said if the floor is broken.
    pub(super) fn complaint(&self) -> Option<String> {
        if self.times >= self.least {
            return None;
        }
        Some(format!(
            "{} with {} clients: {}: {} {} is {:.2} × as good as {} ({} {}), the floor is {}",
            self.row,
            self.clients,
            self.metric,
            number(self.ours),
            self.unit,
            self.times,
            self.than,
            number(self.theirs),
            self.unit,
            self.least
        ))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.times < self.least {
            "BELOW the floor of"
        } else {
            "floor"
        };
        let with_unit = |value: f64| format!("{} {}", number(value), self.unit);
        write!(
            f,
            "{:28} {:40} {:>14} {:>14} {:32} {:8.2} ×  {verdict} {}",
            format!("{} ({})", self.row, self.clients),
            self.metric,
            with_unit(self.ours),
            with_unit(self.theirs),
            self.than,
            self.times,
            self.least,
        )
    }
}

/// Three digits that count.
pub(super) fn number(value: f64) -> String {
    loadgen::measure::table::number(value)
}

#[cfg(test)]
mod tests {
    use loadgen::measure::outcome::Outcome;

    use super::{Bare, Runs, lines};
    use crate::ratios::table::{Floor, Row, Size, Than};

    const BARE: Bare = Bare {
        echo_s: 1e-6,
        sends_s: 8e-3,
    };

    fn row(metric: &str, than: Than, least: f64) -> Row {
        Row {
            scenario: "fanout".to_owned(),
            floors: vec![Floor {
                metric: metric.to_owned(),
                than,
                value: None,
                quick: Some(least),
                full: None,
                reason: "a test".to_owned(),
            }],
            ..Row::default()
        }
    }

    fn outcome(last_ms: f64, rate: f64) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.lower("last", "ms", last_ms);
        outcome.higher("rate", "1/s", rate);
        outcome
    }

    #[test]
    fn medians_are_compared_the_way_in_which_the_figure_is_better() {
        let ours = vec![outcome(10.0, 300.0), outcome(20.0, 100.0), outcome(11.0, 200.0)];
        let packaged = vec![outcome(22.0, 100.0), outcome(22.0, 100.0), outcome(90.0, 900.0)];
        for (metric, than, least, times, is_broken) in [
            ("last", Than::Packaged, 2.0, 2.0, false),
            ("last", Than::Packaged, 2.1, 2.0, true),
            ("rate", Than::Packaged, 1.5, 2.0, false),
            ("rate", Than::Plain, 1.5, 2.0, false),
            ("rate", Than::Smaller, 1.5, 2.0, false),
            ("last", Than::Sends, 0.8, 8.0 / 11.0, true),
        ] {
            let runs = Runs {
                ours: ours.clone(),
                packaged: Some(packaged.clone()),
                plain: Some(packaged.clone()),
                smaller: Some(packaged.clone()),
            };
            let found =
                lines(&row(metric, than, least), Size::Quick, 1000, &runs, BARE).expect("it is there");
            assert!((found[0].times - times).abs() < 1e-9, "{found:?}");
            let complaint = found[0].complaint();
            assert_eq!(complaint.is_some(), is_broken, "{complaint:?}");
            if let Some(text) = complaint {
                let parts = ["fanout", "1000", metric, "11", &least.to_string()];
                assert!(parts.iter().all(|part| text.contains(part)), "{text}");
            }
        }
    }

    #[test]
    fn a_floor_of_a_figure_that_there_is_not_is_a_mistake() {
        for (metric, than) in [("first", Than::Packaged), ("rate", Than::Echo)] {
            let runs = Runs {
                ours: vec![outcome(1.0, 1.0)],
                ..Runs::default()
            };
            assert!(lines(&row(metric, than, 1.0), Size::Quick, 10, &runs, BARE).is_err());
        }
    }
}
