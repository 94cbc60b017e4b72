//! What the manual of `ovsdb-server` says beside its options.

use ovsdb::cli::manual::Section;
use ovsdb_io::server;

pub(crate) fn sections() -> Vec<Section> {
    vec![
        Section::remotes(),
        Section::new(
            "More remotes",
            "For --remote, files of settings and ovsdb-server/add-remote.",
            [
                (
                    "db:DB,TABLE,COLUMN",
                    "The remotes in COLUMN of all rows of TABLE in the database DB; or, if COLUMN refers to a table with \
                     a column target, those in its rows, with their max_backoff, inactivity_probe, read_only and role, to \
                     which status is written. Followed as they change",
                ),
                (
                    "pfd:FD",
                    "A listening socket that the server was started with, as descriptor FD",
                ),
            ],
        ),
        Section::control(server::descriptions()),
        Section::signals(),
        Section::files(&[
            (
                "$OVS_RUNDIR/ovsdb-server.PID.ctl",
                "The control socket, unless --unixctl says otherwise",
            ),
            (
                "$OVS_RUNDIR/ovsdb-server.pid",
                "The file of --pidfile, unless that names another one",
            ),
            (
                "$OVS_LOGDIR/ovsdb-server.log",
                "The file of --log-file, unless that names another one",
            ),
            (
                "$OVS_DBDIR/conf.db",
                "The database, unless one is named, or --no-dbs or --config-file is given",
            ),
            (
                ".FILE.~lock~",
                "Beside a database: locked by the one process that may write it",
            ),
        ]),
        Section::new(
            "Exit status",
            "A signal that ends the server is its status.",
            [
                ("0", "The command exit, or, with --detach, the server has started"),
                (
                    "1",
                    "An error, of which a line on standard error tells, or the log",
                ),
            ],
        ),
    ]
}
