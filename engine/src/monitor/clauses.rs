//! The clauses of all conditions on one table, each once, and how those are found that a row satisfies.

use super::clause::{Comparison, Probe, Probing};
use super::conditions::ConditionId;
use crate::datum::{Datum, Pair};
use crate::hash::Keyed;
use crate::ids::ColumnIdx;
use crate::store::Row;
use hashbrown::HashTable;
use slab::Slab;
use std::hash::{BuildHasher, Hasher};

/// A clause of some condition on the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClauseId(u32);

/// Clauses of one table.
#[derive(Debug, Default)]
pub(super) struct Clauses {
    hasher: Keyed,
    entries: Slab<ClauseEntry>,
    ids: HashTable<ClauseId>,
    /// Clauses by what a row must have to satisfy them, where that is an atom or a pair.
    probes: HashTable<ClauseId>,
    /// Columns that some clause is about, ascending.
    columns: Vec<ProbedColumn>,
}

#[derive(Debug)]
pub(super) struct ClauseEntry {
    pub(super) comparison: Comparison,
    /// Conditions that contain the clause, ascending.
    pub(super) conditions: Vec<ConditionId>,
}

/// What the clauses on one column are looked up by.
#[derive(Debug)]
pub(super) struct ProbedColumn {
    pub(super) column: ColumnIdx,
    only: u32,
    has: u32,
    maps: u32,
    present: Option<ClauseId>,
    absent: Option<ClauseId>,
    anything: Vec<ClauseId>,
}

impl Clauses {
    /// The clause, new if there is no equal one. It stays while a condition contains it.
    pub(super) fn intern(&mut self, comparison: &Comparison) -> ClauseId {
        let hash = self.hasher.hash_one(comparison);
        let known = self
            .ids
            .find(hash, |id| self.entries[id.at()].comparison == *comparison);
        if let Some(id) = known {
            return *id;
        }
        let id = {
            let key = self.entries.insert(ClauseEntry {
                comparison: comparison.clone(),
                conditions: Vec::new(),
            });
            ClauseId(u32::try_from(key).expect("memory ends before 2^32 clauses"))
        };
        let (hasher, entries) = (&self.hasher, &self.entries);
        self.ids
            .insert_unique(hash, id, |id| hasher.hash_one(&entries[id.at()].comparison));
        let probe_hash = hash_probe(hasher, comparison);
        let probe = comparison.probing().probe;
        if is_hashed(probe) {
            self.probes.insert_unique(probe_hash, id, |id| {
                hash_probe(hasher, &entries[id.at()].comparison)
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

    /// Makes a condition one of those that contain the clause.
    pub(super) fn join(&mut self, clause: ClauseId, condition: ConditionId) {
        let conditions = &mut self.entries[clause.at()].conditions;
        let place = conditions.binary_search(&condition).expect_err("it joins once");
        conditions.insert(place, condition);
    }

    /// Takes a condition from a clause, which goes with the last of them.
    pub(super) fn leave(&mut self, clause: ClauseId, condition: ConditionId) {
        let conditions = &mut self.entries[clause.at()].conditions;
        let place = conditions
            .binary_search(&condition)
            .expect("a clause knows its conditions");
        conditions.remove(place);
        if !conditions.is_empty() {
            return;
        }
        let comparison = self.entries.remove(clause.at()).comparison;
        let hash = self.hasher.hash_one(&comparison);
        if let Ok(found) = self.ids.find_entry(hash, |id| *id == clause) {
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

    pub(super) fn get(&self, id: ClauseId) -> &ClauseEntry {
        &self.entries[id.at()]
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Clauses that are evaluated for every row.
    pub(super) fn unindexed_count(&self) -> usize {
        self.columns.iter().map(|column| column.anything.len()).sum()
    }

    /// The columns whose values decide which clauses a row satisfies.
    pub(super) fn columns(&self) -> &[ProbedColumn] {
        &self.columns
    }

    /// True if the row satisfies a clause of the condition.
    pub(super) fn any_of(&self, condition: ConditionId, row: &Row) -> bool {
        self.columns.iter().any(|column| {
            let mut is_found = false;
            self.satisfied(column, row.get(column.column), &mut 0, &mut |_, clause| {
                is_found = clause.conditions.binary_search(&condition).is_ok();
                !is_found
            });
            is_found
        })
    }

    /// Calls `found` for the clauses on `column` that `value` satisfies until it returns false.
    pub(super) fn satisfied(
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
            && !found(clause, &self.entries[clause.at()])
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
            for (key, mapped) in value.pairs().iter().map(Pair::split) {
                if !self.probe(column.column, Probe::Maps(key, mapped), value, found) {
                    return;
                }
            }
        }
        for clause in &column.anything {
            let entry = &self.entries[clause.at()];
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
            let entry = &self.entries[id.at()];
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

/// True if clauses with the probe are found by its hash.
fn is_hashed(probe: Probe<'_>) -> bool {
    matches!(probe, Probe::Only(_) | Probe::Has(_) | Probe::Maps(..))
}

fn hash_probe(hasher: &Keyed, comparison: &Comparison) -> u64 {
    let mut state = hasher.build_hasher();
    comparison
        .probing()
        .probe
        .hash_into(comparison.column, &mut state);
    state.finish()
}
