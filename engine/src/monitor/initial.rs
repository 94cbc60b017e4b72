//! What a new monitor is told at once: what its tables contain, or what changed since it was last here.
//!
//! Contents may be large, so they are written in steps, as of one version of the database.

use super::candidates::CandidateBlocks;
use super::fragments::{ShapeNumber, Wanted};
use super::gather::Gather;
use super::row_update;
use super::shape::{Outcome, Shape};
use super::spec::{Part, SpecId};
use super::{Monitors, Version};
use crate::datum::uuid_text;
use crate::ids::TableId;
use crate::limits::{
    CONTENTS_BLOCKS_PER_ROW, CONTENTS_ROWS_TRIED_PER_ROW, CONTENTS_STEP_ROWS, FRAGMENT_ROWS_MIN, TREE_FANOUT,
};
use crate::store::{History, Places, Row, RowBlock, View};
use bytes::Bytes;
use uuid::Uuid;

/// What a new monitor is told first, while it is being written: contents of one version, however long that takes.
///
/// The monitor must hear of nothing else meanwhile.
#[derive(Debug)]
pub struct FirstReply {
    out: Gather,
    /// `None` once all is written.
    rest: Option<Rest>,
}

/// Contents that are to be written.
#[derive(Debug)]
struct Rest {
    spec: SpecId,
    view: View,
    /// What follows them.
    tail: &'static [u8],
    /// The table whose object is open.
    open: Option<TableId>,
    /// Which of the spec's parts is next, or under way.
    part: usize,
    /// What is left of it.
    blocks: Option<CandidateBlocks>,
}

impl FirstReply {
    /// True if nothing is left to write.
    pub fn is_written(&self) -> bool {
        self.rest.is_none()
    }

    /// The `result` of the request, once it is written.
    pub fn into_segments(self) -> Vec<Bytes> {
        assert!(self.is_written(), "a part of the contents is not a reply");
        self.out.finish()
    }
}

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
        TableUpdates::resume(monitors, gather, None)
    }

    /// Goes on with an object that was left while the object of this table was open.
    fn resume(monitors: &'m Monitors, gather: &'m mut Gather, open: Option<TableId>) -> TableUpdates<'m> {
        TableUpdates {
            monitors,
            gather,
            open,
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
            return rows.for_each(|row| {
                showing.rows_written += 1;
                self.row(shape, outcome, None, Some(row));
            });
        };
        let monitors = self.monitors;
        let schema = monitors.schema.table(shape.table);
        let wanted = Wanted {
            block,
            places,
            shape: number,
            is_insert: outcome == Outcome::Insert,
        };
        let rows_written = &mut showing.rows_written;
        monitors.fragments.each_piece(
            &wanted,
            showing.rows_count,
            &mut showing.scratch,
            &mut |place, out| {
                if let Some(row) = block.row(place) {
                    *rows_written += 1;
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
    /// Begins with the `result` of a monitor request.
    pub(super) fn first_reply(
        &mut self,
        spec: SpecId,
        version: Version,
        last_id: Option<Uuid>,
        view: &View,
        history: &History,
    ) -> FirstReply {
        let mut out = Gather::default();
        let mut tail: &'static [u8] = b"";
        if version == Version::V3 {
            tail = b"]";
            let missed = last_id.and_then(|id| self.missed_updates(spec, id, view, history));
            out.copy(match missed {
                Some(_) => b"[true,\"".as_slice(),
                None => b"[false,\"",
            });
            uuid_text::write(&view.txn_id(), out.copied());
            out.copy(b"\",");
            if let Some(segments) = missed {
                segments.into_iter().for_each(|segment| out.share(segment));
                out.copy(tail);
                return FirstReply { out, rest: None };
            }
        }
        out.copy(b"{");
        let rest = Some(Rest {
            spec,
            view: view.clone(),
            tail,
            open: None,
            part: 0,
            blocks: None,
        });
        FirstReply { out, rest }
    }

    /// Goes on with a first reply for some 200 µs.
    pub fn write_some(&self, reply: &mut FirstReply) {
        let FirstReply { out, rest } = reply;
        let Some(contents) = rest else { return };
        let mut updates = TableUpdates::resume(self, out, contents.open);
        let mut cost = 0;
        let parts = &self.specs.spec(contents.spec).parts;
        while let Some(part) = parts.get(contents.part) {
            let part = self.specs.part(*part);
            let shape = self.specs.shape(part.shape);
            if shape.select.has(Outcome::Initial) {
                let blocks = contents.blocks.take();
                contents.blocks = self.write_blocks(part, blocks, &contents.view, &mut updates, &mut cost);
                if contents.blocks.is_some() {
                    contents.open = updates.open;
                    return;
                }
            }
            contents.part += 1;
        }
        updates.end();
        out.copy(contents.tail);
        *rest = None;
    }

    /// The `result` of a first reply, with whatever is left of it written in one go.
    pub fn write_all(&self, mut reply: FirstReply) -> Vec<Bytes> {
        while !reply.is_written() {
            self.write_some(&mut reply);
        }
        reply.into_segments()
    }

    /// Appends rows that the part shows of the view until the step is over, and gives what is left. `cost` is that of the step
    /// so far, in rows written.
    fn write_blocks(
        &self,
        part: &Part,
        blocks: Option<CandidateBlocks>,
        view: &View,
        updates: &mut TableUpdates<'_>,
        cost: &mut usize,
    ) -> Option<CandidateBlocks> {
        let table = view.table(part.table);
        let conditions = self.specs.conditions(part.table);
        let mut blocks = blocks.unwrap_or_else(|| conditions.candidates(part.condition, table).blocks());
        let mut showing = self.showing(self.specs.shape(part.shape), view);
        let is_always = conditions.is_always(part.condition);
        let holds = |row| conditions.holds(part.condition, row);
        let (mut blocks_seen, before) = (0, *cost);
        while *cost < CONTENTS_STEP_ROWS {
            let (block, candidates) = blocks.next(table)?;
            let places = if is_always {
                candidates
            } else {
                candidates.filtered(|place| block.row(place).is_some_and(holds))
            };
            if !places.is_empty() {
                updates.appearing(&mut showing, Outcome::Initial, block, places);
            }
            blocks_seen += 1;
            let rows_tried = if is_always { 0 } else { blocks_seen * TREE_FANOUT };
            *cost = before
                + showing.rows_written
                + rows_tried / CONTENTS_ROWS_TRIED_PER_ROW
                + blocks_seen / CONTENTS_BLOCKS_PER_ROW;
        }
        Some(blocks)
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
            rows_written: 0,
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
    /// Rows that were not at hand.
    rows_written: usize,
}
