//! The conditions of all monitors on one table, and the index from row values to those that match.
//!
//! ```text
//!   row value ──probe──► clause ──► conditions that contain it ──► parts (shape + condition) ──► specs
//! ```
//!
//! A clause exists once per table however many conditions contain it, and a condition is the sorted list
//! of its clauses' ids, so permuted and repeated clauses make no difference and 500 clients with the same
//! 3,000 clauses cost four bytes per clause and client, twice. A row is looked up, not evaluated: the cost
//! is that of the conditions that match. Clauses that no lookup can find are evaluated once per row, not
//! once per condition, and counted.

use super::candidates::Candidates;
use super::clause::Filter;
use super::clauses::{ClauseEntry, ClauseId, Clauses};
use super::shape::Outcome;
use super::spec::PartId;
use crate::datum::Datum;
use crate::hash::Keyed;
use crate::ids::ColumnIdx;
use crate::limits::CONDITION_CLAUSES_EVALUATED_MAX;
use crate::store::{Row, TableView};
use hashbrown::HashTable;
use slab::Slab;
use std::hash::BuildHasher;

/// A condition on the table, in canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ConditionId(u32);

/// Conditions of one table.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    hasher: Keyed,
    clauses: Clauses,
    conditions: Slab<ConditionEntry>,
    condition_ids: HashTable<ConditionId>,
    always: Option<ConditionId>,
    /// Conditions marked by the rows that are being matched.
    marked: Vec<ConditionId>,
    evaluations: u64,
}

#[derive(Debug)]
struct ConditionEntry {
    rule: Rule,
    /// Users of the condition; it goes with the last of them.
    refs: u32,
    /// Parts with this condition, ascending.
    parts: Vec<PartId>,
    /// Versions that match, while rows are being matched; otherwise none.
    mark: Versions,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Rule {
    Always,
    /// Ascending; empty never matches.
    AnyOf(Box<[ClauseId]>),
}

/// Versions of a row that something is true of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Versions(u8);

impl Versions {
    const OLD: Versions = Versions(1);
    const NEW: Versions = Versions(2);
    const BOTH: Versions = Versions(3);

    fn of(old: bool, new: bool) -> Versions {
        Versions(u8::from(old) | u8::from(new) << 1)
    }

    fn has_old(self) -> bool {
        self.0 & Versions::OLD.0 != 0
    }

    fn has_new(self) -> bool {
        self.0 & Versions::NEW.0 != 0
    }
}

/// One thing that is true of a changed row. Rows with the same signals concern the same conditions alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Signal {
    Exists(Versions),
    Satisfies(ClauseId, Versions),
}

/// A condition that matches the old or the new version of a row, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) condition: ConditionId,
    pub(super) outcome: Outcome,
}

impl Match {
    fn of(condition: ConditionId, versions: Versions) -> Match {
        let outcome = Outcome::of(versions.has_old(), versions.has_new());
        Match {
            condition,
            outcome: outcome.expect("some version matches"),
        }
    }
}

/// Sizes, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ConditionsUsage {
    pub(super) conditions: usize,
    pub(super) clauses: usize,
    pub(super) clauses_unindexed: usize,
    /// Evaluations of clauses that could not be looked up, since the start.
    pub(super) evaluations: u64,
}

impl Conditions {
    /// True if nothing monitors the table.
    pub(super) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Shares `filter` with equal ones; every call is matched by one of [`Conditions::release`].
    pub(super) fn acquire(&mut self, filter: &Filter) -> ConditionId {
        let rule = match filter {
            Filter::All => Rule::Always,
            Filter::AnyOf(comparisons) => {
                let mut ids: Vec<ClauseId> = comparisons
                    .iter()
                    .map(|comparison| self.clauses.intern(comparison))
                    .collect();
                ids.sort_unstable();
                ids.dedup();
                Rule::AnyOf(ids.into())
            }
        };
        let hash = self.hasher.hash_one(&rule);
        let known = self
            .condition_ids
            .find(hash, |id| self.conditions[id.at()].rule == rule);
        if let Some(id) = known.copied() {
            self.conditions[id.at()].refs += 1;
            return id;
        }
        self.insert(hash, rule)
    }

    /// Takes a user away; the last one takes the condition and the clauses nobody else has along.
    pub(super) fn release(&mut self, id: ConditionId) {
        let entry = &mut self.conditions[id.at()];
        entry.refs -= 1;
        if entry.refs > 0 {
            return;
        }
        let entry = self.conditions.remove(id.at());
        assert!(entry.parts.is_empty(), "a part uses its condition");
        let hash = self.hasher.hash_one(&entry.rule);
        if let Ok(found) = self.condition_ids.find_entry(hash, |other| *other == id) {
            found.remove();
        }
        match &entry.rule {
            Rule::Always => self.always = None,
            Rule::AnyOf(clauses) => clauses.iter().for_each(|clause| self.clauses.leave(*clause, id)),
        }
    }

    /// The parts that a match of the condition concerns.
    pub(super) fn parts(&self, id: ConditionId) -> &[PartId] {
        &self.conditions[id.at()].parts
    }

    pub(super) fn add_part(&mut self, id: ConditionId, part: PartId) {
        let parts = &mut self.conditions[id.at()].parts;
        let place = parts.binary_search(&part).expect_err("a part is added once");
        parts.insert(place, part);
    }

    pub(super) fn remove_part(&mut self, id: ConditionId, part: PartId) {
        let parts = &mut self.conditions[id.at()].parts;
        let place = parts.binary_search(&part).expect("the part was added");
        parts.remove(place);
    }

