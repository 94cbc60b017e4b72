//! Whether a client that has connected ever says anything. One that drips bytes is never silent, so that probes do
//! not find it. Pure; time in milliseconds of a monotonic clock.

use crate::limits::FIRST_MESSAGE_BYTES;

/// Watches one connection until its first message has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstMessage {
    /// `None` once it has come, or where it may take for ever.
    due_ms: Option<u64>,
}

impl FirstMessage {
    /// Of a connection opened at `now_ms`, by a client over a network, which has `limit_ms` for it.
    pub(crate) fn expected(now_ms: u64, limit_ms: u64) -> FirstMessage {
        FirstMessage {
            due_ms: Some(now_ms + limit_ms),
        }
    }

    /// Where silence is legal: on unix sockets, where managers wait for their turn, and towards servers of others.
    pub(crate) fn unexpected() -> FirstMessage {
        FirstMessage { due_ms: None }
    }

    /// A message has come.
    pub(crate) fn came(&mut self) {
        self.due_ms = None;
    }

    /// Whether it is late, when so many bytes of it have come. A long one may take longer.
    pub(crate) fn is_late(&self, now_ms: u64, unread_bytes: usize) -> bool {
        self.due_ms.is_some_and(|due_ms| now_ms >= due_ms) && unread_bytes < FIRST_MESSAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FIRST_MESSAGE_MS;

    #[test]
    fn a_first_message_is_late_unless_it_is_long_or_has_come() {
        let mut watch = FirstMessage::expected(1000, FIRST_MESSAGE_MS);
        assert!(!watch.is_late(1000 + FIRST_MESSAGE_MS - 1, 0));
        assert!(watch.is_late(1000 + FIRST_MESSAGE_MS, FIRST_MESSAGE_BYTES - 1));
        assert!(!watch.is_late(1000 + FIRST_MESSAGE_MS, FIRST_MESSAGE_BYTES));
        watch.came();
        assert!(!watch.is_late(u64::MAX, 0));
        assert!(!FirstMessage::unexpected().is_late(u64::MAX, 0));
    }
}
