//! What one session may have, as far as an operator decides; everything else is in [`crate::limits`].

use crate::limits::{LAGGING_BYTES_MAX, REQUEST_BYTES_UNANSWERED_MAX, REQUESTS_PARKED_MAX};
use ovsdb_wire::limits::PARSED_FACTOR_MAX;

/// Bounds of each session. The defaults are the constants of the same names, which say what happens beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionBounds {
    /// A message may take this many times its text when it is parsed.
    pub parsed_factor_max: usize,
    /// Bytes of transactions that are unanswered: beyond it the session is not read. Those that wait count for
    /// themselves: beyond it one more is answered with `resources exhausted`.
    pub request_bytes_max: usize,
    /// Waiting transactions; one more is answered with `resources exhausted`.
    pub waits_max: usize,
    /// Bytes of changes that sessions which do not read may keep alive, for one worker and database.
    pub lagging_bytes_max: usize,
}

impl Default for SessionBounds {
    fn default() -> SessionBounds {
        SessionBounds {
            parsed_factor_max: PARSED_FACTOR_MAX,
            request_bytes_max: REQUEST_BYTES_UNANSWERED_MAX,
            waits_max: REQUESTS_PARKED_MAX,
            lagging_bytes_max: LAGGING_BYTES_MAX,
        }
    }
}