    /// Appends what is true of a changed row, as far as some condition asks for it.
    pub(super) fn signals(&mut self, old: Option<&Row>, new: Option<&Row>, signals: &mut Vec<Signal>) {
        signals.push(Signal::Exists(Versions::of(old.is_some(), new.is_some())));
        for column in self.clauses.columns() {
            let mut visit = |value: &Datum, versions: Versions| {
                let found = &mut |clause, _: &ClauseEntry| {
                    signals.push(Signal::Satisfies(clause, versions));
                    true
                };
                self.clauses
                    .satisfied(column, value, &mut self.evaluations, found);
            };
            let old = old.map(|row| row.get(column.column));
            let new = new.map(|row| row.get(column.column));
            match (old, new) {
                (Some(old), Some(new)) if old == new => visit(new, Versions::BOTH),
                _ => {
                    if let Some(old) = old {
                        visit(old, Versions::OLD);
                    }
                    if let Some(new) = new {
                        visit(new, Versions::NEW);
                    }
                }
            }
        }
    }

    /// Appends the conditions that match a version of the rows with these signals.
    pub(super) fn matching(&mut self, signals: &[Signal], matches: &mut Vec<Match>) {
        for signal in signals {
            let (clause, versions) = match signal {
                Signal::Exists(versions) => {
                    matches.extend(self.always.map(|condition| Match::of(condition, *versions)));
                    continue;
                }
                Signal::Satisfies(clause, versions) => (clause, versions),
            };
            for id in &self.clauses.get(*clause).conditions {
                let mark = &mut self.conditions[id.at()].mark;
                if *mark == Versions::default() {
                    self.marked.push(*id);
                }
                mark.0 |= versions.0;
            }
        }
        for condition in self.marked.drain(..) {
            let mark = std::mem::take(&mut self.conditions[condition.at()].mark);
            matches.push(Match::of(condition, mark));
        }
    }

    /// The columns that the condition asks for, perhaps repeatedly.
    pub(super) fn columns(&self, id: ConditionId) -> impl Iterator<Item = ColumnIdx> {
        let clauses: &[ClauseId] = match &self.conditions[id.at()].rule {
            Rule::Always => &[],
            Rule::AnyOf(clauses) => clauses,
        };
        clauses
            .iter()
            .map(|clause| self.clauses.get(*clause).comparison.column)
    }

    /// True if every row satisfies the condition.
    pub(super) fn is_always(&self, id: ConditionId) -> bool {
        self.always == Some(id)
    }

    /// True if the row satisfies the condition.
    pub(super) fn holds(&self, id: ConditionId, row: &Row) -> bool {
        let clauses = match &self.conditions[id.at()].rule {
            Rule::Always => return true,
            Rule::AnyOf(clauses) => clauses,
        };
        if clauses.len() <= CONDITION_CLAUSES_EVALUATED_MAX {
            return clauses.iter().any(|clause| {
                let comparison = &self.clauses.get(*clause).comparison;
                comparison.holds_for(row.get(comparison.column))
            });
        }
        self.clauses.any_of(id, row)
    }

    /// Rows of `table` that may satisfy the condition.
    pub(super) fn candidates(&self, id: ConditionId, table: &TableView) -> Candidates {
        match &self.conditions[id.at()].rule {
            Rule::Always => Candidates::Scan,
            Rule::AnyOf(clauses) => self.look_up(clauses, table),
        }
    }

    /// Rows of `table` that may satisfy one of the two conditions and not the other.
    pub(super) fn candidates_between(&self, a: ConditionId, b: ConditionId, table: &TableView) -> Candidates {
        match (&self.conditions[a.at()].rule, &self.conditions[b.at()].rule) {
            (Rule::AnyOf(a), Rule::AnyOf(b)) => self.look_up(&symmetric_difference(a, b), table),
            _ => Candidates::Scan,
        }
    }

    pub(super) fn usage(&self) -> ConditionsUsage {
        ConditionsUsage {
            conditions: self.conditions.len(),
            clauses: self.clauses.len(),
            clauses_unindexed: self.clauses.unindexed_count(),
            evaluations: self.evaluations,
        }
    }

    fn look_up(&self, clauses: &[ClauseId], table: &TableView) -> Candidates {
        let comparisons = clauses.iter().map(|clause| &self.clauses.get(*clause).comparison);
        Candidates::of(comparisons, table)
    }

    fn insert(&mut self, hash: u64, rule: Rule) -> ConditionId {
        let id = ConditionId(narrow(self.conditions.vacant_key()));
        match &rule {
            Rule::Always => self.always = Some(id),
            Rule::AnyOf(clauses) => {
                clauses.iter().for_each(|clause| self.clauses.join(*clause, id));
            }
        }
        self.conditions.insert(ConditionEntry {
            rule,
            refs: 1,
            parts: Vec::new(),
            mark: Versions::default(),
        });
        let (hasher, conditions) = (&self.hasher, &self.conditions);
        self.condition_ids
            .insert_unique(hash, id, |id| hasher.hash_one(&conditions[id.at()].rule));
        id
    }
}

impl ConditionId {
    fn at(self) -> usize {
        self.0 as usize
    }
}

fn narrow(key: usize) -> u32 {
    u32::try_from(key).expect("memory ends before 2^32 conditions")
}

/// What is in one of two ascending lists only.
fn symmetric_difference(a: &[ClauseId], b: &[ClauseId]) -> Vec<ClauseId> {
    let mut only = Vec::new();
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x == y => {
                a.next();
                b.next();
            }
            (Some(x), Some(y)) if x < y => only.extend(a.next()),
            (Some(_), None) => only.extend(a.next()),
            (_, Some(_)) => only.extend(b.next()),
            (None, None) => return only,
        }
    }
}
