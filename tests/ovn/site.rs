//! One hypervisor and its central databases: three servers, ovn-northd, ovs-vswitchd with the userspace datapath and
//! ovn-controller, all in one network namespace and one scratch directory.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ovsdb_harness::command::run_ok;
use ovsdb_harness::peer::packaged_program;
use ovsdb_harness::pki::{Authority, Pki};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Daemon, Network, Peer, Scratch, Server, ServerOptions, schema, wait};

/// Longest wait for OVN to agree on something; seconds are usual.
const AGREEMENT_MAX: Duration = Duration::from_secs(60);

/// Where the southbound server listens in the hypervisor's namespace.
const SECURED: &str = "6642:127.0.0.1";

/// How ovn-controller reaches the southbound server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Southbound {
    /// By its unix socket.
    Unix,
    /// By TLS, with the role that ovn-northd defines.
    Tls,
}

/// Everything that runs. Fields are dropped in order: the clients of the databases before the databases.
pub(crate) struct Site {
    controller: Daemon,
    northd: Daemon,
    vswitchd: Daemon,
    switch: Server,
    northbound: Server,
    southbound: Server,
    pub(crate) network: Network,
    scratch: Scratch,
}

impl Site {
    /// Starts all of it on servers of `peer`, with the chassis `hv1` registered in the switch's database. The servers
    /// get `arguments`, and the southbound one its schema from a file.
    pub(crate) fn start(
        peer: Peer,
        southbound_schema: &Path,
        arguments: &[&str],
        manner: Southbound,
    ) -> Site {
        let network = Network::new();
        let scratch = Scratch::new();
        // ovs-vswitchd, ovs-vsctl and ovn-controller find the switch's database as OVS_RUNDIR/db.sock.
        let start = |name: &str, schema_file: &Path, more: &[String]| {
            let file = create_database(peer, &scratch, &format!("{name}.db"), schema_file);
            let options = ServerOptions::new(peer, name)
                .database(&file)
                .wrapper(network.wrapper());
            let arguments = arguments.iter().copied().chain(more.iter().map(String::as_str));
            arguments
                .fold(options, |options, argument| options.argument(argument))
                .start(&scratch)
        };
        let (server_options, controller_options) = match manner {
            Southbound::Unix => (Vec::new(), Vec::new()),
            Southbound::Tls => secured_options(&scratch),
        };
        let switch = start("db", &schema::installed(schema::VSWITCH), &[]);
        let northbound = start("nb", &schema::installed(schema::OVN_NORTHBOUND), &[]);
        let southbound = start("sb", southbound_schema, &server_options);
        let (nb, sb) = (northbound.remote().target(), southbound.remote().target());

        let vsctl = |words: &[&str]| run_ok(scratch.command(packaged_program("ovs-vsctl")).args(words));
        vsctl(&["--no-wait", "init"]);
        vsctl(&[
            "--no-wait",
            "set",
            "Open_vSwitch",
            ".",
            "external_ids:system-id=hv1",
            &match manner {
                Southbound::Unix => format!("external_ids:ovn-remote=\"{sb}\""),
                Southbound::Tls => "external_ids:ovn-remote=\"ssl:127.0.0.1:6642\"".to_owned(),
            },
            "external_ids:ovn-encap-type=geneve",
            "external_ids:ovn-encap-ip=127.0.0.1",
        ]);
        // The distribution's scripts do this before anybody may connect; ovn-controller 23.03 crashes when it meets a
        // southbound database without its one SB_Global row.
        for (program, database) in [("ovn-nbctl", &nb), ("ovn-sbctl", &sb)] {
            run_ok(
                scratch
                    .command(packaged_program(program))
                    .args([&format!("--db={database}"), "init"]),
            );
        }
        if manner == Southbound::Tls {
            let mut command = scratch.command(packaged_program("ovn-sbctl"));
            command.arg(format!("--db={sb}"));
            run_ok(command.args([
                "set-connection",
                "role=ovn-controller",
                &format!("pssl:{SECURED}"),
            ]));
        }
        let daemon = |name: &str, words: &[&str]| {
            let mut command = network.command(&packaged_program(name).display().to_string());
            command
                .args(words)
                .args(["--pidfile", "-vconsole:info", "-vsyslog:off", "-vfile:off"]);
            scratch.confine(&mut command);
            Daemon::start(name, command, &scratch.join(&format!("{name}.log")))
        };
        let vswitchd = daemon("ovs-vswitchd", &[&switch.remote().target()]);
        vsctl(&[
            "add-br",
            "br-int",
            "--",
            "set",
            "bridge",
            "br-int",
            "datapath_type=netdev",
            "fail_mode=secure",
        ]);
        let northd = daemon(
            "ovn-northd",
            &[&format!("--ovnnb-db={nb}"), &format!("--ovnsb-db={sb}")],
        );
        let mut words: Vec<&str> = controller_options.iter().map(String::as_str).collect();
        let switch_target = switch.remote().target();
        words.push(&switch_target);
        let controller = daemon("ovn-controller", &words);
        Site {
            controller,
            northd,
            vswitchd,
            switch,
            northbound,
            southbound,
            network,
            scratch,
        }
    }

