//! `ovsdb-client`.
fn main() {}
