//! The frame of a program: arguments in, exit status out.

use clap::{Command, Parser};
use ovsdb_io::daemon::cleanup;
use ovsdb_io::vlog;
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use super::argv::{self, Stop};
use super::manual::{self, Section};
use super::{Fatal, Result};

/// Reads the arguments of the process as a `P` and hands them to `body`. Help, versions and, with `sections`, the manual
/// (`--man` alone) go to standard output with status 0, errors to standard error as `PROG: MESSAGE` with status 1.
pub fn run<P: Parser>(
    program: &str,
    sections: fn() -> Vec<Section>,
    body: impl FnOnce(P) -> Result<ExitCode>,
) -> ExitCode {
    vlog::init(program);
    let result = if env::args_os().skip(1).eq(["--man"]) {
        print_manual(P::command(), &sections())
    } else {
        run_arguments(program, body)
    };
    let status = result.unwrap_or_else(|fatal| {
        tell(program, &fatal);
        ExitCode::FAILURE
    });
    cleanup::run();
    status
}

fn print_manual(definition: Command, sections: &[Section]) -> Result<ExitCode> {
    let page = manual::page(definition, sections).map_err(|error| Fatal::with_io("--man", &error))?;
    print(page.as_bytes()).map(|()| ExitCode::SUCCESS)
}

fn run_arguments<P: Parser>(program: &str, body: impl FnOnce(P) -> Result<ExitCode>) -> Result<ExitCode> {
    match argv::parse(program, env::args_os().skip(1)) {
        Ok(options) => body(options),
        Err(Stop::Print(text)) => print(text.as_bytes()).map(|()| ExitCode::SUCCESS),
        Err(Stop::Fail(fatal)) => Err(fatal),
    }
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
