//! `loadgen`: see the library.

use std::process::ExitCode;

use clap::Parser;
use loadgen::cli::CommandLine;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match loadgen::run::run(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("loadgen: {failure}");
            ExitCode::FAILURE
        }
    }
}
