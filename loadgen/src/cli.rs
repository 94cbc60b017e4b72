//! The command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;
use ovsdb_io::tls;

use crate::error::{Failure, Result};
use crate::fleet::Address;
use crate::limits;
use crate::scenario::{self, Scenario, Settings};
use crate::server::{Target, Via, check_command, database};
use crate::workload::Workload;

/// Puts an OVSDB server under the load of a large OVN site and checks every answer.
///
/// Without a server named, it starts the one beside it on a temporary database and runs the default scenarios.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "loadgen",
    version,
    args_override_self = true,
    args_conflicts_with_subcommands = true,
    after_help = "loadgen --list tells what each scenario does, loadgen --man prints the manual page, and loadgen \
                  --completion=SHELL the completion for bash, elvish, fish, powershell or zsh."
)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub options: Options,
}

impl CommandLine {
    /// The manual page, in roff.
    pub fn manual() -> Result<String> {
        let mut page = Vec::new();
        Man::new(CommandLine::command())
            .render(&mut page)
            .map_err(|error| Failure::Machine(format!("--man: {error}")))?;
        Ok(String::from_utf8_lossy(&page).into_owned())
    }

    /// What a shell is to know of the options.
    pub fn completion(shell: Shell) -> String {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut CommandLine::command(), "loadgen", &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// What is done with results instead of a run.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show two runs side by side, with ratios: above 1 the first is better
    Compare {
        /// Results of a run, as --json writes them
        #[arg(value_name = "A.json")]
        a: PathBuf,
        /// Results of the run to compare with
        #[arg(value_name = "B.json")]
        b: PathBuf,
        /// Write a page with plots of both
        #[arg(long, value_name = "FILE.html")]
        report: Option<PathBuf>,
    },
    /// Make the page of --report from what --json has written
    Page {
        /// Results of a run
        #[arg(value_name = "RESULTS.json")]
        results: PathBuf,
        /// The page to write
        #[arg(value_name = "FILE.html")]
        page: PathBuf,
    },
}

/// Unanswered transactions of a writer, unless the user says how many.
const DEPTH: u16 = 1;

/// What is run, on which servers, and where results go.
#[derive(Clone, Debug, Parser)]
#[command(args_override_self = true)]
pub struct Options {
    /// Clients; what else a scenario needs follows from their number
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::CLIENTS_MAX)))]
    pub clients: u32,

    /// Scenario to run; may be given several times (see --list)
    #[arg(long, value_name = "NAME", value_parser = scenario_name)]
    pub scenario: Vec<String>,

    /// Run what a file describes instead of a scenario (see loadgen/examples)
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    pub workload: Option<PathBuf>,

    /// List the scenarios and end
    #[arg(long)]
    pub list: bool,

    /// Print the manual page and end
    #[arg(long, hide = true)]
    pub man: bool,

    /// Print the completion for a shell and end
    #[arg(long, value_name = "SHELL", hide = true)]
    pub completion: Option<Shell>,

    /// A running server: tcp:HOST:PORT, ssl:HOST:PORT or unix:FILE
    #[arg(long, value_name = "REMOTE", conflicts_with = "spawn")]
    pub server: Option<String>,

    /// Process id of the server named by --server, for its processor time and memory
    #[arg(long, value_name = "PID", requires = "server")]
    pub pid: Option<u32>,

    /// Command that starts a server in the foreground, with {db}, {port} and {sock} in it
    #[arg(long, value_name = "COMMAND")]
    pub spawn: Option<String>,

    /// Command that starts a second server, measured in turns with the first. Ours answers when a transaction is on disk,
    /// upstream's before that: --server-arguments=--durability=relaxed compares them on equal terms
    #[arg(long, value_name = "COMMAND")]
    pub against: Option<String>,

    /// Arguments for our own server
    #[arg(
        long,
        value_name = "ARGUMENTS",
        default_value = "",
        allow_hyphen_values = true,
        conflicts_with_all = ["server", "spawn"]
    )]
    pub server_arguments: String,

    /// Times that each scenario is run on each server; with --against twice by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: Option<u16>,

    /// Schema of started servers; the southbound one of OVN by default
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,

    /// Threads of the clients
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Clients that may be connecting at the same time; without it all, and 64 of a thread with TLS
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub connecting: Option<u32>,

    /// Seconds that a scenario measures which has no end of its own
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub seconds: f64,

    /// Transactions per second, sent at their times whether the server keeps up or not
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub rate: Option<f64>,

    /// Unanswered transactions of a writer
    #[arg(long, value_name = "N", default_value_t = DEPTH, value_parser = clap::value_parser!(u16).range(1..=i64::from(limits::DEPTH_MAX)))]
    pub depth: u16,

    /// Ask for transactions to be durable
    #[arg(long)]
    pub durable: bool,

    /// Seconds without any progress after which a run has failed
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = seconds)]
    pub patience: f64,

    /// Connect to started servers by TLS, with certificates made for the run: for {sslport} in a command, {key}, {cert}
    /// and {ca} stand for the server's files
    #[arg(long, conflicts_with = "unix")]
    pub tls: bool,

    /// File with the private key for --server ssl:
    #[arg(long, value_name = "FILE", requires = "server")]
    pub private_key: Option<PathBuf>,

    /// File with the certificate of the private key
    #[arg(long, value_name = "FILE", requires = "server")]
    pub certificate: Option<PathBuf>,

    /// File with the certificate of the server's authority, or "none"
    #[arg(long, value_name = "FILE", requires = "server")]
    pub ca_cert: Option<PathBuf>,

    /// Connect to started servers by unix sockets instead of TCP
    #[arg(long, conflicts_with = "server")]
    pub unix: bool,

    /// Write all results to a file in JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write a page with plots: one HTML file that needs nothing else
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,

    /// No live progress
    #[arg(long)]
    pub quiet: bool,
}

