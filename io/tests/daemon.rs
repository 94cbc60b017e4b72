//! A small daemon on this crate, and what its operator sees of it: forking, pidfile, monitor, signals, log file,
//! and the packaged `ovs-appctl`. Started with `--serve`, this program is that daemon; otherwise it is the test.

// All of this is a test; the linter sees that only in functions that are marked.
#![allow(clippy::unwrap_used)]

use ovsdb_io::daemon::{self, Options, Signals};
use ovsdb_io::runtime::{Closed, Config, ConnId, ConnMeta, Handler, IoChoice, Outgoing, run};
use ovsdb_io::unixctl::{Commands, Server, call, socket_path};
use ovsdb_io::vlog;
use std::cell::RefCell;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--serve") {
        return serve(&arguments[1..]);
    }
    let tests: [(&str, fn()); 6] = [
        (
            "a_detached_daemon_serves_and_cleans_up",
            a_detached_daemon_serves_and_cleans_up,
        ),
        (
            "an_error_at_start_reaches_the_foreground",
            an_error_at_start_reaches_the_foreground,
        ),
        ("a_second_daemon_is_refused", a_second_daemon_is_refused),
        ("a_signal_ends_it_cleanly", a_signal_ends_it_cleanly),
        (
            "a_monitor_restarts_after_a_crash_alone",
            a_monitor_restarts_after_a_crash_alone,
        ),
        (
            "the_packaged_appctl_understands_us",
            the_packaged_appctl_understands_us,
        ),
    ];
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-'));
    for (name, test) in tests {
        if wanted.is_none_or(|wanted| name.contains(wanted.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
}

struct Deaf;

impl Handler for Deaf {
    fn opened(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, _meta: ConnMeta) {}
    fn received(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, _buffer: &mut Vec<u8>) {}
    fn closed(&mut self, _io: &mut dyn Outgoing, _conn: ConnId, _reason: Closed) {}
    fn blocked(&mut self, _: &mut dyn Outgoing, _: ConnId) {}
    fn drained(&mut self, _io: &mut dyn Outgoing, _conn: ConnId) {}
    fn woken(&mut self, _io: &mut dyn Outgoing) {}
    fn tick(&mut self, _io: &mut dyn Outgoing, _now_ms: u64) {}
    fn turn_end(&mut self, _io: &mut dyn Outgoing) {}
}

/// The daemon.
fn serve(arguments: &[String]) {
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    vlog::init("testd");
    vlog::set("console:emer").unwrap();
    vlog::set_log_file(None).unwrap();
    let options = Options {
        detach: has("--detach"),
        monitor: has("--monitor"),
        no_chdir: false,
        pidfile: Some(daemon::pidfile_path(None)),
        overwrite_pidfile: false,
        user: None,
        ..Options::default()
    };
    let daemon = daemon::start(&options);
    if has("--fail") {
        vlog::fatal("testd", format_args!("cannot open anything"));
    }
    let config = Config {
        threads: 2,
        driver: IoChoice::Auto.resolve().unwrap(),
    };
    let signal = run(
        &config,
        |_, _| Deaf,
        |_workers| async move {
            let signals = Signals::open().unwrap();
            let (exit, mut exiting) = mpsc::unbounded_channel();
            let commands = Rc::new(RefCell::new(Commands::new()));
            vlog::register_commands(&mut commands.borrow_mut());
            commands
                .borrow_mut()
                .register("exit", Some(""), 0..=0, move |_, answer| {
                    answer.done();
                    exit.send(()).unwrap();
                });
            commands
                .borrow_mut()
                .register("crash", Some(""), 0..=0, |_, _| std::process::abort());
            let _server = Server::start(socket_path(None), "testd (Open vSwitch) 9.9.9", commands).unwrap();
            let _running = daemon.complete();
            log::info!(target: "ovsdb_server", "serving");
            tokio::select! {
                signal = signals.next() => Some(signal.unwrap()),
                _ = exiting.recv() => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    None
                }
            }
        },
    );
    if let Some(signal) = signal.unwrap() {
        daemon::die_of(signal);
    }
    daemon::cleanup::run();
}

/// Directory of one test, and the daemons in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("OVS_RUNDIR", self.0.path())
            .env("OVS_LOGDIR", self.0.path());
        command
    }

    /// Signals that this process was told to ignore, as a job in the background is, have their default action again.
    fn daemon(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("env");
        command
            .arg("--default-signal=HUP,INT,TERM")
            .arg(std::env::current_exe().unwrap())
            .arg("--serve")
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.daemon(arguments).output().unwrap()
    }

    /// Starts the daemon in the foreground and waits until it serves.
    fn foreground(&self) -> Child {
        let child = self.daemon(&[]).stderr(Stdio::null()).spawn().unwrap();
        wait_for("it serves", || {
            self.log().contains("|ovsdb_server|INFO|serving\n")
        });
        child
    }

    fn pid(&self) -> u32 {
        fs::read_to_string(self.path("testd.pid"))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    fn ask(&self, command: &str) {
        assert_eq!(
            call(&self.path(&format!("testd.{}.ctl", self.pid())), command, &[]).unwrap(),
            ""
        );
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("testd.log")).unwrap_or_default()
    }

    fn wait_until_gone(&self) {
        let is_left = |entry: &fs::DirEntry| entry.file_name() != "testd.log";
        wait_for("the files are removed", || {
            !fs::read_dir(self.0.path())
                .unwrap()
                .any(|entry| is_left(&entry.unwrap()))
        });
    }
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn parent_of(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))
        .unwrap();
    line.trim().parse().unwrap()
}

fn is_alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.contains("State:") && !status.contains("State:\tZ")
}

