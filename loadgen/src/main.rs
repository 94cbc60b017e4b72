//! `loadgen`: see the library.

use std::process::ExitCode;

use clap::Parser;
use loadgen::cli::{self, CommandLine};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit status after a command line that makes no sense, as most programs have it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        // Help and version are no errors.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            eprintln!("loadgen: {}", cli::told(&error));
            return ExitCode::from(USAGE);
        }
    };
    match loadgen::run::run(&line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("loadgen: {failure}");
            ExitCode::FAILURE
        }
    }
}
