//! Transactions that become durable together.

use super::Submission;
use crate::commit::Record;
use crate::ids::CommitSeq;
use crate::store::{ChangeSet, View};
use crate::txn::Committed;
use std::sync::Arc;
use uuid::Uuid;

/// Executed transactions on their way to the disk, in order. Complete in itself: whoever makes the records
/// durable can publish it, and whoever cannot can hand it back to be undone and executed again.
#[derive(Debug)]
pub struct Group {
    /// Every request of the group, those without a commit too: their answers rest on what is before them.
    pub answers: Vec<Answer>,
    pub sets: Vec<Arc<ChangeSet>>,
    /// Log records, each of one commit.
    pub records: Vec<Record>,
    /// A client asked for durability by a `commit` operation.
    pub must_sync: bool,
    /// The database after the group; present when it has commits.
    pub view: Option<View>,
    /// Transaction id of the state before the group.
    pub before: Uuid,
    /// Which attempt of the sequencer made the group; see [`super::Event::Rejected`].
    pub attempt: u32,
    /// Rough size of answers and records.
    pub bytes: usize,
}

/// The outcome of one transaction.
#[derive(Debug)]
pub struct Answer {
    /// Kept until the group is durable, to be executed again if it is rejected.
    pub submission: Submission,
    /// The commit that the answer rests on.
    pub seq: CommitSeq,
    /// The result array as JSON.
    pub body: Vec<u8>,
    /// The transaction wrote a record, so that a failing disk makes it fail.
    pub has_record: bool,
}

impl Group {
    /// An empty group that follows the state with this transaction id.
    pub fn starting_at(before: Uuid) -> Group {
        Group {
            answers: Vec::new(),
            sets: Vec::new(),
            records: Vec::new(),
            must_sync: false,
            view: None,
            before,
            attempt: 0,
            bytes: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        self.bytes += answer.body.len() + size_of::<Answer>();
        self.answers.push(answer);
    }

    /// Takes a commit in, and returns what it changed.
    pub(super) fn commit(&mut self, commit: Committed) -> Arc<ChangeSet> {
        if let Some(record) = commit.record {
            self.bytes += record.body.len();
            self.records.push(record);
        }
        self.must_sync |= commit.durable;
        let changes = Arc::new(commit.changes);
        self.sets.push(Arc::clone(&changes));
        changes
    }

    /// Transaction id of the state after what the group holds so far.
    pub(super) fn last_id(&self) -> Uuid {
        self.sets.last().map_or(self.before, |set| set.txn_id)
    }
}
