//! Runs a database's sequencer: takes its inbox, gives it the time, hands its groups to the log.

use super::clock;
use super::conversion;
use super::log_role::LogEvent;
use super::rewrite::Rewriter;
use super::role::Role;
use crate::limits::EVENTS_PER_GROUP_CUT;
use ovsdb_engine::inbox::Inbox;
use ovsdb_engine::sequencer::{ConversionStep, Event, Sequencer};
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
    pub(super) column_diff: bool,
    /// See [`HostSettings`](super::HostSettings).
    pub(super) resume: bool,
    pub(super) shared: Arc<Shared>,
    /// Taken from the inbox and not handled yet, because too much awaits the disk.
    pub(super) waiting: VecDeque<Event>,
}

impl Role for SequencerRole {
    fn turn(&mut self) -> Option<Duration> {
        let mut now = clock::now();
        let inbox = self.inbox.clone();
        for (count, event) in inbox.drain().enumerate() {
            if is_request(&event) {
                self.waiting.push_back(event);
            } else {
                self.sequencer.handle(event, now, &mut Uuid::new_v4);
            }
            self.handle_waiting(now);
            // Let the disk begin with the first of a long run of requests.
            if count % EVENTS_PER_GROUP_CUT == EVENTS_PER_GROUP_CUT - 1 {
                now = clock::now();
                self.hand_over();
            }
        }
        self.handle_waiting(now);
        self.sequencer.expire(clock::now(), &mut Uuid::new_v4);
        self.hand_over();
        if self.sequencer.is_building() {
            self.sequencer.build_step();
            return Some(Duration::ZERO);
        }
        let deadline = self.sequencer.next_deadline_ms()?;
        Some(Duration::from_millis(
            deadline.saturating_sub(clock::monotonic_ms()).max(1),
        ))
    }
}

impl SequencerRole {
    fn handle_waiting(&mut self, now: ovsdb_engine::sequencer::Now) {
        while self.sequencer.takes_work()
            && let Some(event) = self.waiting.pop_front()
        {
            self.sequencer.handle(event, now, &mut Uuid::new_v4);
        }
    }

    fn hand_over(&mut self) {
        let notes = self.sequencer.take_notes();
        self.shared.tell(notes);
        while let Some(group) = self.sequencer.take_group() {
            self.log.push(LogEvent::Group(Box::new(group)));
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
                    column_diff: self.column_diff,
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
