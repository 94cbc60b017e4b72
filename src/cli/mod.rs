//! Command lines of the three programs: how arguments are read, how errors are told, how tables look.
//!
//! Each program defines its options and commands once, by clap's derive; [`argv`] reads the arguments by
//! that definition the way GNU getopt does, because scripts rely on its rules.

pub mod argv;
pub mod fatal;
mod generate;
pub mod input;
pub mod manual;
pub mod options;
pub mod program;
pub mod table;
pub mod time;

pub use fatal::{Fatal, Result};
