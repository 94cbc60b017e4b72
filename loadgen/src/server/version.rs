//! What a server's program says of its version: the protocol has no word for that, so the program is asked.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::limits::VERSION_MAX_MS;
use crate::measure::process::Process;
use crate::output;

/// Longest text that is taken for a version, in bytes.
const BYTES_MAX: u64 = 200;
/// Time between two looks at the program.
const PAUSE: Duration = Duration::from_millis(2);

/// The version of the program that a process runs, in a line; `None` if it cannot be started here or does not tell.
pub fn of(process: Process) -> Option<String> {
    let program = format!("/proc/{}/exe", process.pid);
    // Programs tell their versions by the name that they are called by.
    let name = std::fs::read_link(&program).ok()?.file_name()?.to_owned();
    let mut asked = Command::new(program)
        .arg0(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let has_told = ends_well(&mut asked);
    let mut text = String::new();
    asked
        .stdout
        .take()?
        .take(BYTES_MAX)
        .read_to_string(&mut text)
        .ok()?;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    (has_told && !lines.is_empty()).then(|| lines.join(", "))
}

/// Waits for the end of a program that says little, and ends it if it goes on for too long.
fn ends_well(child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_millis(VERSION_MAX_MS);
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(PAUSE),
            Ok(Some(status)) => return status.success(),
            Err(_) => return false,
        }
    }
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        output::tell(&format!("pid {}: {error}", child.id()));
    }
    false
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::of;
    use crate::measure::process::Process;

    #[test]
    fn a_running_program_is_asked_and_one_that_does_not_tell_has_none() {
        let mut sleeper = Command::new("sleep").arg("60").spawn().expect("sleep can be run");
        let told = of(Process { pid: sleeper.id() });
        sleeper.kill().and_then(|()| sleeper.wait()).expect("it is ours");
        assert!(told.is_some_and(|line| line.starts_with("sleep (GNU coreutils)") && !line.contains('\n')));
        assert_eq!(of(Process { pid: sleeper.id() }), None);
    }
}
