//! What packagers install beside a program, made from its definition: `--completion=SHELL`. Its manual is in
//! [`super::manual`].

use clap::{Command, ValueEnum};
use clap_complete::Shell;

use super::argv::Stop;
use super::{Fatal, Result};

/// What is said of both below the options: neither is one, as each stands alone.
pub(super) const HELP: &str = "Alone, --man prints the manual page, and --completion=SHELL what a shell completes by (bash, elvish, fish, powershell, zsh).";

/// What `argument` asks for, if it is this.
pub(super) fn asked_for(definition: Command, argument: &[u8]) -> Option<Stop> {
    let text = completion(definition, argument.strip_prefix(b"--completion=")?);
    Some(text.map_or_else(Stop::Fail, Stop::Print))
}

fn completion(mut definition: Command, shell: &[u8]) -> Result<String> {
    let shell = String::from_utf8_lossy(shell);
    let shell = Shell::from_str(&shell, true).map_err(|_| {
        let known: Vec<String> = Shell::value_variants().iter().map(Shell::to_string).collect();
        Fatal::new(format!("--completion={shell}: not one of {}", known.join(", ")))
    })?;
    let name = definition.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut definition, name, &mut text);
    Ok(String::from_utf8_lossy(&text).into_owned())
}
