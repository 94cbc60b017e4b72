//! The scenarios by their names.

use crate::error::{Failure, Result};
use crate::scenario::Trial;
use crate::scenario::{
    bulk, claim, cluster_density, compact, cond_change, condfan, connect, density_heavy, density_light,
    dpgroup, dump_cond, fanout, nbcfg, netpol, open, port_create, restart, slow, storm, sync, txn, workload,
};

/// A scenario by its name.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// One line for the help.
    pub summary: &'static str,
    /// Whether it stops, starts or controls the server, which must have been started for it.
    pub controls: bool,
    /// The options that not every scenario has and this one does.
    pub takes: &'static [&'static str],
    /// Whether it fills in a site, for which the database must be empty.
    pub(super) fills: bool,
    pub(super) run: fn(&mut Trial<'_>) -> Result<()>,
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "connect",
        summary: "all clients connect at once",
        takes: &[],
        controls: false,
        fills: false,
        run: connect::run,
    },
    Scenario {
        name: "connect-echo",
        summary: "all clients connect at once and send one echo",
        takes: &[],
        controls: false,
        fills: false,
        run: connect::run_echo,
    },
    Scenario {
        name: "fanout",
        summary: "all clients hear of each change",
        takes: &["--rate"],
        controls: false,
        fills: false,
        run: fanout::run,
    },
    Scenario {
        name: "txn",
        summary: "small transactions",
        takes: &["--rate", "--depth", "--durable"],
        controls: false,
        fills: true,
        run: txn::run,
    },
    Scenario {
        name: "nbcfg",
        summary: "every chassis answers a change of nb_cfg and sees its own answer",
        takes: &[],
        controls: false,
        fills: true,
        run: nbcfg::run_conditional,
    },
    Scenario {
        name: "nbcfg-all",
        summary: "the same where every chassis sees all answers",
        takes: &[],
        controls: false,
        fills: true,
        run: nbcfg::run_all,
    },
    Scenario {
        name: "condfan",
        summary: "each change concerns few clients, by their datapaths",
        takes: &["--rate"],
        controls: false,
        fills: true,
        run: condfan::run,
    },
    Scenario {
        name: "dpgroup",
        summary: "each change concerns all clients, whose conditions are those of ovn-controller",
        takes: &[],
        controls: false,
        fills: true,
        run: dpgroup::run,
    },
    Scenario {
        name: "sync",
        summary: "all clients ask for everything at once",
        takes: &[],
        controls: false,
        fills: true,
        run: sync::run,
    },
    Scenario {
        name: "sync-large",
        summary: "all clients ask at once for everything of a site of 200,000 flows",
        takes: &[],
        controls: false,
        fills: true,
        run: sync::run_large,
    },
    Scenario {
        name: "bulk",
        summary: "one transaction of many insertions",
        takes: &[],
        controls: false,
        fills: true,
        run: bulk::run,
    },
    Scenario {
        name: "slow",
        summary: "some of the clients stop reading for a while",
        takes: &["--rate"],
        controls: false,
        fills: false,
        run: slow::run,
    },
    Scenario {
        name: "restart",
        summary: "the server restarts and everybody comes back",
        takes: &[],
        controls: true,
        fills: true,
        run: restart::run,
    },
    Scenario {
        name: "claim",
        summary: "every chassis claims its ports and reports them up",
        takes: &["--rate"],
        controls: false,
        fills: true,
        run: claim::run,
    },
    Scenario {
        name: "storm",
        summary: "one writer changes one row as fast as it can, all clients hear of it",
        takes: &[],
        controls: false,
        fills: false,
        run: storm::run,
    },
    Scenario {
        name: "storm-distinct",
        summary: "one writer changes many rows as fast as it can, all clients hear of each",
        takes: &[],
        controls: false,
        fills: true,
        run: storm::run_distinct,
    },
    Scenario {
        name: "port-create",
        summary: "one port with its ACLs and address after another",
        takes: &[],
        controls: false,
        fills: true,
        run: port_create::run,
    },
    Scenario {
        name: "density-light",
        summary: "pods start one after the other",
        takes: &[],
        controls: false,
        fills: true,
        run: density_light::run,
    },
    Scenario {
        name: "density-heavy",
        summary: "pods start and become services",
        takes: &[],
        controls: false,
        fills: true,
        run: density_heavy::run,
    },
    Scenario {
        name: "cluster-density",
        summary: "namespaces with pods that build, pods that stay, and services",
        takes: &[],
        controls: false,
        fills: true,
        run: cluster_density::run,
    },
    Scenario {
        name: "netpol",
        summary: "namespaces with pods and network policies",
        takes: &[],
        controls: false,
        fills: true,
        run: netpol::run,
    },
    Scenario {
        name: "dump-cond",
        summary: "clients ask for the rows of five datapaths of many",
        takes: &[],
        controls: false,
        fills: true,
        run: dump_cond::run,
    },
    Scenario {
        name: "cond-change",
        summary: "clients with thousands of clauses add one, at once",
        takes: &[],
        controls: false,
        fills: true,
        run: cond_change::run,
    },
    Scenario {
        name: "compact",
        summary: "echoes and commits while the database is compacted",
        takes: &[],
        controls: true,
        fills: true,
        run: compact::run,
    },
    Scenario {
        name: "open",
        summary: "the server starts on a large file",
        takes: &[],
        controls: true,
        fills: true,
        run: open::run,
    },
];

/// What a workload file describes; it is not among the others, since it needs the file.
pub const WORKLOAD: Scenario = Scenario {
    name: "workload",
    summary: "what a file describes",
    takes: &[],
    controls: false,
    fills: true,
    run: workload::run,
};

/// Those that a plain `loadgen` runs.
pub const DEFAULT: &[&str] = &[
    "connect",
    "fanout",
    "txn",
    "nbcfg",
    "condfan",
    "sync",
    "bulk",
    "claim",
    "storm",
    "storm-distinct",
    "port-create",
    "density-light",
    "compact",
];

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Finds a scenario.
pub fn by_name(name: &str) -> Result<Scenario> {
    SCENARIOS
        .iter()
        .find(|scenario| scenario.name == name)
        .copied()
        .ok_or_else(|| {
            let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            Failure::Usage(format!(
                "there is no scenario {name}; there are {}",
                names.join(", ")
            ))
        })
}
