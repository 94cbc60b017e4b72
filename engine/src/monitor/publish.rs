//! Notifies monitors of changes that were published.
//!
//! ```text
//!   changed rows ─match─► slices ─► runs ─► table bodies ─► spec bodies ─head, tail─► messages
//!                           │        └────────────┴─────────────┴── one per distinct list of pieces
//!                           └── one per row, shape and outcome
//! ```
//!
//! Rows are matched through the condition index, those that satisfy the same clauses together, so that the
//! cost is that of the conditions that match ([`Monitors::publish`]); when few sessions catch up, matching
//! goes condition by condition instead, so that the others cost nothing ([`Monitors::catch_up`]).
//!
//! What a large commit has changed is matched and written in steps ([`Publication`]), and told at once.

use super::bodies::{Bodies, BodyId};
use super::gather::Gather;
use super::heads::{HeadId, TAIL};
use super::matching::Matching;
use super::row_update;
use super::runs::{RunId, Runs};
use super::shape::Outcome;
use super::slices::{SliceId, Slices};
use super::spec::{PartId, ShapeId, SpecId};
use super::{MonitorId, Monitors, Sink};
use crate::hash::HashMap;
use crate::ids::{SessionId, TableId};
use crate::limits::{
    CATCH_UP_BY_ROW_SHARE, PENDING_KEPT_MAX, PUBLICATION_RESTARTS_MAX, PUBLICATION_STEP_WORK,
};
use crate::store::{NetChanges, Row, TableChanges};
use bytes::Bytes;
use uuid::Uuid;

/// One table's part of a body.
pub(super) type TableBodyId = BodyId;

/// What a round has made so far.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) slices: Slices,
    runs: Runs,
    /// Parts with runs pending, in order of first match.
    parts: Vec<PartId>,
    tables: Bodies<RunId>,
    specs: Bodies<TableBodyId>,
    messages: HashMap<(HeadId, BodyId), Vec<Bytes>>,
    last_id: Uuid,
}

/// A notification of all sessions that do not lag, which is made in steps.
#[derive(Debug)]
pub struct Publication {
    changes: NetChanges,
    last_id: Uuid,
    matching: Matching,
    /// [`Specs::version`](super::spec::Specs::version) when matching began.
    specs_version: u64,
    restarts_left: usize,
}

impl Monitors {
    /// Notifies the monitors of all sessions that do not lag of the changes up to `last_id`.
    pub fn publish(&mut self, changes: &NetChanges, last_id: Uuid, sink: &mut dyn Sink) {
        self.missed = None;
        if self.awake_count == 0 {
            return;
        }
        let mut matching = Matching::default();
        self.match_rows(changes, &mut matching, usize::MAX);
        self.tell(matching, last_id, sink);
    }

    /// Begins a publication of the changes up to `last_id`.
    pub fn begin(&self, changes: NetChanges, last_id: Uuid) -> Publication {
        Publication {
            changes,
            last_id,
            matching: Matching::default(),
            specs_version: self.specs.version(),
            restarts_left: PUBLICATION_RESTARTS_MAX,
        }
    }

    /// Goes on with a publication for some 200 µs; true if it is ready for [`Monitors::finish`].
    ///
    /// Monitors may come and go between the steps. When what is monitored has changed by that, matching begins again,
    /// and the last time it goes to its end.
    pub fn prepare_some(&mut self, publication: &mut Publication) -> bool {
        if self.awake_count == 0 {
            return true;
        }
        let mut work = PUBLICATION_STEP_WORK;
        let version = self.specs.version();
        if publication.specs_version != version {
            publication.specs_version = version;
            publication.matching = Matching::default();
            match publication.restarts_left.checked_sub(1) {
                Some(left) => publication.restarts_left = left,
                None => work = usize::MAX,
            }
        }
        self.match_rows(&publication.changes, &mut publication.matching, work)
    }

    /// Tells what a publication has to say, after whatever is left of it to prepare.
    pub fn finish(&mut self, mut publication: Publication, sink: &mut dyn Sink) {
        while !self.prepare_some(&mut publication) {}
        self.missed = None;
        if self.awake_count > 0 {
            self.tell(publication.matching, publication.last_id, sink);
        }
    }

