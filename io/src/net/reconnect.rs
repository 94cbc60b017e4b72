//! When to try an outgoing connection again: the state machine of every connection that we make
//! (upstream `lib/reconnect.c`). Time comes in as an argument, in milliseconds of a monotonic clock; it only
//! decides and logs.
//!
//! A server that is started beside a dead peer tries after 0, 1, 2, 4, 8, 8, … seconds. There is no jitter.
//! Inactivity of an established connection is judged by [`super::Inactivity`].

use crate::errors::strerror;
use log::{Level, log};
use std::fmt;
use std::io;

/// Wait after the first failure, and the least that can be configured, in milliseconds.
pub const BACKOFF_MIN_MS: u64 = 1000;
/// Longest wait by default, in milliseconds (`max_backoff`).
pub const BACKOFF_MAX_MS: u64 = 8000;

/// Where a connection stands. In capitals this is the `state` of a Manager or Connection row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Given up, or never wanted. → `Backoff` by `enable`.
    Void,
    /// Waiting to try. → `Connecting`.
    Backoff,
    /// An attempt is under way. → `Active`, or `Backoff` when it fails or takes too long.
    Connecting,
    /// Connected. → `Backoff` when it ends, `Reconnect` when somebody asks for that.
    Active,
    /// It is to be closed and made again. → `Backoff`.
    Reconnect,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Void => "VOID",
            State::Backoff => "BACKOFF",
            State::Connecting => "CONNECTING",
            State::Active => "ACTIVE",
            State::Reconnect => "RECONNECT",
        })
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing before that moment; without one, not before something happens.
    Wait(Option<u64>),
    /// Start an attempt and say so by `connecting`.
    Connect,
    /// Give up the attempt or the connection and say so by `disconnected`.
    Disconnect,
}

/// How a connection or an attempt ended.
#[derive(Debug)]
pub enum End {
    /// By an error.
    Error(io::Error),
    /// The peer closed it.
    Eof,
    /// We gave it up.
    Dropped,
}

#[derive(Debug)]
pub struct Reconnect {
    name: String,
    backoff_max_ms: u64,
    state: State,
    state_entered_ms: u64,
    /// 0, or from BACKOFF_MIN_MS up to `backoff_max_ms`.
    backoff_ms: u64,
    last_connected_ms: Option<u64>,
    last_disconnected_ms: Option<u64>,
    /// Attempts that are made without waiting, as long as there is more than one left.
    free_tries: u32,
    /// Attempts left; without a number there is no end to them.
    tries: Option<u32>,
}

