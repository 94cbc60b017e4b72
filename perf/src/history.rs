//! What the hot paths cost from merge to merge: a line of JSON each, and a page that plots them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::counts::{self, Baseline};

/// Size of one plot in pixels.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 90.0;

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

/// Appends the committed baseline with the checked out commit, and plots all.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let file = options.directory.join("history.jsonl");
    let mut text = fs::read_to_string(&file).unwrap_or_default();
    if !options.plot_only {
        let mut entry = counts::committed()?.to_json();
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
fn git(format: &str) -> Result<String, String> {
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

/// One self-contained page: a plot of instructions and one of allocations for each path.
fn page(entries: &[Entry]) -> String {
    let mut names: Vec<&String> = entries
        .iter()
        .flat_map(|entry| entry.baseline.paths.keys())
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut page = String::from(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>What the hot paths cost</title>\n\
         <style>body{font:14px sans-serif;margin:2em}td{padding:4px 12px}svg{background:#f6f6f6}\
         polyline{fill:none;stroke:#27c;stroke-width:2}circle{fill:#27c}</style>\n\
         <h1>What the hot paths cost</h1>\n<p>Of one run, from merge to merge; the axis begins at 0.</p>\n\
         <table><tr><th>path<th>instructions<th>allocations\n",
    );
    for name in names {
        let of = |pick: fn(&counts::Counts) -> u64| -> Vec<(String, f64)> {
            let points = entries.iter().filter_map(|entry| {
                let counts = entry.baseline.paths.get(name)?;
                let value = pick(counts) as f64 / f64::from(counts.runs);
                Some((format!("{} {}: {value:.2}", entry.date, entry.commit), value))
            });
            points.collect()
        };
        writeln!(
            page,
            "<tr><td>{name}<td>{}<td>{}",
            plot(&of(|counts| counts.instructions)),
            plot(&of(|counts| counts.allocations))
        )
        .expect("a string takes everything");
    }
    page.push_str("</table>\n");
    page
}

/// A line through the points, each with its title, and the last value beside it.
fn plot(points: &[(String, f64)]) -> String {
    let most = points
        .iter()
        .map(|(_, value)| *value)
        .fold(f64::MIN_POSITIVE, f64::max);
    let step = (WIDTH - 20.0) / (points.len().max(2) - 1) as f64;
    let mut line = String::new();
    let mut dots = String::new();
    for (at, (title, value)) in points.iter().enumerate() {
        let (x, y) = (
            10.0 + at as f64 * step,
            HEIGHT - 10.0 - value / most * (HEIGHT - 20.0),
        );
        write!(line, "{x:.1},{y:.1} ").expect("a string takes everything");
        write!(
            dots,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{title}</title></circle>"
        )
        .expect("a string takes everything");
    }
    let last = points.last().map_or(0.0, |(_, value)| *value);
    format!(
        "<svg width=\"{WIDTH}\" height=\"{HEIGHT}\"><polyline points=\"{}\"/>{dots}</svg> {last:.2}",
        line.trim_end()
    )
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
        assert!(
            page.contains("<polyline points=\"10.0,45.0 410.0,10.0\"/>"),
            "{page}"
        );
        assert_eq!(page.matches("<circle").count(), 4);
        assert!(page.contains("two: 10.00"), "{page}");
    }
}
