//! Transactions (RFC 7047 §4.1.3 and §5.2): compiled once, executed on the working version.
//!
//! ```text
//!   JSON ─► Program::compile (any thread) ─► execute (the sequencer) ─► commit passes ─► Outcome
//!                       └─► execute_on_view (any thread), if the program only reads
//! ```
//!
//! Compiling proves the types of every operation against the schema; what depends on the rows is left to
//! execution. [`execute()`] brackets the transaction itself: afterwards the store either holds the next commit
//! or is exactly as it was.

mod columns;
mod delete;
mod execute;
mod insert;
mod light;
mod mutate;
mod names;
mod program;
mod query;
mod row;
mod select;
mod update;
mod wait;
mod watch;

#[cfg(test)]
mod tests;

pub use execute::{Committed, Context, Outcome, append_error, execute, next_txn_id, next_unlogged_txn_id};
pub use program::{Clauses, Compiler, Program, Wrong};
