//! What behaviours may do with the clients of their shard: send, record, look. It holds all of a shard but the
//! behaviour itself.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{ErrorKind, IoSlice, Write};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ovsdb_io::net::reconnect::{Action, End};
use ovsdb_io::tls::Pump;
use rustix::event::epoll;
use rustix::fd::OwnedFd;

use crate::error::Failure;
use crate::fleet::client::{Client, Ending, Outstanding, Phase, Step, Turn};
use crate::fleet::expected::Expected;
use crate::fleet::gate::Gate;
use crate::fleet::moments::Moments;
use crate::fleet::pace::Pace;
use crate::fleet::references::References;
use crate::fleet::{Address, Board, Greeting, Known, Plan, echo, handshake};
use crate::fold::Folds;
use crate::fold::state::State;
use crate::limits;
use crate::measure::latency::Latencies;

/// The id of [`Port::probe`]; others begin at 1.
pub(super) const PROBE_ID: u64 = 0;

/// A request of a behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// In JSON.
    pub params: &'a str,
    /// Comes back with the reply.
    pub tag: u32,
    /// What the reply must say.
    pub expected: Expected,
    /// When it was meant to be sent: the latency is counted from there.
    pub intended: Instant,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    pub tag: u32,
    pub intended: Instant,
    pub latency: Duration,
    /// All of it, or the beginning of a long one.
    pub text: &'a [u8],
    pub is_whole: bool,
    pub(super) hash: Option<u128>,
}

impl Reply<'_> {
    /// The hash of all of it.
    pub fn hash(&self) -> u128 {
        self.hash.unwrap_or_else(|| crate::fold::hash(self.text))
    }
}

/// A shard without its behaviour.
pub struct Port {
    pub(super) plan: Arc<Plan>,
    pub(super) board: Arc<Board>,
    pub(super) epoll: OwnedFd,
    pub(super) clients: Vec<Client>,
    /// Number in the fleet of the first client.
    pub(super) first: usize,
    pub(super) folds: Folds,
    pub(super) epoch: Instant,
    /// When reconnect machines want to be asked, in milliseconds since the epoch.
    pub(super) timers: BinaryHeap<Reverse<(u64, usize)>>,
    /// Clients that wait for their turn to connect.
    pub(super) queue: VecDeque<usize>,
    /// Clients that are on their way to being ready.
    pub(super) underway: usize,
    /// Those among them that agree on TLS.
    pub(super) securing: usize,
    pub(super) pace: Pace,
    pub(super) gate: Gate,
    /// Clients with something to send.
    pub(super) dirty: Vec<usize>,
    pub(super) references: References,
    pub(super) moments: Moments,
    /// The longest time between two looks at the sockets.
    pub(super) longest_turn: Duration,
    pub(super) latencies: Latencies,
}

