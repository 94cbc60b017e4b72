//! `loadgen`: see the library.

use std::process::ExitCode;

use clap::Parser;
use loadgen::cli::{self, CommandLine};
use loadgen::error::Failure;
use loadgen::output;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit status after a command line that makes no sense, as most programs have it.
const USAGE: u8 = 2;

/// Exit status when nobody reads what is printed, which is that of a program that SIGPIPE has ended.
const UNHEARD: u8 = 128 + 13;

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        // Help and version are no errors.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            output::tell(&cli::told(&error));
            return ExitCode::from(USAGE);
        }
    };
    match loadgen::run::run(&line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unheard) => ExitCode::from(UNHEARD),
        Err(failure) => {
            output::tell(&failure.to_string());
            match failure {
                Failure::Usage(_) => ExitCode::from(USAGE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}
