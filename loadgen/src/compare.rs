//! `loadgen compare`: two runs that were made apart, side by side.

use std::path::Path;

use crate::error::{Failure, Result};
use crate::measure::outcome::Outcome;
use crate::measure::ratio::Pairing;
use crate::measure::results::Results;
use crate::measure::section::{self, Section};
use crate::report::Sheet;

/// The runs of both files side by side. Scenarios are found by their names, servers of a scenario by their order.
pub fn sheet<'a>(a: (&Path, &'a Results), b: (&Path, &'a Results)) -> Result<Sheet<'a>> {
    let (paths, both) = ([a.0, b.0], [a.1, b.1]);
    let mut sections = Vec::new();
    let mut notes = Vec::new();
    for (letter, results) in ["A", "B"].iter().zip(both) {
        notes.extend(results.notes.iter().map(|note| format!("{letter}: {note}")));
    }
    for runs in &both[0].scenarios {
        let name = &runs[0][0].scenario;
        let Some(others) = scenario(both[1], name) else {
            notes.push(format!("{name} is in A only."));
            continue;
        };
        let has_several = runs.len() > 1 || others.len() > 1;
        sections.extend(runs.iter().zip(others).map(|(a, b)| pair(a, b, has_several)));
        if runs.len() != others.len() {
            notes.push(format!(
                "{name}: A measured {} and B {}; the rest is left out.",
                servers(runs.len()),
                servers(others.len())
            ));
        }
    }
    for runs in &both[1].scenarios {
        let name = &runs[0][0].scenario;
        if scenario(both[0], name).is_none() {
            notes.push(format!("{name} is in B only."));
        }
    }
    if sections.is_empty() {
        let paths = paths.map(|path| path.display().to_string());
        return Err(Failure::Usage(format!(
            "{} and {} have no scenario in common",
            paths[0], paths[1]
        )));
    }
    if both[0].about.machine != both[1].about.machine {
        notes.push("The machines differ.".to_owned());
    }
    let names = paths.map(|path| path.display().to_string());
    Ok(Sheet {
        title: format!("OVSDB load: {} against {}", names[0], names[1]),
        origins: vec![
            (format!("A: {}", names[0]), &both[0].about),
            (format!("B: {}", names[1]), &both[1].about),
        ],
        sections,
        notes,
    })
}

/// The runs of a scenario by server; the first if it was run several times.
fn scenario<'a>(results: &'a Results, name: &str) -> Option<&'a Vec<Vec<Outcome>>> {
    results.scenarios.iter().find(|runs| runs[0][0].scenario == name)
}

fn servers(number: usize) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} server{plural}")
}

/// The runs of a server of each; the title names these if there are others, too.
fn pair<'a>(a: &'a [Outcome], b: &'a [Outcome], has_several: bool) -> Section<'a> {
    let (first, second) = (&a[0], &b[0]);
    let mut title = if first.clients == second.clients {
        section::title(first)
    } else {
        format!(
            "{} ({} against {} clients)",
            first.scenario, first.clients, second.clients
        )
    };
    if has_several && first.server == second.server {
        title = format!("{title} on {}", first.server);
    } else if has_several {
        title = format!("{title} on {} (A) and {} (B)", first.server, second.server);
    }
    Section {
        title,
        runs: vec![a, b],
        labels: vec![first.server.clone(), second.server.clone()],
        pairing: Pairing::Apart,
    }
}
