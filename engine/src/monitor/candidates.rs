//! Rows that conditions may concern, found by the table's indexes rather than by reading it.

use super::clause::{Comparison, Probe};
use crate::datum::Atom;
use crate::ids::{ColumnIdx, RowSlot};
use crate::limits::{HOT_INDEX_ROWS_PER_SCAN, SCAN_SHARE};
use crate::store::{Over, Places, RowBlock, TableView};

/// Rows that may be affected by some clauses.
#[derive(Debug)]
pub(super) enum Candidates {
    /// Found by index, ascending and distinct.
    Slots(Vec<RowSlot>),
    /// Any row of the table.
    Scan,
}

impl Candidates {
    /// Looks every clause up in the table's indexes, unless one of them has none or a scan is cheaper.
    pub(super) fn of<'c>(
        comparisons: impl ExactSizeIterator<Item = &'c Comparison>,
        table: &TableView,
    ) -> Candidates {
        if comparisons.len() > table.len() {
            return Candidates::Scan;
        }
        let mut lookups = Vec::with_capacity(comparisons.len());
        for comparison in comparisons {
            let (over, atom) = match comparison.probing().probe {
                // Half of all rows have it.
                Probe::Only(Atom::Boolean(_)) | Probe::Has(Atom::Boolean(_)) => return Candidates::Scan,
                Probe::Only(atom) | Probe::Has(atom) | Probe::Maps(atom, _) => (Over::Keys, atom),
                Probe::Present => (Over::Presence, &Over::PRESENT),
                Probe::Absent | Probe::Anything => return Candidates::Scan,
            };
            lookups.push((comparison.column, over, atom));
        }
        let mut missing: Vec<(ColumnIdx, Over)> = Vec::new();
        let mut count = 0;
        for (column, over, atom) in &lookups {
            match table.candidates_count(*column, *over, atom) {
                Some(found) => count += found,
                // Clauses on one column stand mostly side by side.
                None if missing.last() == Some(&(*column, *over)) => {}
                None => missing.push((*column, *over)),
            }
        }
        if !missing.is_empty() {
            missing.sort_unstable();
            missing.dedup();
            let repeated = u32::try_from(table.len() / HOT_INDEX_ROWS_PER_SCAN).unwrap_or(u32::MAX);
            for (column, over) in missing {
                table.note_scan(column, over, repeated.saturating_add(1));
            }
            return Candidates::Scan;
        }
        if count > table.len() / SCAN_SHARE {
            return Candidates::Scan;
        }
        let mut slots = Vec::with_capacity(count);
        for (column, over, atom) in lookups {
            let is_indexed = table.lookup_over(column, over, atom, &mut |slot, _| slots.push(slot));
            assert!(is_indexed, "an index stays as long as the view");
        }
        slots.sort_unstable();
        slots.dedup();
        Candidates::Slots(slots)
    }

    /// Calls `each` for the blocks that hold candidates, with their places, where there may be no row, in order of slot.
    pub(super) fn each_block<'v>(self, table: &'v TableView, each: &mut dyn FnMut(RowBlock<'v>, Places)) {
        let mut blocks = self.blocks();
        while let Some((block, places)) = blocks.next(table) {
            each(block, places);
        }
    }

    /// The same one by one.
    pub(super) fn blocks(self) -> CandidateBlocks {
        CandidateBlocks {
            candidates: self,
            next: 0,
        }
    }
}

/// The blocks that hold candidates, as far as they have not been looked at.
#[derive(Debug)]
pub(super) struct CandidateBlocks {
    candidates: Candidates,
    /// The next slot of the table, or the next of the candidates.
    next: u64,
}

impl CandidateBlocks {
    /// The next block, of the same `table` at each call, and the places of candidates, where there may be no row.
    pub(super) fn next<'v>(&mut self, table: &'v TableView) -> Option<(RowBlock<'v>, Places)> {
        let slots = match &self.candidates {
            Candidates::Scan => return Some((table.next_block(&mut self.next)?, Places::ALL)),
            Candidates::Slots(slots) => slots,
        };
        loop {
            let rest = &slots[self.next as usize..];
            let first = rest.first()?;
            let mut places = Places::default();
            for slot in rest
                .iter()
                .take_while(|slot| slot.block_number() == first.block_number())
            {
                places.insert(slot.place());
                self.next += 1;
            }
            if let Some(block) = table.block_at(*first) {
                return Some((block, places));
            }
        }
    }
}
