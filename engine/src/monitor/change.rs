//! Changes a monitor's conditions and tells its client what that brings and takes away.

use super::conditions::ConditionId;
use super::gather::Gather;
use super::heads::TAIL;
use super::initial::TableUpdates;
use super::request::{self, Change};
use super::shape::Outcome;
use super::spec::{PartId, SpecId};
use super::{MonitorId, Monitors, Sink};
use crate::error::Result;
use crate::store::{Places, View};
use ovsdb_wire::value::Object;

impl Monitors {
    /// `monitor_cond_change`: sets new conditions, gives the monitor the id `monid` (JSON) and notifies its
    /// client under it of the rows of `view` that match now and did not, and the other way round.
    ///
    /// The monitor must have been brought up to `view`. As upstream does it,
    /// after an error the tables before the failing one keep their new conditions, without a notification,
    /// and the id stays (reference: ovsdb/jsonrpc-server.c). A V1 monitor has no conditions: its tables are
    /// checked and its id changes.
    pub fn change(
        &mut self,
        id: MonitorId,
        monid: &[u8],
        requests: Object<'_>,
        view: &View,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let monitor = self.monitor(id);
        let (old_spec, version) = (monitor.spec, self.heads.get(monitor.head).version);
        let mut change = Change::default();
        let outcome = request::parse_change(
            &self.schema,
            version.notation(),
            requests,
            &|table| self.specs.has_table(old_spec, table),
            &mut change,
        );
        let new_spec = self.specs.acquire_with(old_spec, &change.filters);
        self.detach(id);
        self.attach(id, new_spec);
        if outcome.is_ok() {
            let head = self.heads.acquire(version, monid);
            let before = std::mem::replace(&mut self.monitor_mut(id).head, head);
            self.heads.release(before);
            self.tell_difference(id, old_spec, new_spec, view, sink);
        }
        self.release_spec(old_spec);
        outcome
    }

    /// Notifies of the rows that are in one of the specs, which differ in conditions only.
    fn tell_difference(&self, id: MonitorId, old: SpecId, new: SpecId, view: &View, sink: &mut dyn Sink) {
        if old == new {
            return;
        }
        let monitor = self.monitor(id);
        let mut message = Gather::default();
        self.heads
            .get(monitor.head)
            .write(view.txn_id(), message.copied());
        let mut updates = TableUpdates::begin(self, &mut message);
        let parts = self.specs.parts_of(old).zip(self.specs.parts_of(new));
        for ((old_part, old), (new_part, new)) in parts {
            if old_part != new_part {
                self.write_difference(new_part, old.condition, new.condition, view, &mut updates);
            }
        }
        if !updates.end() {
            return;
        }
        message.copy(TAIL);
        sink.notify(monitor.session, &message.finish());
    }

    fn write_difference(
        &self,
        part: PartId,
        old: ConditionId,
        new: ConditionId,
        view: &View,
        updates: &mut TableUpdates<'_>,
    ) {
        let part = self.specs.part(part);
        let shape = self.specs.shape(part.shape);
        let conditions = self.specs.conditions(part.table);
        let table = view.table(part.table);
        let mut showing = self.showing(shape, view);
        let candidates = conditions.candidates_between(old, new, table);
        candidates.each_block(table, &mut |block, places| {
            let mut gone = Places::default();
            let come = places.filtered(|place| {
                let Some(row) = block.row(place) else { return false };
                match (conditions.holds(old, row), conditions.holds(new, row)) {
                    (true, false) => gone.insert(place),
                    (false, true) => return true,
                    _ => {}
                }
                false
            });
            for place in gone.iter() {
                updates.row(shape, Outcome::Delete, block.row(place), None);
            }
            if !come.is_empty() && shape.select.has(Outcome::Insert) {
                updates.appearing(&mut showing, Outcome::Insert, block, come);
            }
        });
    }
}
