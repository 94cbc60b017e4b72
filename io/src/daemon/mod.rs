//! What makes the process a daemon.

pub mod cleanup;
