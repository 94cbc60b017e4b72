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

use super::clause::{Comparison, Filter, Probe, Probing};
use super::shape::Outcome;
use super::spec::PartId;
use crate::datum::Datum;
use crate::ids::{ColumnIdx, RowSlot};
use crate::limits::CONDITION_CLAUSES_EVALUATED_MAX;
use crate::store::{Over, Row, TableView};
use hashbrown::HashTable;
use slab::Slab;
use std::hash::{BuildHasher, Hash, Hasher};

/// A clause of some condition on the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClauseId(u32);

/// A condition on the table, in canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ConditionId(u32);

/// Conditions of one table.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    hasher: foldhash::fast::RandomState,
    clauses: Slab<ClauseEntry>,
    clause_ids: HashTable<ClauseId>,
    /// Clauses by what a row must have to satisfy them.
    probes: HashTable<ClauseId>,
    /// Columns that some clause is about, ascending.
    columns: Vec<ProbedColumn>,
    conditions: Slab<ConditionEntry>,
    condition_ids: HashTable<ConditionId>,
    always: Option<ConditionId>,
    /// Conditions marked by the rows that are being matched.
    marked: Vec<ConditionId>,
    evaluations: u64,
}

#[derive(Debug)]
struct ClauseEntry {
    comparison: Comparison,
    /// Conditions that contain the clause, ascending.
    conditions: Vec<ConditionId>,
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

/// What the clauses on one column are looked up by.
#[derive(Debug)]
struct ProbedColumn {
    column: ColumnIdx,
    only: u32,
    has: u32,
    maps: u32,
    present: Option<ClauseId>,
    absent: Option<ClauseId>,
    anything: Vec<ClauseId>,
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

/// Rows that may be affected by some clauses.
pub(super) enum Candidates {
    /// Found by index, ascending and distinct.
    Slots(Vec<RowSlot>),
    /// Any row of the table.
    Scan,
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
                    .map(|comparison| self.clause(comparison))
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
            Rule::AnyOf(clauses) => clauses.iter().for_each(|clause| self.leave(*clause, id)),
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
        let lookup = Lookup {
            hasher: &self.hasher,
            probes: &self.probes,
            clauses: &self.clauses,
        };
        for column in &self.columns {
            let mut visit = |value: &Datum, versions: Versions| {
                lookup.satisfied(column, value, &mut self.evaluations, &mut |clause, _| {
                    signals.push(Signal::Satisfies(clause, versions));
                    true
                });
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
            for id in &self.clauses[clause.at()].conditions {
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
            .map(|clause| self.clauses[clause.at()].comparison.column)
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
                let comparison = &self.clauses[clause.at()].comparison;
                comparison.holds_for(row.get(comparison.column))
            });
        }
        let lookup = Lookup {
            hasher: &self.hasher,
            probes: &self.probes,
            clauses: &self.clauses,
        };
        self.columns.iter().any(|column| {
            let mut is_found = false;
            lookup.satisfied(column, row.get(column.column), &mut 0, &mut |_, clause| {
                is_found = clause.conditions.binary_search(&id).is_ok();
                !is_found
            });
            is_found
        })
    }

    /// Rows of `table` that may satisfy the condition.
    pub(super) fn candidates(&self, id: ConditionId, table: &TableView) -> Candidates {
        match &self.conditions[id.at()].rule {
            Rule::Always => Candidates::Scan,
            Rule::AnyOf(clauses) => self.candidates_of(clauses, table),
        }
    }

    /// Rows of `table` that may satisfy one of the two conditions and not the other.
    pub(super) fn candidates_between(&self, a: ConditionId, b: ConditionId, table: &TableView) -> Candidates {
        match (&self.conditions[a.at()].rule, &self.conditions[b.at()].rule) {
            (Rule::AnyOf(a), Rule::AnyOf(b)) => self.candidates_of(&symmetric_difference(a, b), table),
            _ => Candidates::Scan,
        }
    }

    pub(super) fn usage(&self) -> ConditionsUsage {
        ConditionsUsage {
            conditions: self.conditions.len(),
            clauses: self.clauses.len(),
            clauses_unindexed: self.columns.iter().map(|column| column.anything.len()).sum(),
            evaluations: self.evaluations,
        }
    }

