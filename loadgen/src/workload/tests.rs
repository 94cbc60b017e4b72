//! Workload files that are read, and the mistakes in them that are told.

use std::path::Path;

use super::{GroupSize, Pace, Workload};

const EXAMPLE: &str = include_str!("../../examples/site.toml");

#[test]
fn the_example_is_read() {
    let workload = Workload::parse(Path::new("site.toml"), EXAMPLE, 20.0).expect("the example is sound");
    assert_eq!(workload.name, "site");
    assert_eq!(workload.clients[0].size, GroupSize::Percent(90.0));
    assert_eq!(workload.writers[0].pace, Pace::Rate(20.0));
}

#[test]
fn mistakes_name_file_line_and_key() {
    for (from, to, expected) in [
        (
            "rate = 20",
            "rate = \"x\"",
            "w.toml:39: rate: invalid type: string \"x\", expected f64",
        ),
        (
            "rate = 20",
            "rate = -1",
            "w.toml:39: rate: a number above 0 is needed",
        ),
        (
            "rate = 20",
            "speed = 20",
            "w.toml:39: speed: unknown field `speed`",
        ),
        (
            "clients = \"northd\"",
            "clients = \"x\"",
            "w.toml:38: clients: there are no clients \"x\"; there are",
        ),
        (
            "monitor = \"rows\"",
            "monitor = \"some\"",
            "monitor: \"some\" is none of nothing, everything, rows",
        ),
        ("rate = 20", "rate = 1e8", "w.toml:39: rate: 10000000 at most"),
        ("rate = 20", "rate = 1e-20", "w.toml:39: rate: 0.000001 at least"),
        (
            "rate = 20",
            "rate = 1e7",
            "w.toml:39: rate: 10000000 a second for 20 seconds are more than 100000000 transactions",
        ),
        (
            "# seconds = 5",
            "seconds = 1e300",
            "w.toml:7: seconds: 1000000 at most",
        ),
        ("percent = 90", "percent = 101", "percent: 100 at most"),
        ("percent = 90", "count = 2000000", "count: 1000000 at most"),
        ("rate = 20", "depth = 65536", "w.toml:39: depth: 65535 at most"),
        (
            "name = \"northd\"",
            "name = \"controllers\"",
            "name: there are clients \"controllers\" before these",
        ),
        (
            "name = \"ports up\"",
            "name = \"synchronisation\"",
            "name: there are writers \"synchronisation\" before these",
        ),
        ("\"{datapath}\"", "\"{where}\"", "{where} is none of {number}"),
        (
            "\"op\": \"update\"",
            "\"op\": update",
            "transaction: this is not JSON",
        ),
        ("name = \"site\"", "name = ", "w.toml:"),
    ] {
        assert!(EXAMPLE.contains(from), "{from}");
        let text = EXAMPLE.replacen(from, to, 1);
        let failure = Workload::parse(Path::new("w.toml"), &text, 20.0).expect_err(to);
        assert!(failure.to_string().contains(expected), "{failure}");
        assert_eq!(failure.to_string().lines().count(), 1, "{failure}");
    }
}
