//! What the integration tests share: real servers in directories of their own, a small JSON-RPC client, programs run
//! to their end, and waiting for conditions.
//!
//! ```text
//!   Scratch ── a directory, and the environment that keeps every OVS and OVN program inside it
//!      │
//!      ├── command() ── programs that end: `run`, `run_ok`
//!      └── Daemon ───── programs that stay; killed by pid when dropped, their logs shown when a test fails
//!             ▲
//!           Server ◄── Client (JSON-RPC over its socket)
//! ```
//!
//! Promises: a process started here ends with the value that owns it, also when a test panics; nothing is written
//! outside the scratch directory; ports are chosen by the kernel; nobody sleeps where a condition can be polled with
//! a deadline. A program that is not installed makes the test fail, never pass.
//!
//! Every suite is written against a [`Peer`], so that the same test can be run on our server and, to prove the test
//! itself, on the packaged one: `OVSDB_TEST_PEER=packaged cargo test --test input`.

pub mod client;
pub mod command;
pub mod daemon;
pub mod disk;
pub mod hello;
pub mod machine;
pub mod network;
pub mod peer;
pub mod pki;
pub mod random;
pub mod schema;
pub mod scratch;
pub mod server;
pub mod text;
pub mod wait;

pub use client::{Client, Remote};
pub use daemon::Daemon;
pub use disk::SmallDisk;
pub use network::Network;
pub use peer::Peer;
pub use random::Random;
pub use scratch::Scratch;
pub use server::{Server, ServerOptions};
