//! One client thread: waits for sockets, jobs and timers, reads, and gives messages to whom they concern.

use std::cmp::Reverse;
use std::io::{ErrorKind, Read};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::fd::OwnedFd;

use crate::error::{Failure, Result};
use crate::fleet::client::{Client, Ending, Partial, Phase, Step};
use crate::fleet::expected::{Expected, Verdict, is_resumed, judge};
use crate::fleet::gate::Gate;
use crate::fleet::moments::Moments;
use crate::fleet::pace::Pace;
use crate::fleet::port::PROBE_ID;
use crate::fleet::references::{Long, References};
use crate::fleet::scanner::Kind;
use crate::fleet::{Behaviour, Board, Plan, Port, Reply};
use crate::fold::{Folds, hash, shorten};
use crate::limits;
use crate::measure::latency::Latencies;

/// Index under which a shard's own descriptor is watched.
const WAKER: u64 = u64::MAX;

/// Something to do with a shard's clients.
type Call<B> = Box<dyn FnOnce(&mut B, &mut Port) + Send>;

/// What the main thread wants of a shard.
pub(super) enum Job<B> {
    Call(Call<B>),
    End,
}

/// Wakes a shard.
pub(super) struct Waker(OwnedFd);

impl Waker {
    pub(super) fn new() -> Result<Waker> {
        let made = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        Ok(Waker(made.map_err(|error| {
            Failure::Machine(format!("eventfd: {error}"))
        })?))
    }

    pub(super) fn wake(&self) {
        // It can only be full, and then the shard is woken anyway.
        rustix::io::write(&self.0, &1u64.to_ne_bytes()).unwrap_or_default();
    }

    fn clear(&self) {
        rustix::io::read(&self.0, &mut [0; 8]).unwrap_or_default();
    }
}

pub(super) struct Shard<B> {
    port: Port,
    behaviour: B,
    waker: Arc<Waker>,
    jobs: Receiver<Job<B>>,
    buffer: Vec<u8>,
}

impl<B: Behaviour> Shard<B> {
    pub(super) fn new(
        plan: Arc<Plan>,
        board: Arc<Board>,
        share: Range<usize>,
        waker: Arc<Waker>,
        jobs: Receiver<Job<B>>,
        behaviour: B,
    ) -> Result<Shard<B>> {
        let machine = |error| Failure::Machine(format!("epoll: {error}"));
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(machine)?;
        epoll::add(
            &epoll,
            &waker.0,
            epoll::EventData::new_u64(WAKER),
            epoll::EventFlags::IN,
        )
        .map_err(machine)?;
        let folds = Folds::new(plan.columns.clone());
        let now = Instant::now();
        let port = Port {
            clients: share.clone().map(|_| Client::new(folds.empty(), now)).collect(),
            first: share.start,
            pace: Pace::new(plan.connecting_max),
            gate: Gate::new(plan.asking_max),
            plan,
            board,
            epoll,
            folds,
            epoch: now,
            timers: Default::default(),
            queue: Default::default(),
            underway: 0,
            securing: 0,
            dirty: Vec::new(),
            references: References::default(),
            moments: Moments::default(),
            longest_turn: Duration::ZERO,
            latencies: Latencies::default(),
        };
        Ok(Shard {
            port,
            behaviour,
            waker,
            jobs,
            buffer: vec![0; limits::READ_BYTES],
        })
    }

    /// Runs until it is told to end.
    pub(super) fn run(mut self) {
        let mut events = [const { MaybeUninit::uninit() }; limits::EVENTS_MAX];
        let mut awake = Instant::now();
        loop {
            let wish = self.behaviour.turn(&mut self.port, Instant::now());
            self.run_timers();
            self.port.fill_up();
            self.port.flush_all();
            let timeout = self.timeout(wish);
            self.port.longest_turn = self.port.longest_turn.max(awake.elapsed());
            let ready: &[epoll::Event] = match epoll::wait(&self.port.epoll, &mut events, Some(&timeout)) {
                Ok((ready, _)) => ready,
                Err(rustix::io::Errno::INTR) => &[],
                Err(error) => return self.port.board.fail(Failure::Machine(format!("epoll: {error}"))),
            };
            awake = Instant::now();
            for event in ready {
                let (index, flags) = (event.data.u64(), event.flags);
                if index == WAKER {
                    self.waker.clear();
                } else {
                    self.serve(index as usize, flags);
                }
            }
            while let Ok(job) = self.jobs.try_recv() {
                match job {
                    Job::Call(call) => call(&mut self.behaviour, &mut self.port),
                    Job::End => return,
                }
            }
        }
    }

