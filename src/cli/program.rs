//! The frame of a program: arguments in, exit status out.

use clap::Parser;
use ovsdb_io::daemon::cleanup;
use ovsdb_io::vlog;
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use super::argv::{self, Stop};
use super::{Fatal, Result};

/// Reads the arguments of the process as a `P` and hands them to `body`. Help and versions go to standard
/// output with status 0, errors to standard error as `PROG: MESSAGE` with status 1.
pub fn run<P: Parser>(program: &str, body: impl FnOnce(P) -> Result<ExitCode>) -> ExitCode {
    vlog::init(program);
    let result = match argv::parse(program, env::args_os().skip(1)) {
        Ok(options) => body(options),
        Err(Stop::Print(text)) => print(text.as_bytes()).map(|()| ExitCode::SUCCESS),
        Err(Stop::Fail(fatal)) => Err(fatal),
    };
    let status = result.unwrap_or_else(|fatal| {
        tell(program, &fatal);
        ExitCode::FAILURE
    });
    cleanup::run();
    status
}

/// Writes `text` to standard output and flushes it.
pub fn print(text: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text)
        .and_then(|()| stdout.flush())
        .map_err(|_| Fatal::new("write to stdout failed"))
}

/// Writes `PROG: MESSAGE` to standard error. If that fails there is nobody left to tell.
pub fn tell(program: &str, message: &dyn std::fmt::Display) {
    if writeln!(io::stderr(), "{program}: {message}").is_err() {
        log::error!(target: "util", "{message}");
    }
}
