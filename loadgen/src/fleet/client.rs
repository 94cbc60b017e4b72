//! One client: its socket, where it stands, what it awaits, and what it knows.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use ovsdb_io::net::reconnect::Reconnect;
use ovsdb_io::tls::Pump;
use socket2::Socket;

use crate::fleet::expected::Expected;
use crate::fleet::references::{Long, Told};
use crate::fleet::scanner::Scanner;
use crate::fold::state::State;

/// Where a client stands on its way to being ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not started, or waiting to try again.
    Away,
    /// The socket is on its way. → `Securing` or `Greeting`
    Connecting,
    /// TLS is being agreed on. → `Greeting`
    Securing,
    /// What its greeting asks for is still to come. → `Greeted`, `Asking` or `Ready`
    Greeting,
    /// It waits for its turn to ask for the data. → `Asking`
    Greeted,
    /// The monitor of the data is asked for. → `Ready`
    Asking,
    /// Everything was answered.
    Ready,
}

/// Whether a client may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is ready, or wants to wait. → `Queued`
    None,
    /// It wants to connect when there is room. → `Underway`
    Queued,
    /// It is counted as on its way to being ready. → `None`
    Underway,
}

/// How a connection ended.
#[derive(Debug)]
pub enum Ending {
    Eof,
    Error(std::io::Error),
    TimedOut,
}

/// A request that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub(super) id: u64,
    pub(super) step: Step,
    /// When it was meant to be sent.
    pub(super) intended: Instant,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The first request of a connection: for the schema of `_Server`, or an echo.
    First,
    ServerMonitor,
    ChangeAware,
    DataMonitor,
    /// The behaviour's, with its tag and what the reply must contain.
    Own {
        tag: u32,
        expected: Expected,
    },
}

pub(super) struct Client {
    pub(super) socket: Option<Socket>,
    /// What secures the socket, if anything does.
    pub(super) tls: Option<Box<Pump>>,
    pub(super) phase: Phase,
    pub(super) reconnect: Reconnect,
    /// When it was meant to start.
    pub(super) since: Instant,
    pub(super) scanner: Scanner,
    pub(super) partial: Partial,
    /// Bytes that the socket has not taken yet, and how many at the beginning are gone.
    pub(super) backlog: Vec<u8>,
    pub(super) backlog_sent: usize,
    pub(super) is_dirty: bool,
    pub(super) turn: Turn,
    pub(super) wants_writable: bool,
    pub(super) is_reading: bool,
    pub(super) outstanding: VecDeque<Outstanding>,
    pub(super) next_id: u64,
    pub(super) state: Rc<State>,
    pub(super) last_id: u128,
    /// The hash of what it monitors; 0 until it has asked.
    pub(super) requests: u128,
    /// Whether it has changed its conditions since.
    pub(super) has_changed: bool,
}

/// What is kept of a message that has not ended.
#[derive(Default)]
pub(super) enum Partial {
    #[default]
    Nothing,
    /// All of it.
    Whole(Vec<u8>),
    /// Its hash, and all of it as long as its thread can keep that.
    Long(Long),
}

impl Client {
    pub(super) fn new(state: Rc<State>, now: Instant) -> Client {
        Client {
            socket: None,
            tls: None,
            phase: Phase::Away,
            reconnect: Reconnect::new(String::new(), 0),
            since: now,
            scanner: Scanner::default(),
            partial: Partial::Nothing,
            backlog: Vec::new(),
            backlog_sent: 0,
            is_dirty: false,
            turn: Turn::None,
            wants_writable: false,
            is_reading: true,
            outstanding: VecDeque::new(),
            next_id: 0,
            state,
            last_id: 0,
            requests: 0,
            has_changed: false,
        }
    }

    /// Forgets what belonged to the connection.
    pub(super) fn disconnect(&mut self) {
        self.socket = None;
        self.tls = None;
        self.phase = Phase::Away;
        self.scanner.reset();
        self.partial = Partial::Nothing;
        self.backlog = Vec::new();
        self.backlog_sent = 0;
        self.wants_writable = false;
        self.outstanding.clear();
    }

    /// Whether the server has answered anything on this connection.
    pub(super) fn is_greeted(&self) -> bool {
        self.outstanding.front().map(|first| first.step) != Some(Step::First)
    }

    /// Clients of equal kinds are mostly told the same.
    pub(super) fn told(&self) -> Told {
        Told {
            kind: self.requests.wrapping_add(self.state.digest()),
            is_known: self.state.knows_long(),
        }
    }

    /// Takes the request with that id from those that are awaited.
    pub(super) fn take_outstanding(&mut self, id: u64) -> Option<Outstanding> {
        let at = self
            .outstanding
            .iter()
            .position(|outstanding| outstanding.id == id)?;
        self.outstanding.remove(at)
    }
}
