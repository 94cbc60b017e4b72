//! The results of a run as a file in JSON, and files that are whole or not there.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result};
use crate::measure::about::About;
use crate::measure::outcome::Outcome;

/// Everything that was found out, as `--json` writes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    pub about: About,
    /// What a reader must know of how unlike the servers are.
    #[serde(default)]
    pub notes: Vec<String>,
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

/// A file that a run is to write in the end. What keeps it from being written fails before the run, not after it; until
/// then there is nothing of it.
#[derive(Debug)]
pub struct Promised {
    option: &'static str,
    path: PathBuf,
    /// Whether a draft takes its place when that is whole; not so for a pipe, a device or a link.
    is_replaced: bool,
}

impl Promised {
    /// Makes sure that `path`, which the user named by `option`, can be written.
    pub fn new(option: &'static str, path: &Path) -> Result<Promised> {
        let refuse = |reason: &str| failure(option, path, reason);
        if path.is_dir() || path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(refuse("this is a directory"));
        }
        let is_replaced = match fs::symlink_metadata(path) {
            Ok(metadata) => {
                access(path, Access::WRITE_OK)
                    .map_err(|error| refuse(&io::Error::from(error).to_string()))?;
                metadata.is_file()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(refuse(&error.to_string())),
        };
        let promised = Promised {
            option,
            path: path.to_owned(),
            is_replaced,
        };
        if is_replaced {
            // A file without a name shows that one can be made there, and is gone whatever happens.
            tempfile::tempfile_in(promised.folder()).map_err(|error| refuse(&plain(&error)))?;
        }
        Ok(promised)
    }

    /// Writes it.
    pub fn write(&self, text: &str) -> Result<()> {
        let written = if self.is_replaced {
            self.replace(text)
        } else {
            fs::write(&self.path, text)
        };
        written.map_err(|error| failure(self.option, &self.path, &plain(&error)))
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let mut draft = tempfile::Builder::new()
            .prefix(".loadgen-")
            // As any program makes files; the umask takes away what it takes away.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(self.folder())?;
        draft.write_all(text.as_bytes())?;
        draft.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    fn folder(&self) -> &Path {
        let folder = self.path.parent();
        folder
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."))
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
