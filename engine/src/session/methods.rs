//! The methods of RFC 7047 §4.1 and upstream's extensions, one function each.

use super::one::{Flow, Outstanding};
use super::{Held, Machine, Sessions, has_seen, reply, send};
use crate::error::{OvsdbError, Tag};
use crate::ids::SessionId;
use crate::limits::{
    LOCKS_MAX, MONITORS_MAX, REQUEST_BYTES_UNANSWERED_MAX, REQUESTS_PARKED_MAX, REQUESTS_UNANSWERED_MAX,
};
use crate::locks::LockMode;
use crate::monitor::Version;
use crate::schema;
use crate::sequencer::{Event, Submission, Ticket};
use crate::session::local::ToMachine;
use crate::txn::Program;
use bytes::Bytes;
use ovsdb_wire::request::{
    self, Convert, Lock, LockMethod, Monitor, MonitorCondChange, MonitorVersion, Request, RequestError,
};
use ovsdb_wire::value::Value;
use ovsdb_wire::write;
use std::sync::Arc;
use uuid::Uuid;

/// A request as it came.
struct Call<'a> {
    session: SessionId,
    /// The client's id as JSON.
    id: Vec<u8>,
    method: &'a str,
    params: &'a [Value<'a>],
    /// Size of the message.
    bytes: usize,
}

/// What goes back at once.
enum Answer<'a> {
    /// Ready JSON.
    Result(Vec<u8>),
    /// Ready JSON in segments that others share.
    Gathered(Vec<Bytes>),
    Refused(RequestError<'a>),
    Failed(Box<OvsdbError>),
    /// Nothing yet: the answer comes by another way.
    Later,
}

impl Sessions {
    /// True while a transaction of the session is unanswered, so that a request may be answered with
    /// [`Flow::Wait`].
    pub fn is_busy(&self, id: SessionId) -> bool {
        self.sessions
            .get(&id)
            .is_some_and(|session| session.held > 0 || session.unparked().next().is_some())
    }

