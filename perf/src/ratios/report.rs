//! The measured lines as a file, and as the tables of the README, which nobody types.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use loadgen::measure::about::About;
use serde::{Deserialize, Serialize};

use crate::ratios::judge::{Line, number};
use crate::ratios::table::{self, Row, Size};

/// A line and when and where it was measured.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// Day, commit, processor.
    date: String,
    commit: String,
    machine: String,
    #[serde(flatten)]
    line: Line,
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Puts the lines in the place of older ones of the same rows, and all into the README.
pub(super) fn update(lines: &[Line]) -> Result<(), String> {
    let (json, readme) = (path("ratios.json"), path("README.md"));
    let mut entries: Vec<Entry> = match fs::read_to_string(&json) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| format!("{}: {error}", json.display()))?,
        Err(_) => Vec::new(),
    };
    let is_new = |entry: &Entry| {
        lines
            .iter()
            .any(|line| line.row == entry.line.row && line.size == entry.line.size)
    };
    entries.retain(|entry| !is_new(entry));
    let about = About::now();
    let machine = format!("{} × {}", about.machine.processors, about.machine.processor);
    for line in lines {
        entries.push(Entry {
            date: crate::history::git("%cs")?,
            commit: crate::history::git("%h")?,
            machine: machine.clone(),
            line: line.clone(),
        });
    }
    let rows = table::rows()?;
    let place = |entry: &Entry| {
        let row = rows.iter().position(|row| row.name() == entry.line.row);
        let metric = row.and_then(|row| {
            let floors = &rows[row].floors;
            floors.iter().position(|floor| {
                floor.metric == entry.line.metric && entry.line.than.starts_with(floor.than.name())
            })
        });
        (entry.line.size.clone(), row, metric)
    };
    // Of rows and floors that are no more, nothing is kept.
    entries.retain(|entry| place(entry).2.is_some());
    entries.sort_by_key(place);
    write(
        &json,
        &(serde_json::to_string_pretty(&entries).expect("lines are plain data") + "\n"),
    )?;
    let text = fs::read_to_string(&readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    let mut text = text;
    for size in [Size::Full, Size::Quick] {
        let table = markdown(&entries, &rows, size);
        text = between(&text, size, &table).ok_or_else(|| {
            format!(
                "{}: the markers of the table {} are not there",
                readme.display(),
                size.name()
            )
        })?;
    }
    write(&readme, &text)
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The text with the table between the markers of its size.
fn between(text: &str, size: Size, table: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- {} -->\n", size.name()),
        format!("<!-- end of {} -->", size.name()),
    );
    let start = text.find(&begin)? + begin.len();
    let length = text[start..].find(&end)?;
    Some(format!("{}{table}{}", &text[..start], &text[start + length..]))
}

fn markdown(entries: &[Entry], rows: &[Row], size: Size) -> String {
    let mut out = String::from(
        "| row | clients | figure | ours | compared with | | times better | floor | measured |\n\
         | --- | ---: | --- | ---: | --- | ---: | ---: | ---: | --- |\n",
    );
    for entry in entries.iter().filter(|entry| entry.line.size == size.name()) {
        let line = &entry.line;
        writeln!(
            out,
            "| {} | {} | {} | {} {} | {} | {} {} | **{}** | {} | {}, `{}` |",
            line.row,
            line.clients,
            line.metric,
            number(line.ours),
            line.unit,
            line.than,
            number(line.theirs),
            line.unit,
            number(line.times),
            line.least,
            entry.date,
            entry.commit,
        )
        .expect("a string takes everything");
    }
    let is_measured = |row: &&Row| {
        let mut of_size = entries.iter().filter(|entry| entry.line.size == size.name());
        of_size.any(|entry| entry.line.row == row.name())
    };
    let missing: Vec<&str> = rows
        .iter()
        .filter(|row| row.clients(size).is_some())
        .filter(|row| !is_measured(row))
        .map(Row::name)
        .collect();
    if !missing.is_empty() {
        writeln!(out, "\nNot measured yet: {}.", missing.join(", ")).expect("a string takes everything");
    }
    let mut machines: Vec<&str> = entries.iter().map(|entry| entry.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    writeln!(out, "\nMachine: {}.", machines.join("; ")).expect("a string takes everything");
    out
}

#[cfg(test)]
mod tests {
    use super::{Size, between};

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = "a\n<!-- quick -->\nold\n<!-- end of quick -->\nb\n";
        assert_eq!(
            between(text, Size::Quick, "new\n").expect("the markers are there"),
            "a\n<!-- quick -->\nnew\n<!-- end of quick -->\nb\n"
        );
        assert!(between(text, Size::Full, "new\n").is_none());
    }
}
