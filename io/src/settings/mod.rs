//! What a server is to serve: its remotes and its databases, from the command line, from commands at run time,
//! or from a file (`--config-file`).
//!
//! One notation for all of them, upstream's JSON (`ovsdb-server`(1), "Configuration File"): [`parse()`] reads it,
//! [`mod@print`] writes it. Where the settings come from is a [`Source`].

mod kept;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use kept::Kept;
pub use parse::parse;
pub use print::print;

use crate::errors::strerror;
use crate::remotes::Wanted;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Remotes and databases, each as an operator names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub(crate) remotes: Wanted,
    pub(crate) databases: Databases,
}

/// Databases by the name of their file or, for relays, of their schema.
pub(crate) type Databases = BTreeMap<String, Model>;

/// How a database is to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// As its file says.
    Undefined,
    Standalone,
    Clustered,
    ActiveBackup {
        /// Follows another server instead of being written.
        is_backup: bool,
    },
    Relay,
}

impl Model {
    /// What an argument means that names a database: the name of its file, or `relay:NAME:REMOTE`.
    pub(crate) fn of_argument(argument: &str) -> (&str, Model) {
        match argument
            .strip_prefix("relay:")
            .and_then(|rest| rest.split_once(':'))
        {
            Some((name, remote)) if !remote.is_empty() => (name, Model::Relay),
            _ => (argument, Model::Undefined),
        }
    }

    /// As files and messages spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Model::Undefined => "undefined",
            Model::Standalone => "standalone",
            Model::Clustered => "clustered",
            Model::ActiveBackup { .. } => "active-backup",
            Model::Relay => "relay",
        }
    }
}

impl Settings {
    /// What a command line asks for.
    pub fn new(
        remotes: impl IntoIterator<Item = String>,
        databases: impl IntoIterator<Item = String>,
    ) -> Settings {
        Settings {
            remotes: remotes
                .into_iter()
                .map(|target| (target, Default::default()))
                .collect(),
            databases: databases
                .into_iter()
                .map(|argument| {
                    let (name, model) = Model::of_argument(&argument);
                    (name.to_owned(), model)
                })
                .collect(),
        }
    }

    /// Makes those databases the active ones of a pair whose files do not say otherwise.
    pub fn set_active(&mut self) {
        for model in self.databases.values_mut() {
            if *model == Model::Undefined {
                *model = Model::ActiveBackup { is_backup: false };
            }
        }
    }
}

/// Where the settings of a server stand.
#[derive(Debug)]
pub enum Source {
    /// The command line and what was commanded since.
    Commands(Kept),
    /// A file that belongs to the operator, read at the start and on command.
    File(PathBuf),
}

impl Source {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Source::Commands(_) => None,
            Source::File(path) => Some(path),
        }
    }

    /// Reads the settings; `None` after complaints, which have been logged as upstream does.
    pub(crate) fn load(&self) -> Option<Settings> {
        let text = match self {
            Source::Commands(kept) => kept.load(),
            Source::File(path) => std::fs::read(path),
        };
        let shown = match self {
            Source::Commands(_) => "what was commanded before".to_owned(),
            Source::File(path) => path.display().to_string(),
        };
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let error = strerror(&error);
                log::error!(target: "ovsdb_server", "failed to open configuration file '{shown}': {error}");
                return None;
            }
        };
        if self.file().is_some() {
            log::info!(target: "ovsdb_server", "loading configuration from '{shown}'");
        }
        let mut complaints = Vec::new();
        let settings = parse(&text, &mut complaints);
        for complaint in &complaints {
            log::warn!(target: "ovsdb_server", "{complaint}");
        }
        if settings.is_none() {
            log::warn!(target: "ovsdb_server", "failed to load configuration from {shown}");
        }
        settings
    }
}
