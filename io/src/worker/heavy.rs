//! Messages that take long, a few in each turn of a worker.
//!
//! When hundreds of clients change their conditions at once, or ask for first contents, each of them costs some hundred
//! microseconds, and whoever only wants an echo would wait behind them all. So once a turn has spent its share on such
//! messages, their connections wait in line, and whatever is small is served between. Reading them is a part of it: who
//! has begun a long message is not read further before its turn has come, and then ends it before others begin, so that
//! hundreds of long messages are not in memory at once.

use crate::limits::{HEAVY_MESSAGE_BYTES_MIN, HEAVY_RELEASED_MAX, HEAVY_TURN_TIME};
use crate::runtime::ConnId;
use memchr::memmem::Finder;
use ovsdb_engine::hash::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

/// How far into a message its method is looked for: clients write it first, or after a short id.
const METHOD_WITHIN: usize = 64;

/// Made once: for a few bytes making it costs more than searching.
static MONITOR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"monitor"));

/// Connections that have a message that takes long, whole or not.
#[derive(Debug, Default)]
pub(crate) struct Heavy {
    /// The place in line of each that has waited or begun, until its message has been handed over.
    places: HashMap<ConnId, u64>,
    /// Those that wait now, by their places.
    waiting: BTreeMap<u64, ConnId>,
    /// Let go on, and not heard of since.
    released: HashSet<ConnId>,
    next_place: u64,
    /// Who has begun in this turn, and not ended.
    begun: Option<ConnId>,
    /// Of this turn.
    spent: Duration,
}

/// True if the message is likely to take long.
pub(crate) fn is_heavy(text: &[u8]) -> bool {
    let begin = &text[..text.len().min(METHOD_WITHIN)];
    is_long(text) || MONITOR.find(begin).is_some()
}

/// True if a text is long enough for that, as far as it has come.
pub(crate) fn is_long(text: &[u8]) -> bool {
    text.len() >= HEAVY_MESSAGE_BYTES_MIN
}

impl Heavy {
    /// Whether the connection may go on with its message now; otherwise it is in line for a later turn.
    pub(crate) fn admit(&mut self, conn: ConnId) -> bool {
        self.held_up(conn);
        let is_alone = self.waiting.is_empty() && self.released.is_empty() && self.begun.is_none();
        let is_first = self.places.contains_key(&conn) || is_alone;
        let place = self.places.entry(conn).or_insert_with(|| {
            self.next_place += 1;
            self.next_place
        });
        if is_first && self.spent < HEAVY_TURN_TIME {
            self.begun = Some(conn);
            return true;
        }
        self.waiting.insert(*place, conn);
        false
    }

    /// Counts what a message, or a part of it, took.
    pub(crate) fn took(&mut self, time: Duration) {
        self.spent += time;
    }

    /// The connection's message has been handed over, whether or not it had to wait: the next one has a place of its own.
    pub(crate) fn done(&mut self, conn: ConnId) {
        if self.places.is_empty() {
            return;
        }
        self.held_up(conn);
        self.begun.take_if(|begun| *begun == conn);
        if let Some(place) = self.places.remove(&conn) {
            self.waiting.remove(&place);
        }
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
        let (_, conn) = self.waiting.pop_first()?;
        self.released.insert(conn);
        Some(conn)
    }

    /// The connection was let go on, and cannot for another reason, or needs no place to do so.
    pub(crate) fn held_up(&mut self, conn: ConnId) {
        self.released.remove(&conn);
    }

    /// True while somebody waits.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A turn ends. Whether there is something for the next one.
    pub(crate) fn turn_end(&mut self) -> bool {
        self.spent = Duration::ZERO;
        self.begun = None;
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
                heavy.done(conn);
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
        assert_eq!(turns, 50);
        assert_eq!(done, conns);
    }

    #[test]
    fn who_has_begun_goes_on_before_others_begin() {
        let [a, b, c] = [0, 1, 2].map(ConnId::numbered);
        let mut heavy = Heavy::default();
        assert!(heavy.admit(a), "a part of it has come");
        heavy.took(HEAVY_TURN_TIME);
        assert!(!heavy.admit(b) && !heavy.admit(a) && !heavy.admit(c));
        assert!(heavy.turn_end());
        let released: Vec<ConnId> = std::iter::from_fn(|| heavy.release()).collect();
        assert_eq!(released, [a, b, c]);
        assert!(
            heavy.admit(a) && heavy.admit(a),
            "as often as it likes within the turn's share"
        );
        heavy.done(a);
        heavy.took(HEAVY_TURN_TIME);
        assert!(!heavy.admit(a), "its next one is behind the others");
        assert!(!heavy.admit(c) && !heavy.admit(b));
        assert!(heavy.turn_end());
        let released: Vec<ConnId> = std::iter::from_fn(|| heavy.release()).collect();
        assert_eq!(released, [b, c, a]);
    }

    /// A part of a message that is not long may be kept in line, too, and is whole at once when it is let go on.
    #[test]
    fn who_goes_on_without_asking_again_holds_up_nobody() {
        let mut heavy = Heavy::default();
        for round in 0..100 {
            let [monitor, small, stalled] = [0, 1, 2].map(|at| ConnId::numbered(3 * round + at));
            assert!(heavy.admit(monitor), "round {round}");
            heavy.took(HEAVY_TURN_TIME);
            assert!(!heavy.admit(small) && !heavy.admit(stalled));
            heavy.done(monitor);
            assert!(heavy.turn_end());
            assert_eq!(heavy.release(), Some(small));
            assert_eq!(heavy.release(), Some(stalled));
            heavy.done(small);
            heavy.held_up(stalled);
            assert!(!heavy.turn_end());
            heavy.done(stalled);
        }
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
        heavy.done(b);
        heavy.done(c);
        assert!(!heavy.turn_end());
        assert!(heavy.admit(a));
    }
}