/// A number above 0, up to `max`.
fn positive(text: &str, max: f64) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) => limits::check(number, max).map(|()| number),
        Err(_) => Err("a number above 0 is needed".to_owned()),
    }
}

fn scenario_name(text: &str) -> std::result::Result<String, String> {
    let found = scenario::by_name(text).map_err(|failure| failure.to_string())?;
    Ok(found.name.to_owned())
}

fn seconds(text: &str) -> std::result::Result<f64, String> {
    positive(text, limits::SECONDS_MAX)
}

fn rate(text: &str) -> std::result::Result<f64, String> {
    positive(text, limits::RATE_MAX)
}

/// What is wrong with a command line, in one line.
pub fn told(error: &clap::Error) -> String {
    let text = error.to_string();
    // What is wrong, then perhaps what may be meant instead, then the usage.
    let mut parts = text.split("\n\n");
    let one_line = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    let wrong = one_line(parts.next().unwrap_or_default());
    let wrong = wrong.strip_prefix("error: ").unwrap_or(&wrong);
    let tip = parts.map(one_line).find(|part| part.starts_with("tip: "));
    match tip {
        Some(tip) => format!("{wrong} ({tip})"),
        None => wrong.to_owned(),
    }
}

impl Options {
    /// The servers to measure, the main one first.
    pub fn targets(&self) -> Result<Vec<Target>> {
        let first = match (&self.server, &self.spawn) {
            (Some(remote), _) => Target::Running {
                address: Address::parse(remote, self.tls_settings())?,
                pid: self.pid,
            },
            (None, Some(command)) => self.command_target(command)?,
            (None, None) => Target::ours(&self.server_arguments, self.via(), self.own_label())?,
        };
        let mut targets = vec![first];
        if let Some(command) = &self.against {
            targets.push(self.command_target(command)?);
        }
        tell_apart(&mut targets);
        Ok(targets)
    }

