//! What packagers install beside a program, made from its definition: `--completion=SHELL` and `--man`.

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

use super::argv::Stop;
use super::{Fatal, Result};

/// What `argument` asks for, if it is one of the two; they stand alone, and no list of options shows them.
pub(super) fn asked_for(definition: Command, argument: &[u8]) -> Option<Stop> {
    let text = match argument {
        b"--man" => man(definition),
        _ => completion(definition, argument.strip_prefix(b"--completion=")?),
    };
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

/// The manual page, in section 8 for the server and 1 for its tools, as upstream has them.
fn man(definition: Command) -> Result<String> {
    let section = if definition.get_name().ends_with("-server") {
        "8"
    } else {
        "1"
    };
    let mut text = Vec::new();
    Man::new(definition)
        .section(section)
        .render(&mut text)
        .map_err(|error| Fatal::with_io("--man", &error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
