//! What is noticed of a server that lies, and what is not taken for a lie.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ovsdb_harness::{Client, Peer, Scratch};
use serde_json::json;

use crate::liar::{Liar, Lie, Started};
use crate::{run, southbound_server, spawn};

/// Scenarios on a server that runs already whose clients are told of changes.
const UPDATED: &[&str] = &[
    "fanout",
    "nbcfg",
    "nbcfg-all",
    "condfan",
    "dpgroup",
    "bulk",
    "slow",
    "claim",
    "storm",
    "storm-distinct",
    "port-create",
    "density-light",
    "density-heavy",
    "cluster-density",
    "netpol",
    "cond-change",
];

/// Runs until one is noticed that writes besides.
const ATTEMPTS_MAX: usize = 20;

/// Runs a scenario on a server that lies once, which must fail; gives the errors.
fn lie_in(scenario: &str, lie: Lie) -> String {
    let liar = Liar::start(lie);
    let (succeeded, _, errors) = run(&[
        "--server",
        &liar.remote(),
        "--scenario",
        scenario,
        "--clients=5",
        "--patience=3",
    ]);
    assert!(liar.has_lied(), "{scenario}, {lie:?}: {errors}");
    assert!(!succeeded, "{scenario}, {lie:?}");
    assert_eq!(errors.lines().count(), 1, "{scenario}, {lie:?}: {errors}");
    let begin = format!("loadgen: {scenario} on tcp:127.0.0.1:");
    assert!(errors.starts_with(&begin), "{errors}");
    errors
}

