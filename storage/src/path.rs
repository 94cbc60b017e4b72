//! Where a database really lives: its lock and temporary files stand beside the referent of a link.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::limits::SYMLINKS_MAX;

/// Follows symbolic links in the last component of `path`, whether or not the referent exists (upstream's
/// `follow_symlinks`). A loop gives `path` back; opening it will say why.
pub(crate) fn resolve(disk: &dyn Disk, path: &Path) -> PathBuf {
    let mut at = path.to_path_buf();
    for _ in 0..SYMLINKS_MAX {
        match disk.read_link(&at) {
            None => return at,
            Some(target) => at = directory(&at).join(target),
        }
    }
    ::log::warn!(target: "util", "{}: too many levels of symlinks", path.display());
    path.to_path_buf()
}

/// The directory that holds `path`.
pub(crate) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// `path` with `prefix` before and `suffix` after its last component.
pub(crate) fn beside(path: &Path, prefix: &str, suffix: &str) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}
