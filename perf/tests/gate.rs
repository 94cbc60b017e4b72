//! The gate sees a slowdown of five percent, and nothing where there is none.

use std::path::Path;
use std::process::Command;

/// A path that is run a thousand times, and a longer one that is run twenty times.
const PATHS: [&str; 2] = ["frame/report", "frame/flows"];

/// Runs `ovsdb-perf` on the paths with a baseline of its own; returns success and what it printed.
fn perf(baseline: &Path, command: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ovsdb-perf"))
        .args(command)
        .args(PATHS)
        .arg("--built")
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
    for percent in percents(&text) {
        assert!(percent.abs() < 0.5, "not repeatable: {text}");
    }
    let (passes, text) = perf(&baseline, &["compare", "--plant", "2"]);
    assert!(passes, "{text}");
    let (passes, text) = perf(&baseline, &["compare", "--plant", "5"]);
    assert!(!passes, "{text}");
    for percent in percents(&text) {
        assert!((4.0..6.0).contains(&percent), "{text}");
    }
    let complaint = format!("not what the baseline says: {}", PATHS.join(", "));
    assert!(
        text.contains("INSTRUCTIONS") && text.contains(&complaint),
        "{text}"
    );
}

/// By how much each path differs from its baseline.
fn percents(text: &str) -> Vec<f64> {
    let of_line = |line: &str| {
        let (before, _) = line.split_once(" %")?;
        before.rsplit(' ').next()?.parse().ok()
    };
    let percents: Vec<f64> = text.lines().filter_map(of_line).collect();
    assert_eq!(percents.len(), PATHS.len(), "{text}");
    percents
}
