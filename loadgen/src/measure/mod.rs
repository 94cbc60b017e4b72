//! What is measured and how it is told: latencies, processor time and memory, outcomes, tables, files.

pub mod latency;
pub mod outcome;
pub mod process;
pub mod progress;
pub mod table;
