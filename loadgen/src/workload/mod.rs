//! Workload files: a mix of clients and writers that a user describes, in TOML. `examples/site.toml` shows all keys.
//!
//! Goes in: a file. Comes out: a [`Workload`] of which everything was checked that can be checked without a server, or
//! a failure that names file, line and key. The scenario `workload` runs it.

mod template;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

pub use template::{Place, Template};

use crate::error::{Failure, Result};
use crate::fleet::Expected;
use crate::limits;

/// A description of a load.
#[derive(Clone, Debug)]
pub struct Workload {
    pub name: String,
    /// How long writers write, in seconds; that of the command line if it is not said.
    pub seconds: Option<f64>,
    /// Nothing is filled in if it is not said.
    pub site: Option<SiteSize>,
    pub clients: Vec<Group>,
    pub writers: Vec<Writer>,
    /// The names of the writers. A file is read once, so that what is kept for ever is as long as it.
    pub series: &'static [&'static str],
}

/// What the database is filled with.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SiteSize {
    /// Nodes, each with a chassis and a datapath; as many as clients if it is not said.
    pub nodes: Option<usize>,
    pub flows_per_node: usize,
    pub pods_per_node: usize,
}

/// Clients that monitor the same kind of thing.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: String,
    /// How many of 100 clients, or how many.
    pub size: GroupSize,
    pub monitor: Monitor,
}

/// How many clients a group has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GroupSize {
    Count(usize),
    /// Of all clients that were asked for, in percent.
    Percent(f64),
}

/// What the clients of a group monitor.
#[derive(Clone, Debug)]
pub enum Monitor {
    Nothing,
    /// All rows of these tables, or of all.
    Everything {
        tables: Vec<String>,
    },
    /// The rows of these tables that clauses select, and all rows of tables that no clause names.
    Rows {
        tables: Vec<String>,
        clauses: Vec<Clause>,
    },
}

/// Rows whose column equals a value.
#[derive(Clone, Debug)]
pub struct Clause {
    pub table: String,
    pub column: String,
    pub value: Template,
}

/// Transactions that the clients of a group send.
#[derive(Clone, Debug)]
pub struct Writer {
    pub name: &'static str,
    /// Index of the group.
    pub group: usize,
    pub pace: Pace,
    /// The operations in JSON.
    pub transaction: Template,
    /// What each reply must contain, and where the transaction stands.
    pub expected: Expected,
}

/// When a writer's transactions are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many a second, all clients of the group together, whether the server keeps up or not.
    Rate(f64),
    /// So many of each client are unanswered at a time.
    Depth(usize),
}