    /// Has the connection wait until the session is not busy, as [`Flow::Wait`] does.
    pub fn wait_until_idle(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.is_waiting = true;
        }
    }

    /// Takes a request of `bytes` bytes. [`Flow::Wait`] means that it was not taken: it is to be given again,
    /// and nothing before it, after [`Machine::resume`].
    pub fn request<'a>(
        &mut self,
        session: SessionId,
        id: Value<'a>,
        method: &'a str,
        params: &'a [Value<'a>],
        bytes: usize,
        machine: &mut dyn Machine,
    ) -> Flow {
        let mut id_json = Vec::with_capacity(16);
        write::value(&mut id_json, &id);
        let call = Call {
            session,
            id: id_json,
            method,
            params,
            bytes,
        };
        let request = Request::parse(method, params);
        if let Ok(Request::Echo { params }) = request {
            let mut result = Vec::new();
            write::value(&mut result, &Value::Array(params));
            send(machine, session, reply::result(&call.id, &result));
            return Flow::Continue;
        }
        if self.must_wait(session, &request) {
            return Flow::Wait;
        }
        let answer = match request {
            Ok(request) => self.dispatch(&call, request, machine),
            Err(error) => Answer::Refused(error),
        };
        let message = match answer {
            Answer::Later => return Flow::Continue,
            Answer::Result(result) => reply::result(&call.id, &result),
            Answer::Gathered(result) => {
                self.push_segments(session, reply::gathered_result(&call.id, result), machine);
                return Flow::Continue;
            }
            Answer::Failed(error) => reply::error(&call.id, &error),
            Answer::Refused(error) => {
                let mut text = Vec::new();
                error.write(&mut text);
                reply::ready_error(&call.id, &text)
            }
        };
        self.push_reply(session, message, machine);
        Flow::Continue
    }

    /// Takes a notification; only `cancel` means something.
    pub fn notification<'a>(&mut self, session: SessionId, method: &'a str, params: &'a [Value<'a>]) {
        let Some(id) = request::canceled_id(method, params) else {
            return;
        };
        let mut id_json = Vec::new();
        write::value(&mut id_json, &id);
        let Some(state) = self.sessions.get(&session) else {
            return;
        };
        let Some(canceled) = state.requests.iter().find(|request| request.id == id_json) else {
            return;
        };
        let ticket = Ticket {
            worker: self.worker,
            session,
            request: canceled.request,
        };
        if let Some(local) = self
            .locals
            .iter()
            .find(|local| local.database.epoch == canceled.epoch)
        {
            local.database.inbox.push(Event::Cancel(ticket));
        }
    }

    /// What is answered here waits for the session's transactions; transactions wait for credit only.
    fn must_wait(&mut self, id: SessionId, request: &Result<Request<'_>, RequestError<'_>>) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        let unanswered = session.unparked().count();
        let must_wait = match request {
            Ok(Request::Transact { .. }) => {
                let bytes: usize = session.unparked().map(|request| request.bytes).sum();
                session.held > 0
                    || unanswered >= REQUESTS_UNANSWERED_MAX
                    || bytes > REQUEST_BYTES_UNANSWERED_MAX
            }
            _ => session.held > 0 || unanswered > 0,
        };
        session.is_waiting |= must_wait;
        must_wait
    }

    fn dispatch<'a>(
        &mut self,
        call: &Call<'a>,
        request: Request<'a>,
        machine: &mut dyn Machine,
    ) -> Answer<'a> {
        // Whatever has been acknowledged to anybody is seen by what is answered from here on. Transactions
        // look for themselves, if they are not for the sequencer.
        match request {
            Request::Transact { .. } => self.advance_catalog(machine),
            _ => self.advance(machine),
        }
        let local = match request.db() {
            Some(db) => match self.local_at(db) {
                Some(at) => at,
                None => return Answer::Refused(RequestError::unknown_database(call.method, call.params, db)),
            },
            None => 0,
        };
        match request {
            Request::Transact { ops, .. } => self.transact(call, local, ops, machine),
            Request::Monitor(monitor) => self.monitor(call, local, &monitor, machine),
            Request::MonitorCondChange(change) => self.monitor_cond_change(call, &change, machine),
            Request::MonitorCancel { id } => self.monitor_cancel(call, &id),
            Request::Lock(lock) => self.lock(call, &lock),
            Request::GetSchema { .. } => {
                Answer::Result(self.locals[local].database.schema_json.clone().into_bytes())
            }
            Request::ListDbs => self.list_dbs(),
            Request::GetServerId => {
                let mut result = Vec::new();
                write::string(&mut result, &self.shared.server_id.to_string());
                Answer::Result(result)
            }
            Request::SetDbChangeAware { aware } => {
                if let Some(session) = self.sessions.get_mut(&call.session) {
                    session.is_change_aware = aware;
                }
                Answer::Result(b"{}".to_vec())
            }
            Request::Convert(convert) => self.convert(call, &convert),
            Request::Echo { .. } => Answer::Later,
        }
    }

    fn list_dbs<'a>(&self) -> Answer<'a> {
        let mut result = Vec::new();
        let mut names = write::Items::begin(&mut result);
        for database in &self.catalog.databases {
            write::string(names.item(), database.name());
        }
        names.end();
        Answer::Result(result)
    }

    fn transact<'a>(
        &mut self,
        call: &Call<'a>,
        at: usize,
        ops: &'a [Value<'a>],
        machine: &mut dyn Machine,
    ) -> Answer<'a> {
        let request = self.next_request();
        let local = &self.locals[at];
        let epoch = local.database.epoch;
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return Answer::Later;
        };
        if session.requests.iter().any(|other| other.id == call.id) {
            return Answer::Refused(RequestError::duplicate_request_id(call.method, call.params));
        }
        if session.requests.len() - session.unparked().count() >= REQUESTS_PARKED_MAX {
            let details = format!("{REQUESTS_PARKED_MAX} transactions of this session are waiting");
            return Answer::Failed(OvsdbError::new(Tag::ResourcesExhausted, details));
        }
        let program = Program::compile(&local.database.schema, ops, &mut || machine.random_uuid());
        let is_alone = session.unparked().all(|other| other.epoch != epoch);
        if is_alone && program.is_read_only() {
            self.advance_local(at, machine);
            return Answer::Result(program.execute_on_view(&self.locals[at].seen));
        }
        session.requests.push(Outstanding {
            request,
            id: call.id.clone(),
            epoch,
            is_parked: false,
            bytes: call.bytes,
        });
        let ticket = Ticket {
            worker: self.worker,
            session: call.session,
            request,
        };
        local.database.inbox.push(Event::Submit(Submission {
            ticket: Some(ticket),
            program: Arc::new(program),
            arrived_ms: machine.now_ms(),
            rights: Arc::clone(&session.traits.rights),
        }));
        Answer::Later
    }

    /// Checks as upstream does; the conversion itself is not there yet.
    fn convert<'a>(&self, call: &Call<'a>, convert: &Convert<'a>) -> Answer<'a> {
        let Some(session) = self.sessions.get(&call.session) else {
            return Answer::Later;
        };
        if session.traits.rights.is_read_only {
            let details = format!("conversion is not allowed for read-only database {}", convert.db);
            return Answer::Failed(OvsdbError::new(Tag::NotAllowed, details));
        }
        let schema = match convert.schema() {
            Ok(schema) => schema,
            Err(error) => return Answer::Refused(error),
        };
        let error = match schema::parse(&schema) {
            Err(error) => error,
            Ok(new) if new.name != convert.db => OvsdbError::new(
                Tag::InvalidParameters,
                format!(
                    "new schema name ({}) does not match database name ({})",
                    new.name, convert.db
                ),
            ),
            Ok(_) => OvsdbError::new(
                Tag::NotAllowed,
                "online schema conversion is not supported yet; stop the server and use \"ovsdb-tool convert\"",
            ),
        };
        Answer::Failed(error)
    }

    fn monitor<'a>(
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
        let local = &mut self.locals[local];
        // What the session has missed so far is older than the new monitor's first contents.
        if session.is_lagging {
            local.catch_up(call.session, machine);
        }
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
        if session.is_lagging {
            local.lag(call.session);
        }
        // Mistakes in the monitor requests count before one in the last transaction id.
        match (added, last_id) {
            (Err(error), _) => Answer::Failed(error),
            (Ok(_), Err(error)) => Answer::Refused(error),
            (Ok((monitor, result)), Ok(_)) => {
                session.monitors.insert(key, (local.database.epoch, monitor));
                Answer::Gathered(result)
            }
        }
    }

    fn monitor_cond_change<'a>(
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
        if session.is_lagging {
            local.catch_up(call.session, machine);
        }
        let mut new_id = Vec::new();
        write::value(&mut new_id, &change.new_id);
        let changed = local
            .monitors
            .change(monitor, &new_id, requests, &local.seen, &mut ToMachine(machine));
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

    fn monitor_cancel<'a>(&mut self, call: &Call<'a>, id: &Value<'a>) -> Answer<'a> {
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

    fn lock<'a>(&mut self, call: &Call<'a>, lock: &Lock<'a>) -> Answer<'a> {
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return Answer::Later;
        };
        if session.traits.rights.is_read_only {
            return Answer::Refused(RequestError::LOCK_READ_ONLY);
        }
        let name = match lock.name() {
            Ok(name) => name,
            Err(error) => return Answer::Refused(error),
        };
        let mode = match lock.method {
            LockMethod::Unlock => return self.unlock(call, name),
            LockMethod::Lock => LockMode::Lock,
            LockMethod::Steal => LockMode::Steal,
        };
        if session.locks_count >= LOCKS_MAX {
            let details = format!("this session has {LOCKS_MAX} locks");
            return Answer::Failed(OvsdbError::new(Tag::ResourcesExhausted, details));
        }
        let granted = self.shared.locks.lock().request(call.session, name, mode);
        let Ok(grant) = granted else {
            return Answer::Refused(RequestError::lock_again(lock.method, call.params));
        };
        session.locks_count += 1;
        self.shared.notify(grant.notice);
        let result = if grant.is_owner {
            b"{\"locked\":true}" as &[u8]
        } else {
            b"{\"locked\":false}"
        };
        if grant
            .after
            .iter()
            .all(|(epoch, seq)| has_seen(&self.locals, *epoch, *seq))
        {
            return Answer::Result(result.to_vec());
        }
        session.held += 1;
        let bytes = reply::result(&call.id, result);
        self.held.push(Held {
            session: call.session,
            after: grant.after,
            bytes,
            is_reply: true,
        });
        Answer::Later
    }

    fn unlock<'a>(&mut self, call: &Call<'a>, name: &str) -> Answer<'a> {
        let released = self.shared.locks.lock().unlock(call.session, name);
        let Ok(notice) = released else {
            return Answer::Refused(RequestError::unlock_without_lock(call.params));
        };
        if let Some(session) = self.sessions.get_mut(&call.session) {
            session.locks_count -= 1;
        }
        self.shared.notify(notice);
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