    /// Runs `ovn-nbctl` on the northbound server and gives what it printed.
    pub(crate) fn nbctl(&self, words: &[&str]) -> String {
        self.ctl("ovn-nbctl", &self.northbound, words)
    }

    /// Runs `ovn-sbctl` on the southbound server and gives what it printed.
    pub(crate) fn sbctl(&self, words: &[&str]) -> String {
        self.ctl("ovn-sbctl", &self.southbound, words)
    }

    fn ctl(&self, program: &str, server: &Server, words: &[&str]) -> String {
        run_ok(self.ctl_command(program, server).args(words)).stdout
    }

    fn ctl_command(&self, program: &str, server: &Server) -> Command {
        let mut command = self.scratch.command(packaged_program(program));
        command
            .arg(format!("--db={}", server.remote().target()))
            .arg("--timeout=50");
        command
    }

    /// Puts the interface `port` on the integration bridge as the carrier of the logical port of that name.
    pub(crate) fn bind(&self, port: &str) {
        let id = format!("external_ids:iface-id={port}");
        let words = [
            "--timeout=50",
            "add-port",
            "br-int",
            port,
            "--",
            "set",
            "Interface",
            port,
            &id,
        ];
        run_ok(self.scratch.command(packaged_program("ovs-vsctl")).args(words));
    }

    /// Waits until OVN says that a logical port is up.
    pub(crate) fn wait_until_up(&mut self, port: &str) {
        wait::until_within(AGREEMENT_MAX, &format!("port {port} to be up"), || {
            self.check_daemons();
            self.nbctl(&["lsp-get-up", port]).trim().eq("up").then_some(())
        });
    }

    /// Panics when a daemon has ended.
    fn check_daemons(&mut self) {
        for daemon in [&mut self.controller, &mut self.northd, &mut self.vswitchd] {
            assert_eq!(
                daemon.status(),
                None,
                "a daemon has ended before its time:\n{}",
                daemon.log()
            );
        }
    }

    /// Checks that nothing has died, ends the clients and stops the servers as an operator does.
    pub(crate) fn stop(mut self) {
        self.check_daemons();
        drop((self.controller, self.northd, self.vswitchd));
        for server in [self.switch, self.northbound, self.southbound] {
            server.stop();
        }
    }
}

/// Options of the southbound server and of ovn-controller, whose certificate carries the chassis' name.
fn secured_options(scratch: &Scratch) -> (Vec<String>, Vec<String>) {
    let pki = Pki::new(scratch);
    let mut server = pki
        .identity("southbound", Authority::Servers)
        .options(&pki.authority(Authority::Clients))
        .to_vec();
    server.push("--remote=db:OVN_Southbound,SB_Global,connections".to_owned());
    let controller = pki
        .identity("hv1", Authority::Clients)
        .options(&pki.authority(Authority::Servers))
        .to_vec();
    (server, controller)
}