    /// Joins what was matched, and notifies the monitors that do not lag.
    fn tell(&mut self, matching: Matching, last_id: Uuid, sink: &mut dyn Sink) {
        let mut round = self.collect(matching, last_id);
        round.runs.join(&mut round.slices);
        let mut touched = Vec::new();
        for part_id in std::mem::take(&mut round.parts) {
            let body = self.table_body(part_id, &mut round);
            // Taken and put back, because specs are written while the list is read.
            let specs = std::mem::take(&mut self.specs.part_mut(part_id).specs);
            for spec_id in &specs {
                let spec = self.specs.spec_mut(*spec_id);
                if spec.awake_count > 0 {
                    if spec.pending.is_empty() {
                        touched.push(*spec_id);
                    }
                    spec.pending.push(body);
                }
            }
            self.specs.part_mut(part_id).specs = specs;
        }
        for spec_id in touched {
            let mut tables = std::mem::take(&mut self.specs.spec_mut(spec_id).pending);
            let body = spec_body(&mut round, &tables);
            tables.clear();
            self.specs.spec_mut(spec_id).pending = tables;
            for place in 0..self.specs.spec(spec_id).monitors.len() {
                let monitor = self.specs.spec(spec_id).monitors[place];
                if !self.monitor(monitor).is_lagging {
                    self.notify(monitor, body, &mut round, sink);
                }
            }
        }
        self.count(&round);
    }

    /// Notifies every monitor of the given sessions, which may lag, once of all of `changes`.
    ///
    /// Sessions that have missed the same changes are best caught up by one call: they share what is made.
    pub fn catch_up(
        &mut self,
        sessions: &[SessionId],
        changes: &NetChanges,
        last_id: Uuid,
        sink: &mut dyn Sink,
    ) {
        let monitors: Vec<MonitorId> = sessions
            .iter()
            .flat_map(|session| self.monitors_of(*session))
            .collect();
        let mut specs: Vec<SpecId> = monitors.iter().map(|id| self.monitor(*id).spec).collect();
        specs.sort_unstable();
        specs.dedup();
        let (_, _, specs_count) = self.specs.counts();
        let mut round = if specs.len() * CATCH_UP_BY_ROW_SHARE > specs_count {
            let mut matching = Matching::default();
            self.match_rows(changes, &mut matching, usize::MAX);
            self.collect(matching, last_id)
        } else {
            self.match_parts(&specs, changes, last_id)
        };
        round.runs.join(&mut round.slices);
        let mut tables = HashMap::<PartId, TableBodyId>::default();
        for part_id in std::mem::take(&mut round.parts) {
            let body = self.table_body(part_id, &mut round);
            tables.insert(part_id, body);
        }
        let mut bodies = HashMap::<SpecId, BodyId>::default();
        for spec_id in specs {
            let parts = &self.specs.spec(spec_id).parts;
            let list: Vec<TableBodyId> = parts
                .iter()
                .filter_map(|part| tables.get(part).copied())
                .collect();
            if !list.is_empty() {
                bodies.insert(spec_id, spec_body(&mut round, &list));
            }
        }
        for monitor in monitors {
            if let Some(body) = bodies.get(&self.monitor(monitor).spec) {
                self.notify(monitor, *body, &mut round, sink);
            }
        }
        self.count(&round);
    }

    /// Hands the runs of rows that were matched to the parts that they concern.
    fn collect(&mut self, matching: Matching, last_id: Uuid) -> Round {
        let (slices, groups) = matching.into_groups();
        let mut round = Round {
            slices,
            last_id,
            ..Round::default()
        };
        for group in groups {
            let runs: Vec<Option<RunId>> = group
                .texts
                .iter()
                .map(|text| round.runs.of_slices(&text.slices))
                .collect();
            for (part, text) in group.parts {
                self.add_run(part, runs[text as usize], &mut round);
            }
        }
        round
    }

