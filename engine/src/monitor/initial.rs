//! What a new monitor is told at once: what its tables contain, or what changed since it was last here.

use super::fragments::{ShapeNumber, Wanted};
use super::gather::Gather;
use super::row_update;
use super::shape::{Outcome, Shape};
use super::spec::SpecId;
use super::{Monitors, Version};
use crate::datum::uuid_text;
use crate::ids::TableId;
use crate::limits::FRAGMENT_ROWS_MIN;
use crate::store::{History, Places, Row, RowBlock, View};
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

    /// Appends rows of a table that others share; their text begins with a comma.
    fn shared(&mut self, table: TableId, text: Bytes) {
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

    /// Appends rows that appear to the client, as `outcome` says, from fragments if the table is not a small one.
    pub(super) fn appearing(
        &mut self,
        showing: &mut Showing<'_>,
        outcome: Outcome,
        block: RowBlock<'_>,
        places: Places,
    ) {
        let shape = showing.shape;
        let Some(number) = showing.number else {
            let rows = places.iter().filter_map(|place| block.row(place));
            return rows.for_each(|row| self.row(shape, outcome, None, Some(row)));
        };
        let monitors = self.monitors;
        let schema = monitors.schema.table(shape.table);
        let wanted = Wanted {
            block,
            places,
            shape: number,
            is_insert: outcome == Outcome::Insert,
        };
        monitors.fragments.each_piece(
            &wanted,
            showing.rows_count,
            &mut showing.scratch,
            &mut |place, out| {
                if let Some(row) = block.row(place) {
                    row_update::write(out, b",", shape, schema, outcome, None, Some(row));
                }
            },
            &mut |text| self.shared(shape.table, text),
        );
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
            let mut showing = self.showing(shape, view);
            let is_always = conditions.is_always(part.condition);
            let candidates = conditions.candidates(part.condition, table);
            let holds = |row| conditions.holds(part.condition, row);
            candidates.each_block(table, &mut |block, candidates| {
                let places = if is_always {
                    candidates
                } else {
                    candidates.filtered(|place| block.row(place).is_some_and(holds))
                };
                if !places.is_empty() {
                    updates.appearing(&mut showing, Outcome::Initial, block, places);
                }
            });
        }
        updates.end();
    }

    /// How the shape's rows of the view are to be written.
    pub(super) fn showing<'s>(&self, shape: &'s Shape, view: &View) -> Showing<'s> {
        let is_small = view.table(shape.table).len() < FRAGMENT_ROWS_MIN;
        Showing {
            shape,
            number: if is_small {
                None
            } else {
                self.fragments.shape_number(shape)
            },
            rows_count: view.rows_count(),
            scratch: Vec::new(),
        }
    }
}

/// What rows of one table are written as.
pub(super) struct Showing<'s> {
    shape: &'s Shape,
    /// `None` where fragments are not worth it, or too many shapes have some.
    number: Option<ShapeNumber>,
    /// Of the database.
    rows_count: usize,
    scratch: Vec<u8>,
}
