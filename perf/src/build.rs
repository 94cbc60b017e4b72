//! Builds what is measured. `cargo run` builds the program that it runs and no other, so that without this the counts
//! could be those of an older tree.

use std::process::Command;

/// Builds our server beside this program, in the same profile.
pub(crate) fn server() -> Result<(), String> {
    cargo(&["--package", "ovsdb", "--bins"])
}

/// Builds the program of the paths beside this one, in the same profile.
pub(crate) fn paths() -> Result<(), String> {
    cargo(&["--package", "ovsdb-perf", "--bin", "ovsdb-perf-paths"])
}

fn cargo(what: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet"])
        .args(what)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("this does not build: cargo build {}", what.join(" ")))
    }
}
