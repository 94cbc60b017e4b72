//! Where, when and how results came about.

use std::fs;

use jiff::Zoned;
use serde::{Deserialize, Serialize};

/// What a reader of results must know to believe them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of the load generator.
    pub loadgen: String,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// When the run began, in local time: `2026-01-31 23:59:59 +01:00`.
    pub started: String,
    pub machine: Machine,
}

/// The machine of the clients, and of all servers that were started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processors.
    pub processor: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// Memory in bytes.
    pub memory: u64,
    pub kernel: String,
    /// Name of the distribution.
    pub system: String,
}

impl About {
    /// Of this process, now.
    pub fn now() -> About {
        About {
            loadgen: env!("CARGO_PKG_VERSION").to_owned(),
            command: std::env::args().collect(),
            started: Zoned::now().strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
            machine: Machine::here(),
        }
    }

    /// The command line as it can be given to a shell.
    pub fn command_line(&self) -> String {
        let words: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }
}

impl Machine {
    /// This machine; what cannot be found out is `unknown` or 0.
    fn here() -> Machine {
        let uname = rustix::system::uname();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let architecture = uname.machine().to_string_lossy();
        Machine {
            // Processors of other makers than x86's have no such line.
            processor: after(&cpuinfo, "model name", ':')
                .unwrap_or_else(|| format!("{architecture}, model unknown")),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory: after(&meminfo, "MemTotal", ':')
                .and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok())
                .map_or(0, |kib| kib << 10),
            kernel: format!(
                "{} {}",
                uname.sysname().to_string_lossy(),
                uname.release().to_string_lossy()
            ),
            system: after(&release, "PRETTY_NAME", '=').unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

/// The value of the first line of that name.
fn after(text: &str, name: &str, separator: char) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(separator));
    let (_, value) = pairs.find(|(found, _)| found.trim() == name)?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+./:,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{About, after, quoted};

    #[test]
    fn this_machine_is_known() {
        let about = About::now();
        assert!(
            about.machine.processors > 0 && about.machine.memory > 0,
            "{about:?}"
        );
        assert!(about.machine.kernel.starts_with("Linux "), "{about:?}");
    }

    #[test]
    fn values_are_found_by_whole_names() {
        let text = "model\t\t: 2\nmodel name\t: Some CPU @ 2 GHz\n";
        assert_eq!(
            after(text, "model name", ':').as_deref(),
            Some("Some CPU @ 2 GHz")
        );
        assert_eq!(after(text, "PRETTY_NAME", '='), None);
    }

    #[test]
    fn a_command_line_can_be_given_to_a_shell() {
        for (word, expected) in [
            ("--clients=5", "--clients=5"),
            ("{db} x", "'{db} x'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
