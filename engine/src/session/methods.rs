//! Requests as they come, and the methods that are neither of monitors nor of locks (RFC 7047 §4.1).

use super::gate::Gate;
use super::one::{Asked, Flow, Outstanding};
use super::{Machine, Sessions, reply, send};
use crate::error::{OvsdbError, Tag};
use crate::ids::SessionId;
use crate::limits::REQUESTS_UNANSWERED_MAX;
use crate::sequencer::{Event, Submission, Ticket};
use crate::txn::Program;
use bytes::Bytes;
use ovsdb_wire::message;
use ovsdb_wire::request::{self, Request, RequestError};
use ovsdb_wire::value::Value;
use ovsdb_wire::write;
use std::sync::Arc;

/// A request as it came.
pub(super) struct Call<'a> {
    pub(super) session: SessionId,
    /// The client's id as JSON.
    pub(super) id: Vec<u8>,
    pub(super) method: &'a str,
    pub(super) params: &'a [Value<'a>],
    /// Size of the message.
    pub(super) bytes: usize,
}

/// What goes back at once.
pub(super) enum Answer<'a> {
    /// Ready JSON.
    Result(Vec<u8>),
    /// Ready JSON in segments that others share.
    Gathered(Vec<Bytes>),
    Refused(RequestError<'a>),
    Failed(Box<OvsdbError>),
    /// Nothing yet: the answer comes by another way.
    Later,
    /// The request has to be made again.
    Wait,
}

impl Sessions {
    /// True while a request of the session is unanswered or being taken back.
    pub fn is_busy(&self, id: SessionId) -> bool {
        self.sessions.get(&id).is_some_and(|session| {
            let keeps_busy = |request: &Outstanding| !request.is_parked || request.is_cancel_asked;
            session.held > 0 || session.requests.iter().any(keeps_busy)
        })
    }

    /// True if a request of the session may be answered with [`Flow::Wait`].
    pub fn may_wait(&self, id: SessionId) -> bool {
        self.is_busy(id) || !self.gates.is_empty()
    }

    /// Has the connection wait until the session is not busy, as [`Flow::Wait`] does.
    pub fn wait_until_idle(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.is_waiting = true;
        }
    }

    /// Takes a request of `bytes` bytes, after [`Sessions::prepare`]. [`Flow::Wait`] means that it was not taken: it is to be given again,
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
        // Whoever has been told to go is not heard any more.
        if self
            .sessions
            .get(&session)
            .is_some_and(|session| session.is_closing)
        {
            return Flow::Continue;
        }
        let request = if self.shared.knows(method) {
            Request::parse(method, params)
        } else {
            Err(RequestError::UNKNOWN_METHOD)
        };
        if let Ok(Request::Echo { params }) = request {
            let mut reply = Vec::with_capacity(bytes + reply::FRAME_BYTES);
            message::write_reply(&mut reply, call.id.as_slice(), |out| {
                write::value(out, &Value::Array(params))
            });
            send(machine, session, reply);
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
            Answer::Wait => {
                self.wait_until_idle(session);
                return Flow::Wait;
            }
            Answer::Result(result) => {
                self.push_result(session, &call.id, result, machine);
                return Flow::Continue;
            }
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
        let Some(state) = self.sessions.get_mut(&session) else {
            return;
        };
        let Some(canceled) = state.requests.iter_mut().find(|request| request.id == id_json) else {
            return;
        };
        if canceled.asked == Asked::Convert {
            // It is never a matter of waiting long.
            return;
        }
        canceled.is_cancel_asked = true;
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

    /// What is answered here waits for the session's transactions; transactions wait for credit. Both wait
    /// for the end of a transaction that has been taken back.
    fn must_wait(&mut self, id: SessionId, request: &Result<Request<'_>, RequestError<'_>>) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        if session.requests.iter().any(|request| request.is_cancel_asked) {
            session.is_waiting = true;
            return true;
        }
        let unanswered = session.unparked().count();
        let must_wait = match request {
            Ok(Request::Transact { .. }) => {
                let bytes: usize = session.unparked().map(|request| request.bytes).sum();
                session.held > 0
                    || session.is_converting()
                    || unanswered >= REQUESTS_UNANSWERED_MAX
                    || bytes > self.shared.bounds.request_bytes_max
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
        if !matches!(request, Request::Transact { .. }) {
            self.advance_locals(machine);
        }
        let local = match request.db() {
            Some(db) => match self.local_at(db) {
                Some(at) => at,
                None => return Answer::Refused(RequestError::unknown_database(call.method, call.params, db)),
            },
            None => 0,
        };
        let is_shut = match request {
            Request::GetSchema { .. } | Request::Monitor(_) => self.gate(local) == Some(Gate::Closed),
            _ => false,
        };
        if is_shut {
            return Answer::Wait;
        }
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
            Request::Convert(convert) => self.convert(call, local, &convert),
            Request::Echo { .. } => Answer::Later,
        }
    }

    /// What holds back requests for a database, if it is being converted.
    pub(super) fn gate(&self, local: usize) -> Option<Gate> {
        self.gates.get(&self.locals[local].database.epoch).copied()
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
        let gate = self.gate(at);
        let local = &self.locals[at];
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return Answer::Later;
        };
        if session.requests.iter().any(|other| other.id == call.id) {
            return Answer::Refused(RequestError::duplicate_request_id(call.method, call.params));
        }
        if let Some(details) = session.check_waits(&self.shared.bounds) {
            return Answer::Failed(OvsdbError::new(Tag::ResourcesExhausted, details));
        }
        if gate == Some(Gate::Closed) {
            return Answer::Wait;
        }
        let program = Program::compile(&local.database.schema, ops, &mut || machine.random_uuid());
        self.submit(call.session, call.id.clone(), call.bytes, at, program, machine)
    }

    /// Hands a program over to its database, or answers one that only reads. The session has no other request
    /// of this id.
    pub(super) fn submit<'a>(
        &mut self,
        id: SessionId,
        call_id: Vec<u8>,
        bytes: usize,
        at: usize,
        program: Program,
        machine: &mut dyn Machine,
    ) -> Answer<'a> {
        let (request, gate) = (self.next_request(), self.gate(at));
        let local = &self.locals[at];
        let epoch = local.database.epoch;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Answer::Later;
        };
        let is_alone = session.unparked().all(|other| other.epoch != epoch);
        if is_alone && program.is_read_only() {
            self.advance_local(at, machine);
            return Answer::Result(program.execute_on_view(&self.locals[at].seen));
        }
        if gate.is_some() {
            return Answer::Wait;
        }
        session.requests.push(Outstanding {
            request,
            id: call_id,
            asked: Asked::Transact,
            epoch,
            is_parked: false,
            is_cancel_asked: false,
            bytes,
        });
        let ticket = Ticket {
            worker: self.worker,
            session: id,
            request,
        };
        local.database.inbox.leave(Event::Submit(Submission {
            ticket: Some(ticket),
            program: Arc::new(program),
            started_ms: None,
            rights: Arc::clone(&session.traits.rights),
        }));
        self.locals[at].has_submitted = true;
        Answer::Later
    }
}