impl Port {
    /// The clients of this shard, by their numbers in the fleet.
    pub fn clients(&self) -> Range<usize> {
        self.first..self.first + self.clients.len()
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    /// What a client knows.
    pub fn state(&self, client: usize) -> &State {
        &self.clients[client - self.first].state
    }

    /// The transaction id that a client knows.
    pub fn last_id(&self, client: usize) -> u128 {
        self.clients[client - self.first].last_id
    }

    /// Whether a client is ready to be used.
    pub fn is_ready(&self, client: usize) -> bool {
        self.clients[client - self.first].phase == Phase::Ready
    }

    /// Requests of a client that are not answered yet.
    pub fn outstanding(&self, client: usize) -> usize {
        self.clients[client - self.first].outstanding.len()
    }

    /// Sends a request. It leaves at the end of the turn, together with others of the same client.
    pub fn request(&mut self, client: usize, request: Request<'_>) {
        let index = client - self.first;
        Board::add(&self.board.asked, 1);
        if request.method == handshake::CHANGE_CONDITIONS {
            self.clients[index].has_changed = true;
        }
        let step = Step::Own {
            tag: request.tag,
            expected: request.expected,
        };
        self.send(index, step, request.intended, request.method, request.params);
    }

    /// Records a latency of the series with that index.
    pub fn record(&mut self, series: usize, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies.record(self.plan.series[series], us);
        self.board.latencies.record(us);
    }

    /// Counts towards the scenario's progress.
    pub fn done(&mut self, number: u64) {
        self.board
            .done
            .fetch_add(number, std::sync::atomic::Ordering::Release);
    }

    /// Stops the run.
    pub fn fail(&mut self, failure: Failure) {
        self.board.fail(failure);
    }

    /// Stops or goes on reading from a client's socket.
    pub fn set_reading(&mut self, client: usize, is_reading: bool) {
        let index = client - self.first;
        self.clients[index].is_reading = is_reading;
        self.update_interest(index);
    }

    pub(super) fn known(&self) -> Vec<Known> {
        let clients = self.clients.iter().enumerate();
        clients
            .map(|(index, client)| Known {
                client: self.first + index,
                digest: client.state.digest(),
                rows: client.state.len(),
            })
            .collect()
    }

    pub(super) fn take_latencies(&mut self) -> Latencies {
        std::mem::take(&mut self.latencies)
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).expect("a run ends before that")
    }

    /// Queues the first client for connecting.
    pub(super) fn start_first(&mut self, now: Instant) {
        self.start(0..1, now);
    }

    /// Queues all clients for connecting that are not there yet.
    pub(super) fn start_all(&mut self, now: Instant) {
        self.start(0..self.clients.len(), now);
    }

    fn start(&mut self, indexes: Range<usize>, now: Instant) {
        let now_ms = self.now_ms();
        for index in indexes {
            if self.clients[index].phase != Phase::Away || self.clients[index].turn != Turn::None {
                continue;
            }
            self.clients[index].since = now;
            self.clients[index].reconnect.enable(now_ms);
            self.enqueue(index);
        }
        self.fill_up();
    }

    fn enqueue(&mut self, index: usize) {
        self.clients[index].turn = Turn::Queued;
        self.queue.push_back(index);
    }

    /// Lets as many queued clients connect as may.
    pub(super) fn fill_up(&mut self) {
        while self.pace.allows(self.underway)
            && self.securing < self.plan.securing_max
            && let Some(index) = self.queue.pop_front()
        {
            self.underway += 1;
            self.clients[index].turn = Turn::Underway;
            self.run_reconnect(index);
        }
    }

    /// A client is not on its way any more.
    fn leave_underway(&mut self, index: usize) {
        if std::mem::replace(&mut self.clients[index].turn, Turn::None) == Turn::Underway {
            self.underway -= 1;
        }
    }

    /// A client does not agree on TLS any more, if it did.
    fn leave_securing(&mut self, index: usize) {
        let has_begun = matches!(self.clients[index].phase, Phase::Connecting | Phase::Securing);
        if has_begun && matches!(self.plan.address, Address::Tls(_)) {
            self.securing -= 1;
        }
    }

    /// Does what a client's reconnect machine says.
    pub(super) fn run_reconnect(&mut self, index: usize) {
        let now_ms = self.now_ms();
        match self.clients[index].reconnect.run(now_ms) {
            Action::Wait(None) => {}
            Action::Wait(Some(until_ms)) => self.timers.push(Reverse((until_ms, index))),
            Action::Connect => match self.clients[index].turn {
                Turn::Underway => self.begin_connect(index, now_ms),
                Turn::Queued => {}
                Turn::None => self.enqueue(index),
            },
            Action::Disconnect => self.disconnected(index, Ending::TimedOut),
        }
    }