fn a_detached_daemon_serves_and_cleans_up() {
    let place = Place::new();
    let output = place.run(&["--detach"]);
    assert!(output.status.success(), "{output:?}");
    let pid = place.pid();
    assert!(is_alive(pid));
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/fd/2")).unwrap(),
        Path::new("/dev/null")
    );
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    let thread = fs::read_to_string(format!("/proc/{pid}/task/{pid}/comm")).unwrap();
    assert_eq!(name, thread);
    place.ask("exit");
    place.wait_until_gone();
    let log = place.log();
    let first = log.lines().next().unwrap();
    assert_eq!(&first[24..42], "|00001|vlog|INFO|o", "{first}");
}

fn an_error_at_start_reaches_the_foreground() {
    for arguments in [
        &["--fail", "--detach"][..],
        &["--fail", "--detach", "--monitor"],
        &["--fail"],
    ] {
        let place = Place::new();
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(stderr(&output), "testd: cannot open anything\n");
        assert!(place.log().contains("|testd|EMER|cannot open anything\n"));
        place.wait_until_gone();
    }
}

fn a_second_daemon_is_refused() {
    let place = Place::new();
    assert!(place.run(&["--detach"]).status.success());
    let output = place.run(&["--detach"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "testd: {}: already running as pid {}, aborting\n",
        place.path("testd.pid").display(),
        place.pid()
    );
    assert_eq!(stderr(&output), expected);
    place.ask("exit");
    place.wait_until_gone();
}

fn a_signal_ends_it_cleanly() {
    for (signal, number, name) in [
        ("TERM", 15, "Terminated"),
        ("INT", 2, "Interrupt"),
        ("HUP", 1, "Hangup"),
    ] {
        let place = Place::new();
        let mut child = place.foreground();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().signal(), Some(number));
        place.wait_until_gone();
        let expected = format!("|fatal_signal|WARN|terminating with signal {number} ({name})\n");
        assert!(place.log().contains(&expected), "{}", place.log());
    }
}

fn a_monitor_restarts_after_a_crash_alone() {
    let place = Place::new();
    assert!(place.run(&["--detach", "--monitor"]).status.success());
    let first = place.pid();
    let monitor = parent_of(first);
    let title = fs::read_to_string(format!("/proc/{monitor}/cmdline")).unwrap();
    assert!(
        title.starts_with(&format!("testd: monitoring pid {first} (hea")),
        "{title}"
    );
    let socket = place.path(&format!("testd.{first}.ctl"));
    assert!(call(&socket, "crash", &[]).is_err());
    wait_for("it is restarted", || {
        let pid = fs::read_to_string(place.path("testd.pid")).unwrap_or_default();
        pid.trim() != first.to_string() && place.log().matches("|INFO|serving\n").count() == 2
    });
    let second = place.pid();
    assert_eq!(parent_of(second), monitor);
    let title = fs::read_to_string(format!("/proc/{second}/cmdline")).unwrap();
    assert!(title.contains("\0--serve\0--detach\0--monitor\0"), "{title:?}");
    assert!(
        place.log().contains("|daemon_unix(monitor)|ERR|1 crashes: pid "),
        "{}",
        place.log()
    );
    // The socket of the one that crashed is nobody's.
    fs::remove_file(socket).unwrap();
    place.ask("exit");
    place.wait_until_gone();
    wait_for("the monitor ends", || !is_alive(monitor));
    assert!(
        place
            .log()
            .contains(&format!("|INFO|pid {second} died, exit status 0, exiting\n"))
    );
}

fn the_packaged_appctl_understands_us() {
    if !Path::new("/usr/bin/ovs-appctl").exists() {
        assert!(std::env::var_os("CI").is_none(), "CI must have ovs-appctl");
        return;
    }
    let place = Place::new();
    assert!(place.run(&["--detach"]).status.success());
    let appctl = |arguments: &[&str]| {
        place
            .command("/usr/bin/ovs-appctl")
            .args(["-t", "testd"])
            .args(arguments)
            .output()
            .unwrap()
    };
    let cases: [(&[&str], i32, &str); 8] = [
        (&["version"], 0, "testd (Open vSwitch) 9.9.9\n"),
        (&["vlog/set", "jsonrpc:file:dbg", "any:console:err"], 0, ""),
        (&["vlog/message", "hello"], 0, ""),
        (&["vlog/close"], 0, ""),
        (&["vlog/reopen"], 0, ""),
        (&["vlog/disable-rate-limit", "raft"], 0, ""),
        (
            &["nonsense"],
            2,
            "\"nonsense\" is not a valid command (use \"list-commands\" to see a list of valid commands)\n\
             ovs-appctl: testd: server returned an error\n",
        ),
        (
            &["exit", "now"],
            2,
            "\"exit\" command takes at most 0 arguments\novs-appctl: testd: server returned an error\n",
        ),
    ];
    for (arguments, status, expected) in cases {
        let output = appctl(arguments);
        let printed = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8(printed).unwrap(), expected, "{arguments:?}");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
    }
    let list = String::from_utf8(appctl(&["vlog/list"]).stdout).unwrap();
    assert!(
        list.contains("\njsonrpc            ERR       INFO        DBG\n"),
        "{list}"
    );
    assert!(list.contains("\nraft               ERR       INFO       INFO    (rate limiting disabled)\n"));
    let patterns = String::from_utf8(appctl(&["vlog/list-pattern"]).stdout).unwrap();
    assert!(patterns.ends_with(
        "FILE     none                              %D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m\n"
    ));
    assert!(place.log().contains("|vlog|INFO|user-message: hello\n"));
    assert!(appctl(&["exit"]).status.success());
    place.wait_until_gone();
}
