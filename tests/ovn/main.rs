//! OVN in five minutes: real ovn-northd, ovs-vswitchd and ovn-controller run on three of our servers, and two hosts
//! ping each other through a logical switch.
//!
//! Everything happens in network namespaces without names, which the kernel takes away with the processes that hold
//! them: nothing stays behind, not even when the test is killed, and two runs at once do not meet.

mod host;
mod site;

use std::path::Path;

use ovsdb_harness::server::create_database;
use ovsdb_harness::{Peer, Scratch, schema};

use crate::host::Host;
use crate::site::{Manner, Site};

#[test]
fn two_hosts_ping_through_a_logical_switch() {
    ping_through_a_logical_switch(&schema::installed(schema::OVN_SOUTHBOUND), &[], Manner::Unix);
}

/// As in production: the southbound server listens by TLS where its own database says so, and lets ovn-controller
/// write what its role and its certificate's name allow; ovn-northd and the tools come by TLS, too.
#[test]
fn ovn_runs_by_tls_with_its_role() {
    ping_through_a_logical_switch(&schema::installed(schema::OVN_SOUTHBOUND), &[], Manner::Tls);
}

/// Containers refuse the ring; there, epoll is what production runs on.
#[test]
fn ovn_runs_on_epoll() {
    // The packaged server knows no other driver.
    let arguments: &[&str] = if Peer::under_test() == Peer::Ours {
        &["--io=epoll"]
    } else {
        &[]
    };
    ping_through_a_logical_switch(
        &schema::installed(schema::OVN_SOUTHBOUND),
        arguments,
        Manner::Unix,
    );
}

/// The schema that `--quickstart` falls back to is one that OVN's own programs accept.
#[test]
fn ovn_runs_on_the_embedded_southbound_schema() {
    let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/quickstart/southbound.ovsschema");
    create_database(Peer::Packaged, &Scratch::new(), "sb.db", &embedded);
    ping_through_a_logical_switch(&embedded, &[], Manner::Unix);
}

fn ping_through_a_logical_switch(southbound_schema: &Path, arguments: &[&str], manner: Manner) {
    let mut site = Site::start(Peer::under_test(), southbound_schema, arguments, manner);

    site.nbctl(&["ls-add", "sw0"]);
    for (port, addresses) in PORTS {
        site.nbctl(&["lsp-add", "sw0", port]);
        site.nbctl(&[
            "lsp-set-addresses",
            port,
            &format!("{} {}", addresses.mac, addresses.ip),
        ]);
    }
    let shown = site.nbctl(&["show"]);
    assert!(shown.contains("(sw0)"), "the switch is missing:\n{shown}");
    for (port, addresses) in PORTS {
        assert!(
            shown.contains(&format!("port {port}")),
            "port {port} is missing:\n{shown}"
        );
        let line = format!("addresses: [\"{} {}\"]", addresses.mac, addresses.ip);
        assert!(shown.contains(&line), "{line} is missing:\n{shown}");
    }

    let hosts = PORTS.map(|(port, addresses)| Host::attach(&site.network, port, addresses.mac, addresses.ip));
    for (port, _) in PORTS {
        site.bind(port);
    }
    for (port, _) in PORTS {
        site.wait_until_up(port);
    }
    site.nbctl(&["--wait=hv", "sync"]);

    let shown = site.sbctl(&["show"]);
    assert!(shown.contains("Chassis hv1"), "the chassis is missing:\n{shown}");
    assert!(
        shown.contains("Encap geneve"),
        "the tunnel end is missing:\n{shown}"
    );
    for (port, _) in PORTS {
        assert!(
            shown.contains(&format!("Port_Binding {port}")),
            "port {port} is not bound:\n{shown}"
        );
    }

    for (here, there) in [(0, 1), (1, 0)] {
        let report = hosts[here].ping(PORTS[there].1.ip);
        assert!(
            report.contains(" 0% packet loss"),
            "the hosts do not hear each other:\n{report}"
        );
    }

    // What was taken away is gone everywhere, too.
    site.nbctl(&["lsp-del", PORTS[1].0]);
    site.nbctl(&["--wait=hv", "sync"]);
    let shown = site.sbctl(&["show"]);
    assert!(
        !shown.contains(&format!("Port_Binding {}", PORTS[1].0)),
        "the deleted port is still bound:\n{shown}"
    );
    site.stop();
}

/// The two addresses of a logical port.
struct Addresses {
    mac: &'static str,
    ip: &'static str,
}

/// The logical ports; each is also the name of the interface that carries it.
const PORTS: [(&str, Addresses); 2] = [
    (
        "sw0-p1",
        Addresses {
            mac: "50:54:00:00:00:01",
            ip: "192.168.77.11",
        },
    ),
    (
        "sw0-p2",
        Addresses {
            mac: "50:54:00:00:00:02",
            ip: "192.168.77.12",
        },
    ),
];
