//! Which parts changed rows concern, and the text of those rows in their shapes; in steps, if there are many rows.
//!
//! Rows of which the same is true make a group. A group is matched once, by its first row, and of each of its rows every
//! text that some part shows is written once.

use super::Monitors;
use super::conditions::{Match, Signal};
use super::lists::Lists;
use super::row_update;
use super::shape::Outcome;
use super::slices::{SliceId, Slices};
use super::spec::{PartId, ShapeId};
use crate::ids::TableId;
use crate::limits::PUBLICATION_ROW_WORK;
use crate::store::NetChanges;

/// How far the rows of some changes have been matched and written.
#[derive(Debug, Default)]
pub(super) struct Matching {
    slices: Slices,
    /// Of all tables so far, in order of their first rows.
    groups: Vec<Group>,
    /// Signals of the groups of the present table, by their numbers.
    signals: Lists<Signal>,
    /// Where the groups of the present table begin.
    groups_begin: usize,
    /// The next row: its table's place among the changes, and its own there.
    next: (usize, usize),
}

/// Rows that concern the same parts alike.
#[derive(Debug)]
pub(super) struct Group {
    /// Each with the place of the text that it shows.
    pub(super) parts: Vec<(PartId, u32)>,
    pub(super) texts: Vec<Text>,
}

/// What some parts show of the rows of a group.
#[derive(Debug)]
pub(super) struct Text {
    shape: ShapeId,
    outcome: Outcome,
    pub(super) slices: Vec<SliceId>,
}

impl Matching {
    pub(super) fn into_groups(self) -> (Slices, Vec<Group>) {
        (self.slices, self.groups)
    }
}

impl Monitors {
    /// Goes on with the rows of `changes`, for `work` or a little more; true when all have been matched.
    ///
    /// What is monitored must be the same for all steps of one matching.
    pub(super) fn match_rows(
        &mut self,
        changes: &NetChanges,
        matching: &mut Matching,
        mut work: usize,
    ) -> bool {
        let mut signals: Vec<Signal> = Vec::new();
        let mut matches: Vec<Match> = Vec::new();
        while let Some(table) = changes.tables.get(matching.next.0) {
            let is_monitored = !self.specs.conditions(table.table).is_empty();
            let rows = if is_monitored {
                &table.rows[matching.next.1..]
            } else {
                &[]
            };
            let schema = self.schema.table(table.table);
            for change in rows {
                if work == 0 {
                    return false;
                }
                matching.next.1 += 1;
                let (old, new) = (change.old.as_ref(), change.new.as_ref());
                signals.clear();
                let conditions = self.specs.conditions_mut(table.table);
                conditions.signals(old, new, &mut signals);
                let number = matching.signals.number(&signals) as usize;
                let place = matching.groups_begin + number;
                if place == matching.groups.len() {
                    matches.clear();
                    conditions.matching(&signals, &mut matches);
                    let group = self.group(table.table, &matches);
                    work = work.saturating_sub(group.parts.len());
                    matching.groups.push(group);
                }
                let texts = &mut matching.groups[place].texts;
                work = work.saturating_sub(1 + texts.len() * PUBLICATION_ROW_WORK);
                for text in texts {
                    let shape = self.specs.shape(text.shape);
                    let slice = matching
                        .slices
                        .add(|out| row_update::write(out, b",", shape, schema, text.outcome, old, new));
                    text.slices.extend(slice);
                }
            }
            matching.next = (matching.next.0 + 1, 0);
            matching.signals.clear();
            matching.groups_begin = matching.groups.len();
        }
        true
    }

    /// What the conditions that match the rows of a group show of them.
    fn group(&self, table: TableId, matches: &[Match]) -> Group {
        let mut group = Group {
            parts: Vec::with_capacity(matches.len()),
            texts: Vec::new(),
        };
        let conditions = self.specs.conditions(table);
        for found in matches {
            for part in conditions.parts(found.condition) {
                let (shape, outcome) = (self.specs.part(*part).shape, found.outcome);
                let is_known = |text: &Text| text.shape == shape && text.outcome == outcome;
                let place = group.texts.iter().position(is_known).unwrap_or_else(|| {
                    group.texts.push(Text {
                        shape,
                        outcome,
                        slices: Vec::new(),
                    });
                    group.texts.len() - 1
                });
                group.parts.push((*part, place as u32));
            }
        }
        group
    }
}
