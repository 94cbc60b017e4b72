//! One hypervisor and its central databases: three servers, ovn-northd, ovs-vswitchd with the userspace datapath and
//! ovn-controller, all in one network namespace and one scratch directory.

use std::path::Path;
use std::time::Duration;

use ovsdb_harness::command::run_ok;
use ovsdb_harness::peer::packaged_program;
use ovsdb_harness::pki::{Authority, Pki};
use ovsdb_harness::server::create_database;
use ovsdb_harness::{Daemon, Network, Peer, Scratch, Server, ServerOptions, schema, wait};

/// Longest wait for OVN to agree on something; seconds are usual.
const AGREEMENT_MAX: Duration = Duration::from_secs(60);

/// Where the servers listen in the hypervisor's namespace: for everybody of the northbound one, for ovn-controller's
/// role, and for ovn-northd and administrators.
const NORTHBOUND: &str = "6641:127.0.0.1";
const SECURED: &str = "6642:127.0.0.1";
const ADMINISTRATORS: &str = "16642:127.0.0.1";

/// How OVN's programs reach their databases.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By unix sockets.
    Unix,
    /// By TLS: ovn-controller with the role that ovn-northd defines, ovn-northd and the tools without.
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
    /// What ovn-nbctl and ovn-sbctl connect with.
    tools: Access,
    scratch: Scratch,
}

/// How one program reaches the databases.
struct Access {
    /// Its key and certificates, if it needs any.
    options: Vec<String>,
    northbound: String,
    southbound: String,
}

impl Site {
    /// Starts all of it on servers of `peer`, with the chassis `hv1` registered in the switch's database. The servers
    /// get `arguments`, and the southbound one its schema from a file.
    pub(crate) fn start(peer: Peer, southbound_schema: &Path, arguments: &[&str], manner: Manner) -> Site {
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
        let keys = (manner == Manner::Tls).then(|| Keys::new(&scratch));
        let server_options = |remotes: &[&str]| {
            let keys = keys.as_ref().map(|keys| keys.servers.iter().cloned());
            let remotes = remotes.iter().map(|remote| format!("--remote={remote}"));
            keys.map_or_else(Vec::new, |keys| keys.chain(remotes).collect())
        };
        let switch = start("db", &schema::installed(schema::VSWITCH), &[]);
        let northbound = start(
            "nb",
            &schema::installed(schema::OVN_NORTHBOUND),
            &server_options(&[&format!("pssl:{NORTHBOUND}")]),
        );
        let southbound = start(
            "sb",
            southbound_schema,
            &server_options(&[
                "db:OVN_Southbound,SB_Global,connections",
                &format!("pssl:{ADMINISTRATORS}"),
            ]),
        );
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
                Manner::Unix => format!("external_ids:ovn-remote=\"{sb}\""),
                Manner::Tls => "external_ids:ovn-remote=\"ssl:127.0.0.1:6642\"".to_owned(),
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
        if manner == Manner::Tls {
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
        let access = |options: Option<&Vec<String>>| match options {
            None => Access {
                options: Vec::new(),
                northbound: nb.clone(),
                southbound: sb.clone(),
            },
            Some(options) => Access {
                options: options.clone(),
                northbound: "ssl:127.0.0.1:6641".to_owned(),
                southbound: "ssl:127.0.0.1:16642".to_owned(),
            },
        };
        let tools = access(keys.as_ref().map(|keys| &keys.administrator));
        let of_northd = access(keys.as_ref().map(|keys| &keys.northd));
        let mut words: Vec<&str> = of_northd.options.iter().map(String::as_str).collect();
        let databases = [
            format!("--ovnnb-db={}", of_northd.northbound),
            format!("--ovnsb-db={}", of_northd.southbound),
        ];
        words.extend(databases.iter().map(String::as_str));
        let northd = daemon("ovn-northd", &words);
        let of_controller = keys.map(|keys| keys.controller).unwrap_or_default();
        let mut words: Vec<&str> = of_controller.iter().map(String::as_str).collect();
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
            tools,
            scratch,
        }
    }

    /// Runs `ovn-nbctl` on the northbound server and gives what it printed.
    pub(crate) fn nbctl(&self, words: &[&str]) -> String {
        self.ctl("ovn-nbctl", &self.tools.northbound, words)
    }

    /// Runs `ovn-sbctl` on the southbound server and gives what it printed.
    pub(crate) fn sbctl(&self, words: &[&str]) -> String {
        self.ctl("ovn-sbctl", &self.tools.southbound, words)
    }

    fn ctl(&self, program: &str, target: &str, words: &[&str]) -> String {
        let mut command = self
            .network
            .command(&packaged_program(program).display().to_string());
        self.scratch.confine(&mut command);
        command
            .args(&self.tools.options)
            .arg(format!("--db={target}"))
            .arg("--timeout=50");
        run_ok(command.args(words)).stdout
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

/// Options with the keys of everybody; ovn-controller's certificate carries the chassis' name.
struct Keys {
    servers: Vec<String>,
    controller: Vec<String>,
    northd: Vec<String>,
    administrator: Vec<String>,
}

impl Keys {
    fn new(scratch: &Scratch) -> Keys {
        let pki = Pki::new(scratch);
        let options = |name: &str, own: Authority, peers: Authority| {
            let identity = pki.identity(name, own);
            identity.options(&pki.authority(peers)).to_vec()
        };
        let of_client = |name: &str| options(name, Authority::Clients, Authority::Servers);
        Keys {
            servers: options("servers", Authority::Servers, Authority::Clients),
            controller: of_client("hv1"),
            northd: of_client("northd"),
            administrator: of_client("administrator"),
        }
    }
}
