//! Times every hot path: `cargo bench -p ovsdb-bench [-- PART OF A NAME]`.
//!
//! Under `cargo test` every path runs once on a tiny site, so that none of them rots.

use criterion::Criterion;
use ovsdb_bench::{PATHS, Size};

/// Paths that are timed on a million rows too: what a commit costs must not depend on what is stored.
const ALSO_LARGE: [&str; 2] = ["transact/execute-report", "commit/publish-report"];

fn main() {
    // Cargo passes `--bench` for `cargo bench` only, which is how criterion tells a test too.
    let is_timed = std::env::args().any(|argument| argument == "--bench");
    let size = if is_timed { Size::MEDIUM } else { Size::TINY };
    let mut criterion = Criterion::default().configure_from_args();
    for path in PATHS {
        criterion.bench_function(path.name, |bencher| {
            let mut run = path.prepare(size);
            bencher.iter(&mut run);
        });
        if is_timed && ALSO_LARGE.contains(&path.name) {
            criterion.bench_function(&format!("{}-1000000", path.name), |bencher| {
                let mut run = path.prepare(Size::LARGE);
                bencher.iter(&mut run);
            });
        }
    }
    criterion.final_summary();
}
