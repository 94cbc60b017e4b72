//! The method `convert` (`ovsdb-server`(7), "Schema Conversion").

use super::methods::{Answer, Call};
use super::one::{Asked, Outstanding};
use super::{Machine, Sessions, close, reply};
use crate::error::{OvsdbError, Tag};
use crate::ids::SessionId;
use crate::schema;
use crate::sequencer::{Conversion, Event};
use ovsdb_wire::request::{Convert, RequestError};
use std::sync::Arc;

impl Sessions {
    /// Checks in upstream's order; what is well-formed goes to the database's sequencer.
    pub(super) fn convert<'a>(&mut self, call: &Call<'a>, at: usize, convert: &Convert<'a>) -> Answer<'a> {
        let request = self.next_request();
        let database = Arc::clone(&self.locals[at].database);
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return Answer::Later;
        };
        if session.requests.iter().any(|other| other.id == call.id) {
            return Answer::Refused(RequestError::duplicate_request_id(call.method, call.params));
        }
        let rights = &session.traits.rights;
        if let Err(error) = rights.client().check_convert(convert.db) {
            return Answer::Failed(error);
        }
        let not_allowed = |kind: &str| {
            let details = format!("conversion is not allowed for {kind} database {}", convert.db);
            Answer::Failed(OvsdbError::new(Tag::NotAllowed, details))
        };
        if rights.is_read_only {
            return not_allowed("read-only");
        }
        let schema = match convert.schema() {
            Ok(schema) => schema,
            Err(error) => return Answer::Refused(error),
        };
        let schema = match schema::parse(&schema) {
            Ok(schema) => schema,
            Err(error) => return Answer::Failed(error),
        };
        if schema.name != convert.db {
            let details = format!(
                "new schema name ({}) does not match database name ({})",
                schema.name, convert.db
            );
            return Answer::Failed(OvsdbError::new(Tag::InvalidParameters, details));
        }
        if database.is_reserved {
            return not_allowed("reserved");
        }
        session.requests.push(Outstanding {
            request,
            id: call.id.clone(),
            asked: Asked::Convert,
            epoch: database.epoch,
            is_parked: false,
            is_cancel_asked: false,
            bytes: call.bytes,
        });
        let ticket = self.ticket(call.session, request);
        let schema = Arc::new(schema);
        database.inbox.push(Event::Convert(Conversion { ticket, schema }));
        Answer::Later
    }

    /// Answers a conversion; a client that should have been disconnected by it goes now.
    pub(super) fn finish_convert(
        &mut self,
        id: SessionId,
        request: &Outstanding,
        result: Result<(), Box<OvsdbError>>,
        machine: &mut dyn Machine,
    ) {
        let message = match result {
            Ok(()) => reply::result(&request.id, b"{}"),
            Err(error) => reply::error(&request.id, &error),
        };
        self.push_reply(id, message, machine);
        if let Some(session) = self.sessions.get_mut(&id)
            && let Some(reason) = session.closes_for.take()
            && !session.is_change_aware
        {
            close(id, session, &reason, machine);
        }
    }
}
