//! The database as a value: schema, datums, store, transactions, commit passes, monitors, locks.
//!
//! Life of a transaction here: [`txn::Program`] is compiled from JSON on a worker (types proved, nothing
//! read) → [`txn`] executes it on the [`store::Store`]'s working version → [`commit`] runs the passes in
//! upstream's order → one [`store::ChangeSet`] and one log record → a group of them becomes durable
//! elsewhere → the new [`store::View`] is published → [`monitor`] tells who must hear of it → reply.
//!
//! Absent on purpose: clock, thread, socket, file. Time, entropy and bytes are arguments; effects are
//! results.

pub mod commit;
pub mod condition;
pub mod database;
pub mod datum;
pub mod error;
pub mod hash;
pub mod ids;
pub mod inbox;
pub mod limits;
pub mod locks;
pub mod monitor;
pub mod mutation;
pub mod rbac;
pub mod schema;
pub mod sequencer;
pub mod server_db;
pub mod session;
pub mod store;
pub mod txn;

#[cfg(test)]
mod testing;
