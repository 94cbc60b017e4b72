//! The files of the tree, without what is built or belongs to version control.

use std::fs;
use std::path::Path;

/// Directories that are not the project's own work, at any depth.
const FOREIGN: [&str; 4] = ["target", ".git", "ovsdb-data", "corpus"];

/// A file of the tree.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Relative to the root of the tree.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All text files whose name ends in one of `extensions` (`""` for a name without one), sorted by path.
pub(crate) fn tree(extensions: &[&str]) -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, root, extensions, &mut files);
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    assert!(!files.is_empty(), "there are no files to look at");
    files
}

fn collect(root: &Path, directory: &Path, extensions: &[&str], files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(directory).expect("the tree can be read") {
        let entry = entry.expect("the tree can be read");
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().expect("the tree can be read");
        if kind.is_dir() {
            if !FOREIGN.contains(&name.as_str()) {
                collect(root, &path, extensions, files);
            }
            continue;
        }
        let extension = path
            .extension()
            .map(|extension| extension.to_string_lossy().into_owned());
        if kind.is_file() && name != ".git" && extensions.contains(&extension.unwrap_or_default().as_str()) {
            // What is no text has no lines to look at.
            if let Ok(text) = fs::read_to_string(&path) {
                let path = path
                    .strip_prefix(root)
                    .expect("below the root")
                    .display()
                    .to_string();
                files.push(SourceFile { path, text });
            }
        }
    }
}
