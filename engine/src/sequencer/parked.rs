//! Transactions that wait for a change of what they have looked at, and how a commit finds those that it concerns.
//!
//! ```text
//!   commit ─► changed row ─┬─ by_row ────► those that look at this row         ─┐
//!                          └─ by_table ──► those that look at rows of its table ├─ is_concerned? ─► executed again
//! ```
//!
//! So a commit costs those that watch its rows or scan its tables, not all that wait.

use super::{Submission, Ticket};
use crate::hash::HashMap;
use crate::ids::{SessionId, TableId};
use crate::store::{RowChange, TableChanges};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A transaction whose `wait` does not hold.
pub(super) struct Parked {
    pub(super) submission: Submission,
    /// In the sequencer's monotonic time; `None` waits forever.
    pub(super) deadline_ms: Option<u64>,
    /// Operations that were executed, the unsatisfied wait included.
    pub(super) executed: usize,
}

/// All of them, in the order in which they were parked.
#[derive(Default)]
pub(super) struct ParkingLot {
    parked: BTreeMap<u64, Parked>,
    last: u64,
    by_row: HashMap<(TableId, Uuid), BTreeSet<u64>>,
    by_table: HashMap<TableId, BTreeSet<u64>>,
    by_ticket: HashMap<Ticket, u64>,
    deadlines: BTreeSet<(u64, u64)>,
}

impl Parked {
    fn is_concerned(&self, table: TableId, change: &RowChange) -> bool {
        self.submission.program.is_concerned(self.executed, table, change)
    }
}

impl ParkingLot {
    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }

    pub(super) fn park(&mut self, parked: Parked) {
        self.last += 1;
        let number = self.last;
        for (table, row) in parked.submission.program.looked_at(parked.executed) {
            let watchers = match row {
                Some(row) => self.by_row.entry((table, row)).or_default(),
                None => self.by_table.entry(table).or_default(),
            };
            watchers.insert(number);
        }
        self.by_ticket
            .extend(parked.submission.ticket.map(|ticket| (ticket, number)));
        self.deadlines.extend(parked.deadline_ms.map(|at| (at, number)));
        self.parked.insert(number, parked);
    }

    /// Takes out those that the changes of a commit concern.
    pub(super) fn take_concerned(&mut self, tables: &[TableChanges]) -> Vec<Parked> {
        let mut found = BTreeSet::new();
        if !self.parked.is_empty() {
            for changes in tables {
                self.find_concerned(changes, &mut found);
            }
        }
        found.into_iter().filter_map(|number| self.take(number)).collect()
    }

    fn find_concerned(&self, changes: &TableChanges, found: &mut BTreeSet<u64>) {
        let table = changes.table;
        let of_table = self.by_table.get(&table);
        for change in &changes.rows {
            let of_row = self.by_row.get(&(table, change.uuid));
            for number in of_row.into_iter().chain(of_table).flatten() {
                if !found.contains(number) && self.parked[number].is_concerned(table, change) {
                    found.insert(*number);
                }
            }
        }
    }

    /// Takes out those whose time has come.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Vec<Parked> {
        let due = self.deadlines.range(..=(now_ms, u64::MAX));
        let mut due: Vec<u64> = due.map(|(_, number)| *number).collect();
        due.sort_unstable();
        due.into_iter().filter_map(|number| self.take(number)).collect()
    }

    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Forgets the transaction of a ticket; false if it does not wait.
    pub(super) fn cancel(&mut self, ticket: Ticket) -> bool {
        let number = self.by_ticket.get(&ticket).copied();
        number.and_then(|number| self.take(number)).is_some()
    }

    /// Forgets all transactions of a session.
    pub(super) fn drop_session(&mut self, session: SessionId) {
        let is_theirs = |(ticket, number): (&Ticket, &u64)| (ticket.session == session).then_some(*number);
        let theirs: Vec<u64> = self.by_ticket.iter().filter_map(is_theirs).collect();
        for number in theirs {
            self.take(number);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = ParkingLot {
            last: self.last,
            ..ParkingLot::default()
        };
    }

    fn take(&mut self, number: u64) -> Option<Parked> {
        let parked = self.parked.remove(&number)?;
        for (table, row) in parked.submission.program.looked_at(parked.executed) {
            match row {
                Some(row) => forget(&mut self.by_row, &(table, row), number),
                None => forget(&mut self.by_table, &table, number),
            }
        }
        if let Some(ticket) = parked.submission.ticket {
            self.by_ticket.remove(&ticket);
        }
        if let Some(at) = parked.deadline_ms {
            self.deadlines.remove(&(at, number));
        }
        Some(parked)
    }
}

fn forget<K: std::hash::Hash + Eq>(watchers: &mut HashMap<K, BTreeSet<u64>>, key: &K, number: u64) {
    if let Some(numbers) = watchers.get_mut(key) {
        numbers.remove(&number);
        if numbers.is_empty() {
            watchers.remove(key);
        }
    }
}
