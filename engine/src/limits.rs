//! Every bound of this crate, with its reason and what happens when it is reached.

/// Rows of one leaf and children of one inner node of the row tree. 32 pointers are four cache lines:
/// small enough to copy for a one-row commit, large enough that a million rows are four levels.
pub const TREE_FANOUT: usize = 32;

/// Shards of one index. Readers on every worker and the one writer meet only within a shard.
pub const INDEX_SHARDS: usize = 16;

/// Rows below which a table is scanned rather than indexed on demand: a scan of so few rows costs less
/// than keeping an index does over the table's life.
pub const HOT_INDEX_ROWS_MIN: usize = 256;

/// Scans by equality on one column after which the column gets an index. One-off queries stay scans.
pub const HOT_INDEX_SCANS_MIN: u32 = 8;
