//! The command of `--run`: the server ends when it does.

use std::process::ExitCode;
use tokio::process::{Child, Command};

/// A shell command that runs beside the server, if one was given. Killed when the server ends first.
pub(super) struct RunCommand {
    command: String,
    child: Option<Child>,
}

impl RunCommand {
    pub(super) fn start(command: Option<&str>) -> std::io::Result<RunCommand> {
        let spawn = |text| {
            Command::new("/bin/sh")
                .args(["-c", text])
                .kill_on_drop(true)
                .spawn()
        };
        let child = command.map(spawn).transpose()?;
        Ok(RunCommand {
            command: command.unwrap_or_default().to_owned(),
            child,
        })
    }

    /// Waits for the command's end, for ever if there is none; success is its success.
    pub(super) async fn ended(&mut self) -> Result<ExitCode, String> {
        let Some(child) = &mut self.child else {
            return std::future::pending().await;
        };
        match child.wait().await {
            Ok(status) if status.success() => Ok(ExitCode::SUCCESS),
            Ok(status) => Err(format!("{}: child exited, {status}", self.command)),
            Err(error) => Err(format!("{}: {error}", self.command)),
        }
    }
}