    fn timeout(&self, wish: Option<Instant>) -> Timespec {
        let mut longest = Duration::from_millis(limits::SLEEP_MAX_MS);
        if let Some(at) = wish {
            longest = longest.min(at.saturating_duration_since(Instant::now()));
        }
        if let Some(Reverse((at_ms, _))) = self.port.timers.peek() {
            longest = longest.min(Duration::from_millis(at_ms.saturating_sub(self.port.now_ms())));
        }
        Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(longest.subsec_nanos()),
        }
    }

    fn run_timers(&mut self) {
        let now_ms = self.port.now_ms();
        while let Some(Reverse((at_ms, index))) = self.port.timers.peek().copied()
            && at_ms <= now_ms
        {
            self.port.timers.pop();
            self.port.run_reconnect(index);
            self.port.probe(index, now_ms);
        }
    }

    fn serve(&mut self, index: usize, flags: epoll::EventFlags) {
        let client = &self.port.clients[index];
        if client.socket.is_none() {
            return;
        }
        if client.phase == Phase::Connecting {
            return self.port.connect_finished(index);
        }
        if flags.contains(epoll::EventFlags::OUT) {
            self.port.flush(index);
        }
        if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            self.read(index);
        }
    }

    fn read(&mut self, index: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..limits::READS_PER_TURN_MAX {
            let Some(socket) = &mut self.port.clients[index].socket else {
                break;
            };
            match socket.read(&mut buffer) {
                Ok(0) => {
                    self.port.disconnected(index, Ending::Eof);
                    break;
                }
                Ok(read) => {
                    Board::add(&self.port.board.bytes, read as u64);
                    if self.port.clients[index].tls.is_some() {
                        let plain = self.port.decrypt(index, &buffer[..read]);
                        self.receive(index, &plain);
                    } else {
                        self.receive(index, &buffer[..read]);
                    }
                    if read < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.port.disconnected(index, Ending::Error(error));
                    break;
                }
            }
        }
        self.buffer = buffer;
    }

    /// Cuts what was received into messages.
    fn receive(&mut self, index: usize, mut bytes: &[u8]) {
        let now = Instant::now();
        while !bytes.is_empty() {
            let client = &mut self.port.clients[index];
            let Some(end) = client.scanner.scan(bytes) else {
                if client.scanner.is_inside() {
                    self.keep(index, bytes);
                }
                return;
            };
            let (last, rest) = bytes.split_at(end);
            bytes = rest;
            let mut kind = Kind::Unreadable;
            let mut envelope = String::new();
            client.scanner.finish(|found| {
                kind = found.kind();
                if kind == Kind::Unreadable {
                    envelope = found.text();
                }
            });
            if kind == Kind::Unreadable {
                return self
                    .port
                    .board
                    .fail(Failure::Wrong(format!("a message with the envelope {envelope}")));
            }
            match std::mem::take(&mut self.port.clients[index].partial) {
                Partial::Nothing => self.message(index, kind, Message::whole(last), now),
                Partial::Whole(mut text) => {
                    text.extend_from_slice(last);
                    self.message(index, kind, Message::whole(&text), now);
                }
                Partial::Long(long) => {
                    let told = self.port.clients[index].told();
                    let long = long.push(last, told, &mut self.port.references);
                    let whole = long.whole();
                    let message = Message {
                        head: whole.as_deref().unwrap_or_else(|| long.head()),
                        bytes: long.bytes(),
                        whole: whole.as_deref(),
                        hash: Some(long.hash()),
                    };
                    self.message(index, kind, message, now);
                }
            }
            if self.port.clients[index].socket.is_none() {
                return;
            }
        }
    }

    /// Keeps the part of a message that has come, or its hash.
    fn keep(&mut self, index: usize, bytes: &[u8]) {
        let client = &mut self.port.clients[index];
        let references = &mut self.port.references;
        client.partial = match std::mem::take(&mut client.partial) {
            Partial::Nothing => kept(client, references, bytes.to_vec()),
            Partial::Whole(mut text) => {
                text.extend_from_slice(bytes);
                kept(client, references, text)
            }
            Partial::Long(long) => Partial::Long(long.push(bytes, client.told(), references)),
        };
    }

    fn message(&mut self, index: usize, kind: Kind, message: Message<'_>, now: Instant) {
        match kind {
            Kind::Echo => self.port.answer_echo(index, message.head),
            Kind::Update => {
                Board::add(&self.port.board.updates, 1);
                if let Some(change) = self.fold(index, &message, false) {
                    if change.after.is_some() {
                        Board::add(&self.port.board.contents, message.bytes as u64);
                    }
                    let client = self.port.first + index;
                    self.behaviour.update(&mut self.port, client, &change);
                }
            }
            Kind::Reply { id, is_error } => self.reply(index, id, is_error, &message, now),
            Kind::Other | Kind::Unreadable => {
                let reason = format!("an unexpected message {}", shorten(message.head));
                self.port.board.fail(Failure::Wrong(reason));
            }
        }
    }

    fn reply(&mut self, index: usize, id: u64, is_error: bool, message: &Message<'_>, now: Instant) {
        if id == PROBE_ID {
            return;
        }
        let board = &self.port.board;
        let Some(outstanding) = self.port.clients[index].take_outstanding(id) else {
            return board.fail(Failure::Wrong(format!(
                "a reply to nothing: {}",
                shorten(message.head)
            )));
        };
        if is_error {
            return board.fail(match outstanding.step {
                Step::Own { expected, .. } => refused(message, expected),
                _ => refused(message, Expected::default()),
            });
        }
        let client = self.port.first + index;
        match outstanding.step {
            Step::First | Step::ServerMonitor | Step::ChangeAware => {}
            Step::DataMonitor => {
                let found = is_resumed(message.head);
                if found {
                    Board::add(&board.resumed, 1);
                }
                Board::add(&board.contents, message.bytes as u64);
                if self.fold(index, message, !found).is_none() {
                    return;
                }
            }
            Step::Own { tag, expected } => {
                let text = message.head;
                if let Some(failure) = wrong(message, expected) {
                    return board.fail(failure);
                }
                board.replies.fetch_add(1, std::sync::atomic::Ordering::Release);
                let latency = now.saturating_duration_since(outstanding.intended);
                let reply = Reply {
                    tag,
                    intended: outstanding.intended,
                    latency,
                    text,
                    is_whole: message.whole.is_some(),
                    hash: message.hash,
                };
                return self.behaviour.reply(&mut self.port, client, &reply);
            }
        }
        let phase = self.port.clients[index].phase;
        let bytes = message.whole.map_or(0, <[u8]>::len);
        if phase != Phase::Ready && self.port.advance(index, bytes) {
            let since = self.port.clients[index].since;
            self.behaviour.ready(&mut self.port, client, since);
        }
    }

    /// Brings what a client knows up to a message. `None` when that failed.
    fn fold(
        &mut self,
        index: usize,
        message: &Message<'_>,
        afresh: bool,
    ) -> Option<Rc<crate::fold::state::Change>> {
        let port = &mut self.port;
        let before = if afresh {
            port.empty()
        } else {
            port.clients[index].state.clone()
        };
        // Before a state, only the bytes count: equal requests have equal ids in all clients.
        let hash = message.hash.unwrap_or_else(|| hash(message.head));
        match port.folds.fold(&before, hash, message.whole) {
            Ok(Some(change)) => {
                let client = &mut port.clients[index];
                if let Some(state) = &change.after {
                    client.state = state.clone();
                }
                if let Some(last_id) = change.last_id {
                    client.last_id = last_id;
                    let (requests, digest) = (client.requests, client.state.digest());
                    if !client.has_changed && !port.moments.agree(requests, last_id, digest) {
                        port.board.fail(Failure::Wrong(format!(
                            "client {} knows other rows than those who monitor the same, after {}",
                            port.first + index,
                            shorten(message.head)
                        )));
                        return None;
                    }
                }
                Some(change)
            }
            // Long contents of which no other client has the text yet: asked for again, later.
            Ok(None) if port.plan.reconnects => {
                port.disconnected(index, Ending::TimedOut);
                None
            }
            Ok(None) => {
                // Nobody can tell whether it is right, which is not the server's fault.
                let reason = format!(
                    "only the hash of a long message was kept, and no other client of its thread has got the same to \
                     compare with; use fewer clients: {}",
                    shorten(message.head)
                );
                port.board.fail(Failure::Machine(reason));
                None
            }
            Err(failure) => {
                port.board.fail(failure);
                None
            }
        }
    }
}

