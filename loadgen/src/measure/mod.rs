//! What is measured and how it is told: latencies, processor time and memory, outcomes, tables, files.

pub mod about;
pub mod latency;
pub mod live;
pub mod outcome;
pub mod own_memory;
pub mod process;
pub mod progress;
pub mod ratio;
pub mod results;
pub mod section;
pub mod table;
pub mod timeline;