    /// What the scenarios are told.
    pub fn settings(&self) -> Result<Settings> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let clients = self.clients as usize;
        if let Some(rate) = self.rate
            && rate * self.seconds > limits::TRANSACTIONS_MAX
        {
            return Err(Failure::Usage(format!(
                "--rate {rate} for --seconds {} are more than {} transactions",
                self.seconds,
                limits::TRANSACTIONS_MAX
            )));
        }
        Ok(Settings {
            clients,
            // The server needs the other half.
            threads: self
                .threads
                .map_or_else(|| processors.div_ceil(2), usize::from)
                .min(clients),
            connecting_max: self.connecting.map(|number| number as usize),
            length: Duration::from_secs_f64(self.seconds),
            rate: self.rate,
            depth: usize::from(self.depth),
            durable: self.durable,
            patience: Duration::from_secs_f64(self.patience),
            via: self.via(),
            quiet: self.quiet,
            workload: self
                .workload
                .as_deref()
                .map(|path| Workload::read(path, self.seconds))
                .transpose()?
                .map(Arc::new),
            schema: database::schema(self.schema.as_deref())?,
        })
    }

    fn command_target(&self, command: &str) -> Result<Target> {
        check_command(command, self.via())?;
        let label = command.split_whitespace().next().unwrap_or(command).to_owned();
        Ok(Target::Command {
            command: command.to_owned(),
            label,
        })
    }

    fn via(&self) -> Via {
        match (self.unix, self.tls) {
            (true, _) => Via::Unix,
            (_, true) => Via::Tls,
            (false, false) => Via::Tcp,
        }
    }

    fn tls_settings(&self) -> tls::Settings {
        tls::Settings {
            private_key: self.private_key.clone(),
            certificate: self.certificate.clone(),
            ca_cert: self.ca_cert.clone(),
            ..tls::Settings::default()
        }
    }

    /// Fails for an option that none of the scenarios which the user has named does anything with; gives the other ones
    /// that a scenario does not have, in a line for each, if the user has named none.
    pub fn check(&self, scenarios: &[Scenario]) -> Result<Vec<String>> {
        if let Some(remote) = self.server.as_ref().filter(|remote| !remote.starts_with("ssl:")) {
            if self.tls {
                return Err(Failure::Usage(format!(
                    "--tls is for servers that are started; with --server {remote} use ssl:HOST:PORT"
                )));
            }
            for (option, file) in [
                ("--private-key", &self.private_key),
                ("--certificate", &self.certificate),
                ("--ca-cert", &self.ca_cert),
            ] {
                if file.is_some() {
                    return Err(Failure::Usage(format!(
                        "{option} means nothing to --server {remote}"
                    )));
                }
            }
        }
        if let (Some(json), Some(report)) = (&self.json, &self.report)
            && json == report
        {
            let path = json.display();
            return Err(Failure::Usage(format!("--json and --report are both {path}")));
        }
        let given = [
            ("--rate", self.rate.is_some()),
            ("--depth", self.depth != DEPTH),
            ("--durable", self.durable),
        ];
        let mut unused = Vec::new();
        for (option, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            let without: Vec<&str> = scenarios
                .iter()
                .filter(|scenario| !scenario.takes.contains(&option))
                .map(|scenario| scenario.name)
                .collect();
            if !without.is_empty() {
                unused.push(format!("{option} means nothing to {}", without.join(", ")));
            }
        }
        let is_chosen = !self.scenario.is_empty() || self.workload.is_some();
        match unused.first() {
            Some(first) if is_chosen => Err(Failure::Usage(first.clone())),
            _ => Ok(unused),
        }
    }

    /// Whether our own server is measured against another with its default rule of durability, which is stricter than
    /// upstream's.
    fn is_unlike(&self) -> bool {
        let is_ours = self.server.is_none() && self.spawn.is_none();
        is_ours && self.against.is_some() && !self.server_arguments.contains("--durability")
    }

    /// What tables call our own server.
    fn own_label(&self) -> &'static str {
        if self.is_unlike() {
            "ovsdb-server (ours, durable)"
        } else {
            "ovsdb-server (ours)"
        }
    }

    /// What is to be known of the servers by whoever compares them.
    pub fn notes(&self) -> Vec<String> {
        let unlike = "Durability is unlike: ovsdb-server (ours) answers when a transaction is on disk, other servers mostly \
                      before that. Equal terms: --server-arguments=--durability=relaxed.";
        self.is_unlike().then(|| unlike.to_owned()).into_iter().collect()
    }

    /// Whether there are files to write, whoever reads the tables.
    pub fn promises_files(&self) -> bool {
        self.json.is_some() || self.report.is_some()
    }

    /// How often each scenario is run on each server.
    pub fn rounds(&self) -> usize {
        let default = if self.against.is_some() { 2 } else { 1 };
        self.rounds.map_or(default, usize::from)
    }
}

/// Two commands that begin with the same word are called by the words that only one of them has, too; or first and second
/// where that says nothing, as when a command is measured against itself.
fn tell_apart(targets: &mut [Target]) {
    let [
        Target::Command {
            command: a,
            label: label_a,
        },
        Target::Command {
            command: b,
            label: label_b,
        },
    ] = targets
    else {
        return;
    };
    if label_a != label_b {
        return;
    }
    let named = |mine: &str, other: &str| {
        let others: Vec<&str> = other.split_whitespace().collect();
        let words = mine.split_whitespace().enumerate();
        let own = words.filter(|(at, word)| *at == 0 || !others.contains(word));
        own.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
    };
    let (of_a, of_b) = (named(a, b), named(b, a));
    let is_short = |label: &String| label.chars().count() <= limits::LABEL_CHARACTERS_MAX;
    (*label_a, *label_b) = if of_a != of_b && is_short(&of_a) && is_short(&of_b) {
        (of_a, of_b)
    } else {
        (format!("{label_a} (first)"), format!("{label_b} (second)"))
    };
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Options;

    #[test]
    fn two_servers_never_have_the_same_name() {
        let durable = "serve {db} {port} --durability=durable";
        for (first, second, expected) in [
            (
                "serve {db} {port}",
                durable,
                ["serve", "serve --durability=durable"],
            ),
            ("serve {db} {port}", "other {db} {port}", ["serve", "other"]),
            (durable, durable, ["serve (first)", "serve (second)"]),
            (
                "sh -c 'a {db} {port}'",
                "sh -c 'b {db} {port}'",
                ["sh 'a", "sh 'b"],
            ),
        ] {
            let line = ["loadgen", "--spawn", first, "--against", second];
            let options = Options::try_parse_from(line).expect("it makes sense");
            let targets = options.targets().expect("they are commands");
            let labels: Vec<String> = targets.iter().map(|target| target.label()).collect();
            assert_eq!(labels, expected);
        }
    }
}
