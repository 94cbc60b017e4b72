//! What a new monitor is told at once: what its tables contain, or what changed since it was last here.

use super::gather::Gather;
use super::row_update;
use super::shape::{Outcome, Shape};
use super::spec::SpecId;
use super::{Monitors, Version};
use crate::datum::uuid_text;
use crate::ids::TableId;
use crate::limits::FRAGMENT_ROWS_MIN;
use crate::store::{History, Row, TableView, View};
use bytes::Bytes;
use uuid::Uuid;

/// The `<table-updates>` object of one monitor, gathered row by row.
pub(super) struct TableUpdates<'m> {
    monitors: &'m Monitors,
    gather: &'m mut Gather,
    /// The table of the last row, whose object is open.
    open: Option<TableId>,
}

impl<'m> TableUpdates<'m> {
    pub(super) fn begin(monitors: &'m Monitors, gather: &'m mut Gather) -> TableUpdates<'m> {
        gather.copy(b"{");
        TableUpdates {
            monitors,
            gather,
            open: None,
        }
    }

    /// Appends the update of a row; rows of one table come one after another.
    pub(super) fn row(&mut self, shape: &Shape, outcome: Outcome, old: Option<&Row>, new: Option<&Row>) {
        let schema = self.monitors.schema.table(shape.table);
        let out = self.gather.copied();
        let before = out.len();
        let mut lead: &[u8] = b",";
        if self.open != Some(shape.table) {
            if self.open.is_some() {
                out.extend_from_slice(b"},");
            }
            lead = &self.monitors.openings[shape.table.at()];
        }
        if row_update::write(out, lead, shape, schema, outcome, old, new) {
            self.open = Some(shape.table);
        } else {
            out.truncate(before);
        }
        self.gather.settle();
    }

    /// Appends rows of a table that others share; their text, if any, begins with a comma.
    fn rows(&mut self, table: TableId, text: Bytes) {
        if text.is_empty() {
            return;
        }
        if self.open == Some(table) {
            self.gather.share(text);
            return;
        }
        if self.open.is_some() {
            self.gather.copy(b"},");
        }
        self.gather.copy(&self.monitors.openings[table.at()]);
        self.gather.share(text.slice(1..));
        self.open = Some(table);
    }

    /// Closes the object; false if it is empty.
    pub(super) fn end(self) -> bool {
        self.gather.copy(if self.open.is_some() { b"}}" } else { b"}" });
        self.open.is_some()
    }
}

impl Monitors {
    /// Appends the `result` of a monitor request.
    pub(super) fn write_first_reply(
        &mut self,
        spec: SpecId,
        version: Version,
        last_id: Option<Uuid>,
        view: &View,
        history: &History,
        out: &mut Gather,
    ) {
        if version != Version::V3 {
            self.write_contents(spec, view, out);
            return;
        }
        let missed = last_id.and_then(|id| self.missed_updates(spec, id, view, history));
        out.copy(match missed {
            Some(_) => b"[true,\"".as_slice(),
            None => b"[false,\"",
        });
        uuid_text::write(&view.txn_id(), out.copied());
        out.copy(b"\",");
        match missed {
            Some(segments) => segments.into_iter().for_each(|segment| out.share(segment)),
            None => self.write_contents(spec, view, out),
        }
        out.copy(b"]");
    }

    /// Appends all rows that the spec shows of the view.
    fn write_contents(&self, spec: SpecId, view: &View, out: &mut Gather) {
        let mut updates = TableUpdates::begin(self, out);
        for (_, part) in self.specs.parts_of(spec) {
            let shape = self.specs.shape(part.shape);
            if !shape.select.has(Outcome::Initial) {
                continue;
            }
            let table = view.table(part.table);
            let conditions = self.specs.conditions(part.table);
            if conditions.is_always(part.condition) && table.len() >= FRAGMENT_ROWS_MIN {
                self.write_table(shape, table, view.rows_count(), &mut updates);
                continue;
            }
            let candidates = conditions.candidates(part.condition, table);
            candidates.each_row(table, &mut |row| {
                if conditions.holds(part.condition, row) {
                    updates.row(shape, Outcome::Initial, None, Some(row));
                }
            });
        }
        updates.end();
    }

    /// Appends all rows of a table from fragments.
    fn write_table(
        &self,
        shape: &Shape,
        table: &TableView,
        rows_count: usize,
        updates: &mut TableUpdates<'_>,
    ) {
        let schema = self.schema.table(shape.table);
        let number = self.fragments.shape_number(shape);
        let mut scratch = Vec::new();
        for block in table.blocks() {
            let write = |out: &mut Vec<u8>| {
                for row in block.rows() {
                    row_update::write(out, b",", shape, schema, Outcome::Initial, None, Some(row));
                }
            };
            let text = match number {
                Some(number) => self
                    .fragments
                    .of_block(block, number, rows_count, &mut scratch, write),
                None => {
                    let mut text = Vec::new();
                    write(&mut text);
                    text.into()
                }
            };
            updates.rows(shape.table, text);
        }
    }
}
