//! Scenarios of loadgen on our server and the packaged one in turns, judged by floors.
//!
//! ```text
//!  floors.toml ─► Row ─► loadgen: ours, packaged, ours, packaged … ─► medians ─┐
//!                    └─► bare sends, bare echo ────────────────────────────────┼─► Line: how many times better,
//!  packaged.toml ─► figures that take minutes, scaled by the bare sends ───────┘         and whether that is enough
//! ```

mod bare;
mod judge;
mod report;
mod stored;
mod table;

use std::collections::HashMap;

use clap::Parser;
use loadgen::measure::outcome::Outcome;

use crate::build;
use judge::{Bare, Runs};
use table::Row;
pub(crate) use table::Size;

/// The packaged server as loadgen starts it.
const PACKAGED: &str = "ovsdb-server {db} --remote=punix:{sock} --remote=ptcp:{port}:127.0.0.1 --unixctl={sock}.ctl -vconsole:off";
/// The same by TLS.
const PACKAGED_TLS: &str = "ovsdb-server {db} --remote=punix:{sock} --remote=pssl:{sslport}:127.0.0.1 --private-key={key} --certificate={cert} --ca-cert={ca} --unixctl={sock}.ctl -vconsole:off";
/// Longest time in seconds for anything in a scenario that has not happened.
const PATIENCE_S: u16 = 120;

/// What is run, and where the table goes.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only rows whose names contain one of these, and nothing else.
    parts: Vec<String>,
    /// Put what was measured into perf/ratios.json and the tables of perf/README.md.
    #[arg(long)]
    markdown: bool,
    /// Rounds of each scenario on each server, of which the median counts; if not given, 2 for quick and 3 for full,
    /// but for rows that say otherwise.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
}

impl Options {
    /// True if only some rows are meant.
    pub(crate) fn is_part(&self) -> bool {
        !self.parts.is_empty()
    }
}

/// Measures the chosen rows; an error names every broken floor in a line of its own.
pub(crate) fn run(size: Size, options: &Options) -> Result<(), String> {
    let is_meant = |row: &Row| {
        options.parts.is_empty()
            || options
                .parts
                .iter()
                .any(|part| row.name().contains(part.as_str()))
    };
    let rows: Vec<Row> = table::rows()?.into_iter().filter(is_meant).collect();
    if rows.is_empty() {
        return Err(format!("no row has a name with {}", options.parts.join(" or ")));
    }
    let usual = match size {
        Size::Quick => 2,
        Size::Full => 3,
    };
    build::server()?;
    let loopback = |error: std::io::Error| format!("a bare loop over loopback: {error}");
    let echo_s = bare::echo().map_err(loopback)?;
    println!("{:28} {:.2} µs of processor time", "bare echo", echo_s * 1e6);
    let mut sends = HashMap::new();
    let mut broken = Vec::new();
    for row in &rows {
        let Some(clients) = row.clients(size) else {
            continue;
        };
        let sends_s = match sends.get(&clients) {
            Some(known) => *known,
            None => bare::sends(clients as usize).map_err(loopback)?,
        };
        if sends.insert(clients, sends_s).is_none() {
            println!("{:28} {:.2} ms to {clients} clients", "bare sends", sends_s * 1e3);
        }
        let bare = Bare { echo_s, sends_s };
        let rounds = options.rounds.or(row.rounds).unwrap_or(usual);
        let judged = measure(row, size, clients, rounds)
            .and_then(|runs| judge::lines(row, size, clients, &runs, bare));
        match judged {
            Ok(lines) => {
                for line in &lines {
                    println!("{line}");
                    broken.extend(line.complaint());
                }
                // Row by row: what was measured is not lost by what comes after it.
                if options.markdown {
                    report::update(&lines)?;
                }
            }
            Err(error) => {
                println!("{:28} FAILED: {error}", row.name());
                broken.push(format!("{}: {error}", row.name()));
            }
        }
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.join("\n"))
    }
}

/// Runs a scenario on our server and, if it takes part, on the packaged one in turns; and on ours without TLS or with fewer
/// clients, if that is what it is compared with.
fn measure(row: &Row, size: Size, clients: u32, rounds: u16) -> Result<Runs, String> {
    let packaged = row
        .runs_packaged(size)
        .then_some(if row.tls { PACKAGED_TLS } else { PACKAGED });
    let via: &[&str] = if row.tls { &["--tls"] } else { &[] };
    let mut servers = outcomes(row, clients, rounds, packaged, via)?.into_iter();
    let (ours, packaged) = (servers.next(), servers.next());
    let alone = |clients: u32, via: &[&str]| -> Result<Option<Vec<Outcome>>, String> {
        Ok(outcomes(row, clients, rounds, None, via)?.into_iter().next())
    };
    let plain = if row.needs_plain() {
        alone(clients, &[])?
    } else {
        None
    };
    let smaller = match row.smaller(size) {
        Some(fewer) => alone(fewer, via)?,
        None => None,
    };
    Ok(Runs {
        ours: ours.unwrap_or_default(),
        packaged,
        plain,
        smaller,
    })
}

/// The outcomes of our server, and of the one that a command starts.
fn outcomes(
    row: &Row,
    clients: u32,
    rounds: u16,
    against: Option<&str>,
    via: &[&str],
) -> Result<Vec<Vec<Outcome>>, String> {
    let scenario = loadgen::scenario::by_name(&row.scenario).map_err(|failure| failure.to_string())?;
    let (clients, rounds, patience) = (clients.to_string(), rounds.to_string(), PATIENCE_S.to_string());
    let server = format!("--server-arguments={}", row.server);
    let mut arguments = vec!["loadgen", "--quiet", "--clients", &clients, "--rounds", &rounds];
    arguments.extend(["--patience", &patience, &server]);
    arguments.extend(via);
    if let Some(command) = against {
        arguments.extend(["--against", command]);
    }
    arguments.extend(row.options.split_whitespace());
    let options = loadgen::cli::Options::try_parse_from(arguments).map_err(|error| {
        let told = loadgen::cli::told(&error);
        format!("perf/floors.toml: row {}: {told}", row.name())
    })?;
    let results = loadgen::run::measure(&options, &[scenario]).map_err(|failure| failure.to_string())?;
    Ok(results.scenarios.into_iter().next().unwrap_or_default())
}

/// The middle one, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    loadgen::measure::table::median(values).unwrap_or(f64::NAN)
}