/// What is kept of a message of which this has come.
fn kept(client: &Client, references: &mut References, text: Vec<u8>) -> Partial {
    if text.len() <= limits::PARTIAL_BYTES_MAX {
        Partial::Whole(text)
    } else {
        Partial::Long(Long::new(&text, client.told(), references))
    }
}

/// What is wrong with a reply to a request, if anything is.
fn wrong(reply: &Message<'_>, expected: Expected) -> Option<Failure> {
    let Expected { text, place } = expected;
    let said = shorten(reply.head);
    Some(match judge(reply.head, reply.whole.is_some(), text) {
        Verdict::Expected => return None,
        Verdict::Error => refused(reply, expected),
        Verdict::Other if place.is_empty() => Failure::Wrong(format!("{said} instead of {text}")),
        Verdict::Other => Failure::Usage(format!("{place}: {said} does not contain {text}")),
        Verdict::Unknown => Failure::Machine(format!(
            "a reply is too long to be kept, and its beginning does not tell whether it is right: {said}"
        )),
    })
}

/// The failure of a request that was answered by an error: the server's fault unless the user has written it.
fn refused(reply: &Message<'_>, expected: Expected) -> Failure {
    let said = shorten(reply.head);
    match expected.place {
        "" => Failure::Wrong(format!("an error: {said}")),
        place => Failure::Usage(format!("{place}: the transaction failed: {said}")),
    }
}

/// A complete message, as far as it was kept.
struct Message<'a> {
    /// All of it, or its beginning.
    head: &'a [u8],
    /// How many there are in all.
    bytes: usize,
    whole: Option<&'a [u8]>,
    /// Of all of it, if that is not here.
    hash: Option<u128>,
}

impl Message<'_> {
    fn whole(text: &[u8]) -> Message<'_> {
        Message {
            head: text,
            bytes: text.len(),
            whole: Some(text),
            hash: None,
        }
    }
}
