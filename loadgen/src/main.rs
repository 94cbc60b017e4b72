//! Load generator; see the issue tracker.
fn main() {}
