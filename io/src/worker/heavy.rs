//! Messages that take long, a few in each turn of a worker.
//!
//! When hundreds of clients change their conditions at once, or ask for first contents, each of them costs some hundred
//! microseconds, and whoever only wants an echo would wait behind them all. So once a turn has spent its share on such
//! messages, their connections wait in line, and whatever is small is served between.

use crate::limits::{HEAVY_MESSAGE_BYTES_MIN, HEAVY_RELEASED_MAX, HEAVY_TURN_TIME};
use crate::runtime::ConnId;
use std::collections::VecDeque;
use std::time::Duration;

/// How far into a message its method is looked for: clients write it first, or after a short id.
const METHOD_WITHIN: usize = 64;

/// Connections that wait with a message that takes long.
#[derive(Debug, Default)]
pub(crate) struct Heavy {
    /// In the order in which their turn comes.
    waiting: VecDeque<ConnId>,
    /// Let go on, and not heard of since.
    released: Vec<ConnId>,
    /// Of this turn.
    spent: Duration,
}

/// True if the message is likely to take long.
pub(crate) fn is_heavy(text: &[u8]) -> bool {
    let begin = &text[..text.len().min(METHOD_WITHIN)];
    text.len() >= HEAVY_MESSAGE_BYTES_MIN || memchr::memmem::find(begin, b"\"monitor").is_some()
}

impl Heavy {
    /// Whether the connection may hand over such a message now; otherwise it is in line for a later turn.
    pub(crate) fn admit(&mut self, conn: ConnId) -> bool {
        let was_released = self.released.contains(&conn);
        self.held_up(conn);
        let is_first = was_released || (self.waiting.is_empty() && self.released.is_empty());
        if is_first && self.spent < HEAVY_TURN_TIME {
            return true;
        }
        if was_released {
            self.waiting.push_front(conn);
        } else {
            self.waiting.push_back(conn);
        }
        false
    }

    /// Counts what such a message took.
    pub(crate) fn took(&mut self, time: Duration) {
        self.spent += time;
    }

    /// True if this turn has had its share.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent >= HEAVY_TURN_TIME
    }

    /// The connection that may go on next, if one waits and not too many have been let go on already.
    pub(crate) fn release(&mut self) -> Option<ConnId> {
        if self.released.len() >= HEAVY_RELEASED_MAX {
            return None;
        }
        let conn = self.waiting.pop_front()?;
        self.released.push(conn);
        Some(conn)
    }

    /// The connection was let go on, and cannot for another reason.
    pub(crate) fn held_up(&mut self, conn: ConnId) {
        self.released.retain(|other| *other != conn);
    }

    /// The connection is gone.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.waiting.retain(|other| *other != conn);
        self.held_up(conn);
    }

    /// A turn ends. Whether there is something for the next one.
    pub(crate) fn turn_end(&mut self) -> bool {
        self.spent = Duration::ZERO;
        !self.waiting.is_empty() || !self.released.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Heavy, is_heavy};
    use crate::limits::{HEAVY_MESSAGE_BYTES_MIN, HEAVY_RELEASED_MAX, HEAVY_TURN_TIME};
    use crate::runtime::ConnId;
    use std::time::Duration;

    #[test]
    fn monitors_and_long_messages_are_heavy() {
        assert!(is_heavy(
            br#"{"id":7,"method":"monitor_cond_change","params":[]}"#
        ));
        assert!(is_heavy(&vec![b' '; HEAVY_MESSAGE_BYTES_MIN]));
        assert!(!is_heavy(br#"{"id":7,"method":"echo","params":[]}"#));
    }

    #[test]
    fn a_turn_takes_its_share_and_the_rest_keep_their_order() {
        let conns: Vec<ConnId> = (0..100).map(ConnId::numbered).collect();
        let mut heavy = Heavy::default();
        let mut done = Vec::new();
        let mut hand_over = |heavy: &mut Heavy, conn| {
            if heavy.admit(conn) {
                heavy.took(HEAVY_TURN_TIME / 2);
                done.push(conn);
            }
        };
        // All at once, and later ones again and again with something new.
        conns.iter().for_each(|conn| hand_over(&mut heavy, *conn));
        let mut turns = 1;
        while heavy.turn_end() {
            turns += 1;
            let released: Vec<ConnId> = std::iter::from_fn(|| heavy.release()).collect();
            assert!(released.len() <= HEAVY_RELEASED_MAX);
            released.iter().for_each(|conn| hand_over(&mut heavy, *conn));
            assert!(turns <= 100, "two in each turn");
        }
        assert_eq!(done.len(), 100);
        assert_eq!(turns, 50);
        done.sort_unstable();
        assert_eq!(done, conns);
    }

    #[test]
    fn who_is_gone_holds_up_nobody() {
        let [a, b, c] = [0, 1, 2].map(ConnId::numbered);
        let mut heavy = Heavy::default();
        assert!(heavy.admit(a));
        heavy.took(Duration::from_secs(1));
        assert!(!heavy.admit(b) && !heavy.admit(c));
        assert!(heavy.turn_end());
        assert_eq!(heavy.release(), Some(b));
        heavy.forget(b);
        heavy.forget(c);
        assert!(!heavy.turn_end());
        assert!(heavy.admit(a));
    }
}
