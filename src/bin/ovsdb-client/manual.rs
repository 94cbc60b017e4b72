//! What the manual of `ovsdb-client` says beside its options.

use ovsdb::cli::manual::Section;
use ovsdb_io::unixctl::Described;

/// Commands of the control socket that a program in the background has, in `monitor` and `lock`.
const COMMANDS: [Described; 7] = [
    Described::new("exit", "", "End the program"),
    Described::new(
        "ovsdb-client/block",
        "",
        "Of monitor commands: take up no message of the server",
    ),
    Described::new("ovsdb-client/unblock", "", "Go on"),
    Described::new(
        "ovsdb-client/cond_change",
        "TABLE CONDITION",
        "Of monitor-cond and monitor-cond-since: monitor other rows of TABLE",
    ),
    Described::new("lock", "LOCK", "Of lock and steal: ask for LOCK as well"),
    Described::new(
        "steal",
        "LOCK",
        "Of lock and steal: take LOCK from whoever has it",
    ),
    Described::new("unlock", "LOCK", "Of lock and steal: give LOCK up"),
];

pub fn sections() -> Vec<Section> {
    vec![
        Section::remotes(),
        Section::control(COMMANDS),
        Section::signals(),
        Section::files(&[
            (
                "$OVS_RUNDIR/db.sock",
                "The server's socket, unless a command names another one",
            ),
            (
                "$OVS_RUNDIR/ovsdb-client.PID.ctl",
                "With --detach, the control socket",
            ),
        ]),
        Section::new(
            "Exit status",
            "A signal, SIGALRM after --timeout among them, is the status of the program that it ends.",
            [
                ("0", "The command is done"),
                ("1", "An error, of which a line on standard error tells"),
            ],
        ),
    ]
}