    /// Looks every clause up in the table's indexes, unless one of them has none or a scan is cheaper.
    fn candidates_of(&self, clauses: &[ClauseId], table: &TableView) -> Candidates {
        if clauses.len() > table.len() {
            return Candidates::Scan;
        }
        let mut lookups = Vec::with_capacity(clauses.len());
        for clause in clauses {
            let comparison = &self.clauses[clause.at()].comparison;
            let (over, atom) = match comparison.probing().probe {
                Probe::Only(atom) | Probe::Has(atom) | Probe::Maps(atom, _) => (Over::Keys, atom),
                Probe::Present => (Over::Presence, &Over::PRESENT),
                Probe::Absent | Probe::Anything => return Candidates::Scan,
            };
            lookups.push((comparison.column, over, atom));
        }
        let mut missing: Vec<(ColumnIdx, Over)> = Vec::new();
        for (column, over, _) in &lookups {
            // Clauses on one column stand mostly side by side.
            if missing.last() != Some(&(*column, *over)) && !table.has_index_over(*column, *over) {
                missing.push((*column, *over));
            }
        }
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            for (column, over) in missing {
                table.note_scan_over(column, over);
            }
            return Candidates::Scan;
        }
        let mut slots = Vec::new();
        for (column, over, atom) in lookups {
            let is_indexed = table.lookup_over(column, over, atom, &mut |slot, _| slots.push(slot));
            assert!(is_indexed, "an index stays as long as the view");
        }
        slots.sort_unstable();
        slots.dedup();
        Candidates::Slots(slots)
    }

    fn insert(&mut self, hash: u64, rule: Rule) -> ConditionId {
        let id = ConditionId(narrow(self.conditions.vacant_key()));
        match &rule {
            Rule::Always => self.always = Some(id),
            Rule::AnyOf(clauses) => {
                for clause in clauses {
                    let conditions = &mut self.clauses[clause.at()].conditions;
                    let place = conditions.binary_search(&id).expect_err("the condition is new");
                    conditions.insert(place, id);
                }
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

    /// The clause, made known to the index if it is new.
    fn clause(&mut self, comparison: &Comparison) -> ClauseId {
        let hash = self.hasher.hash_one(comparison);
        let known = self
            .clause_ids
            .find(hash, |id| self.clauses[id.at()].comparison == *comparison);
        if let Some(id) = known {
            return *id;
        }
        let id = ClauseId(narrow(self.clauses.insert(ClauseEntry {
            comparison: comparison.clone(),
            conditions: Vec::new(),
        })));
        let (hasher, clauses) = (&self.hasher, &self.clauses);
        self.clause_ids
            .insert_unique(hash, id, |id| hasher.hash_one(&clauses[id.at()].comparison));
        let probe_hash = hash_probe(hasher, comparison);
        let probe = comparison.probing().probe;
        if is_hashed(probe) {
            self.probes.insert_unique(probe_hash, id, |id| {
                hash_probe(hasher, &clauses[id.at()].comparison)
            });
        }
        let column = comparison.column;
        let place = match self.columns.binary_search_by_key(&column, |known| known.column) {
            Ok(place) => place,
            Err(place) => {
                self.columns.insert(place, ProbedColumn::new(column));
                place
            }
        };
        self.columns[place].add(probe, id);
        id
    }

    /// Takes a condition from a clause, and the clause from the index if that was the last.
    fn leave(&mut self, clause: ClauseId, condition: ConditionId) {
        let conditions = &mut self.clauses[clause.at()].conditions;
        let place = conditions
            .binary_search(&condition)
            .expect("a clause knows its conditions");
        conditions.remove(place);
        if !conditions.is_empty() {
            return;
        }
        let comparison = self.clauses.remove(clause.at()).comparison;
        let hash = self.hasher.hash_one(&comparison);
        if let Ok(found) = self.clause_ids.find_entry(hash, |id| *id == clause) {
            found.remove();
        }
        let probe = comparison.probing().probe;
        let hash = hash_probe(&self.hasher, &comparison);
        if is_hashed(probe)
            && let Ok(found) = self.probes.find_entry(hash, |id| *id == clause)
        {
            found.remove();
        }
        let place = self
            .columns
            .binary_search_by_key(&comparison.column, |known| known.column)
            .expect("a clause's column is probed");
        if self.columns[place].remove(probe, clause) {
            self.columns.remove(place);
        }
    }
}

/// The parts of [`Conditions`] that finding clauses reads.
struct Lookup<'c> {
    hasher: &'c foldhash::fast::RandomState,
    probes: &'c HashTable<ClauseId>,
    clauses: &'c Slab<ClauseEntry>,
}

impl Lookup<'_> {
    /// Calls `found` for the clauses on `column` that `value` satisfies until it returns false.
    fn satisfied(
        &self,
        column: &ProbedColumn,
        value: &Datum,
        evaluations: &mut u64,
        found: &mut dyn FnMut(ClauseId, &ClauseEntry) -> bool,
    ) {
        let presence = if value.is_empty() {
            column.absent
        } else {
            column.present
        };
        if let Some(clause) = presence
            && !found(clause, &self.clauses[clause.at()])
        {
            return;
        }
        if column.only > 0
            && let Datum::One(atom) = value
            && !self.probe(column.column, Probe::Only(atom), value, found)
        {
            return;
        }
        if column.has > 0 {
            for atom in value.atoms() {
                if !self.probe(column.column, Probe::Has(atom), value, found) {
                    return;
                }
            }
        }
        if column.maps > 0 {
            for (key, mapped) in value.pairs() {
                if !self.probe(column.column, Probe::Maps(key, mapped), value, found) {
                    return;
                }
            }
        }
        for clause in &column.anything {
            let entry = &self.clauses[clause.at()];
            *evaluations += 1;
            if entry.comparison.holds_for(value) && !found(*clause, entry) {
                return;
            }
        }
    }

    /// Calls `found` for the clauses with this probe that `value` satisfies; false if it returned false.
    fn probe(
        &self,
        column: ColumnIdx,
        probe: Probe<'_>,
        value: &Datum,
        found: &mut dyn FnMut(ClauseId, &ClauseEntry) -> bool,
    ) -> bool {
        let mut state = self.hasher.build_hasher();
        probe.hash_into(column, &mut state);
        self.probes.iter_hash(state.finish()).all(|id| {
            let entry = &self.clauses[id.at()];
            let Probing {
                probe: known,
                is_exact,
            } = entry.comparison.probing();
            let is_satisfied = entry.comparison.column == column
                && known == probe
                && (is_exact || entry.comparison.holds_for(value));
            !is_satisfied || found(*id, entry)
        })
    }
}

impl ProbedColumn {
    fn new(column: ColumnIdx) -> ProbedColumn {
        ProbedColumn {
            column,
            only: 0,
            has: 0,
            maps: 0,
            present: None,
            absent: None,
            anything: Vec::new(),
        }
    }

