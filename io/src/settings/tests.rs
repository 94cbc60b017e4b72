//! Every mistake with upstream's words, and everything that is printed read back.

use super::{Databases, Kept, Model, Settings, parse, print};
use crate::remotes::Options;

fn complaints(text: &str) -> (bool, Vec<String>) {
    let mut complaints = Vec::new();
    let settings = parse(text.as_bytes(), &mut complaints);
    (settings.is_some(), complaints)
}

#[test]
fn all_that_upstream_takes_is_taken() {
    let text = r#"{
        "remotes": {"punix:db.sock": {"inactivity-probe": 0, "read-only": false},
                    "pssl:0:127.0.0.1": {"inactivity-probe": 5000, "max-backoff": 8000, "read-only": true,
                                         "role": "ovn-controller", "dscp": 48},
                    "db:ordinals,ordinals,name": null},
        "databases": {"a": null, "b": {}, "c": {"service-model": "standalone"},
                      "d": {"service-model": "clustered"},
                      "e": {"service-model": "active-backup", "backup": false},
                      "f": {"service-model": "active-backup", "backup": true, "exclude-tables": ["T"],
                            "source": {"unix:active.sock": {"max-backoff": 16000, "inactivity-probe": 180000}}},
                      "g": {"service-model": "relay", "source": {"unix:nb.sock": null}}}}"#;
    let mut complaints = Vec::new();
    let settings = parse(text.as_bytes(), &mut complaints).expect("everything is right");
    assert_eq!(complaints, Vec::<String>::new());
    let role = Options {
        probe_ms: Some(5000),
        backoff_max_ms: Some(8000),
        is_read_only: true,
        role: "ovn-controller".to_owned(),
        dscp: Some(48),
    };
    assert_eq!(settings.remotes["pssl:0:127.0.0.1"], role);
    assert_eq!(settings.remotes["db:ordinals,ordinals,name"], Options::default());
    let models = [
        ("a", Model::Undefined),
        ("b", Model::Undefined),
        ("c", Model::Standalone),
        ("d", Model::Clustered),
        ("e", Model::ActiveBackup { is_backup: false }),
        ("f", Model::ActiveBackup { is_backup: true }),
        ("g", Model::Relay),
    ];
    let models: Databases = models.map(|(name, model)| (name.to_owned(), model)).into();
    assert_eq!(settings.databases, models);
}

#[test]
fn mistakes_are_told_in_upstreams_words() {
    let cases: &[(&str, &[&str])] = &[
        (
            r#"{"remotes": {}, "databases": {"db": {"service-model": "not-a-service-model"}}}"#,
            &[
                "Unrecognized database service model: 'not-a-service-model'",
                "syntax \"{\"service-model\":\"not-a-service-model\"}\": syntax error: Parsing database db failed: \
                 'not-a-service-model' is not a valid service model",
                "config: failed to parse 'databases'",
            ],
        ),
        (
            r#"{"remotes": {}, "databases": {"R": {"service-model": "relay"}}}"#,
            &[
                "syntax \"{\"service-model\":\"relay\"}\": syntax error: Parsing database R failed: Required 'source' \
                 member is missing.",
                "config: failed to parse 'databases'",
            ],
        ),
        (
            r#"{"remotes": {}, "databases": {"R": {"service-model": "relay", "source": {}}}}"#,
            &[
                "syntax \"{\"service-model\":\"relay\",\"source\":{}}\": syntax error: Parsing database R failed: \
                 'source' should be an object with exactly one element",
                "config: failed to parse 'databases'",
            ],
        ),
        (
            r#"{"remotes": {}, "databases": {"db": {"unknnown": "unknown"}}}"#,
            &[
                "syntax \"{\"unknnown\":\"unknown\"}\": syntax error: Parsing database db failed: Member 'unknnown' \
                 is present but not allowed here.",
                "config: failed to parse 'databases'",
            ],
        ),
        (
            "{\n    \"remotes\": { \"punix:db.sock\": {}, },\n}",
            &[
                "config: reading JSON failed (line 1, column 38, byte 40: syntax error parsing object expecting \
                 string)",
            ],
        ),
        (
            r#"{"remotes": [], "databases": {}}"#,
            &[
                "config: 'remotes' is not a JSON object",
                "config: failed to parse 'remotes'",
            ],
        ),
        (
            r#"{"remotes": {"punix:x": 1}, "databases": {}}"#,
            &[
                "punix:x: JSON-RPC options are not a JSON object or null",
                "config: failed to parse 'remotes'",
            ],
        ),
        (
            r#"{"remotes": {}}"#,
            &[
                "config: 'databases' is missing",
                "config: failed to parse 'databases'",
            ],
        ),
        ("[]", &["configuration in a file must be a JSON object"]),
    ];
    for (text, expected) in cases {
        assert_eq!(
            complaints(text),
            (false, expected.iter().map(|text| (*text).to_owned()).collect()),
            "{text}"
        );
    }
}

/// As upstream: a wrong option of a connection is told of, and the rest serves.
#[test]
fn a_wrong_option_is_passed_over() {
    let text = r#"{"remotes": {}, "databases": {"R": {"service-model": "relay",
        "source": {"punix:db2.sock": {"dscp": 42, "role": "My-RBAC-role"}}}}}"#;
    let expected = "syntax \"{\"dscp\":42,\"role\":\"My-RBAC-role\"}\": syntax error: Parsing JSON-RPC options \
                    failed: Member 'role' is present but not allowed here.";
    assert_eq!(complaints(text), (true, vec![expected.to_owned()]));
}

#[test]
fn what_is_kept_is_what_was_saved_last() {
    let mut settings = Settings::new(
        ["punix:a".to_owned(), "db:a,b,c".to_owned()],
        ["/x y\"z".to_owned()],
    );
    let kept = Kept::new(&settings).unwrap();
    let load = || parse(&kept.load().unwrap(), &mut Vec::new());
    assert_eq!(load().as_ref(), Some(&settings));
    settings.remotes.clear();
    settings
        .databases
        .insert("e".to_owned(), Model::ActiveBackup { is_backup: false });
    kept.save(&settings).unwrap();
    assert_eq!(load().as_ref(), Some(&settings));
    assert_eq!(
        String::from_utf8(print(&settings)).unwrap(),
        r#"{"remotes":{},"databases":{"/x y\"z":{},"e":{"service-model":"active-backup","backup":false}}}"#
    );
}