    fn begin_connect(&mut self, index: usize, now_ms: u64) {
        let client = &mut self.clients[index];
        client.reconnect.connecting(now_ms);
        let socket = match self.plan.address.begin() {
            Ok(socket) => socket,
            Err(error) if matches!(error.raw_os_error(), Some(libc_errno) if is_exhausted(libc_errno)) => {
                let reason = format!("cannot open {} connections: {error}", self.plan.address);
                return self.board.fail(Failure::Machine(reason));
            }
            Err(error) => return self.disconnected(index, Ending::Error(error)),
        };
        let client = &mut self.clients[index];
        client.phase = Phase::Connecting;
        if let Address::Tls(_) = self.plan.address {
            self.securing += 1;
        }
        client.wants_writable = true;
        let data = epoll::EventData::new_u64(index as u64);
        let added = epoll::add(&self.epoll, &socket, data, interest(client));
        client.socket = Some(socket);
        if let Err(error) = added {
            return self.board.fail(Failure::Machine(format!("epoll: {error}")));
        }
        self.run_reconnect(index);
    }

    /// The socket of a connecting client became writable: it is connected, or it failed.
    pub(super) fn connect_finished(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let socket = client.socket.as_ref().expect("a connecting client has a socket");
        match socket.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return self.disconnected(index, Ending::Error(error)),
        }
        client.wants_writable = false;
        if let Address::Tls(secured) = &self.plan.address {
            client.phase = Phase::Securing;
            match Pump::connect(&secured.context, "loadgen", &secured.host) {
                Ok(pump) => client.tls = Some(Box::new(pump)),
                Err(error) => return self.disconnected(index, Ending::Error(error)),
            }
            self.update_interest(index);
            return self.flush(index);
        }
        self.greet(index);
    }

    /// Decrypts what a client has received. Gives what it means; a client whose handshake is over greets.
    pub(super) fn decrypt(&mut self, index: usize, received: &[u8]) -> Vec<u8> {
        let client = &mut self.clients[index];
        let Some(pump) = &mut client.tls else {
            return Vec::new();
        };
        let result = pump.receive(&mut received.to_vec());
        let is_over = client.phase == Phase::Securing && !pump.is_handshaking();
        let plain = std::mem::take(&mut pump.plain);
        if let Err(error) = result {
            self.disconnected(index, Ending::Error(std::io::Error::other(error)));
            return Vec::new();
        }
        if is_over {
            self.greet(index);
        }
        self.flush(index);
        // What still came of a connection that is gone concerns nobody.
        if self.clients[index].tls.is_some() {
            plain
        } else {
            Vec::new()
        }
    }

    /// The connection is there: the client introduces itself.
    fn greet(&mut self, index: usize) {
        self.leave_securing(index);
        let client = &mut self.clients[index];
        client.phase = Phase::Greeting;
        client
            .reconnect
            .connected(u64::try_from(self.epoch.elapsed().as_millis()).expect("a run ends before that"));
        self.update_interest(index);
        let now = Instant::now();
        let (method, params) = match self.plan.greeting {
            Greeting::Library => handshake::GET_SCHEMA,
            Greeting::Echo => handshake::ECHO,
        };
        self.send(index, Step::First, now, method, params);
        if self.plan.greeting == Greeting::Library {
            let (method, params) = handshake::server_monitor();
            self.send(index, Step::ServerMonitor, now, method, &params);
        }
    }

    /// The next step after an answer of so many bytes to the handshake. Gives whether the client is ready now.
    pub(super) fn advance(&mut self, index: usize, bytes: usize) -> bool {
        let client = &self.clients[index];
        if !client.outstanding.is_empty() {
            return false;
        }
        if client.phase == Phase::Greeting
            && let Some(requests) = (self.plan.monitor)(self.first + index)
        {
            let client = &mut self.clients[index];
            client.phase = Phase::Greeted;
            client.requests = crate::fold::hash(requests.as_bytes());
            client.has_changed = false;
            self.gate.enqueue(index, client.requests);
            self.timers
                .push(Reverse((self.now_ms() + limits::PROBE_MS, index)));
            self.let_ask();
            return false;
        }
        let before = std::mem::replace(&mut self.clients[index].phase, Phase::Ready);
        self.leave_underway(index);
        self.pace.succeeded();
        if before == Phase::Asking {
            let requests = self.clients[index].requests;
            self.gate.answered(index, requests, bytes);
            self.let_ask();
        }
        self.board
            .ready
            .fetch_add(1, std::sync::atomic::Ordering::Release);
        true
    }

    fn ask_for_data(&mut self, index: usize, requests: &str) {
        let last_id = self.clients[index].last_id;
        let database = &self.plan.columns.database;
        let (method, params) = handshake::data_monitor(database, requests, last_id);
        self.clients[index].phase = Phase::Asking;
        let now = Instant::now();
        let (aware, params_aware) = handshake::CHANGE_AWARE;
        self.send(index, Step::ChangeAware, now, aware, params_aware);
        self.send(index, Step::DataMonitor, now, method, &params);
    }

    /// Lets those ask for data who may.
    fn let_ask(&mut self) {
        while let Some(index) = self.gate.next() {
            let requests = (self.plan.monitor)(self.first + index);
            match (self.clients[index].phase, requests) {
                (Phase::Greeted, Some(requests)) => self.ask_for_data(index, &requests),
                // It has lost its connection since it was queued, and is queued again if it has a new one.
                _ => self.gate.lost(index, self.clients[index].requests),
            }
        }
    }

    /// A connection or an attempt ended.
    pub(super) fn disconnected(&mut self, index: usize, ending: Ending) {
        let now_ms = self.now_ms();
        let client = &mut self.clients[index];
        let phase = client.phase;
        // A server whose backlog overflows resets what the client took for connected.
        let is_attempt = matches!(phase, Phase::Away | Phase::Connecting | Phase::Securing)
            || (phase == Phase::Greeting && !client.is_greeted());
        if is_attempt {
            Board::add(&self.board.retries, 1);
            if !is_refused(&ending) {
                self.pace.failed(now_ms);
            }
        } else {
            Board::add(&self.board.lost, 1);
            if !self.plan.reconnects {
                let reason = match &ending {
                    Ending::Eof => "it closed a connection".to_owned(),
                    Ending::Error(error) => error.to_string(),
                    Ending::TimedOut => "it does not answer".to_owned(),
                };
                let address = &self.plan.address;
                return self.board.fail(match self.excuse() {
                    None => Failure::Lost(format!("lost {address}: {reason}")),
                    Some(excuse) => Failure::Machine(format!("lost {address}: {reason} ({excuse})")),
                });
            }
        }
        self.leave_securing(index);
        let client = &mut self.clients[index];
        client.disconnect();
        let end = match ending {
            Ending::Eof => End::Eof,
            Ending::Error(error) => End::Error(error),
            Ending::TimedOut => End::Dropped,
        };
        client.reconnect.disconnected(&end, now_ms, now_ms);
        if phase == Phase::Ready {
            self.board
                .ready
                .fetch_sub(1, std::sync::atomic::Ordering::Release);
            self.clients[index].since = Instant::now();
        }
        self.leave_underway(index);
        if phase == Phase::Asking {
            self.gate.lost(index, self.clients[index].requests);
            self.let_ask();
        }
        self.run_reconnect(index);
    }

    /// What to say of a lost connection if this program may have caused it by not answering probes in time.
    fn excuse(&self) -> Option<String> {
        (self.longest_turn >= limits::TURN_MAX).then(|| {
            format!(
                "this program was busy for {:.1} s at a time; it needs a processor of its own, or fewer clients",
                self.longest_turn.as_secs_f64()
            )
        })
    }

    pub(super) fn send(&mut self, index: usize, step: Step, intended: Instant, method: &str, params: &str) {
        let client = &mut self.clients[index];
        client.next_id += 1;
        let id = client.next_id;
        client.outstanding.push_back(Outstanding { id, step, intended });
        write!(
            client.backlog,
            r#"{{"id":{id},"method":"{method}","params":{params}}}"#
        )
        .expect("memory takes everything");
        self.mark_dirty(index);
    }

    /// Asks the server whether it lives if the client still waits for its first contents. The id is none of those of
    /// [`Port::send`], so that answers of equal requests remain equal.
    pub(super) fn probe(&mut self, index: usize, now_ms: u64) {
        if matches!(self.clients[index].phase, Phase::Greeted | Phase::Asking) {
            write!(
                self.clients[index].backlog,
                r#"{{"id":{PROBE_ID},"method":"echo","params":[]}}"#
            )
            .expect("memory takes everything");
            self.mark_dirty(index);
            self.timers.push(Reverse((now_ms + limits::PROBE_MS, index)));
        }
    }

    /// Answers the server's question whether we live.
    pub(super) fn answer_echo(&mut self, index: usize, request: &[u8]) {
        match echo::answer(request) {
            Ok(answer) => self.clients[index].backlog.extend_from_slice(answer.as_bytes()),
            Err(failure) => return self.board.fail(failure),
        }
        self.mark_dirty(index);
    }

    fn mark_dirty(&mut self, index: usize) {
        if !std::mem::replace(&mut self.clients[index].is_dirty, true) {
            self.dirty.push(index);
        }
    }

    /// Writes what was queued in this turn.
    pub(super) fn flush_all(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            self.clients[index].is_dirty = false;
            self.flush(index);
        }
        // A connection that ended may have let another client ask.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    pub(super) fn flush(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let Some(socket) = &mut client.socket else { return };
        loop {
            let rest = &client.backlog[client.backlog_sent..];
            let result = match &mut client.tls {
                None if rest.is_empty() => break,
                None => socket.write(rest),
                Some(pump) if pump.wants_write() => pump.write_to(socket).map(|_| 0),
                Some(pump) if rest.is_empty() || pump.is_handshaking() => break,
                Some(pump) => pump.seal(&[IoSlice::new(rest)]),
            };
            match result {
                Ok(sent) => client.backlog_sent += sent,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !std::mem::replace(&mut client.wants_writable, true) {
                        self.update_interest(index);
                    }
                    return;
                }
                Err(error) => return self.disconnected(index, Ending::Error(error)),
            }
        }
        if client.backlog_sent == client.backlog.len() {
            client.backlog_sent = 0;
            client.backlog.clear();
        }
        client.backlog.shrink_to(limits::PARTIAL_BYTES_MAX / 8);
        if std::mem::replace(&mut client.wants_writable, false) {
            self.update_interest(index);
        }
    }

    pub(super) fn update_interest(&mut self, index: usize) {
        let client = &self.clients[index];
        let Some(socket) = &client.socket else { return };
        let data = epoll::EventData::new_u64(index as u64);
        if let Err(error) = epoll::modify(&self.epoll, socket, data, interest(client)) {
            self.board.fail(Failure::Machine(format!("epoll: {error}")));
        }
    }

    /// Empties a state, before a full dump.
    pub(super) fn empty(&self) -> Rc<State> {
        self.folds.empty()
    }
}

fn interest(client: &Client) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    if client.is_reading && client.phase != Phase::Connecting {
        flags |= epoll::EventFlags::IN;
    }
    if client.wants_writable {
        flags |= epoll::EventFlags::OUT;
    }
    flags
}

/// Whether nobody listens: a server that is away, not one that is busy.
fn is_refused(ending: &Ending) -> bool {
    matches!(ending, Ending::Error(error) if error.kind() == ErrorKind::ConnectionRefused)
}

/// Whether this machine has no more descriptors, ports or memory.
fn is_exhausted(errno: i32) -> bool {
    use rustix::io::Errno;
    [
        Errno::MFILE,
        Errno::NFILE,
        Errno::ADDRNOTAVAIL,
        Errno::NOBUFS,
        Errno::NOMEM,
    ]
    .iter()
    .any(|exhausted| exhausted.raw_os_error() == errno)
}
