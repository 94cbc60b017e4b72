//! Methods of locks (RFC 7047 §4.1.8 to §4.1.10).

use super::methods::{Answer, Call};
use super::{Held, Sessions, has_seen, reply};
use crate::error::{OvsdbError, Tag};
use crate::limits::LOCKS_MAX;
use crate::locks::LockMode;
use ovsdb_wire::request::{Lock, LockMethod, RequestError};

impl Sessions {
    pub(super) fn lock<'a>(&mut self, call: &Call<'a>, lock: &Lock<'a>) -> Answer<'a> {
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
            segments: vec![bytes.into()],
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
