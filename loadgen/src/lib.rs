//! A load generator for OVSDB servers: thousands of clients like those of OVN, over few threads, each answer checked.
//!
//! ```text
//!   cli ──► run ──► scenario ──► fleet ──(sockets)──► server under load
//!                      │           └──► fold: what each client knows
//!                      └──► measure: latencies, processor time, memory ──► table, results (JSON), report (HTML)
//! ```
//!
//! Promises: a wrong answer fails the run however fast it was; a client costs at most 16 KiB; where a rate is asked
//! for, latencies count from the moment when a request was meant to be sent.

pub mod cli;
pub mod compare;
pub mod descriptors;
pub mod error;
pub mod fleet;
pub mod fold;
mod interrupt;
mod ledger;
pub mod limits;
pub mod measure;
pub mod output;
pub mod plot;
pub mod report;
pub mod run;
pub mod scenario;
pub mod server;
pub mod southbound;
pub mod workload;
