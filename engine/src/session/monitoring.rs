//! Methods of monitors (RFC 7047 §4.1.5 to §4.1.7 and upstream's conditional ones).

use super::local::ToMachine;
use super::methods::{Answer, Call};
use super::{Machine, Sessions};
use crate::error::{OvsdbError, Tag};
use crate::limits::MONITORS_MAX;
use crate::monitor::Version;
use ovsdb_wire::request::{self, Monitor, MonitorCondChange, MonitorVersion, RequestError};
use ovsdb_wire::value::Value;
use ovsdb_wire::write;
use uuid::Uuid;

impl Sessions {
    pub(super) fn monitor<'a>(
        &mut self,
        call: &Call<'a>,
        local: usize,
        monitor: &Monitor<'a>,
        machine: &mut dyn Machine,
    ) -> Answer<'a> {
        let arguments = match monitor.arguments() {
            Ok(arguments) => arguments,
            Err(error) => return Answer::Refused(error),
        };
        let key = sorted_json(&arguments.id);
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return Answer::Later;
        };
        if session.monitors.contains_key(&key) {
            return Answer::Refused(RequestError::duplicate_monitor_id(arguments.id));
        }
        if session.monitors.len() >= MONITORS_MAX {
            let details = format!("this session has {MONITORS_MAX} monitors");
            return Answer::Failed(OvsdbError::new(Tag::ResourcesExhausted, details));
        }
        let last_id = arguments
            .last_id
            .map(|id| request::last_txn_id(id, parse_uuid))
            .transpose();
        let at = local;
        let local = &mut self.locals[at];
        // What the session has missed so far is older than the new monitor's first contents.
        local.catch_up(&[call.session], machine);
        let mut id = Vec::new();
        write::value(&mut id, &arguments.id);
        let added = local.monitors.add(
            call.session,
            version_of(monitor.version),
            &id,
            arguments.requests,
            last_id.as_ref().ok().copied().flatten(),
            &local.seen,
            local.database.history(),
        );
        if let (Ok((monitor, _)), Err(_)) = (&added, &last_id) {
            local.monitors.cancel(*monitor);
        }
        local.place_at_seen(call.session);
        if session.is_lagging {
            local.lag(call.session);
        }
        // Mistakes in the monitor requests count before one in the last transaction id.
        match (added, last_id) {
            (Err(error), _) => Answer::Failed(error),
            (Ok(_), Err(error)) => Answer::Refused(error),
            (Ok((monitor, mut reply)), Ok(_)) => {
                session.monitors.insert(key, (local.database.epoch, monitor));
                local.monitors.write_some(&mut reply);
                if reply.is_written() {
                    Answer::Gathered(reply.into_segments())
                } else {
                    self.tell_later(call.session, at, call.id.clone(), reply);
                    Answer::Later
                }
            }
        }
    }

    pub(super) fn monitor_cond_change<'a>(
        &mut self,
        call: &Call<'a>,
        change: &MonitorCondChange<'a>,
        machine: &mut dyn Machine,
    ) -> Answer<'a> {
        let (key, new_key) = (sorted_json(&change.id), sorted_json(&change.new_id));
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return Answer::Later;
        };
        let Some((epoch, monitor)) = session.monitors.get(&key).copied() else {
            return Answer::Refused(RequestError::unknown_monitor_session(change.id));
        };
        if new_key != key && session.monitors.contains_key(&new_key) {
            return Answer::Refused(RequestError::duplicate_monitor_id(change.new_id));
        }
        let requests = match change.requests() {
            Ok(requests) => requests,
            Err(error) => return Answer::Refused(error),
        };
        let Some(local) = self.locals.iter_mut().find(|local| local.database.epoch == epoch) else {
            return Answer::Refused(RequestError::unknown_monitor_session(change.id));
        };
        local.catch_up(&[call.session], machine);
        let mut new_id = Vec::new();
        write::value(&mut new_id, &change.new_id);
        let changed = local
            .monitors
            .change(monitor, &new_id, requests, &local.seen, &mut ToMachine(machine));
        local.place_at_seen(call.session);
        if session.is_lagging {
            local.lag(call.session);
        }
        match changed {
            Ok(()) => {
                session.monitors.remove(&key);
                session.monitors.insert(new_key, (epoch, monitor));
                Answer::Result(b"{}".to_vec())
            }
            Err(error) => Answer::Failed(error),
        }
    }

    pub(super) fn monitor_cancel<'a>(&mut self, call: &Call<'a>, id: &Value<'a>) -> Answer<'a> {
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return Answer::Later;
        };
        let Some((epoch, monitor)) = session.monitors.remove(&sorted_json(id)) else {
            return Answer::Refused(RequestError::UNKNOWN_MONITOR);
        };
        if let Some(local) = self.locals.iter_mut().find(|local| local.database.epoch == epoch) {
            local.monitors.cancel(monitor);
        }
        Answer::Result(b"{}".to_vec())
    }
}

fn sorted_json(value: &Value<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    write::value_sorted(&mut text, value);
    text
}

/// A uuid in the one notation that the protocol has, 8-4-4-4-12.
fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() == 36 {
        Uuid::parse_str(text).ok()
    } else {
        None
    }
}

fn version_of(version: MonitorVersion) -> Version {
    match version {
        MonitorVersion::V1 => Version::V1,
        MonitorVersion::V2 => Version::V2,
        MonitorVersion::V3 => Version::V3,
    }
}
