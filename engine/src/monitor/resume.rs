//! What a client that comes back has missed (ovsdb-server(7) §4.1.15, `found`).
//!
//! After a failover or a restart of many clients they come back together, with the same last id and the
//! same requests: the changes since then are merged once, and written once for each spec.

use super::Monitors;
use super::gather::Gather;
use super::initial::TableUpdates;
use super::shape::Outcome;
use super::spec::SpecId;
use crate::hash::HashMap;
use crate::ids::{ColumnIdx, CommitSeq};
use crate::store::{History, NetChanges, Row, View};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// The changes that the last client to come back had missed, for the next one.
#[derive(Debug)]
pub(super) struct Missed {
    /// The commit that the client had, and the one up to which it was told.
    range: (CommitSeq, CommitSeq),
    changes: Arc<NetChanges>,
    /// `<table-updates2>` by spec.
    bodies: HashMap<SpecId, Vec<Bytes>>,
}

impl Missed {
    /// The number of `id` will stand for another spec.
    pub(super) fn forget(&mut self, id: SpecId) {
        self.bodies.remove(&id);
    }
}

impl Monitors {
    /// The updates that lead a client from the commit `last_id` to the view, or `None` if that commit is not
    /// known or what the client has of it does not hold any more.
    pub(super) fn missed_updates(
        &mut self,
        spec: SpecId,
        last_id: Uuid,
        view: &View,
        history: &History,
    ) -> Option<Vec<Bytes>> {
        if last_id.is_nil() {
            return None;
        }
        let seen = history.find(last_id)?;
        // The state that was opened may be one that the client has from before a restart.
        if seen == CommitSeq(0) && !self.survives_restart(spec) {
            return None;
        }
        let range = (seen, view.seq());
        let missed = match self.missed.take_if(|missed| missed.range == range) {
            Some(missed) => missed,
            None => Missed {
                range,
                changes: Arc::new(NetChanges::merge(&history.range(seen, view.seq())?)),
                bodies: HashMap::default(),
            },
        };
        let missed = self.missed.insert(missed);
        if let Some(known) = missed.bodies.get(&spec) {
            return Some(known.clone());
        }
        let changes = Arc::clone(&missed.changes);
        let mut body = Gather::default();
        self.write_changes(spec, &changes, &mut body);
        let body = body.finish();
        let missed = self.missed.as_mut().expect("put there above");
        missed.bodies.insert(spec, body.clone());
        Some(body)
    }

    /// Appends what the changes mean to the spec.
    fn write_changes(&self, spec: SpecId, changes: &NetChanges, out: &mut Gather) {
        let mut updates = TableUpdates::begin(self, out);
        for (_, part) in self.specs.parts_of(spec) {
            let shape = self.specs.shape(part.shape);
            let conditions = self.specs.conditions(part.table);
            let holds = |row: &Row| conditions.holds(part.condition, row);
            for change in changes.of_table(part.table) {
                let (old, new) = (change.old.as_ref(), change.new.as_ref());
                if let Some(outcome) = Outcome::of(old.is_some_and(holds), new.is_some_and(holds)) {
                    updates.row(shape, outcome, old, new);
                }
            }
        }
        updates.end();
    }

    /// True if a restart changes nothing that the spec shows or asks for: columns that are not in the
    /// database file begin anew, and so do the versions of rows.
    fn survives_restart(&self, spec: SpecId) -> bool {
        self.specs.parts_of(spec).all(|(_, part)| {
            let schema = self.schema.table(part.table);
            let shape = self.specs.shape(part.shape);
            let shown = shape.columns.iter().map(|(column, _)| *column);
            let asked = self.specs.conditions(part.table).columns(part.condition);
            let is_kept =
                |column: ColumnIdx| column != ColumnIdx::VERSION && schema.column(column).persistent;
            shown.chain(asked).all(is_kept)
        })
    }
}