impl Workload {
    /// Reads a file. Its writers write for `seconds` if it does not say for how long.
    pub fn read(path: &Path, seconds: f64) -> Result<Workload> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("--workload {}: {error}", path.display())))?;
        Workload::parse(path, &text, seconds)
    }

    /// Reads a text; `path` is for messages.
    pub fn parse(path: &Path, text: &str, seconds: f64) -> Result<Workload> {
        let reader = Reader {
            path: path.to_owned(),
            text,
        };
        let raw: RawWorkload = toml::from_str(text)
            .map_err(|error| reader.failure(error.span().unwrap_or(0..0), error.message().trim_end()))?;
        reader.workload(raw, seconds)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorkload {
    name: Option<String>,
    seconds: Option<Spanned<f64>>,
    site: Option<SiteSize>,
    clients: Spanned<Vec<Spanned<RawGroup>>>,
    #[serde(default)]
    writers: Vec<Spanned<RawWriter>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: Spanned<String>,
    count: Option<Spanned<usize>>,
    percent: Option<Spanned<f64>>,
    monitor: Spanned<String>,
    #[serde(default)]
    tables: Vec<String>,
    #[serde(default, rename = "where")]
    clauses: Vec<Spanned<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWriter {
    name: Spanned<String>,
    clients: Spanned<String>,
    rate: Option<Spanned<f64>>,
    depth: Option<Spanned<usize>>,
    transaction: Spanned<String>,
    #[serde(default)]
    expect: String,
}

/// A file, for messages.
struct Reader<'a> {
    path: PathBuf,
    text: &'a str,
}

impl Reader<'_> {
    /// A failure at a place in the file. The key is that of the line, or of the lines before it.
    fn failure(&self, span: Range<usize>, reason: &str) -> Failure {
        let before = &self.text[..span.start.min(self.text.len())];
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let whole = self.text[begin..].lines().next().unwrap_or_default();
        let key = whole.split('=').next().unwrap_or_default().trim();
        let place = if key.is_empty() {
            String::new()
        } else {
            format!("{key}: ")
        };
        // Messages of the parser may have several lines.
        let reason = reason.lines().collect::<Vec<_>>().join(" ");
        Failure::Usage(format!("{}: {place}{reason}", self.place(&span)))
    }

    /// A place in the file, by its line.
    fn place(&self, span: &Range<usize>) -> String {
        let before = &self.text[..span.start.min(self.text.len())];
        format!("{}:{}", self.path.display(), before.matches('\n').count() + 1)
    }

    /// Fails for a name that was used before.
    fn once(&self, names: &mut Vec<String>, name: &Spanned<String>, what: &str) -> Result<()> {
        if names.contains(name.get_ref()) {
            let reason = format!("there are {what} \"{}\" before these", name.get_ref());
            return Err(self.failure(name.span(), &reason));
        }
        names.push(name.get_ref().clone());
        Ok(())
    }

    fn workload(&self, raw: RawWorkload, default_seconds: f64) -> Result<Workload> {
        let seconds = raw
            .seconds
            .as_ref()
            .map_or(default_seconds, |seconds| *seconds.get_ref());
        if let Some(seconds) = &raw.seconds {
            self.check(seconds, limits::SECONDS_MAX)?;
        }
        if raw.clients.get_ref().is_empty() {
            return Err(self.failure(raw.clients.span(), "there must be clients"));
        }
        let clients = raw.clients.into_inner();
        let (mut groups, mut series) = (Vec::new(), Vec::new());
        for group in &clients {
            self.once(&mut groups, &group.get_ref().name, "clients")?;
        }
        for writer in &raw.writers {
            self.once(&mut series, &writer.get_ref().name, "writers")?;
        }
        let clients = clients
            .into_iter()
            .map(|group| self.group(group, raw.site))
            .collect::<Result<Vec<Group>>>()?;
        let writers = raw
            .writers
            .into_iter()
            .map(|writer| self.writer(writer, &clients, raw.site, seconds))
            .collect::<Result<Vec<Writer>>>()?;
        Ok(Workload {
            name: raw.name.unwrap_or_else(|| {
                let stem = self.path.file_stem().unwrap_or_default();
                stem.to_string_lossy().into_owned()
            }),
            seconds: raw.seconds.map(Spanned::into_inner),
            site: raw.site,
            clients,
            series: writers
                .iter()
                .map(|writer| writer.name)
                .collect::<Vec<_>>()
                .leak(),
            writers,
        })
    }

    fn group(&self, raw: Spanned<RawGroup>, site: Option<SiteSize>) -> Result<Group> {
        let (span, raw) = (raw.span(), raw.into_inner());
        let size = match (&raw.count, &raw.percent) {
            (Some(count), None) if *count.get_ref() == 0 => {
                return Err(self.failure(count.span(), "a group has at least one client"));
            }
            (Some(count), None) if *count.get_ref() > limits::CLIENTS_MAX as usize => {
                return Err(self.failure(count.span(), &format!("{} at most", limits::CLIENTS_MAX)));
            }
            (Some(count), None) => GroupSize::Count(*count.get_ref()),
            (None, Some(percent)) => {
                self.check(percent, 100.0)?;
                GroupSize::Percent(*percent.get_ref())
            }
            _ => return Err(self.failure(span, "either count or percent is needed")),
        };
        let clauses = raw
            .clauses
            .iter()
            .map(|clause| self.clause(clause, site))
            .collect::<Result<Vec<Clause>>>()?;
        let monitor = match &**raw.monitor.get_ref() {
            "nothing" if raw.tables.is_empty() && clauses.is_empty() => Monitor::Nothing,
            "everything" if clauses.is_empty() => Monitor::Everything { tables: raw.tables },
            "rows" if !clauses.is_empty() => Monitor::Rows {
                tables: raw.tables,
                clauses,
            },
            "nothing" | "everything" => {
                return Err(self.failure(raw.monitor.span(), "this does not go with tables or where"));
            }
            "rows" => return Err(self.failure(raw.monitor.span(), "where is needed to say which rows")),
            other => {
                let reason = format!("\"{other}\" is none of nothing, everything, rows");
                return Err(self.failure(raw.monitor.span(), &reason));
            }
        };
        Ok(Group {
            name: raw.name.into_inner(),
            size,
            monitor,
        })
    }

    fn clause(&self, raw: &Spanned<Vec<String>>, site: Option<SiteSize>) -> Result<Clause> {
        let [table, column, value] = &raw.get_ref()[..] else {
            return Err(self.failure(raw.span(), "a clause is [table, column, value in JSON]"));
        };
        let value = Template::parse(value)
            .and_then(|value| fillable(value, site))
            .map_err(|reason| self.failure(raw.span(), &reason))?;
        if value.places().any(|place| place == Place::Number) {
            return Err(self.failure(raw.span(), "{number} means nothing in a condition"));
        }
        Ok(Clause {
            table: table.clone(),
            column: column.clone(),
            value,
        })
    }

    fn writer(
        &self,
        raw: Spanned<RawWriter>,
        groups: &[Group],
        site: Option<SiteSize>,
        seconds: f64,
    ) -> Result<Writer> {
        let (span, raw) = (raw.span(), raw.into_inner());
        let wanted = raw.clients.get_ref();
        let group = groups
            .iter()
            .position(|group| group.name == *wanted)
            .ok_or_else(|| {
                let names: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
                let reason = format!(
                    "there are no clients \"{wanted}\"; there are {}",
                    names.join(", ")
                );
                self.failure(raw.clients.span(), &reason)
            })?;
        let pace = match (&raw.rate, &raw.depth) {
            (Some(rate), None) => {
                self.check(rate, limits::RATE_MAX)?;
                let (span, rate) = (rate.span(), rate.get_ref());
                if rate * seconds > limits::TRANSACTIONS_MAX {
                    let most = limits::TRANSACTIONS_MAX;
                    let reason =
                        format!("{rate} a second for {seconds} seconds are more than {most} transactions");
                    return Err(self.failure(span, &reason));
                }
                Pace::Rate(*rate)
            }
            (None, Some(depth)) if *depth.get_ref() == 0 => {
                return Err(self.failure(depth.span(), "a number above 0 is needed"));
            }
            (None, Some(depth)) if *depth.get_ref() > limits::DEPTH_MAX as usize => {
                return Err(self.failure(depth.span(), &format!("{} at most", limits::DEPTH_MAX)));
            }
            (None, Some(depth)) => Pace::Depth(*depth.get_ref()),
            _ => return Err(self.failure(span, "either rate or depth is needed")),
        };
        let transaction = Template::parse(raw.transaction.get_ref())
            .and_then(Template::operations)
            .and_then(|transaction| fillable(transaction, site))
            .map_err(|reason| self.failure(raw.transaction.span(), &reason))?;
        Ok(Writer {
            name: raw.name.into_inner().leak(),
            group,
            pace,
            transaction,
            expected: Expected {
                text: raw.expect.leak(),
                place: self.place(&raw.transaction.span()).leak(),
            },
        })
    }

    fn check(&self, number: &Spanned<f64>, max: f64) -> Result<()> {
        limits::check(*number.get_ref(), max).map_err(|reason| self.failure(number.span(), &reason))
    }
}

/// Fails for places that the database will have no rows for.
fn fillable(template: Template, site: Option<SiteSize>) -> std::result::Result<Template, String> {
    if site.is_none_or(|site| site.nodes == Some(0))
        && template
            .places()
            .any(|place| !matches!(place, Place::Number | Place::Client))
    {
        return Err("places other than {number} and {client} need nodes in [site]".to_owned());
    }
    if site.is_some_and(|site| site.pods_per_node == 0) && template.places().any(|place| place == Place::Port)
    {
        return Err("{port} needs pods-per-node in [site]".to_owned());
    }
    Ok(template)
}

#[cfg(test)]
mod tests;
