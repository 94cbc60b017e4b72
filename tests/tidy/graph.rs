//! Which crate may know which: the first picture of ARCHITECTURE.md, as a table; and which of them is meant where none
//! is named.

use std::process::Command;

use serde_json::Value;

/// Each crate with the crates of ours that it may depend on. `wire` knows notation, `engine` knows OVSDB, `storage`
/// knows durability, `io` knows the machine; engine and storage do not know each other.
const GRAPH: &[(&str, &[&str])] = &[
    ("ovsdb-wire", &[]),
    ("ovsdb-engine", &["ovsdb-wire"]),
    ("ovsdb-storage", &["ovsdb-wire"]),
    ("ovsdb-io", &["ovsdb-wire", "ovsdb-engine", "ovsdb-storage"]),
    (
        "ovsdb",
        &["ovsdb-wire", "ovsdb-engine", "ovsdb-storage", "ovsdb-io"],
    ),
    ("loadgen", &["ovsdb-wire", "ovsdb-io"]),
    ("ovsdb-bench", &["ovsdb-wire", "ovsdb-engine", "ovsdb-storage"]),
    ("ovsdb-perf", &["loadgen", "ovsdb-bench", "ovsdb-harness"]),
    ("ovsdb-harness", &[]),
];

/// What tests may use besides, in any crate.
const FOR_TESTS: &[&str] = &["ovsdb-harness"];

/// Crates that wait or know the machine; `wire`, `engine` and `storage` do neither.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio-uring",
    "io-uring",
    "socket2",
    "rustls",
    "jiff",
    "mimalloc",
];
const PURE: &[&str] = &["ovsdb-wire", "ovsdb-engine", "ovsdb-storage"];

/// Complaints about dependencies that the graph does not have.
pub(crate) fn forbidden_edges() -> Vec<String> {
    let mut complaints = Vec::new();
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    for package in packages {
        let name = package["name"].as_str().expect("a package has a name");
        let Some((_, allowed)) = GRAPH.iter().find(|(known, _)| *known == name) else {
            complaints.push(format!("{name} is not in the graph of tests/tidy"));
            continue;
        };
        for dependency in package["dependencies"]
            .as_array()
            .expect("a package has dependencies")
        {
            let target = dependency["name"].as_str().expect("a dependency has a name");
            let for_tests = dependency["kind"] == "dev";
            let ours = GRAPH.iter().any(|(known, _)| *known == target);
            if ours && !allowed.contains(&target) && !(for_tests && FOR_TESTS.contains(&target)) {
                complaints.push(format!("{name} depends on {target}"));
            }
            if PURE.contains(&name) && IMPURE.contains(&target) && !for_tests {
                complaints.push(format!("{name} is pure and depends on {target}"));
            }
        }
    }
    complaints
}

/// The programs that `cargo run` in the root could mean.
pub(crate) fn run_by_default() -> Vec<String> {
    let metadata = metadata();
    let members = metadata["workspace_default_members"]
        .as_array()
        .expect("metadata lists default members");
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let program = |package: &Value| {
        let is_default = members.contains(&package["id"]);
        package["default_run"]
            .as_str()
            .filter(|_| is_default)
            .map(String::from)
    };
    packages.iter().filter_map(program).collect()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version=1",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo can be run");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}
