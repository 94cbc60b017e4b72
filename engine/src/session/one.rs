//! The state of one session.

use super::bounds::SessionBounds;
use crate::hash::HashMap;
use crate::ids::{RequestId, SessionId};
use crate::monitor::MonitorId;
use crate::sequencer::Rights;
use bytes::Bytes;
use std::sync::Arc;

/// What is known of a client when it connects.
#[derive(Clone, Debug)]
pub struct Traits {
    /// Name in the log: `tcp:IP:PORT`, `unix#N`.
    pub name: String,
    /// Which remote it came through.
    pub remote: u64,
    pub rights: Arc<Rights>,
}

/// One client.
pub(super) struct Session {
    pub(super) traits: Traits,
    /// Disconnections of sessions before this one was opened.
    pub(super) disconnections: u64,
    /// The client understands that databases come and go (`set_db_change_aware`).
    pub(super) is_change_aware: bool,
    /// By the monitor's id as sorted compact JSON: the database's epoch and the worker's monitor.
    pub(super) monitors: HashMap<Vec<u8>, (u64, MonitorId)>,
    /// In order of arrival.
    pub(super) requests: Vec<Outstanding>,
    /// Answers that wait for a publication or the end of a round, or are being written; nothing more is read before they
    /// have left.
    pub(super) held: usize,
    /// Those of them that wait for the end of a round.
    pub(super) replies: Vec<Vec<Bytes>>,
    /// The connection has been told to wait, and is told when to go on.
    pub(super) is_waiting: bool,
    /// The socket is full: monitors of this session are silent and stand at a base.
    pub(super) is_lagging: bool,
    pub(super) locks_count: usize,
    /// It is to go when its conversion has been answered, for this reason.
    pub(super) closes_for: Option<String>,
    /// It has been told to go.
    pub(super) is_closing: bool,
}

/// What a session may have to wait for an answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Transact,
    Convert,
}

/// A transaction or conversion that has not been answered.
pub(super) struct Outstanding {
    pub(super) request: RequestId,
    /// The client's id as it came, as JSON.
    pub(super) id: Vec<u8>,
    pub(super) asked: Asked,
    pub(super) epoch: u64,
    pub(super) is_parked: bool,
    /// The client has taken it back. It is over with the sequencer's next word, be that its answer.
    pub(super) is_cancel_asked: bool,
    pub(super) bytes: usize,
}

/// Whether the connection goes on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// Keep what has not been handed over, until [`super::Machine::resume`].
    Wait,
}

impl Session {
    pub(super) fn new(traits: Traits, disconnections: u64) -> Session {
        Session {
            traits,
            disconnections,
            is_change_aware: false,
            monitors: HashMap::default(),
            requests: Vec::new(),
            held: 0,
            replies: Vec::new(),
            is_waiting: false,
            is_lagging: false,
            locks_count: 0,
            closes_for: None,
            is_closing: false,
        }
    }

    /// Transactions that are neither answered nor known to wait.
    pub(super) fn unparked(&self) -> impl Iterator<Item = &Outstanding> {
        self.requests.iter().filter(|request| !request.is_parked)
    }

    /// Why there may be no further transaction: those that wait are too many, or too large together.
    pub(super) fn check_waits(&self, bounds: &SessionBounds) -> Option<String> {
        let parked = || self.requests.iter().filter(|request| request.is_parked);
        let count = parked().count();
        if count >= bounds.waits_max {
            return Some(format!("{count} transactions of this session are waiting"));
        }
        let bytes: usize = parked().map(|request| request.bytes).sum();
        (bytes > bounds.request_bytes_max)
            .then(|| format!("transactions of this session are waiting that take {bytes} bytes"))
    }

    pub(super) fn position_of(&self, request: RequestId) -> Option<usize> {
        self.requests
            .iter()
            .position(|outstanding| outstanding.request == request)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("name", &self.traits.name)
            .finish()
    }
}

/// Makes session ids for one worker.
#[derive(Debug)]
pub struct SessionIds {
    worker: crate::ids::WorkerId,
    count: u64,
}

impl SessionIds {
    pub fn new(worker: crate::ids::WorkerId) -> SessionIds {
        SessionIds { worker, count: 0 }
    }

    /// An id that no session of the process has had.
    pub fn next_id(&mut self) -> SessionId {
        self.count += 1;
        SessionId::new(self.worker, self.count)
    }
}
