//! The gate sees a slowdown of five percent, and nothing where there is none.

use std::path::Path;
use std::process::Command;

/// Runs `ovsdb-perf` on one short path with a baseline of its own; returns success and what it printed.
fn perf(baseline: &Path, command: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ovsdb-perf"))
        .args(command)
        .args(["frame/report", "--built"])
        .arg("--baseline")
        .arg(baseline)
        .output()
        .expect("the program was built");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn a_planted_slowdown_of_five_percent_fails() {
    // Built here already, so that it lies beside the program.
    assert!(Path::new(env!("CARGO_BIN_EXE_ovsdb-perf-paths")).exists());
    let directory = tempfile::tempdir().expect("there is room");
    let baseline = directory.path().join("paths.json");
    let (is_recorded, text) = perf(&baseline, &["record"]);
    assert!(is_recorded, "{text}");
    let (passes, text) = perf(&baseline, &["compare"]);
    assert!(passes, "{text}");
    let percent = text
        .split(" %")
        .next()
        .and_then(|before| before.split(' ').next_back());
    let percent: f64 = percent.expect("it is printed").parse().expect("a number");
    assert!(percent.abs() < 0.5, "not repeatable: {text}");
    let (passes, text) = perf(&baseline, &["compare", "--plant", "2"]);
    assert!(passes, "{text}");
    let (passes, text) = perf(&baseline, &["compare", "--plant", "5"]);
    assert!(!passes, "{text}");
    assert!(text.contains("INSTRUCTIONS"), "{text}");
    assert!(text.contains("dearer than the baseline: frame/report"), "{text}");
}
