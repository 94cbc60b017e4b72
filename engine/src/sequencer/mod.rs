//! The one writer of a database: executes requests in order and gathers their results into groups.
//!
//! ```text
//!  Event::Submit ─► execute on the Store ─┬─ waiting ─► parked until a change concerns it, or its deadline
//!                                         └─ finished ─► open Group: answers, change sets, log records
//!  take_group ─► the log makes it durable ─┬─ Event::Settled   (already published and answered by the log)
//!                                          └─ Event::Rejected  ─► roll back, execute again in order
//! ```
//!
//! Serial and deterministic: time, entropy and requests come in, groups and answers go out. What is in a
//! group is visible to nobody before its publication, and every answer carries the commit it rests on.

mod conversion;
#[cfg(test)]
mod conversion_tests;
mod event;
mod group;
mod parked;
#[cfg(test)]
mod redo_tests;
#[cfg(test)]
mod testing;

pub use conversion::{Conversion, ConversionStep};
pub use event::{Event, LogFailure, Rights, Submission, Ticket, Told};
pub use group::{Answer, Group};

use crate::database::Database;
use crate::error::{OvsdbError, Tag};
use crate::limits::{GROUPS_IN_FLIGHT_MAX, SPECULATION_BYTES_MAX};
use crate::locks::Locks;
use crate::store::{ChangeSet, Store, View};
use crate::txn::{self, Committed, Context, Outcome, append_error};
use conversion::Conversions;
use parked::{Parked, ParkingLot};
use parking_lot::{Mutex, MutexGuard};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// The time of a turn: wall clock for `_date`, a monotonic one for everything else. Milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall_ms: i64,
    pub monotonic_ms: u64,
}

/// Whether columns are logged as differences (`_is_diff`), which servers before 2.15 cannot read. A switch that all
/// databases of a process share: what is written from then on follows it.
#[derive(Clone, Debug)]
pub struct ColumnDiff(Arc<AtomicBool>);

impl ColumnDiff {
    pub fn new(is_on: bool) -> ColumnDiff {
        ColumnDiff(Arc::new(AtomicBool::new(is_on)))
    }

    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub fn turn_on(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How records are written.
#[derive(Clone, Debug)]
pub struct Settings {
    pub column_diff: ColumnDiff,
    /// Goes into the ids of commits that are not logged, so that those die with the process.
    pub nonce: Uuid,
}

/// Executes the transactions of one database.
pub struct Sequencer {
    store: Store,
    locks: Arc<Mutex<Locks>>,
    settings: Settings,
    is_reserved: bool,
    open: Group,
    /// The answers of transactions that the disk has refused: they rest on what is published, so they leave
    /// before anything is tried again. In a group with others they might be refused over and over.
    refused: Option<Group>,
    parked: ParkingLot,
    /// Groups and bytes handed to the log and not settled.
    in_flight: (usize, usize),
    /// Counts rejections; groups of an earlier attempt come back from the log unwritten.
    attempt: u32,
    /// Groups that have come back, until all that were in flight have.
    rejection: Rejection,
    /// Set once the log can never be written again.
    broken: Option<LogFailure>,
    /// Notes for workers that need no publication first.
    notes: Vec<Told>,
    conversions: Conversions,
}

#[derive(Default)]
struct Rejection {
    failed: Vec<Group>,
    later: Vec<Group>,
    failure: Option<LogFailure>,
}

/// Whether a submission is known to wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    First,
    /// It was parked, which its worker has been told.
    Parked,
}

impl Sequencer {
    pub fn new(store: Store, locks: Arc<Mutex<Locks>>, settings: Settings) -> Sequencer {
        let open = Group::starting_at(store.txn_id());
        Sequencer {
            is_reserved: store.schema().name.starts_with('_'),
            store,
            locks,
            settings,
            open,
            refused: None,
            parked: ParkingLot::default(),
            in_flight: (0, 0),
            attempt: 0,
            rejection: Rejection::default(),
            broken: None,
            notes: Vec::new(),
            conversions: Conversions::default(),
        }
    }

    /// The database as of the last executed transaction; published only when the sequencer is opened.
    pub fn view(&mut self) -> View {
        self.store.view()
    }

