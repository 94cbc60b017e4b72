//! What an operator allows clients, beside the bounds of `limits.rs` that nobody has to know of.

use crate::limits::{FIRST_MESSAGE_MS, OUTPUT_BYTES_MAX};
use ovsdb_engine::session::SessionBounds;
use ovsdb_wire::limits::MESSAGE_BYTES_MAX;

/// Bounds for clients, from the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Sessions at most; who comes when there are so many is closed at once. `None` leaves it to the system's limit
    /// of descriptors.
    pub sessions_max: Option<u64>,
    /// Bytes of one message. A longer one ends its connection.
    pub message_bytes_max: usize,
    /// Bytes that a connection has not taken. With more it is closed.
    pub output_bytes_max: usize,
    /// Milliseconds that a client over a network has for its first message; `None`: as long as it likes.
    pub first_message_ms: Option<u64>,
    /// Of each session.
    pub session: SessionBounds,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            sessions_max: None,
            message_bytes_max: MESSAGE_BYTES_MAX,
            output_bytes_max: OUTPUT_BYTES_MAX,
            first_message_ms: Some(FIRST_MESSAGE_MS),
            session: SessionBounds::default(),
        }
    }
}

impl Bounds {
    /// Whether there may be `sessions` at once.
    pub(crate) fn admit(&self, sessions: u64) -> bool {
        self.sessions_max.is_none_or(|max| sessions <= max)
    }
}
