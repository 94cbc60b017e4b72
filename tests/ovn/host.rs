//! A host: a namespace of its own with one virtual interface, the other end of which the hypervisor holds.

use ovsdb_harness::Network;
use ovsdb_harness::command::{Finished, run, run_ok};

/// A host: a namespace with one end of a pair of virtual interfaces; the hypervisor holds the other end.
pub(crate) struct Host {
    network: Network,
}

impl Host {
    /// Attaches a host to the hypervisor's namespace through an interface that is called `port` there.
    pub(crate) fn attach(hypervisor: &Network, port: &str, mac: &str, ip: &str) -> Host {
        let network = hypervisor.neighbour();
        let pid = network.pid().to_string();
        let in_hypervisor = |words: &[&str]| run_ok(hypervisor.command("ip").args(words));
        let in_host = |words: &[&str]| run_ok(network.command("ip").args(words));
        in_hypervisor(&[
            "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", &pid,
        ]);
        in_hypervisor(&["link", "set", port, "up"]);
        in_host(&["link", "set", "eth0", "address", mac]);
        in_host(&["address", "add", &format!("{ip}/24"), "dev", "eth0"]);
        in_host(&["link", "set", "eth0", "up"]);
        Host { network }
    }

    /// Pings `ip` five times and gives ping's report.
    pub(crate) fn ping(&self, ip: &str) -> String {
        let Finished { stdout, stderr, .. } = run(self
            .network
            .command("ping")
            .args(["-n", "-c", "5", "-i", "0.2", "-W", "2", ip]));
        stdout + &stderr
    }
}