    pub fn handle(&mut self, event: Event, now: Now, entropy: &mut dyn FnMut() -> Uuid) {
        match event {
            Event::Submit(submission) => {
                let changed = self.execute(submission, Attempt::First, now, entropy);
                self.run_parked(changed, now, entropy);
            }
            Event::Cancel(ticket) => {
                if self.parked.cancel(ticket) {
                    self.notes.push(Told::Canceled {
                        ticket,
                        epoch: self.store.epoch(),
                    });
                }
            }
            Event::IndexWished => self.store.begin_hot_indexes(),
            Event::DropSession(session) => self.parked.drop_session(session),
            Event::Settled { groups, bytes } => {
                self.in_flight.0 -= groups;
                self.in_flight.1 -= bytes;
            }
            Event::Rejected { failed, failure } => {
                self.rejection.failed.extend(failed);
                self.rejection.failure = Some(failure);
                self.redo_if_all_are_back(now, entropy);
            }
            Event::Returned(group) => {
                self.rejection.later.push(group);
                self.redo_if_all_are_back(now, entropy);
            }
            Event::Convert(conversion) => self.conversions.ask(conversion),
            Event::Held => self.conversions.held(),
            Event::Converted(store) => {
                self.conversions.ended();
                // Whoever waits is told by its worker when that sees the database converted.
                self.parked.clear();
                self.open = Group::starting_at(store.txn_id());
                self.store = *store;
            }
            Event::NotConverted => self.conversions.ended(),
        }
    }

    /// What a conversion needs next; to be asked for after each event.
    pub fn take_conversion_step(&mut self) -> Option<ConversionStep> {
        let is_durable = self.open.is_empty()
            && self.refused.is_none()
            && self.in_flight.0 == 0
            && self.rejection.failure.is_none();
        let store = &mut self.store;
        self.conversions
            .next_step(store.epoch(), || is_durable.then(|| store.view()))
    }

    /// Executes again what has waited long enough.
    pub fn expire(&mut self, now: Now, entropy: &mut dyn FnMut() -> Uuid) {
        if self.conversions.stops_work() {
            return;
        }
        for parked in self.parked.take_due(now.monotonic_ms) {
            let changed = self.execute(parked.submission, Attempt::Parked, now, entropy);
            self.run_parked(changed, now, entropy);
        }
    }

