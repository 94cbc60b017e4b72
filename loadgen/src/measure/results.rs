//! The results of a run as a file in JSON, and files that are whole or not there.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::error::{Failure, Result};
use crate::measure::about::About;
use crate::measure::outcome::Outcome;

/// Everything that was found out, as `--json` writes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    pub about: About,
    /// By scenario, then by server, then by round.
    pub scenarios: Vec<Vec<Vec<Outcome>>>,
}

impl Results {
    /// Reads what `--json` wrote.
    pub fn read(path: &Path) -> Result<Results> {
        let usage = |reason: String| Failure::Usage(format!("{}: {reason}", path.display()));
        let text = fs::read(path).map_err(|error| usage(error.to_string()))?;
        let results: Results = serde_json::from_slice(&text)
            .map_err(|error| usage(format!("these are no results that --json has written: {error}")))?;
        let servers = results.scenarios.iter().flatten();
        if results.scenarios.is_empty() || servers.clone().any(Vec::is_empty) {
            return Err(usage("there are no results in it".to_owned()));
        }
        Ok(results)
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("results are plain data") + "\n"
    }
}

/// A file that a run is to write in the end. What keeps it from being written fails before the run, not after it.
#[derive(Debug)]
pub struct Promised {
    option: &'static str,
    path: PathBuf,
    /// What becomes the file; `None` for something that cannot be replaced, like a pipe.
    draft: Option<NamedTempFile>,
}

impl Promised {
    /// Prepares to write `path`, which the user named by `option`.
    pub fn new(option: &'static str, path: &Path) -> Result<Promised> {
        let is_replaceable = fs::metadata(path).map_or(true, |metadata| metadata.is_file());
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let draft = if is_replaceable && path.file_name().is_some() {
            let made = tempfile::Builder::new()
                .prefix(".loadgen-")
                // As any program makes files; the umask takes away what it takes away.
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(directory.unwrap_or_else(|| Path::new(".")));
            Some(made.map_err(|error| failure(option, path, &plain(&error)))?)
        } else {
            None
        };
        Ok(Promised {
            option,
            path: path.to_owned(),
            draft,
        })
    }

    /// Writes it.
    pub fn write(self, text: &str) -> Result<()> {
        let written = match self.draft {
            None => fs::write(&self.path, text),
            Some(mut draft) => draft
                .write_all(text.as_bytes())
                .and_then(|()| draft.persist(&self.path).map(drop).map_err(|error| error.error)),
        };
        written.map_err(|error| failure(self.option, &self.path, &error.to_string()))
    }
}

fn failure(option: &str, path: &Path, reason: &str) -> Failure {
    Failure::Usage(format!("{option} {}: {reason}", path.display()))
}

/// The error without the name of the draft, which says nothing to the user.
fn plain(error: &std::io::Error) -> String {
    let wrapped = error.get_ref().and_then(|outer| outer.source());
    wrapped.map_or_else(|| error.to_string(), ToString::to_string)
}
