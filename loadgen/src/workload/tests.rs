//! Workload files that are read, and the mistakes in them that are told.

use std::path::Path;

use super::{GroupSize, Pace, Workload};

const EXAMPLE: &str = include_str!("../../examples/site.toml");

#[test]
fn the_example_is_read() {
    let workload = Workload::parse(Path::new("site.toml"), EXAMPLE).expect("the example is sound");
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
        let failure = Workload::parse(Path::new("w.toml"), &text).expect_err(to);
        assert!(failure.to_string().contains(expected), "{failure}");
        assert_eq!(failure.to_string().lines().count(), 1, "{failure}");
    }
}