    fn add(&mut self, probe: Probe<'_>, clause: ClauseId) {
        match probe {
            Probe::Only(_) => self.only += 1,
            Probe::Has(_) => self.has += 1,
            Probe::Maps(..) => self.maps += 1,
            Probe::Present => self.present = Some(clause),
            Probe::Absent => self.absent = Some(clause),
            Probe::Anything => self.anything.push(clause),
        }
    }

    /// True if no clause is left.
    fn remove(&mut self, probe: Probe<'_>, clause: ClauseId) -> bool {
        match probe {
            Probe::Only(_) => self.only -= 1,
            Probe::Has(_) => self.has -= 1,
            Probe::Maps(..) => self.maps -= 1,
            Probe::Present => self.present = None,
            Probe::Absent => self.absent = None,
            Probe::Anything => self.anything.retain(|other| *other != clause),
        }
        self.only == 0
            && self.has == 0
            && self.maps == 0
            && self.present.is_none()
            && self.absent.is_none()
            && self.anything.is_empty()
    }
}

impl ClauseId {
    fn at(self) -> usize {
        self.0 as usize
    }
}

impl ConditionId {
    fn at(self) -> usize {
        self.0 as usize
    }
}

fn narrow(key: usize) -> u32 {
    u32::try_from(key).expect("memory ends before 2^32 clauses or conditions")
}

fn is_hashed(probe: Probe<'_>) -> bool {
    matches!(probe, Probe::Only(_) | Probe::Has(_) | Probe::Maps(..))
}

fn hash_probe(hasher: &foldhash::fast::RandomState, comparison: &Comparison) -> u64 {
    let mut state = hasher.build_hasher();
    comparison
        .probing()
        .probe
        .hash_into(comparison.column, &mut state);
    state.finish()
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
