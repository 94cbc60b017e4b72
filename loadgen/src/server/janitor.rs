//! Cleans up after a load generator that was killed: a shell that waits for the end of a pipe which only this process
//! holds. However this process ends, the kernel closes the pipe; unless the shell was dismissed before, it ends the
//! server and removes its directory. It is in a process group of its own, so that an interrupt from the terminal
//! leaves it to do that.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::error::{Failure, Result};
use crate::output;

/// Reads who is to be ended, in lines: a process, `none`, or `dismissed`. A server has ten seconds to end by itself.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
pid=none
while read -r line; do pid=$line; done
[ "$pid" = dismissed ] && exit
if [ "$pid" != none ] && kill "$pid"; then
    tries=0
    while [ "$tries" -lt 100 ] && kill -0 "$pid"; do sleep 0.1; tries=$((tries + 1)); done
    [ "$tries" -lt 100 ] || kill -9 "$pid"
fi
rm -rf -- "$0"
"#;

/// The shell.
#[derive(Debug)]
pub(super) struct Janitor(Child);

impl Janitor {
    /// Sees to it that `directory` goes.
    pub(super) fn hire(directory: &Path) -> Result<Janitor> {
        Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Janitor)
            .map_err(|error| Failure::Machine(format!("cannot start a shell: {error}")))
    }

    /// Sees to it that this process ends, too; `None` if there is none at present.
    pub(super) fn watch(&mut self, pid: Option<u32>) {
        self.tell(&pid.map_or_else(|| "none".to_owned(), |pid| pid.to_string()));
    }

    fn tell(&mut self, line: &str) {
        // Without the shell there is only nobody who would clean up.
        if let Some(pipe) = &mut self.0.stdin
            && let Err(error) = writeln!(pipe, "{line}")
        {
            output::tell(&format!("nobody would clean up after a kill: {error}"));
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.tell("dismissed");
        if let Err(error) = self.0.wait() {
            output::tell(&format!("pid {}: {error}", self.0.id()));
        }
    }
}
