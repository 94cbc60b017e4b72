//! Network namespaces without names: the kernel takes them away with the process that holds them.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::command::run_ok;

/// Says that a namespace is ready; printed by its holder.
const READY: &str = "ready";

/// A network namespace for programs that need addresses, interfaces or fixed ports of their own, alive as long as the value. Its holder ends by itself when this process vanishes, as its
/// input ends then.
#[derive(Debug)]
pub struct Network {
    holder: Child,
    /// Held open for the life of the namespace.
    _input: ChildStdin,
    /// The words that make a program run inside.
    enter: Vec<String>,
}

impl Network {
    /// A namespace with nothing but a loopback interface. Without privileges it lives in a user namespace of its own.
    pub fn new() -> Network {
        Network::isolated(&[])
    }

    /// Like [`Network::new`], and directories of the machine seem empty to the programs inside.
    pub fn hiding(directories: &[&str]) -> Network {
        Network::isolated(directories)
    }

    fn isolated(hidden: &[&str]) -> Network {
        let root = run_ok(Command::new("id").arg("-u")).stdout.trim() == "0";
        let mut command = Command::new("unshare");
        let mut spaces = vec!["--net"];
        if !root {
            command.arg("--map-root-user");
            spaces.push("--user");
        }
        if !hidden.is_empty() {
            spaces.push("--mount");
        }
        Network::hold(&mut command, &spaces, hidden)
    }

    /// A namespace beside this one, such as that of a host attached to it.
    pub fn neighbour(&self) -> Network {
        let mut spaces = vec!["--net"];
        if self.enter.iter().any(|word| word == "--user") {
            spaces.push("--user");
        }
        let mut command = self.command("unshare");
        // The user namespace is that of this network; another one would have no rights here.
        let new: Vec<&str> = spaces
            .iter()
            .copied()
            .filter(|space| *space != "--user")
            .collect();
        Network::hold_in(&mut command, &new, &spaces, &[])
    }

    fn hold(unshare: &mut Command, spaces: &[&str], hidden: &[&str]) -> Network {
        Network::hold_in(unshare, spaces, spaces, hidden)
    }

    /// Starts the holder with `unshare` in `new` namespaces; who wants in has to `enter` them.
    fn hold_in(unshare: &mut Command, new: &[&str], enter: &[&str], hidden: &[&str]) -> Network {
        let mounts: String = hidden
            .iter()
            .map(|directory| format!("mount -t tmpfs none '{directory}' && "))
            .collect();
        let script = format!("{mounts}ip link set lo up && echo {READY} && exec cat");
        let mut holder = unshare
            .args(new)
            .args(["sh", "-c", &script])
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
        let mut words = vec!["nsenter".to_owned(), format!("--target={}", holder.id())];
        words.extend(enter.iter().map(|space| (*space).to_owned()));
        if enter.contains(&"--user") {
            words.push("--preserve-credentials".to_owned());
        }
        // Entering a mount namespace would change the working directory.
        words.extend(["--wd=.".to_owned(), "--".to_owned()]);
        Network {
            holder,
            _input: input,
            enter: words,
        }
    }

    /// The words to put in front of a program that shall run inside.
    pub fn wrapper(&self) -> Vec<String> {
        self.enter.clone()
    }

    /// A command that runs inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(&self.enter[0]);
        command.args(&self.enter[1..]).arg(program);
        command
    }

    /// The process that holds the namespace, by which others name it.
    pub fn pid(&self) -> u32 {
        self.holder.id()
    }
}

impl Default for Network {
    fn default() -> Self {
        Network::new()
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
