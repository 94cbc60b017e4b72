//! What an operator allows clients, beside the bounds of `limits.rs` that nobody has to know of.

use ovsdb_wire::limits::MESSAGE_BYTES_MAX;

/// Bounds for clients, from the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Sessions at most; who comes when there are so many is closed at once. `None` leaves it to the system's limit
    /// of descriptors.
    pub sessions_max: Option<u64>,
    /// Bytes of one message. A longer one ends its connection.
    pub message_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            sessions_max: None,
            message_bytes_max: MESSAGE_BYTES_MAX,
        }
    }
}

impl Bounds {
    /// Whether there may be `sessions` at once.
    pub(crate) fn admit(&self, sessions: u64) -> bool {
        self.sessions_max.is_none_or(|max| sessions <= max)
    }
}
