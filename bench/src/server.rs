//! One worker, one sequencer and a log without a disk, in one thread: the whole way of a transaction but sockets.

use std::sync::Arc;

use bumpalo::Bump;
use bytes::Bytes;
use ovsdb_engine::database::Database;
use ovsdb_engine::ids::{SessionId, WorkerId};
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::sequencer::{self, ColumnDiff, Event, Now, Rights, Sequencer, Settings};
use ovsdb_engine::session::{Flow, Machine, SessionBounds, SessionIds, Sessions, Shared, Traits};
use ovsdb_engine::store::Store;
use ovsdb_storage::record::{Digest, Encoder, Entry, Front, Magic};
use ovsdb_wire::frame::{Framer, Scan};
use ovsdb_wire::message::{self, Message};
use ovsdb_wire::parse::Parser;
use uuid::Uuid;

use crate::random::Random;

/// Enough that resuming is possible and little enough that the oldest commits go while something is measured, as
/// they do in a server that has run for a while.
const HISTORY_BYTES_MAX: usize = 1 << 16;

const NOW: Now = Now {
    wall_ms: 1_700_000_000_000,
    monotonic_ms: 1,
};

/// A server without a machine.
pub struct Server {
    sessions: Sessions,
    ids: SessionIds,
    shared: Arc<Shared>,
    database: Arc<Database>,
    inbox: Inbox<Event>,
    sequencer: Sequencer,
    parser: Parser,
    framer: Framer,
    arena: Bump,
    encoder: Encoder,
    port: Port,
}

/// What leaves the server.
pub struct Port {
    random: Random,
    /// Bytes and pieces that were queued.
    pub bytes: u64,
    pub pieces: u64,
}

impl Machine for Port {
    fn send(&mut self, _: SessionId, bytes: Bytes) {
        self.bytes += bytes.len() as u64;
        self.pieces += 1;
    }

    fn send_copy(&mut self, _: SessionId, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.pieces += 1;
    }

    fn close(&mut self, _: SessionId) {
        panic!("no session gives reason to be closed");
    }

    fn resume(&mut self, _: SessionId) {}

    fn random_uuid(&mut self) -> Uuid {
        self.random.uuid()
    }
}

impl Server {
    /// A server of the database in `store`.
    pub fn new(store: Store) -> Server {
        let worker = WorkerId(0);
        let shared = Arc::new(Shared::new(
            Uuid::nil(),
            SessionBounds::default(),
            vec![Inbox::new(|| {})],
            || {},
        ));
        let inbox = Inbox::new(|| {});
        let settings = Settings {
            column_diff: ColumnDiff::new(true),
            nonce: Uuid::nil(),
        };
        let mut sequencer = Sequencer::new(store, Arc::clone(&shared.locks), settings);
        let view = sequencer.view();
        let database = Arc::new(Database::new(view, inbox.clone(), HISTORY_BYTES_MAX));
        shared.add(&database);
        Server {
            sessions: Sessions::new(worker, Arc::clone(&shared)),
            ids: SessionIds::new(worker),
            shared,
            database,
            inbox,
            sequencer,
            parser: Parser::new(),
            framer: Framer::new(),
            arena: Bump::new(),
            encoder: Encoder::default(),
            port: Port {
                random: Random::new(2),
                bytes: 0,
                pieces: 0,
            },
        }
    }

    /// A client connects.
    pub fn connect(&mut self) -> SessionId {
        let session = self.ids.next_id();
        let traits = Traits {
            name: "tcp:127.0.0.1:1".to_owned(),
            remote: 0,
            rights: Arc::new(Rights::default()),
        };
        self.sessions.open(session, traits, &mut self.port);
        session
    }

    /// Takes one message and does all there is to do, to the last byte of the answer. `text` is scratch space
    /// afterwards. Returns what has been sent to all sessions so far.
    pub fn receive(&mut self, session: SessionId, text: &mut [u8]) -> u64 {
        let bytes = text.len();
        self.sessions.prepare(&mut self.port);
        self.arena.reset();
        let Ok(Scan::Text { end, flags }) = self.framer.scan(text) else {
            panic!("a message is one text");
        };
        let value = self
            .parser
            .parse(&mut text[..end], flags, &self.arena)
            .expect("the fixtures are JSON");
        let Ok(Message::Request { id, method, params }) = message::classify(value) else {
            panic!("a message is a request");
        };
        let flow = self
            .sessions
            .request(session, id, method, params, bytes, &mut self.port);
        assert_eq!(flow, Flow::Continue, "everything before it has been answered");
        self.settle();
        self.port.bytes
    }

    /// What sequencer, log and worker do for requests that have been handed over.
    fn settle(&mut self) {
        let random = &mut self.port.random;
        let inbox = self.inbox.clone();
        for event in inbox.drain() {
            self.sequencer.handle(event, NOW, &mut || random.uuid());
        }
        while let Some(group) = self.sequencer.take_group() {
            let entries: Vec<Entry<'_>> = group
                .records
                .iter()
                .map(|record| Entry {
                    body: &record.body,
                    sha1: Digest(record.sha1),
                })
                .collect();
            let mut written = 0;
            let encoded: Result<(), ()> =
                self.encoder
                    .encode(Magic::Standalone, Front::Durable, &entries, |piece| {
                        written += piece.len();
                        Ok(())
                    });
            assert!(encoded.is_ok() && (written > 0 || entries.is_empty()));
            let bytes = group.bytes;
            let told = sequencer::publish(&self.database, group);
            self.shared.tell(told);
            let settled = Event::Settled { groups: 1, bytes };
            self.sequencer.handle(settled, NOW, &mut || random.uuid());
        }
        self.sessions.turn(&mut self.port);
    }
}
