//! Identifiers and positions, each a type of its own so that two of them cannot be swapped.

use crate::limits::TREE_FANOUT;

/// Position of a table in its schema, in order of table name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u16);

/// Position of a column in its table: `_uuid` is 0, `_version` is 1, the declared columns follow by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnIdx(pub u16);

impl ColumnIdx {
    pub const UUID: ColumnIdx = ColumnIdx(0);
    pub const VERSION: ColumnIdx = ColumnIdx(1);
    /// Index of the first declared column.
    pub const FIRST_DECLARED: u16 = 2;

    pub fn at(self) -> usize {
        usize::from(self.0)
    }
}

impl TableId {
    pub fn at(self) -> usize {
        usize::from(self.0)
    }
}

/// Place of a row in its table's tree. Reused after the row is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowSlot(pub u32);

impl RowSlot {
    /// The same for slots whose rows lie in one block of the tree.
    pub fn block_number(self) -> u32 {
        self.0 / TREE_FANOUT as u32
    }

    /// Where in its block the row is.
    pub fn place(self) -> u32 {
        self.0 % TREE_FANOUT as u32
    }
}

/// Number of a commit in its database, from 1 without gaps; 0 is the state that was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitSeq(pub u64);

impl CommitSeq {
    #[must_use]
    pub fn next(self) -> CommitSeq {
        CommitSeq(self.0 + 1)
    }
}

/// One client session of the process, never reused: the worker in the top 16 bits, a count below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl SessionId {
    pub fn new(worker: WorkerId, count: u64) -> SessionId {
        SessionId(u64::from(worker.0) << 48 | (count & ((1 << 48) - 1)))
    }

    /// The worker whose session it is.
    pub fn worker(self) -> WorkerId {
        WorkerId((self.0 >> 48) as u16)
    }
}

/// One request of a session, unique within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One worker thread, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u16);