    /// Collects the runs of the parts of some specs, part by part.
    fn match_parts(&mut self, specs: &[SpecId], changes: &NetChanges, last_id: Uuid) -> Round {
        let mut round = Round {
            last_id,
            ..Round::default()
        };
        let mut parts: Vec<(TableId, PartId)> = specs
            .iter()
            .flat_map(|spec| self.specs.parts_of(*spec))
            .map(|(id, part)| (part.table, id))
            .collect();
        parts.sort_unstable();
        parts.dedup();
        let mut slices = Vec::new();
        for table in changes.tables.iter() {
            let first = parts.partition_point(|(other, _)| *other < table.table);
            let of_table = parts[first..]
                .iter()
                .take_while(|(other, _)| *other == table.table);
            for (_, part_id) in of_table {
                let part = self.specs.part(*part_id);
                let conditions = self.specs.conditions(table.table);
                let holds = |row: &Row| conditions.holds(part.condition, row);
                slices.clear();
                for (row, change) in (0..).zip(&table.rows) {
                    let had = change.old.as_ref().is_some_and(holds);
                    let has = change.new.as_ref().is_some_and(holds);
                    let outcome = Outcome::of(had, has);
                    slices.extend(
                        outcome.and_then(|outcome| self.slice(part.shape, table, row, outcome, &mut round)),
                    );
                }
                let run = round.runs.of_slices(&slices);
                self.add_run(*part_id, run, &mut round);
            }
        }
        round
    }

    /// The update of a changed row, if the shape shows something of it.
    fn slice(
        &self,
        shape_id: ShapeId,
        table: &TableChanges,
        row: u32,
        outcome: Outcome,
        round: &mut Round,
    ) -> Option<SliceId> {
        let shape = self.specs.shape(shape_id);
        let schema = self.schema.table(table.table);
        let change = &table.rows[row as usize];
        round.slices.row((shape_id, row, outcome), |out| {
            let (old, new) = (change.old.as_ref(), change.new.as_ref());
            row_update::write(out, b",", shape, schema, outcome, old, new)
        })
    }

    fn add_run(&mut self, part_id: PartId, run: Option<RunId>, round: &mut Round) {
        if let Some(run) = run {
            let part = self.specs.part_mut(part_id);
            if part.pending.is_empty() {
                round.parts.push(part_id);
            }
            part.pending.push(run);
        }
    }

    /// Joins the pending runs of a part to `"TABLE":{…}`, and leaves none pending.
    fn table_body(&mut self, part_id: PartId, round: &mut Round) -> TableBodyId {
        let part = self.specs.part_mut(part_id);
        let table = part.table;
        let mut pending = std::mem::take(&mut part.pending);
        let (tables, runs) = (&mut round.tables, &round.runs);
        let opening = &self.openings[table.at()];
        let body = tables.of_list(&pending, |gather| {
            gather.copy(opening);
            let segments = pending.iter().flat_map(|run| runs.segments(*run));
            for (place, segment) in segments.enumerate() {
                // The first row has no comma before it.
                gather.share(segment.slice(usize::from(place == 0)..));
            }
            gather.copy(b"}");
        });
        pending.clear();
        if pending.capacity() <= PENDING_KEPT_MAX {
            self.specs.part_mut(part_id).pending = pending;
        }
        body
    }

    fn notify(&self, id: MonitorId, body: BodyId, round: &mut Round, sink: &mut dyn Sink) {
        let monitor = self.monitor(id);
        let head = monitor.head;
        let message = |round: &Round| {
            let mut gather = Gather::default();
            self.heads.get(head).write(round.last_id, gather.copied());
            for segment in round.specs.segments(body) {
                gather.share(segment.clone());
            }
            gather.copy(TAIL);
            gather.finish()
        };
        if !self.heads.is_shared(head) {
            sink.notify(monitor.session, &message(round));
        } else if let Some(known) = round.messages.get(&(head, body)) {
            sink.notify(monitor.session, known);
        } else {
            let made = message(round);
            sink.notify(monitor.session, &made);
            round.messages.insert((head, body), made);
        }
    }

    fn count(&mut self, round: &Round) {
        self.rows_written += round.slices.len() as u64;
        self.bodies_made += round.specs.len() as u64;
    }
}

/// Joins table bodies to a whole `<table-updates>`.
fn spec_body(round: &mut Round, tables: &[TableBodyId]) -> BodyId {
    let (bodies, parts) = (&mut round.specs, &round.tables);
    bodies.of_list(tables, |gather| {
        for (place, table) in tables.iter().enumerate() {
            gather.copy(if place == 0 { b"{" } else { b"," });
            for segment in parts.segments(*table) {
                gather.share(segment.clone());
            }
        }
        gather.copy(b"}");
    })
}