#[test]
fn lies_fail_the_run() {
    for (lie, expected) in [
        (Lie::WrongCount, r#"instead of [{"count":1}]"#),
        (Lie::ForgottenUpdate, "is still to come"),
        (Lie::WrongUpdate, "which was not written yet"),
        (Lie::UnknownRow, "a change of a row that is not there"),
        (Lie::Closes, "it closed a connection"),
    ] {
        let errors = lie_in("fanout", lie);
        assert!(errors.contains(expected), "{lie:?}: {errors}");
    }
}

/// What matters is what is said.
#[test]
fn other_words_are_no_lie() {
    for scenario in loadgen::scenario::SCENARIOS
        .iter()
        .filter(|scenario| !scenario.controls)
    {
        let liar = Liar::start(Lie::OtherWords);
        let (succeeded, _, errors) = run(&[
            "--server",
            &liar.remote(),
            "--clients=5",
            "--scenario",
            scenario.name,
        ]);
        assert!(liar.has_lied());
        assert!(succeeded, "{}: {errors}", scenario.name);
    }
}

/// Also one that a later update covers up.
#[test]
fn a_wrong_value_fails_every_scenario() {
    for scenario in UPDATED {
        println!("{}", lie_in(scenario, Lie::WrongUpdate));
    }
}

/// But for `storm`, which changes one value of one row in flight: a server may leave out what a later update says.
#[test]
fn a_missing_update_fails_every_scenario() {
    for scenario in UPDATED.iter().filter(|name| **name != "storm") {
        println!("{}", lie_in(scenario, Lie::ForgottenUpdate));
    }
}

/// But for `cond-change`, whose clients are told of nothing before they change their conditions.
#[test]
fn wrong_first_contents_fail_every_scenario() {
    let updated = UPDATED.iter().filter(|name| **name != "cond-change");
    for scenario in updated.chain(&["sync", "sync-large", "dump-cond"]) {
        println!("{}", lie_in(scenario, Lie::WrongContents));
    }
}

/// Those that start the server themselves, and one of them again.
#[test]
fn lies_of_a_server_that_is_controlled_fail_the_run() {
    for (scenario, lie) in [
        ("restart", Lie::WrongContents),
        ("open", Lie::WrongContents),
        ("compact", Lie::WrongContents),
        ("compact", Lie::WrongUpdate),
        ("compact", Lie::ForgottenUpdate),
        ("compact", Lie::WrongCount),
    ] {
        let liar = Started::new(lie);
        let arguments = ["--spawn", &liar.command, "--clients=5", "--patience=3"];
        let (succeeded, _, errors) = run(&[&arguments[..], &["--scenario", scenario]].concat());
        assert!(liar.has_lied(), "{scenario}, {lie:?}: {errors}");
        assert!(!succeeded, "{scenario}, {lie:?}");
        let begin = format!("loadgen: {scenario} on sh: wrong answer: ");
        assert!(errors.starts_with(&begin), "{lie:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{scenario}, {lie:?}: {errors}");
    }
}

/// Long contents and long updates are hashed but for a few of each kind: groups that monitor different things must not
/// take these from each other.
#[test]
fn groups_with_long_contents_are_checked_side_by_side() {
    let scratch = Scratch::new();
    let group = |name: &str, tables: &str| {
        format!("[[clients]]\nname = \"{name}\"\ncount = 100\nmonitor = \"everything\"\n{tables}")
    };
    let text = [
        "seconds = 0.2\n[site]\nnodes = 50\nflows-per-node = 50\npods-per-node = 3\n",
        &group("whole", ""),
        &group("flows", "tables = [\"Logical_Flow\"]\n"),
        &group("ports", "tables = [\"Port_Binding\", \"SB_Global\"]\n"),
        "[[clients]]\nname = \"writer\"\ncount = 1\nmonitor = \"nothing\"\n",
        "[[writers]]\nname = \"long\"\nclients = \"writer\"\ndepth = 1\ntransaction = '''[",
        r#"{"op":"update","table":"Port_Binding","where":[],"row":{"tag":{number}}},"#,
        r#"{"op":"update","table":"Logical_Flow","where":[],"row":{"priority":{number}}}]'''"#,
    ];
    let workload = scratch.write("groups.toml", text.concat()).display().to_string();
    let ours = spawn(&Peer::Ours.server());
    let (succeeded, _, errors) = run(&["--threads=1", "--workload", &workload, "--spawn", &ours]);
    assert!(succeeded, "{errors}");
}

#[test]
fn values_in_conditions_may_have_spaces() {
    let scratch = Scratch::new();
    let text = [
        "seconds = 0.1\n[site]\nnodes = 3\nflows-per-node = 5\n",
        "[[clients]]\nname = \"c\"\ncount = 3\nmonitor = \"rows\"\n",
        r#"where = [["Logical_Flow", "logical_datapath", '["uuid",  "{datapath}" ]'], "#,
        r#"["Logical_Flow", "pipeline", '"egress"']]"#,
    ];
    let workload = scratch.write("spaces.toml", text.concat()).display().to_string();
    let ours = spawn(&Peer::Ours.server());
    let (succeeded, _, errors) = run(&["--workload", &workload, "--spawn", &ours]);
    assert!(succeeded, "{errors}");
}

/// Nobody can say what is right while others write; that is not the server's fault.
#[test]
fn other_writers_are_told_of() {
    let scratch = Scratch::new();
    let server = southbound_server(&scratch);
    let remote = server.tcp();
    let run_on = |scenario: &str| {
        run(&[
            "--server",
            &remote.target(),
            "--scenario",
            scenario,
            "--clients=5",
            "--patience=1",
        ])
    };
    let (ended, writes) = (AtomicBool::new(false), AtomicUsize::new(0));
    // A run may happen to compare between two writes.
    let told = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::connect(&remote);
            while !ended.load(Ordering::Relaxed) {
                let name = format!("as_{}", writes.fetch_add(1, Ordering::Relaxed));
                let row = json!([{"op": "insert", "table": "Address_Set", "row": {"name": name}}]);
                client.transact("OVN_Southbound", row);
            }
        });
        let told = (0..ATTEMPTS_MAX).find_map(|_| {
            let (succeeded, _, errors) = run_on("fanout");
            (!succeeded).then_some(errors)
        });
        ended.store(true, Ordering::Relaxed);
        told
    });
    let errors = told.unwrap_or_else(|| panic!("nothing was told of {} writes", writes.into_inner()));
    assert!(
        errors.contains("others write to the database OVN_Southbound"),
        "{errors}"
    );
    assert!(!errors.contains("wrong answer"), "{errors}");
    let (succeeded, _, errors) = run_on("claim");
    assert!(!succeeded);
    assert!(
        errors.contains("rows of the database OVN_Southbound are in the way"),
        "{errors}"
    );
    assert!(!errors.contains("wrong answer"), "{errors}");
}
