//! `ovsdb-perf-paths`: runs one hot path, so that `ovsdb-perf` can count what it costs.
//!
//! A program of its own, because it counts allocations in its allocator and is run under callgrind, which collects
//! inside [`counted_runs`] only.

mod counting;

use std::hint::black_box;

use clap::Parser;
use counting::Counting;
use ovsdb_bench::{PATHS, Run, Size};
use rustix::time::ClockId;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs before the measured ones: buffers reach their size, caches are filled.
const WARM_UP_RUNS: u32 = 70;

/// Fewer runs than these are not warmed up.
const WARMED_RUNS_MIN: u32 = 10;

/// Instructions of one turn of the loop that wastes them.
const PLANTED_AT_ONCE: u64 = if cfg!(debug_assertions) { 16 } else { 4 };

/// Runs one hot path and prints how often and how much it allocated, and with `--flows` how many
/// nanoseconds of a processor it took.
#[derive(Parser)]
struct Arguments {
    path: String,
    /// How often, after some runs that do not count.
    runs: u32,
    /// Wastes about so many instructions beside the runs: the slowdown that the gate has to find.
    #[arg(long, default_value_t = 0)]
    plant_instructions: u64,
    /// Flows of the site besides its ten thousand other rows, instead of the small site; and take the time. Not under
    /// valgrind, which hides where the kernel keeps its clock.
    #[arg(long)]
    flows: Option<usize>,
}

fn main() {
    let arguments = Arguments::parse();
    let Some(path) = PATHS.iter().find(|path| path.name == arguments.path) else {
        eprintln!("there is no path {:?}", arguments.path);
        std::process::exit(1);
    };
    let size = match arguments.flows {
        Some(flows) => Size { nodes: 1000, flows },
        None => Size::SMALL,
    };
    let mut run = path.prepare(size);
    // What is run a few times is large: it has nothing to warm up that is worth the time.
    if arguments.runs >= WARMED_RUNS_MIN {
        for _ in 0..WARM_UP_RUNS {
            black_box(run());
        }
    }
    let before = counting::counts();
    let clock = || arguments.flows.map_or(0, |_| processor_nanoseconds());
    let start = clock();
    counted_runs(&mut run, arguments.runs, arguments.plant_instructions);
    let elapsed = clock() - start;
    let after = counting::counts();
    println!(
        "{} {} {}",
        after.allocations - before.allocations,
        after.bytes - before.bytes,
        elapsed
    );
}

/// What this thread has used of a processor.
fn processor_nanoseconds() -> i64 {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Callgrind knows this function by its name and collects while it runs.
#[inline(never)]
fn counted_runs(run: &mut Run, runs: u32, plant_instructions: u64) {
    for _ in 0..runs {
        black_box(run());
    }
    let mut left = plant_instructions / PLANTED_AT_ONCE;
    while left > 0 {
        left = black_box(left) - 1;
    }
}
