//! `ovsdb-tool`.
fn main() {}
