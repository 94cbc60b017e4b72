//! Hot paths of the server, each ready to run on a seeded fixture.
//!
//! ```text
//!  Site (rows, transactions, monitors as text) ─► Path::prepare ─► Run ─┬─► benches/paths.rs: time (criterion)
//!                                                                       └─► perf: instructions, allocations
//! ```
//!
//! What is timed and what is counted is the same code on the same data, so that a count that moves can be looked
//! at with a clock and the other way round. No clock, no thread, no file here.

pub mod path;
pub mod random;
pub mod server;
pub mod site;

mod engine_paths;
mod fixture;
mod monitor_paths;
mod server_paths;
mod wire_paths;

pub use path::{PATHS, Path, Run};
pub use site::Size;
