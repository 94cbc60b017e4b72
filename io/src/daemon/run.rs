//! A command whose lifetime is the server's (`--run`).

use crate::errors::strerror;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use std::os::unix::process::ExitStatusExt;
use tokio::process::{Child, Command};

/// A command that failed. The text is for the user.
#[derive(Debug, thiserror::Error)]
pub enum CommandFailed {
    #[error("{command}: process failed to start ({reason})")]
    Start { command: String, reason: String },
    #[error("{command}: child exited, {status}")]
    Exit { command: String, status: String },
}

/// Starts `command` by the shell. The future that it gives waits for the end of it, which is an error unless
/// its status is 0. To be called on the control thread.
pub fn run_command(
    command: &str,
) -> Result<impl Future<Output = Result<(), CommandFailed>> + use<>, CommandFailed> {
    let command = command.to_owned();
    match Command::new("/bin/sh").args(["-c", &command]).spawn() {
        Ok(child) => Ok(wait(command, child)),
        Err(error) => Err(CommandFailed::Start {
            command,
            reason: strerror(&error),
        }),
    }
}

async fn wait(command: String, mut child: Child) -> Result<(), CommandFailed> {
    let status = match child.wait().await {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => match WaitStatus::from_raw(Pid::from_raw(0), status.into_raw()) {
            Ok(status) => super::monitor::status_text(status),
            Err(error) => error.desc().to_owned(),
        },
        Err(error) => strerror(&error),
    };
    Err(CommandFailed::Exit { command, status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_command_is_told() {
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        executor.block_on(async {
            assert!(run_command("exit 0").unwrap().await.is_ok());
            let failed = |command| run_command(command).unwrap();
            assert_eq!(
                failed("exit 3").await.unwrap_err().to_string(),
                "exit 3: child exited, exit status 3"
            );
            assert_eq!(
                failed("kill -TERM $$").await.unwrap_err().to_string(),
                "kill -TERM $$: child exited, killed (Terminated)"
            );
        });
    }
}
