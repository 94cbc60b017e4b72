//! What the hot paths cost from merge to merge: a line of JSON each, and a page that plots them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use loadgen::measure::table::number;
use loadgen::plot::{Axis, Chart, Line, Scale, Side, Unit, Weight};
use loadgen::report::{self, PageSection};
use serde_json::{Value, json};

use crate::counts::{self, Baseline};

/// Where the history is.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only plot what is there.
    #[arg(long)]
    plot_only: bool,
    /// The directory of history.jsonl and history.html.
    #[arg(long, value_name = "DIRECTORY", default_value = env!("CARGO_MANIFEST_DIR"))]
    directory: PathBuf,
}

/// A merge and what the paths cost then.
struct Entry {
    commit: String,
    date: String,
    baseline: Baseline,
}

/// Counts what is checked out, appends it under its commit, and plots all. The baseline would not do: it stays where it is while
/// costs creep within what the gate lets pass.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let file = options.directory.join("history.jsonl");
    let mut text = fs::read_to_string(&file).unwrap_or_default();
    if !options.plot_only {
        let mut entry = counts::present()?.to_json();
        entry["commit"] = json!(git("%h")?);
        entry["date"] = json!(git("%cs")?);
        writeln!(text, "{entry}").expect("a string takes everything");
        write(&file, &text)?;
    }
    let entries = text
        .lines()
        .map(|line| entry(line).ok_or_else(|| format!("{}: not a line of history: {line}", file.display())))
        .collect::<Result<Vec<Entry>, String>>()?;
    write(&options.directory.join("history.html"), &page(&entries))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Something of the commit that is checked out.
pub(crate) fn git(format: &str) -> Result<String, String> {
    let output = Command::new("git")
        .args(["log", "-1", &format!("--format={format}")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("git: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn entry(line: &str) -> Option<Entry> {
    let value: Value = serde_json::from_str(line).ok()?;
    Some(Entry {
        commit: value.get("commit")?.as_str()?.to_owned(),
        date: value.get("date")?.as_str()?.to_owned(),
        baseline: Baseline::from_json(&value)?,
    })
}

/// One self-contained page: for each path a plot of instructions and one of allocations.
fn page(entries: &[Entry]) -> String {
    let mut names: Vec<&String> = entries
        .iter()
        .flat_map(|entry| entry.baseline.paths.keys())
        .collect();
    names.sort_unstable();
    names.dedup();
    let plots = names.iter().flat_map(|name| {
        let of_one = |name: &str, pick: fn(&counts::Counts) -> u64| {
            let of = |entry: &Entry| {
                let counts = entry.baseline.paths.get(name)?;
                Some(pick(counts) as f64 / f64::from(counts.runs))
            };
            entries.iter().map(of).collect::<Vec<Option<f64>>>()
        };
        [
            plot(
                entries,
                name,
                "instructions",
                of_one(name, |counts| counts.instructions),
            ),
            plot(
                entries,
                name,
                "allocations",
                of_one(name, |counts| counts.allocations),
            ),
        ]
    });
    let sections = vec![PageSection {
        title: "From merge to merge".to_owned(),
        about: "Of one run; the axes begin at 0.".to_owned(),
        plots: plots.collect(),
    }];
    report::plots_page("What the hot paths cost", &sections)
}

/// A line through what a run cost at each merge, and the last of it in words.
fn plot(entries: &[Entry], name: &str, what: &str, costs: Vec<Option<f64>>) -> Chart {
    let last = costs.iter().rev().find_map(|cost| *cost).unwrap_or(0.0);
    let merges = entries
        .iter()
        .map(|entry| format!("{} {}", entry.date, entry.commit));
    Chart {
        title: format!("{name}: {} {what}", number(last)),
        x: Axis::names("merge", merges.collect()),
        y: Axis::new(what, Scale::Linear, Unit::Count),
        lines: vec![Line {
            name: name.to_owned(),
            side: Side::A,
            weight: Weight::Strong,
            points: costs
                .into_iter()
                .enumerate()
                .map(|(at, cost)| (at as f64, cost))
                .collect(),
        }],
        marks: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{entry, page};

    #[test]
    fn the_page_shows_every_merge_of_every_path() {
        let line = |commit: &str, instructions: u32| {
            format!(
                r#"{{"commit":"{commit}","date":"2026-01-01","tools":"","paths":{{"a/b":{{"runs":2,"instructions":{instructions},"allocations":4,"bytes":8}}}}}}"#
            )
        };
        let entries = [line("one", 10), line("two", 20)].map(|line| entry(&line).unwrap());
        let page = page(&entries);
        // One line for each plot, through both merges; instructions have doubled.
        let points: Vec<&str> = page
            .split("<polyline")
            .filter(|line| line.contains("--plot-a"))
            .filter_map(|line| line.split("points=\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(points.len(), 2, "{page}");
        assert!(
            points.iter().all(|points| points.split_whitespace().count() == 2),
            "{points:?}"
        );
        assert!(
            page.contains("a/b: 10.0 instructions") && page.contains("a/b: 2.00 allocations"),
            "{page}"
        );
        assert!(page.contains("2026-01-01 two"), "{page}");
    }
}
