//! A shape owns bytes: which columns of a table are shown for which kind of change, in which notation.
//!
//! Shapes know nothing of conditions, so that clients whose conditions differ, as those of OVN do, still
//! share what is written for a row.

use crate::ids::{ColumnIdx, TableId};

/// A set of kinds of row change, the `select` of a monitor request (RFC 7047 §4.1.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Select(u8);

impl Select {
    pub(super) const NONE: Select = Select(0);
    pub(super) const ALL: Select = Select(0b1111);

    #[must_use]
    pub(super) fn with(self, outcome: Outcome) -> Select {
        Select(self.0 | 1 << outcome as u8)
    }

    #[must_use]
    pub(super) fn union(self, other: Select) -> Select {
        Select(self.0 | other.0)
    }

    pub(super) fn has(self, outcome: Outcome) -> bool {
        self.0 & 1 << outcome as u8 != 0
    }
}

/// What a row change is to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Outcome {
    /// Part of the reply to the request.
    Initial,
    Insert,
    Modify,
    Delete,
}

impl Outcome {
    /// What a change is to a client whose condition matched the row before and matches it after.
    pub(super) fn of(had: bool, has: bool) -> Option<Outcome> {
        match (had, has) {
            (false, true) => Some(Outcome::Insert),
            (true, true) => Some(Outcome::Modify),
            (true, false) => Some(Outcome::Delete),
            (false, false) => None,
        }
    }
}

/// Spelling of row updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Notation {
    /// `<row-update>` of RFC 7047 §4.1.6: `old` and `new`.
    V1,
    /// `<row-update2>` of ovsdb-server(7): `initial`, `insert`, `modify`, `delete`, with differences.
    V2,
}

/// What is shown of one table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) table: TableId,
    pub(super) notation: Notation,
    /// Kinds of change that are shown at all: what the requests for the table select together.
    pub(super) select: Select,
    /// In ascending order of column, each with the kinds of change it is shown for.
    pub(super) columns: Box<[(ColumnIdx, Select)]>,
}

impl Shape {
    /// Columns shown for a kind of change.
    pub(super) fn shown(&self, outcome: Outcome) -> impl Iterator<Item = ColumnIdx> {
        self.columns
            .iter()
            .filter(move |(_, select)| select.has(outcome))
            .map(|(column, _)| *column)
    }
}