    /// When [`Sequencer::expire`] has something to do, in monotonic milliseconds.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        if self.conversions.stops_work() {
            return None;
        }
        self.parked.next_deadline_ms()
    }

    /// True while an index is under construction: then [`Sequencer::build_step`] is to be called when there is nothing
    /// else to do, and between.
    pub fn is_building(&self) -> bool {
        self.store.is_building()
    }

    /// Goes on with an index for some 200 µs.
    pub fn build_step(&mut self) {
        self.store.build_step();
    }

    /// Number of waiting transactions.
    pub fn parked_count(&self) -> usize {
        self.parked.len()
    }

    /// False while so much awaits the disk that new requests had better wait in the inbox, and during a conversion.
    pub fn takes_work(&self) -> bool {
        self.rejection.failure.is_none()
            && !self.conversions.stops_work()
            && self.in_flight.1 + self.open.bytes < SPECULATION_BYTES_MAX
    }

    /// The gathered group, if there is one and the log may have another.
    pub fn take_group(&mut self) -> Option<Group> {
        if let Some(mut group) = self.refused.take() {
            group.attempt = self.attempt;
            self.in_flight.0 += 1;
            self.in_flight.1 += group.bytes;
            return Some(group);
        }
        let is_full = self.in_flight.0 >= GROUPS_IN_FLIGHT_MAX || self.rejection.failure.is_some();
        if self.open.is_empty() || is_full {
            return None;
        }
        let mut group = std::mem::replace(&mut self.open, Group::starting_at(self.store.txn_id()));
        group.attempt = self.attempt;
        if !group.sets.is_empty() {
            group.view = Some(self.store.view());
        }
        self.store.maintain();
        self.in_flight.0 += 1;
        self.in_flight.1 += group.bytes;
        Some(group)
    }

    /// Whether the log has nothing of what was taken.
    pub fn is_log_idle(&self) -> bool {
        self.in_flight.0 == 0
    }

    /// Whether an event takes microseconds to handle.
    pub fn is_light(&self, event: &Event) -> bool {
        match event {
            Event::Submit(submission) => submission.program.is_light(&self.store),
            Event::Cancel(_) | Event::DropSession(_) | Event::IndexWished | Event::Settled { .. } => true,
            Event::Rejected { .. }
            | Event::Returned(_)
            | Event::Convert(_)
            | Event::Held
            | Event::Converted(_)
            | Event::NotConverted => false,
        }
    }

    /// Takes what workers are to hear at once.
    pub fn take_notes(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.notes)
    }

    /// Executes one submission; returns what it changed.
    fn execute(
        &mut self,
        mut submission: Submission,
        attempt: Attempt,
        now: Now,
        entropy: &mut dyn FnMut() -> Uuid,
    ) -> Option<Arc<ChangeSet>> {
        if !Arc::ptr_eq(submission.program.schema(), self.store.schema()) {
            // Workers hold back transactions until they know the new schema; the server itself does not.
            self.notes.extend(submission.ticket.map(|ticket| Told::Canceled {
                ticket,
                epoch: self.store.epoch(),
            }));
            return None;
        }
        let started_ms = *submission.started_ms.get_or_insert(now.monotonic_ms);
        let session = submission.ticket.map(|ticket| ticket.session);
        let rights = &submission.rights;
        let outcome = {
            // Taken by the first assertion and kept to the end: ownership cannot move while a transaction
            // that relies on it is under way.
            let locks: RefCell<Option<MutexGuard<'_, Locks>>> = RefCell::new(None);
            let owns_lock = |name: &str| {
                let mut locks = locks.borrow_mut();
                let locks = locks.get_or_insert_with(|| self.locks.lock());
                session.is_some_and(|session| locks.is_owner(session, name))
            };
            let mut context = Context {
                now_ms: now.wall_ms,
                elapsed_ms: now.monotonic_ms.saturating_sub(started_ms),
                read_only: rights.is_read_only,
                reserved: self.is_reserved && !rights.is_internal,
                client: rights.client(),
                owns_lock: &owns_lock,
                version: entropy,
                column_diff: self.settings.column_diff.is_on(),
                nonce: self.settings.nonce,
            };
            let outcome = txn::execute(&mut self.store, &submission.program, &mut context);
            if let Outcome::Finished {
                commit: Some(commit), ..
            } = &outcome
                && let Some(mut locks) = locks.into_inner()
            {
                for name in &commit.asserted_locks {
                    locks.note_assert(name, self.store.epoch(), commit.changes.seq);
                }
            }
            outcome
        };
        match outcome {
            Outcome::Finished { reply, commit: None } => {
                let seq = self.store.seq();
                self.open.answer(Answer {
                    submission,
                    seq,
                    body: reply,
                    has_record: false,
                });
                None
            }
            Outcome::Finished {
                reply,
                commit: Some(commit),
            } => self.commit(submission, reply, commit),
            Outcome::Waiting {
                deadline_ms,
                executed,
            } => {
                if let (Attempt::First, Some(ticket)) = (attempt, submission.ticket) {
                    self.notes.push(Told::Parked {
                        ticket,
                        epoch: self.store.epoch(),
                    });
                }
                let deadline_ms = deadline_ms.map(|wait| started_ms.saturating_add(wait));
                self.parked.park(Parked {
                    submission,
                    deadline_ms,
                    executed,
                });
                None
            }
        }
    }

    fn commit(
        &mut self,
        submission: Submission,
        reply: Vec<u8>,
        commit: Committed,
    ) -> Option<Arc<ChangeSet>> {
        let has_record = commit.record.is_some();
        if let (true, Some(failure)) = (has_record, &self.broken) {
            let body = with_io_error(reply, failure);
            self.store
                .rollback(std::iter::once(&commit.changes), self.open.last_id());
            let seq = self.store.seq();
            self.open.answer(Answer {
                submission,
                seq,
                body,
                has_record: false,
            });
            return None;
        }
        let seq = commit.changes.seq;
        let changed = self.open.commit(commit);
        self.open.answer(Answer {
            submission,
            seq,
            body: reply,
            has_record,
        });
        Some(changed)
    }

    /// Executes again the waiting transactions that a commit concerns, and so on until nothing changes any more.
    fn run_parked(&mut self, changed: Option<Arc<ChangeSet>>, now: Now, entropy: &mut dyn FnMut() -> Uuid) {
        let mut changed: VecDeque<Arc<ChangeSet>> = changed.into_iter().collect();
        while let Some(set) = changed.pop_front() {
            for parked in self.parked.take_concerned(&set.tables) {
                changed.extend(self.execute(parked.submission, Attempt::Parked, now, entropy));
            }
        }
    }

    /// Takes back everything from the first rejected group on and executes it again; only the transactions
    /// whose records could not be written fail.
    fn redo_if_all_are_back(&mut self, now: Now, entropy: &mut dyn FnMut() -> Uuid) {
        if self.rejection.failed.len() + self.rejection.later.len() < self.in_flight.0 {
            return;
        }
        let Rejection {
            failed,
            later,
            failure,
        } = std::mem::take(&mut self.rejection);
        let failure = failure.expect("the log names the failure before it returns later groups");
        self.in_flight = (0, 0);
        self.attempt += 1;
        let open = std::mem::replace(&mut self.open, Group::starting_at(Uuid::nil()));
        let before = failed.first().expect("a failure is of at least one group").before;
        let groups = failed.iter().chain(&later).chain(std::iter::once(&open));
        let sets: Vec<&ChangeSet> = groups.flat_map(|group| &group.sets).map(|set| &**set).collect();
        self.store.rollback(sets.into_iter().rev(), before);
        self.open = Group::starting_at(before);
        if failure.is_sticky {
            self.broken = Some(failure.clone());
        }
        let mut again = Vec::new();
        let mut refused = Group::starting_at(before);
        assert!(
            self.refused.is_none(),
            "what was refused before has left before anything was tried again"
        );
        for answer in failed.into_iter().flat_map(|group| group.answers) {
            if answer.has_record {
                let body = with_io_error(answer.body, &failure);
                refused.answer(Answer {
                    body,
                    seq: self.store.seq(),
                    has_record: false,
                    ..answer
                });
            } else {
                again.push(answer.submission);
            }
        }
        self.refused = Some(refused).filter(|group| !group.is_empty());
        let later = later
            .into_iter()
            .chain(std::iter::once(open))
            .flat_map(|group| group.answers);
        again.extend(later.map(|answer| answer.submission));
        for submission in again {
            let changed = self.execute(submission, Attempt::First, now, entropy);
            self.run_parked(changed, now, entropy);
        }
    }
}

