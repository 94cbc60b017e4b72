//! Runs a database's sequencer: takes its inbox, gives it the time, hands its groups to the log.
//!
//! A group is handed over when the log has nothing, or before something that takes long; otherwise it grows until the
//! log is done with the last one.

use super::clock;
use super::conversion;
use super::log_role::LogEvent;
use super::rewrite::Rewriter;
use super::role::{Left, Role};
use crate::limits::EVENTS_PER_GROUP_CUT;
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::sequencer::{ColumnDiff, ConversionStep, Event, Sequencer};
use ovsdb_engine::session::{Gate, Shared};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(super) struct SequencerRole {
    pub(super) sequencer: Sequencer,
    pub(super) inbox: Inbox<Event>,
    pub(super) log: Inbox<LogEvent>,
    pub(super) rewriter: Rewriter,
    /// How conversions are to write the file.
    pub(super) column_diff: ColumnDiff,
    /// See [`HostSettings`](super::HostSettings).
    pub(super) resume: bool,
    pub(super) shared: Arc<Shared>,
    /// Requests that were taken from the inbox and not handled yet: too much awaits the disk, or they take long.
    pub(super) waiting: VecDeque<Event>,
    /// News that take long to handle. Nothing is handled before them.
    pub(super) news: VecDeque<Event>,
    /// When the role's own thread comes by itself, in monotonic milliseconds.
    pub(super) alarm_ms: Option<u64>,
}

/// Whether a group is handed over while the log is busy with another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// It may grow.
    None,
    /// What comes next takes long.
    Now,
}

impl Role for SequencerRole {
    fn turn(&mut self) -> Option<Duration> {
        self.take_events();
        let mut now = clock::now();
        let mut count = 0;
        loop {
            while let Some(event) = self.news.pop_front() {
                self.sequencer.handle(event, now, &mut Uuid::new_v4);
            }
            let Some(event) = self.next_request() else { break };
            if !self.sequencer.is_light(&event) {
                self.hand_over(Haste::Now);
                now = clock::now();
            }
            self.sequencer.handle(event, now, &mut Uuid::new_v4);
            count += 1;
            // Let the disk begin with the first of a long run of requests.
            if count % EVENTS_PER_GROUP_CUT == 0 {
                now = clock::now();
                self.hand_over(Haste::Now);
                self.take_events();
            }
        }
        self.sequencer.expire(clock::now(), &mut Uuid::new_v4);
        self.hand_over(Haste::None);
        self.alarm_ms = self.sequencer.next_deadline_ms();
        if self.sequencer.is_building() {
            self.sequencer.build_step();
            return Some(Duration::ZERO);
        }
        let wait_ms = self.alarm_ms?.saturating_sub(clock::monotonic_ms());
        Some(Duration::from_millis(wait_ms.max(1)))
    }

    fn help(&mut self) -> Left {
        self.take_events();
        if !self.news.is_empty() {
            return Left::ForItsThread;
        }
        let now = clock::now();
        let mut is_stuck = false;
        while let Some(event) = self.next_request() {
            if !self.sequencer.is_light(&event) {
                self.waiting.push_front(event);
                is_stuck = true;
                break;
            }
            self.sequencer.handle(event, now, &mut Uuid::new_v4);
        }
        self.hand_over(if is_stuck { Haste::Now } else { Haste::None });
        let deadline_ms = self.sequencer.next_deadline_ms();
        let is_early = deadline_ms.is_some_and(|at| self.alarm_ms.is_none_or(|alarm| at < alarm));
        if is_stuck || is_early || self.sequencer.is_building() {
            Left::ForItsThread
        } else {
            Left::Nothing
        }
    }
}

impl SequencerRole {
    /// Empties the inbox. What the log has settled is noted at once, since it makes room, and so are
    /// wishes for indexes, which concern nobody's order.
    fn take_events(&mut self) {
        for event in self.inbox.drain() {
            match event {
                Event::Settled { .. } | Event::IndexWished => {
                    self.sequencer.handle(event, clock::now(), &mut Uuid::new_v4)
                }
                event if is_request(&event) => self.waiting.push_back(event),
                event => self.news.push_back(event),
            }
        }
    }

    fn next_request(&mut self) -> Option<Event> {
        if self.sequencer.takes_work() {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    fn hand_over(&mut self, haste: Haste) {
        let notes = self.sequencer.take_notes();
        self.shared.tell(notes);
        while (haste == Haste::Now || self.sequencer.is_log_idle())
            && let Some(group) = self.sequencer.take_group()
        {
            self.log.leave(LogEvent::Group(Box::new(group)));
        }
        // Otherwise whoever has called looks after the log.
        if haste == Haste::Now && !self.log.is_empty() {
            self.log.wake();
        }
        while let Some(step) = self.sequencer.take_conversion_step() {
            self.convert(step);
        }
    }

    fn convert(&mut self, step: ConversionStep) {
        match step {
            ConversionStep::Hold { epoch } => {
                let inbox = self.inbox.clone();
                self.shared
                    .hold(epoch, Gate::Reads, move || inbox.push(Event::Held));
            }
            ConversionStep::Build { conversion, view } => {
                let Some(database) = self.shared.catalog().at_epoch(view.epoch()).cloned() else {
                    // It is being removed, and its clients have been told.
                    return self.inbox.push(Event::NotConverted);
                };
                conversion::start(conversion::Work {
                    conversion,
                    view,
                    database,
                    rewriter: self.rewriter.clone(),
                    shared: Arc::clone(&self.shared),
                    column_diff: self.column_diff.is_on(),
                    resume: self.resume,
                });
            }
        }
    }
}

/// What must keep its order with the requests; everything else is news from the log.
fn is_request(event: &Event) -> bool {
    matches!(
        event,
        Event::Submit(_) | Event::Cancel(_) | Event::DropSession(_) | Event::Convert(_) | Event::Held
    )
}
