//! What a new monitor is told at once: the table's contents, or what changed since it was last here.

use super::conditions::Candidates;
use super::row_update;
use super::shape::{Outcome, Shape};
use super::spec::{PartId, SpecId};
use super::{Monitors, Version};
use crate::datum::uuid_text;
use crate::ids::TableId;
use crate::store::{History, NetChanges, Row, TableView, View};
use uuid::Uuid;

/// Appends the `<table-updates>` object that grows row by row.
pub(super) struct TableUpdates<'o> {
    out: &'o mut Vec<u8>,
    /// Length of `out` before the object.
    start: usize,
    /// The table of the last row, whose object is open.
    open: Option<TableId>,
}

impl<'o> TableUpdates<'o> {
    pub(super) fn begin(out: &'o mut Vec<u8>) -> TableUpdates<'o> {
        let start = out.len();
        out.push(b'{');
        TableUpdates {
            out,
            start,
            open: None,
        }
    }

    /// Appends the update of a row; rows of one table come one after another.
    pub(super) fn row(
        &mut self,
        monitors: &Monitors,
        shape: &Shape,
        outcome: Outcome,
        old: Option<&Row>,
        new: Option<&Row>,
    ) {
        let table = shape.table;
        let schema = monitors.schema.table(table);
        if self.open == Some(table) {
            row_update::write(self.out, b",", shape, schema, outcome, old, new);
            return;
        }
        let before = self.out.len();
        if self.open.is_some() {
            self.out.extend_from_slice(b"},");
        }
        let opening = &monitors.openings[table.at()];
        if row_update::write(self.out, opening, shape, schema, outcome, old, new) {
            self.open = Some(table);
        } else {
            self.out.truncate(before);
        }
    }

    /// Closes the object; false if it is empty.
    pub(super) fn end(self) -> bool {
        if self.open.is_some() {
            self.out.push(b'}');
        }
        self.out.push(b'}');
        debug_assert!(self.out.len() > self.start);
        self.open.is_some()
    }
}

impl Monitors {
    /// Appends the `result` of a monitor request.
    pub(super) fn write_first_reply(
        &self,
        spec: SpecId,
        version: Version,
        last_id: Option<Uuid>,
        view: &View,
        history: &History,
        out: &mut Vec<u8>,
    ) {
        if version != Version::V3 {
            self.write_contents(spec, view, out);
            return;
        }
        let missed = last_id
            .filter(|id| !id.is_nil())
            .and_then(|id| missed_since(id, view, history));
        out.extend_from_slice(match missed {
            Some(_) => b"[true,\"".as_slice(),
            None => b"[false,\"",
        });
        uuid_text::write(&view.txn_id(), out);
        out.extend_from_slice(b"\",");
        match missed {
            Some(changes) => self.write_changes(spec, &changes, out),
            None => self.write_contents(spec, view, out),
        }
        out.push(b']');
    }

    /// Appends all rows that the spec shows of the view.
    fn write_contents(&self, spec: SpecId, view: &View, out: &mut Vec<u8>) {
        let mut updates = TableUpdates::begin(out);
        for (_, part) in self.specs.parts_of(spec) {
            let shape = self.specs.shape(part.shape);
            if !shape.select.has(Outcome::Initial) {
                continue;
            }
            let table = view.table(part.table);
            let conditions = self.specs.conditions(part.table);
            let candidates = conditions.candidates(part.condition, table);
            each_row(table, candidates, &mut |row| {
                if conditions.holds(part.condition, row) {
                    updates.row(self, shape, Outcome::Initial, None, Some(row));
                }
            });
        }
        updates.end();
    }

    /// Appends what the changes mean to the spec.
    fn write_changes(&self, spec: SpecId, changes: &NetChanges, out: &mut Vec<u8>) {
        let mut updates = TableUpdates::begin(out);
        let parts: Vec<PartId> = self.specs.spec(spec).parts.to_vec();
        for part_id in parts {
            let part = self.specs.part(part_id);
            let shape = self.specs.shape(part.shape);
            for change in changes.of_table(part.table) {
                let (old, new) = (change.old.as_ref(), change.new.as_ref());
                let holds = |row: &Row| self.specs.conditions(part.table).holds(part.condition, row);
                if let Some(outcome) = Outcome::of(old.is_some_and(holds), new.is_some_and(holds)) {
                    updates.row(self, shape, outcome, old, new);
                }
            }
        }
        updates.end();
    }
}

/// Calls `each` for the candidates in order of slot.
pub(super) fn each_row(table: &TableView, candidates: Candidates, each: &mut dyn FnMut(&Row)) {
    match candidates {
        Candidates::Scan => table.iter().for_each(|(_, row)| each(row)),
        Candidates::Slots(slots) => slots.iter().filter_map(|slot| table.at(*slot)).for_each(each),
    }
}

/// The net changes from the commit with this id up to the view, if all of them are still known.
fn missed_since(id: Uuid, view: &View, history: &History) -> Option<NetChanges> {
    let seen = history.find(id)?;
    let missed = history.range(seen, view.seq())?;
    Some(NetChanges::merge(&missed))
}
