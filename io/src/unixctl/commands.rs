//! The table of commands, and how a command answers.

use ovsdb_wire::write::{self, Members};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::rc::Rc;
use tokio::sync::oneshot;

/// Form of answers that a connection asked for (`set-options --format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Text(String),
    /// A JSON text, for a connection that asked for JSON.
    Json(Vec<u8>),
    Error(String),
}

impl Outcome {
    /// Whether it went well, in a word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Outcome::Text(_) | Outcome::Json(_) => "success",
            Outcome::Error(_) => "error",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Text(text) | Outcome::Error(text) => write!(f, "\"{text}\""),
            Outcome::Json(json) => f.write_str(&String::from_utf8_lossy(json)),
        }
    }
}

/// By which a command answers, now or later, from any thread. Dropped without an answer, it counts as an error.
#[derive(Debug)]
pub struct Answer {
    format: Format,
    sender: oneshot::Sender<Outcome>,
}

impl Answer {
    pub(super) fn new(format: Format) -> (Answer, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Answer { format, sender }, receiver)
    }

    /// The form that the connection wants.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The command succeeded; `text` is what to print.
    pub fn text(self, text: impl Into<String>) {
        self.send(Outcome::Text(text.into()));
    }

    /// The command succeeded and has nothing to say.
    pub fn done(self) {
        self.text("");
    }

    /// The command succeeded; `json` is the JSON text to print. Only for [`Format::Json`].
    pub fn json(self, json: Vec<u8>) {
        assert_eq!(self.format, Format::Json, "the connection did not ask for JSON");
        self.send(Outcome::Json(json));
    }

    /// The command failed.
    pub fn error(self, text: impl fmt::Display) {
        self.send(Outcome::Error(text.to_string()));
    }

    fn send(self, outcome: Outcome) {
        if self.sender.send(outcome).is_err() {
            log::debug!(target: "unixctl", "nobody waits for an answer any more");
        }
    }
}

/// A command as manuals show it.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    pub name: &'static str,
    /// What it takes, in capitals.
    pub arguments: &'static str,
    /// What it does, in one sentence without an end.
    pub text: &'static str,
}

impl Described {
    pub const fn new(name: &'static str, arguments: &'static str, text: &'static str) -> Described {
        Described {
            name,
            arguments,
            text,
        }
    }
}

type Handler = Rc<dyn Fn(&[String], Answer)>;

struct Command {
    /// Its arguments, for the list of commands; without it the command is not listed.
    usage: Option<&'static str>,
    arguments: RangeInclusive<usize>,
    handler: Handler,
}

/// Commands by name.
#[derive(Default)]
pub struct Commands(BTreeMap<&'static str, Command>);

impl Commands {
    pub fn new() -> Commands {
        Commands::default()
    }

    /// Adds the command `name`, unless there is one already. `arguments` is how many it takes; `usage` describes
    /// them, and without it the command is hidden.
    pub fn register(
        &mut self,
        name: &'static str,
        usage: Option<&'static str>,
        arguments: RangeInclusive<usize>,
        handler: impl Fn(&[String], Answer) + 'static,
    ) {
        let command = Command {
            usage,
            arguments,
            handler: Rc::new(handler),
        };
        self.0.entry(name).or_insert(command);
    }

    /// The handler for `name` with so many arguments, or why there is none.
    pub(super) fn find(&self, name: &str, argument_count: usize) -> Result<Handler, String> {
        let Some(command) = self.0.get(name) else {
            // Of the right size at once: a name may be long.
            let reason = "\" is not a valid command (use \"list-commands\" to see a list of valid commands)";
            return Err(["\"", name, reason].concat());
        };
        let (least, most) = (*command.arguments.start(), *command.arguments.end());
        if argument_count < least {
            Err(format!("\"{name}\" command requires at least {least} arguments"))
        } else if argument_count > most {
            Err(format!("\"{name}\" command takes at most {most} arguments"))
        } else {
            Ok(Rc::clone(&command.handler))
        }
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0
            .iter()
            .filter_map(|(name, command)| Some((*name, command.usage?)))
    }

    /// What `list-commands` answers.
    pub(super) fn list_text(&self) -> String {
        let mut text = String::from("The available commands are:\n");
        for (name, usage) in self.listed() {
            text.push_str(&format!("  {name:<23} {usage}\n"));
        }
        text
    }

    /// The same as a JSON object.
    pub(super) fn list_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        let mut members = Members::begin(&mut json);
        for (name, usage) in self.listed() {
            write::string(members.key(name), usage);
        }
        members.end();
        json
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_errors_are_upstreams() {
        let mut commands = Commands::new();
        commands.register("vlog/list", Some(""), 0..=0, |_, answer| answer.done());
        commands.register("ovsdb-server/add-db", Some("DB"), 1..=1, |_, answer| {
            answer.done()
        });
        commands.register("vlog/message", None, 1..=1, |_, answer| answer.done());
        assert_eq!(
            commands.list_text(),
            "The available commands are:\n  ovsdb-server/add-db     DB\n  vlog/list               \n"
        );
        assert_eq!(
            commands.list_json(),
            br#"{"ovsdb-server/add-db":"DB","vlog/list":""}"#
        );
        let error = |name, count| commands.find(name, count).err().unwrap();
        assert_eq!(
            error("x", 0),
            "\"x\" is not a valid command (use \"list-commands\" to see a list of valid commands)"
        );
        assert_eq!(
            error("ovsdb-server/add-db", 0),
            "\"ovsdb-server/add-db\" command requires at least 1 arguments"
        );
        assert_eq!(
            error("vlog/list", 1),
            "\"vlog/list\" command takes at most 0 arguments"
        );
        assert!(commands.find("vlog/message", 1).is_ok());
    }
}
