//! Converts a database that is being served to another schema.
//!
//! Begins when no transaction is under way, none can come, and all are on disk. What follows in this order:
//!
//! | step | if it fails | who sees it |
//! | --- | --- | --- |
//! | the new store is built | everything goes on as before | nobody |
//! | `FILE.tmp` is written | the same | nobody |
//! | it takes the file's place, durably | the same, unless the directory cannot be synced: then nothing more is written | a restart |
//! | workers hold back every request for the database | – | |
//! | `_Server` gets the new schema | – | clients that monitor it |
//! | the catalog gets the converted database | – | all clients: monitors canceled, sessions closed |
//! | the answer | – | the one who asked |

use super::log_role::LogEvent;
use super::rewrite::{Contents, Rewriter};
use super::{clock, role, submit};
use crate::limits::{HISTORY_BYTES_MAX, LISTING_POLL};
use ovsdb_engine::commit;
use ovsdb_engine::database::Database;
use ovsdb_engine::error::{OvsdbError, Result, Tag};
use ovsdb_engine::sequencer::{Conversion, Event, Told};
use ovsdb_engine::server_db;
use ovsdb_engine::session::{Gate, Shared};
use ovsdb_engine::store::{Store, View};
use ovsdb_storage::error::{Error, Kind};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use uuid::Uuid;

/// One conversion, from the complete barrier to the answer.
pub(super) struct Work {
    pub(super) conversion: Conversion,
    /// All there is.
    pub(super) view: View,
    pub(super) database: Arc<Database>,
    pub(super) rewriter: Rewriter,
    pub(super) shared: Arc<Shared>,
    pub(super) column_diff: bool,
    pub(super) resume: bool,
}

/// Does the work on a thread of its own.
pub(super) fn start(work: Work) {
    let work = Arc::new(work);
    let spawned = thread::Builder::new().name("conversion".to_owned()).spawn({
        let work = Arc::clone(&work);
        move || {
            role::lower_priority();
            if let Err(error) = work.run() {
                work.give_up(error);
            }
        }
    });
    if let Err(error) = spawned {
        let details = format!("a thread cannot be started ({error})");
        work.give_up(OvsdbError::new(Tag::ResourcesExhausted, details));
    }
}

impl Work {
    fn run(&self) -> Result<()> {
        let started_ms = clock::monotonic_ms();
        let mut store = self.build()?;
        let new = Arc::new(self.database.converted(store.view(), HISTORY_BYTES_MAX));
        let turn = self.rewriter.turn();
        self.write(&new).map_err(|error| failure(&error))?;
        drop(turn);
        self.show(store, &new);
        log::info!(
            target: "ovsdb_server",
            "{}: database converted to schema version \"{}\" in {} ms",
            new.name(),
            new.schema.version,
            clock::monotonic_ms() - started_ms
        );
        Ok(())
    }

    fn build(&self) -> Result<Store> {
        let schema = Arc::clone(&self.conversion.schema);
        // An id that nobody has seen, so that nobody resumes from before the conversion.
        let txn_id = Uuid::new_v4();
        let epoch = self.shared.next_epoch();
        let mut store = commit::convert(&self.view, schema, epoch, txn_id, &mut Uuid::new_v4)?;
        if !self.resume {
            store.keep_ids_secret();
        }
        Ok(store)
    }

    /// Makes the file say what the new database says. From here on the log writes for that one.
    fn write(&self, new: &Arc<Database>) -> std::result::Result<(), Error> {
        let (_, mut replacement) = self.rewriter.begin()?;
        let contents = Contents {
            view: new.view(),
            comment: "converted by ovsdb-server",
            now_ms: clock::wall_ms(),
            column_diff: self.column_diff,
        };
        self.rewriter.fill(&mut replacement, contents)?;
        let convert = |reply| LogEvent::Convert(replacement, Arc::clone(new), reply);
        // Giving back the old file's blocks can take long; it happens here.
        drop(self.rewriter.ask(convert)?);
        Ok(())
    }

    /// Lets everybody see the new database, and answers.
    fn show(&self, store: Store, new: &Arc<Database>) {
        let (done, all_hold) = sync_channel(1);
        let epoch = self.database.epoch;
        self.shared.hold(epoch, Gate::Closed, move || {
            done.send(()).expect("the channel has room for the one message");
        });
        all_hold.recv().expect("the last worker says that it is the last");
        self.list(new);
        self.shared.replace(&self.database, new);
        // After that, because the next conversion begins at once and looks for the database in the catalog.
        self.database.inbox.push(Event::Converted(Box::new(store)));
        let ticket = self.conversion.ticket;
        self.shared.tell([Told::Converted { ticket }]);
    }

    /// Has `_Server` tell the new schema, and waits until it does, or the database is removed.
    fn list(&self, new: &Database) {
        let server = self
            .shared
            .database(server_db::NAME)
            .expect("it is never removed");
        let program = server_db::set_schema(&server.schema, new.name(), &new.schema_json);
        submit(&server, program);
        let is_listed = || server_db::lists(&server.view(), new.name(), &new.schema_json);
        while !is_listed() && self.shared.catalog().at_epoch(self.database.epoch).is_some() {
            thread::sleep(LISTING_POLL);
        }
    }

    fn give_up(&self, error: Box<OvsdbError>) {
        log::warn!(target: "ovsdb_server", "{}: database not converted ({error})", self.database.name());
        self.database.inbox.push(Event::NotConverted);
        self.shared.reopen(self.database.epoch);
        let ticket = self.conversion.ticket;
        self.shared.tell([Told::NotConverted { ticket, error }]);
    }
}

fn failure(error: &Error) -> Box<OvsdbError> {
    let tag = match error.kind {
        Kind::Io => Tag::IoError,
        _ => Tag::Ovsdb,
    };
    let mut failure = OvsdbError::new(tag, error.details.clone());
    failure.io_error = error.io_error();
    failure
}
