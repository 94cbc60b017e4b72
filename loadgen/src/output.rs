//! What people read: tables on the standard output, and lines of trouble on the error output. Either may be closed or
//! full, which ends no run that has files to write.

use std::io::{ErrorKind, Write, stderr, stdout};

use crate::error::{Failure, Result};

/// Prints a text and the end of its line.
pub fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    let printed = writeln!(out, "{text}").and_then(|()| out.flush());
    printed.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Unheard,
        _ => Failure::Machine(format!("standard output: {error}")),
    })
}

/// Tells of something that is wrong, if anybody can be told.
pub fn tell(text: &str) {
    writeln!(stderr(), "loadgen: {text}").unwrap_or_default();
}