/// Appends the commit's failure to a result array as element N+1.
fn with_io_error(mut reply: Vec<u8>, failure: &LogFailure) -> Vec<u8> {
    let mut error = OvsdbError::new(Tag::IoError, failure.details.clone());
    error.io_error.clone_from(&failure.io_error);
    append_error(&mut reply, &error);
    reply
}

impl std::fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sequencer")
            .field("seq", &self.store.seq())
            .field("parked", &self.parked.len())
            .finish()
    }
}

/// Publishes a group that has become durable and returns what each worker is to be told, in the order of the group.
///
/// The one place that makes commits visible: publication first, answers after it. The group is published when this
/// returns, whether or not the answers are looked at.
#[must_use = "clients wait for their answers"]
pub fn publish(database: &Database, group: Group) -> impl Iterator<Item = Told> {
    if let Some(view) = group.view {
        database.publish(group.sets, view);
    }
    let epoch = database.epoch;
    group.answers.into_iter().filter_map(move |answer| {
        let ticket = answer.submission.ticket?;
        Some(Told::Answer {
            ticket,
            epoch,
            seq: answer.seq,
            body: answer.body,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_names_the_file_and_the_reason() {
        let failure = LogFailure {
            details: "/d.db: write failed".to_owned(),
            io_error: Some("No space left on device".to_owned()),
            is_sticky: false,
        };
        let reply = with_io_error(b"[{}]".to_vec(), &failure);
        assert_eq!(
            String::from_utf8(reply).unwrap(),
            r#"[{},{"details":"/d.db: write failed","error":"I/O error","io-error":"No space left on device"}]"#
        );
    }
}