impl Reconnect {
    /// A machine in `Void`, for the peer that the log shall call `name`.
    pub fn new(name: String, now_ms: u64) -> Reconnect {
        Reconnect {
            name,
            backoff_max_ms: BACKOFF_MAX_MS,
            state: State::Void,
            state_entered_ms: now_ms,
            backoff_ms: 0,
            last_connected_ms: None,
            last_disconnected_ms: None,
            free_tries: 0,
            tries: None,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// When the last connection was made.
    pub fn last_connected_ms(&self) -> Option<u64> {
        self.last_connected_ms
    }

    /// When the last connection ended.
    pub fn last_disconnected_ms(&self) -> Option<u64> {
        self.last_disconnected_ms
    }

    /// The longest wait; 0 is the default, less than a second is a second.
    pub fn set_backoff_max(&mut self, backoff_max_ms: u64) {
        self.backoff_max_ms = if backoff_max_ms == 0 {
            BACKOFF_MAX_MS
        } else {
            backoff_max_ms.max(BACKOFF_MIN_MS)
        };
        if self.state == State::Backoff {
            self.backoff_ms = self.backoff_ms.min(self.backoff_max_ms);
        }
    }

    /// Limits the attempts; 0 means that a connection which ends is not made again.
    pub fn set_tries(&mut self, tries: Option<u32>) {
        self.tries = tries;
    }

    /// `count` attempts, the first connection included, are made without waiting.
    pub fn set_free_tries(&mut self, count: u32) {
        self.free_tries = count;
    }

    /// Wants the connection from now on.
    pub fn enable(&mut self, now_ms: u64) {
        if self.state == State::Void && self.may_retry() {
            self.enter(State::Backoff, now_ms);
            self.backoff_ms = 0;
        }
    }

    /// Asks for the connection to be closed and made again.
    pub fn force_reconnect(&mut self, now_ms: u64) {
        if matches!(self.state, State::Connecting | State::Active) {
            self.enter(State::Reconnect, now_ms);
        }
    }

    /// What to do at `now_ms`.
    pub fn run(&self, now_ms: u64) -> Action {
        let deadline_ms = match self.state {
            State::Void | State::Active => return Action::Wait(None),
            State::Backoff => self.state_entered_ms + self.backoff_ms,
            State::Connecting => self.state_entered_ms + self.backoff_ms.max(1000),
            State::Reconnect => self.state_entered_ms,
        };
        if now_ms < deadline_ms {
            return Action::Wait(Some(deadline_ms));
        }
        if self.state == State::Backoff {
            Action::Connect
        } else {
            Action::Disconnect
        }
    }

    /// An attempt is under way.
    pub fn connecting(&mut self, now_ms: u64) {
        if self.state != State::Connecting {
            if self.backoff_ms < self.backoff_max_ms {
                self.log(Level::Info, format_args!("connecting..."));
            }
            self.enter(State::Connecting, now_ms);
        }
    }

    /// The attempt succeeded.
    pub fn connected(&mut self, now_ms: u64) {
        if self.state != State::Active {
            self.connecting(now_ms);
            self.log(Level::Info, format_args!("connected"));
            self.enter(State::Active, now_ms);
            self.last_connected_ms = Some(now_ms);
        }
    }

    /// The attempt failed or was given up, or the connection ended; `last_activity_ms` is when the peer was
    /// last heard of.
    pub fn disconnected(&mut self, end: &End, last_activity_ms: u64, now_ms: u64) {
        let was_active = match self.state {
            State::Void | State::Backoff => return,
            State::Active => true,
            State::Connecting | State::Reconnect => false,
        };
        self.log_end(end, was_active);
        if was_active {
            self.last_disconnected_ms = Some(now_ms);
        }
        if !self.may_retry() {
            return self.enter(State::Void, now_ms);
        }
        let connected_ms = self.last_connected_ms.unwrap_or(now_ms);
        if self.free_tries > 1 {
            self.free_tries -= 1;
            self.backoff_ms = 0;
        } else if was_active && last_activity_ms.saturating_sub(connected_ms) >= self.backoff_ms {
            self.backoff_ms = BACKOFF_MIN_MS;
        } else {
            self.back_off_longer();
        }
        self.enter(State::Backoff, now_ms);
    }

    fn back_off_longer(&mut self) {
        if self.backoff_ms < BACKOFF_MIN_MS {
            self.backoff_ms = BACKOFF_MIN_MS;
        } else if self.backoff_ms < self.backoff_max_ms / 2 {
            self.backoff_ms *= 2;
            let seconds = Seconds(self.backoff_ms);
            self.log(
                Level::Info,
                format_args!("waiting {seconds} seconds before reconnect"),
            );
        } else {
            if self.backoff_ms < self.backoff_max_ms {
                self.log(
                    Level::Info,
                    format_args!("continuing to reconnect in the background but suppressing further logging"),
                );
            }
            self.backoff_ms = self.backoff_max_ms;
        }
    }

    fn log_end(&self, end: &End, was_active: bool) {
        match (was_active, end) {
            (true, End::Error(error)) => {
                self.log(
                    Level::Warn,
                    format_args!("connection dropped ({})", strerror(error)),
                );
            }
            (true, End::Eof) => self.log(Level::Info, format_args!("connection closed by peer")),
            (true, End::Dropped) => self.log(Level::Info, format_args!("connection dropped")),
            // At the longest wait it was said that no more will be said.
            (false, _) if self.backoff_ms >= self.backoff_max_ms => {}
            (false, End::Error(error)) => {
                self.log(
                    Level::Info,
                    format_args!("connection attempt failed ({})", strerror(error)),
                );
            }
            (false, End::Eof | End::Dropped) => {
                self.log(Level::Info, format_args!("connection attempt timed out"));
            }
        }
    }

    fn may_retry(&mut self) -> bool {
        match &mut self.tries {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn enter(&mut self, state: State, now_ms: u64) {
        self.log(Level::Debug, format_args!("entering {state}"));
        self.state = state;
        self.state_entered_ms = now_ms;
    }

    fn log(&self, level: Level, text: fmt::Arguments<'_>) {
        log!(target: "reconnect", level, "{}: {text}", self.name);
    }
}

/// Says of a connection that a client has made what a machine of its own would say, for whoever asks for that.
pub fn tell_accepted(name: &str) {
    for text in [
        "connecting...",
        "entering CONNECTING",
        "connected",
        "entering ACTIVE",
    ] {
        log::debug!(target: "reconnect", "{name}: {text}");
    }
}

/// Says how such a connection ended: of a failure anybody hears.
pub fn tell_ended(name: &str, end: &End) {
    match end {
        End::Error(error) => {
            log::warn!(target: "reconnect", "{name}: connection dropped ({})", strerror(error));
        }
        End::Eof => log::debug!(target: "reconnect", "{name}: connection closed by peer"),
        End::Dropped => log::debug!(target: "reconnect", "{name}: connection dropped"),
    }
    log::debug!(target: "reconnect", "{name}: entering VOID");
}

/// Milliseconds, printed as seconds with at most three significant digits.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 as f64 / 1000.0;
        let decimals = match self.0 {
            0..10_000 => 2,
            10_000..100_000 => 1,
            _ => 0,
        };
        let text = format!("{seconds:.decimals$}");
        let text = if decimals > 0 {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> End {
        End::Error(io::Error::from_raw_os_error(libc::ECONNREFUSED))
    }

    /// Waits for the next attempt, lets it fail at once, and returns when it was made.
    fn fail_next(fsm: &mut Reconnect, mut now_ms: u64) -> u64 {
        if let Action::Wait(Some(until_ms)) = fsm.run(now_ms) {
            now_ms = until_ms;
        }
        assert_eq!(fsm.run(now_ms), Action::Connect);
        fsm.connecting(now_ms);
        fsm.disconnected(&refused(), now_ms, now_ms);
        now_ms
    }

    #[test]
    fn a_dead_peer_is_tried_after_0_1_2_4_8_8_seconds() {
        let mut fsm = Reconnect::new("tcp:x".to_owned(), 500);
        fsm.enable(500);
        let mut now_ms = 500;
        let mut tried = Vec::new();
        for _ in 0..7 {
            let at_ms = fail_next(&mut fsm, now_ms);
            tried.push(at_ms - now_ms);
            now_ms = at_ms;
        }
        assert_eq!(tried, [0, 1000, 2000, 4000, 8000, 8000, 8000]);
    }

    #[test]
    fn an_attempt_is_given_up_after_the_present_wait_but_not_within_a_second() {
        let mut fsm = Reconnect::new("tcp:x".to_owned(), 0);
        fsm.enable(0);
        fsm.connecting(0);
        assert_eq!(fsm.run(0), Action::Wait(Some(1000)));
        assert_eq!(fsm.run(1000), Action::Disconnect);
        for _ in 0..3 {
            fsm.disconnected(&End::Dropped, 0, 0);
            fsm.connecting(0);
        }
        assert_eq!(fsm.run(0), Action::Wait(Some(4000)));
    }

    #[test]
    fn a_connection_that_lived_longer_than_the_wait_starts_over() {
        let mut fsm = Reconnect::new("tcp:x".to_owned(), 0);
        fsm.enable(0);
        let mut now_ms = 0;
        for _ in 0..3 {
            now_ms = fail_next(&mut fsm, now_ms);
        }
        assert_eq!(fsm.run(now_ms), Action::Wait(Some(now_ms + 4000)));
        fsm.connected(now_ms);
        assert_eq!(fsm.run(now_ms), Action::Wait(None));
        fsm.disconnected(&End::Eof, now_ms + 3000, now_ms + 3000);
        assert_eq!(
            fsm.run(now_ms + 3000),
            Action::Wait(Some(now_ms + 3000 + 8000)),
            "a short life waits on"
        );
        fsm.connected(now_ms);
        fsm.disconnected(&End::Eof, now_ms + 9000, now_ms + 9000);
        assert_eq!(fsm.run(now_ms + 9000), Action::Wait(Some(now_ms + 10_000)));
        assert_eq!(fsm.last_disconnected_ms(), Some(now_ms + 9000));
    }

    #[test]
    fn free_tries_and_limited_tries_are_counted_as_upstream_does() {
        let mut fsm = Reconnect::new("x".to_owned(), 0);
        fsm.set_free_tries(3);
        fsm.enable(0);
        assert_eq!(
            [
                fail_next(&mut fsm, 0),
                fail_next(&mut fsm, 0),
                fail_next(&mut fsm, 0)
            ],
            [0, 0, 0]
        );
        assert_eq!(fail_next(&mut fsm, 0), 1000);

        let mut fsm = Reconnect::new("x".to_owned(), 0);
        fsm.set_tries(Some(2));
        fsm.enable(0);
        fail_next(&mut fsm, 0);
        fsm.connecting(1000);
        fsm.disconnected(&refused(), 1000, 1000);
        assert_eq!(fsm.state(), State::Void);
    }

    #[test]
    fn a_forced_reconnect_closes_first() {
        let mut fsm = Reconnect::new("x".to_owned(), 0);
        fsm.enable(0);
        fsm.force_reconnect(0);
        assert_eq!(fsm.state(), State::Backoff);
        fsm.connected(0);
        fsm.force_reconnect(5000);
        assert_eq!(fsm.run(5000), Action::Disconnect);
    }

    #[test]
    fn a_configured_maximum_holds() {
        let mut fsm = Reconnect::new("x".to_owned(), 0);
        fsm.set_backoff_max(2500);
        fsm.enable(0);
        let mut now_ms = 0;
        let mut tried = Vec::new();
        for _ in 0..5 {
            let at_ms = fail_next(&mut fsm, now_ms);
            tried.push(at_ms - now_ms);
            now_ms = at_ms;
        }
        assert_eq!(tried, [0, 1000, 2000, 2500, 2500]);
    }

    #[test]
    fn seconds_have_three_digits() {
        let cases = [
            (2000, "2"),
            (4500, "4.5"),
            (1234, "1.23"),
            (12_340, "12.3"),
            (100_000, "100"),
        ];
        for (ms, text) in cases {
            assert_eq!(Seconds(ms).to_string(), text);
        }
    }
}
