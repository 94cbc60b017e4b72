//! What the manual of `ovsdb-tool` says beside its options.

use ovsdb::cli::manual::Section;

use crate::EXIT_NO;

pub fn sections() -> Vec<Section> {
    let no = EXIT_NO.to_string();
    vec![
        Section::files(&[
            (
                "$OVS_DBDIR/conf.db",
                "The database, unless a command names another one",
            ),
            (
                "$OVS_PKGDATADIR/vswitch.ovsschema, by default in /usr/share/openvswitch",
                "The schema, unless a command names another one",
            ),
            (
                ".FILE.~lock~",
                "Beside a database: locked by the one process that may write it",
            ),
        ]),
        Section::new(
            "Exit status",
            "",
            [
                ("0", "The command is done; of commands that ask something: yes"),
                ("1", "An error, of which a line on standard error tells"),
                (
                    no.as_str(),
                    "No, from db-is-clustered, db-is-standalone and compare-versions; from db-cid: not known yet",
                ),
            ],
        ),
    ]
}
