//! Files that must not outlive the process: sockets, the pidfile.
//!
//! They are removed by [`run`], which every way out of the process passes: the end of `main`, a fatal signal, an
//! error at start-up. A child that is forked forgets those of its parent ([`forget`]).

use parking_lot::Mutex;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Has `path` removed at the end of the process.
pub fn add_file(path: &Path) {
    let mut files = FILES.lock();
    if !files.iter().any(|file| file == path) {
        files.push(path.to_owned());
    }
}

/// Leaves `path` alone at the end of the process.
pub fn keep_file(path: &Path) {
    FILES.lock().retain(|file| file != path);
}

/// Removes `path` now instead of at the end of the process.
pub fn remove_file_now(path: &Path) {
    keep_file(path);
    remove(path);
}

/// Removes all files.
pub fn run() {
    let files = std::mem::take(&mut *FILES.lock());
    for file in files {
        remove(&file);
    }
}

/// Forgets all files, in a process that does not own them (any more).
pub fn forget() {
    FILES.lock().clear();
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            let error = crate::errors::strerror(&error);
            log::warn!(target: "fatal_signal", "could not unlink \"{}\" ({error})", path.display());
        }
    }
}
