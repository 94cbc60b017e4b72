//! The manual page that `--man` prints: options and commands from the program's definition, then sections of its own.

use clap::{ArgAction, Command};
use clap_mangen::Man;
use ovsdb_io::net::PORT_DEFAULT;
use ovsdb_io::unixctl::{BUILT_IN, Described};
use ovsdb_io::vlog;
use std::io;

/// One section: what is said first, then terms with their texts.
pub struct Section {
    title: &'static str,
    intro: &'static str,
    entries: Vec<(String, String)>,
}

impl Section {
    pub fn new<T: ToString>(
        title: &'static str,
        intro: &'static str,
        entries: impl IntoIterator<Item = (T, T)>,
    ) -> Section {
        let entries = entries.into_iter();
        Section {
            title,
            intro,
            entries: entries
                .map(|(term, text)| (term.to_string(), text.to_string()))
                .collect(),
        }
    }

    /// The notation of remotes, as servers and clients take them.
    pub fn remotes() -> Section {
        Section::new(
            "Remotes",
            "Addresses of version 6 stand in square brackets. HOST is an address or a name; each address of a name is \
             tried.",
            [
                ("tcp:HOST[:PORT]", format!("Connect to HOST over TCP, by default to port {PORT_DEFAULT}")),
                ("ssl:HOST[:PORT]", "The same, secured by TLS; needs --private-key, --certificate and --ca-cert".to_owned()),
                ("unix:FILE", "Connect to the socket FILE".to_owned()),
                (
                    "ptcp:[PORT][:IP]",
                    format!(
                        "Listen on PORT, by default {PORT_DEFAULT}, and 0 for one of the kernel's choice; at the address \
                         IP, by default at all of version 4, and with [::] at all"
                    ),
                ),
                ("pssl:[PORT][:IP]", "The same, secured by TLS".to_owned()),
                ("punix:FILE", "Listen on the socket FILE, which is made".to_owned()),
            ]
            .map(|(term, text)| (term.to_owned(), text)),
        )
    }

    /// The commands of a control socket: `own` ones, and those that all programs have.
    pub fn control(own: impl IntoIterator<Item = Described>) -> Section {
        let common = BUILT_IN.into_iter().chain(vlog::COMMANDS);
        Section::new(
            "Control commands",
            "ovs-appctl(8) sends them to the control socket.",
            own.into_iter()
                .chain(common)
                .map(|one| (format!("{} {}", one.name, one.arguments), one.text.to_owned())),
        )
    }

    /// What signals do to a program that may run in the background.
    pub fn signals() -> Section {
        Section::new(
            "Signals",
            "One that was ignored when the program was started stays ignored.",
            [
                (
                    "SIGTERM, SIGINT, SIGHUP, SIGALRM",
                    "End the program by this signal, after its files were removed",
                ),
                ("SIGPIPE", "Is ignored"),
                (
                    "SIGSEGV, SIGABRT and other crashes",
                    "With --monitor, the program is started again, after ten seconds if it has crashed before",
                ),
            ],
        )
    }

    /// Where the programs find and leave things, with what more `own` says.
    pub fn files(own: &[(&str, &str)]) -> Section {
        let common = [
            (
                "$OVS_RUNDIR, by default /var/run/openvswitch",
                "Sockets and pidfiles",
            ),
            ("$OVS_LOGDIR, by default /var/log/openvswitch", "Logs"),
            (
                "$OVS_DBDIR, by default /etc/openvswitch",
                "Databases whose files are not named",
            ),
        ];
        Section::new("Files", "", own.iter().copied().chain(common))
    }

    fn print(&self, page: &mut String) {
        page.push_str(&format!(".SH {}\n", escape(&self.title.to_uppercase())));
        if !self.intro.is_empty() {
            page.push_str(&format!("{}\n", escape(self.intro)));
        }
        for (term, text) in &self.entries {
            page.push_str(&format!(
                ".TP\n\\fB{}\\fR\n{}\n",
                escape(term.trim_end()),
                escape(text)
            ));
        }
    }
}

/// `text` as one line of roff that shows it.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

/// What the program does by its first word, with the arguments that go with it.
fn commands(definition: &Command) -> Section {
    let shown = definition
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help");
    let entry = |command: &Command| {
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").replace(" [OPTIONS]", "");
        // Arguments that stand for each other are one list to the parser.
        let usage = match usage.split_once(" [[") {
            Some((name, list)) => format!("{name} [{}", list.strip_suffix("]...").unwrap_or(list)),
            None => usage,
        };
        let text = command.get_about().map(ToString::to_string);
        (usage, text.unwrap_or_default())
    };
    Section::new("Commands", "", shown.map(entry))
}

/// The page, in section 1, as upstream's.
pub(super) fn page(definition: Command, sections: &[Section]) -> io::Result<String> {
    let commands = definition.has_subcommands().then(|| commands(&definition));
    let repeated: Vec<String> = definition
        .get_positionals()
        .filter(|operand| matches!(operand.get_action(), ArgAction::Append))
        .flat_map(|operand| operand.get_value_names().unwrap_or_default())
        .map(|name| format!("[\\fI{name}\\fR]"))
        .collect();
    let man = Man::new(definition).section("1");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let mut text = String::from_utf8_lossy(&page).into_owned();
    // What may come several times.
    for operand in repeated {
        text = text.replace(&operand, &format!("{operand}..."));
    }
    page.clear();
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    text.push_str(&String::from_utf8_lossy(&page));
    commands
        .iter()
        .chain(sections)
        .for_each(|section| section.print(&mut text));
    let mut end = Vec::new();
    man.render_version_section(&mut end)?;
    text.push_str(&String::from_utf8_lossy(&end));
    Ok(text)
}
