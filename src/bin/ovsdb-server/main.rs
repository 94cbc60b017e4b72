//! `ovsdb-server`.
fn main() {}
