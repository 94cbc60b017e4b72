//! What takes longer than a step to tell: others are served between the steps.
//!
//! A round that tells of many rows is told when the last of its steps is done; until then those that it is for get no
//! replies ([`Local`](super::local::Local)).
//!
//! For first contents the client waits. Such a session stands at the version that it is told of, hears nothing else of that database, and no request of it is
//! taken. What was published meanwhile follows the reply in one update.

use super::local::Local;
use super::{Machine, Sessions, reply, send};
use crate::ids::SessionId;
use crate::monitor::FirstReply;

/// A first reply that is being written.
pub(super) struct Telling {
    pub(super) session: SessionId,
    /// Of the database.
    epoch: u64,
    /// The client's id of the request, as JSON.
    request: Vec<u8>,
    reply: FirstReply,
}

impl Sessions {
    /// True while first contents are being written, or a round is being made.
    pub fn is_telling(&self) -> bool {
        !self.tellings.is_empty() || self.locals.iter().any(Local::is_making_round)
    }

    /// Goes on with a round, or else with the oldest first contents, for a step of some 200 µs.
    pub fn tell_on(&mut self, machine: &mut dyn Machine) {
        if let Some(at) = self.locals.iter().position(Local::is_making_round) {
            let too_far_behind = self.locals[at].make_round_on(machine);
            self.close_too_far_behind(too_far_behind, machine);
            if !self.locals[at].is_making_round() {
                self.release_held(machine);
            }
            return;
        }
        let Some(telling) = self.tellings.front_mut() else {
            return;
        };
        if let Some(local) = self
            .locals
            .iter()
            .find(|local| local.database.epoch == telling.epoch)
        {
            local.monitors.write_some(&mut telling.reply);
        }
        if telling.reply.is_written()
            && let Some(telling) = self.tellings.pop_front()
        {
            self.tell(telling, machine);
        }
    }

    /// Has the session, whose monitor is in place, wait for the rest of a reply.
    pub(super) fn tell_later(&mut self, id: SessionId, at: usize, request: Vec<u8>, reply: FirstReply) {
        let local = &mut self.locals[at];
        local.lag(id);
        let epoch = local.database.epoch;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.held += 1;
            self.tellings.push_back(Telling {
                session: id,
                epoch,
                request,
                reply,
            });
        }
    }

    /// True if the session hears nothing because its first contents are not complete.
    pub(super) fn is_being_told(&self, id: SessionId) -> bool {
        self.may_be_told(id) && self.tellings.iter().any(|telling| telling.session == id)
    }

    /// False for most sessions, at a glance: when ten thousand clients come back the list of those that are told is long.
    fn may_be_told(&self, id: SessionId) -> bool {
        self.sessions.get(&id).is_none_or(|session| session.held > 0)
    }

    /// Writes in one go what a session is being told, because something else must follow it now.
    pub(super) fn tell_at_once(&mut self, id: SessionId, machine: &mut dyn Machine) {
        if !self.may_be_told(id) {
            return;
        }
        while let Some(at) = self.tellings.iter().position(|telling| telling.session == id)
            && let Some(telling) = self.tellings.remove(at)
        {
            self.complete(telling, machine);
        }
    }

    /// The same for all that are told of databases that are not there any more.
    pub(super) fn tell_before_leaving(&mut self, is_gone: impl Fn(u64) -> bool, machine: &mut dyn Machine) {
        let leaving = self
            .locals
            .iter_mut()
            .filter(|local| is_gone(local.database.epoch));
        leaving.for_each(|local| local.complete_round(machine));
        self.release_held(machine);
        let tellings = std::mem::take(&mut self.tellings);
        let (gone, rest) = tellings.into_iter().partition(|telling| is_gone(telling.epoch));
        self.tellings = rest;
        for telling in Vec::from(gone) {
            self.complete(telling, machine);
        }
    }

    fn complete(&mut self, mut telling: Telling, machine: &mut dyn Machine) {
        let local = self
            .locals
            .iter()
            .find(|local| local.database.epoch == telling.epoch);
        let local = local.expect("a database stays until its tellings are over");
        while !telling.reply.is_written() {
            local.monitors.write_some(&mut telling.reply);
        }
        self.tell(telling, machine);
    }

    /// Sends a reply that is written, and what has happened since then.
    fn tell(&mut self, telling: Telling, machine: &mut dyn Machine) {
        let Telling {
            session: id,
            epoch,
            request,
            reply,
        } = telling;
        let is_full = self.sessions.get(&id).is_some_and(|session| session.is_lagging);
        // It rests on whatever other databases had told by then, and on its own as of the version it is of.
        for local in self.locals.iter_mut() {
            if local.database.epoch != epoch && local.is_behind(id) {
                local.catch_up(&[id], machine);
                if is_full {
                    local.lag(id);
                }
            }
        }
        for segment in reply::gathered_result(&request, reply.into_segments()) {
            send(machine, id, segment);
        }
        let local = self.locals.iter_mut().find(|local| local.database.epoch == epoch);
        if let Some(local) = local.filter(|_| !is_full) {
            local.catch_up(&[id], machine);
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.held -= 1;
        }
        self.resume_if_ready(id, machine);
    }
}
