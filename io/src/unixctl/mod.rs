//! The control socket: commands by name, as `ovs-appctl` sends them (`unixctl`; upstream `lib/unixctl.c`).
//!
//! A request's method is the command, its params are the arguments, its result is the text to print. A
//! connection serves one command at a time; a command may answer later, from any thread.

mod client;
mod commands;
mod server;

pub use client::{Refused, call};
pub use commands::{Answer, Commands, Described, Format};
pub use server::{BUILT_IN, Server, socket_path};
