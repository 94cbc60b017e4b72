//! The house rules that neither compiler nor linter knows, kept true by looking at the tree itself.

mod graph;
mod tree;

use crate::tree::{SourceFile, tree};

/// Files in which `unsafe` is allowed, each with what it is for. Add one only with a reason as good.
const UNSAFE_ISLANDS: &[(&str, &str)] = &[
    (
        "io/src/runtime/stream.rs",
        "borrows the descriptor of a socket that the ring owns",
    ),
    (
        "io/src/runtime/probe.rs",
        "sends a no-op around a ring of its own",
    ),
    ("io/src/net/inherited.rs", "takes the descriptor that pfd: names"),
    ("io/src/readiness.rs", "registers owned descriptors with tokio"),
    (
        "io/src/daemon/signals.rs",
        "gives crash signals their default action",
    ),
    ("io/src/daemon/fork.rs", "forks, while there is one thread"),
    (
        "loadgen/src/measure/own_memory.rs",
        "has the allocator give back what it holds",
    ),
    (
        "src/bin/ovsdb-server/memory.rs",
        "has the allocator give back what it holds",
    ),
    (
        "perf/src/paths/counting.rs",
        "counts what is asked of the allocator",
    ),
];

/// The keyword, split like the words below.
const UNSAFE: &str = concat!("uns", "afe");

/// Lines of a file above which it is listed as one to take apart.
const LINES_LISTED: usize = 600;
/// Lines of a file that no review lets pass.
const LINES_MAX: usize = 1000;

/// Words that say that something is not finished. Split, so that this file does not contain them.
const UNFINISHED: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!("),
    concat!("dbg", "!("),
    concat!("unimplemented", "!("),
    concat!("allow(dead", "_code)"),
];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 3] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
];

/// Panics with all complaints at once, if there are any.
fn assert_none(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}:\n{}", complaints.join("\n"));
}

fn complaints(files: &[SourceFile], complain: impl Fn(usize, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            if complain(index, line) {
                found.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn crates_know_only_what_the_graph_allows() {
    assert_none(
        "dependencies between crates that the graph does not have",
        &graph::forbidden_edges(),
    );
}

/// With programs of two members cargo asks which, and the README's first command fails.
#[test]
fn cargo_run_means_the_server() {
    assert_eq!(graph::run_by_default(), ["ovsdb-server"]);
}

#[test]
fn every_file_opens_with_its_story() {
    let silent: Vec<String> = tree(&["rs"])
        .iter()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.path.clone())
        .collect();
    assert_none("files without `//!` at the top", &silent);
}

#[test]
fn nothing_is_left_unfinished() {
    let found = complaints(&tree(&["rs", "toml", "sh", "py"]), |_, line| {
        UNFINISHED.iter().any(|word| line.contains(word))
    });
    assert_none("unfinished", &found);
}

#[test]
fn unsafe_stays_on_its_islands() {
    let files = tree(&["rs"]);
    let outside: Vec<SourceFile> = files
        .iter()
        .filter(|file| !UNSAFE_ISLANDS.iter().any(|(island, _)| *island == file.path))
        .cloned()
        .collect();
    let found = complaints(&outside, |_, line| {
        let code = line.split("//").next().unwrap_or("");
        ["{", "fn", "impl", "trait"]
            .iter()
            .any(|what| code.contains(&format!("{UNSAFE} {what}")))
    });
    assert_none("unsafe code outside the islands of tests/tidy", &found);

    let deserted: Vec<String> = UNSAFE_ISLANDS
        .iter()
        .filter(|(island, _)| {
            !files
                .iter()
                .any(|file| file.path == *island && file.text.contains(&format!("{UNSAFE} {{")))
        })
        .map(|(island, _)| (*island).to_owned())
        .collect();
    assert_none("islands without unsafe code", &deserted);
}

#[test]
fn files_stay_small() {
    let mut sizes: Vec<(usize, String)> = tree(&["rs"])
        .into_iter()
        .map(|file| (file.text.lines().count(), file.path))
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let shown = |limit: usize| -> Vec<String> {
        let above = sizes.iter().filter(|(lines, _)| *lines > limit);
        above.map(|(lines, path)| format!("{lines:5} {path}")).collect()
    };
    println!(
        "files over {LINES_LISTED} lines:\n{}",
        shown(LINES_LISTED).join("\n")
    );
    assert_none("files that have grown too long", &shown(LINES_MAX));
}

#[test]
fn the_tree_names_no_build_machine() {
    let files = tree(&["rs", "toml", "md", "py", "sh", "yml", "json", "ovsschema", ""]);
    let found = complaints(&files, |_, line| {
        MACHINE_PATHS.iter().any(|path| line.contains(path))
    });
    assert_none("paths of one machine", &found);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let lax: Vec<String> = tree(&["toml"])
        .iter()
        .filter(|file| file.path.ends_with("Cargo.toml") && file.text.contains("[package]"))
        // The root is both; a fuzz crate is a workspace of its own, as it needs another compiler.
        .filter(|file| file.path == "Cargo.toml" || !file.text.contains("[workspace]"))
        .filter(|file| !file.text.contains("[lints]\nworkspace = true"))
        .map(|file| file.path.clone())
        .collect();
    assert_none("manifests without the workspace's lints", &lax);
}
