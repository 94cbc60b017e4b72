//! Network namespaces, held by a process each: one for the hypervisor, one for each host attached to it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use ovsdb_harness::command::{Finished, run, run_ok};

/// Says that a namespace is ready; printed by its holder.
const READY: &str = "ready";

/// A network namespace, alive as long as the value. Its holder ends by itself when this process vanishes, as its
/// input ends then.
pub(crate) struct Network {
    holder: Child,
    /// Held open for the life of the namespace.
    _input: ChildStdin,
    /// The words that make a program run inside.
    enter: Vec<String>,
}

impl Network {
    /// A namespace for the hypervisor. Without privileges it lives in a user namespace of its own.
    pub(crate) fn new() -> Network {
        let root = run_ok(Command::new("id").arg("-u")).stdout.trim() == "0";
        let mut command = Command::new("unshare");
        if !root {
            command.args(["--user", "--map-root-user"]);
        }
        let network = Network::hold(command.arg("--net"), !root);
        run_ok(network.command("ip").args(["link", "set", "lo", "up"]));
        network
    }

    /// A namespace beside this one, for a host.
    pub(crate) fn neighbour(&self) -> Network {
        let user = self.enter.iter().any(|word| word == "--user");
        let network = Network::hold(self.command("unshare").arg("--net"), user);
        run_ok(network.command("ip").args(["link", "set", "lo", "up"]));
        network
    }

    fn hold(unshare: &mut Command, user: bool) -> Network {
        let mut holder = unshare
            .args(["sh", "-c", &format!("echo {READY}; exec cat")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux is installed");
        let input = holder.stdin.take().expect("the input is piped");
        let mut line = String::new();
        let mut output = BufReader::new(holder.stdout.take().expect("the output is piped"));
        output.read_line(&mut line).expect("the holder speaks");
        assert_eq!(
            line.trim(),
            READY,
            "this machine lets the tests make no network namespace"
        );
        let mut enter = vec![
            "nsenter".to_owned(),
            format!("--target={}", holder.id()),
            "--net".to_owned(),
        ];
        if user {
            enter.extend(["--user".to_owned(), "--preserve-credentials".to_owned()]);
        }
        enter.push("--".to_owned());
        Network {
            holder,
            _input: input,
            enter,
        }
    }

    /// The words to put in front of a program that shall run inside.
    pub(crate) fn wrapper(&self) -> Vec<String> {
        self.enter.clone()
    }

    /// A command that runs inside.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(&self.enter[0]);
        command.args(&self.enter[1..]).arg(program);
        command
    }

    /// The process that holds the namespace, by which others name it.
    fn pid(&self) -> u32 {
        self.holder.id()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for result in [self.holder.kill(), self.holder.wait().map(drop)] {
            if let Err(error) = result {
                eprintln!("the holder of a namespace: {error}");
            }
        }
    }
}

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
