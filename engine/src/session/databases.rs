//! Databases come, go and are converted while clients are connected.
//!
//! Clients that have said so (`set_db_change_aware`) hear of it: their monitors of a database that is not there any more are
//! canceled, and so are its unanswered requests. All others are disconnected, whichever database they use.

use super::gate::Gate;
use super::local::Local;
use super::one::{Asked, Session};
use super::shared::Catalog;
use super::{Machine, Sessions, close, reply, send};
use crate::database::Database;
use crate::error::{OvsdbError, Tag};
use crate::ids::SessionId;
use crate::server_db;
use std::sync::Arc;

/// What becomes of a database that is not in the catalog any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Removed,
    /// It goes on under another epoch.
    Converted,
}

impl Sessions {
    /// `catalog` without the databases that `_Server` does not list yet: a client that finds a database there and asks
    /// `_Server` about it is told of it. Both come to be known here in one turn.
    pub(super) fn listed(&self, catalog: Arc<Catalog>) -> Arc<Catalog> {
        // Whoever knows none has no clients yet.
        if Arc::ptr_eq(&catalog, &self.catalog) || self.catalog.databases.is_empty() {
            return catalog;
        }
        let Some(server) = catalog.find(server_db::NAME) else {
            return catalog;
        };
        let view = server.view();
        let is_known = |database: &Database| {
            database.epoch == server.epoch
                || self.catalog.at_epoch(database.epoch).is_some()
                || self.catalog.descends_from(database.lineage)
                || server_db::lists(&view, database.name(), &database.schema_json)
        };
        if catalog.databases.iter().all(|database| is_known(database)) {
            return catalog;
        }
        let mut listed = Catalog::clone(&catalog);
        listed.databases.retain(|database| is_known(database));
        Arc::new(listed)
    }

    /// Disconnects those who do not understand that databases are added, before they hear of it from `_Server`.
    pub(super) fn close_for_additions(&mut self, catalog: &Catalog, machine: &mut dyn Machine) {
        if self.catalog.databases.is_empty() {
            return;
        }
        for database in &catalog.databases {
            let is_new = self.catalog.at_epoch(database.epoch).is_none();
            if is_new && !self.catalog.descends_from(database.lineage) {
                self.close_unaware(&format!("adding {} database", database.name()), machine);
            }
        }
    }

    /// Brings the list of databases up to date. Every answer of a database that is not in `catalog` has been given.
    pub(super) fn take_catalog(&mut self, catalog: Arc<Catalog>, machine: &mut dyn Machine) {
        let old = std::mem::replace(&mut self.catalog, Arc::clone(&catalog));
        self.tell_before_leaving(|epoch| catalog.at_epoch(epoch).is_none(), machine);
        let is_gone = |local: &mut Local| catalog.at_epoch(local.database.epoch).is_none();
        let gone: Vec<Local> = self.locals.extract_if(.., is_gone).collect();
        for local in gone {
            let name = local.database.name();
            let (fate, reason) = if catalog.descends_from(local.database.lineage) {
                (
                    Fate::Converted,
                    format!("committed {name} database schema conversion"),
                )
            } else {
                (Fate::Removed, format!("removing {name} database by user request"))
            };
            self.leave_database(local.database.epoch, fate, machine);
            self.close_unaware(&reason, machine);
        }
        for database in &catalog.databases {
            if old.at_epoch(database.epoch).is_some() {
                continue;
            }
            let mut local = Local::new(Arc::clone(database), self.shared.bounds.lagging_bytes_max);
            let lagging = self.sessions.iter().filter(|(_, session)| session.is_lagging);
            lagging.for_each(|(id, _)| local.lag(*id));
            self.locals.push(local);
        }
    }

    /// Monitors of a database that is gone are canceled, and then its unanswered requests (in upstream's order).
    fn leave_database(&mut self, epoch: u64, fate: Fate, machine: &mut dyn Machine) {
        self.gates.remove(&epoch);
        for (id, session) in &mut self.sessions {
            if !session.is_change_aware {
                continue;
            }
            let canceled = session.monitors.extract_if(|_, (of, _)| *of == epoch);
            let mut canceled: Vec<_> = canceled.collect();
            canceled.sort_unstable_by_key(|(_, (_, monitor))| *monitor);
            for (monitor_id, _) in canceled {
                send(machine, *id, reply::notification("monitor_canceled", &monitor_id));
            }
            // Who wants to convert it wants to convert what it has become, too.
            let is_over = |asked: Asked| asked == Asked::Transact || fate == Fate::Removed;
            let over = session
                .requests
                .extract_if(.., |request| request.epoch == epoch && is_over(request.asked));
            for request in over {
                let message = match request.asked {
                    Asked::Transact => reply::plain_error(&request.id, "canceled"),
                    Asked::Convert => reply::error(&request.id, &conversion_canceled()),
                };
                send(machine, *id, message);
            }
        }
        self.resume_waiting(machine);
    }

    fn close_unaware(&mut self, reason: &str, machine: &mut dyn Machine) {
        for (id, session) in &mut self.sessions {
            if !session.is_change_aware {
                close_when_answered(*id, session, reason, machine);
            }
        }
    }

    /// From now on the database takes only what `gate` lets pass.
    pub(super) fn hold(&mut self, epoch: u64, gate: Gate) {
        self.gates.insert(epoch, gate);
    }

    /// The database takes everything again.
    pub(super) fn reopen(&mut self, epoch: u64, machine: &mut dyn Machine) {
        self.gates.remove(&epoch);
        self.resume_waiting(machine);
    }

    /// Forgets the gates of databases that are gone for good.
    pub(super) fn drop_stale_gates(&mut self) {
        if self.gates.is_empty() {
            return;
        }
        // One that has just been added may be unknown here and have a gate already.
        let catalog = self.shared.catalog();
        self.gates
            .retain(|epoch, _| self.catalog.at_epoch(*epoch).is_some() || catalog.at_epoch(*epoch).is_some());
    }

    /// Lets all sessions try again that wait; those that still have to will wait again.
    fn resume_waiting(&mut self, machine: &mut dyn Machine) {
        for (id, session) in &mut self.sessions {
            if std::mem::take(&mut session.is_waiting) {
                machine.resume(*id);
            }
        }
    }
}

impl Session {
    pub(super) fn is_converting(&self) -> bool {
        self.requests
            .iter()
            .any(|request| request.asked == Asked::Convert)
    }
}

/// Closes a session, but lets it have the answer to its conversion first.
fn close_when_answered(id: SessionId, session: &mut Session, reason: &str, machine: &mut dyn Machine) {
    if session.is_converting() {
        session.closes_for.get_or_insert_with(|| reason.to_owned());
    } else {
        close(id, session, reason, machine);
    }
}

fn conversion_canceled() -> Box<OvsdbError> {
    let details = "database conversion canceled because closing JSON-RPC session";
    OvsdbError::new(Tag::Canceled, details)
}
