//! A conversion is a barrier between transactions, and leaves no trace when it fails.

use super::testing::{Bench, NOW, insert};
use super::{Conversion, ConversionStep, Event, LogFailure, Now, Ticket, Told};
use crate::commit;
use crate::ids::{RequestId, SessionId, WorkerId};
use crate::schema;
use crate::store::{Store, View};
use crate::testing::with_json;
use std::sync::Arc;
use uuid::Uuid;

/// A transaction that waits for a row, for a millisecond.
const WAIT: &str =
    r#"[{"op":"wait","timeout":1,"table":"Item","where":[],"columns":["n"],"until":"!=","rows":[{"n":7}]}]"#;

const LATER: Now = Now {
    monotonic_ms: NOW.monotonic_ms + 1000,
    ..NOW
};

impl Bench {
    fn ask(&mut self) {
        let text = r#"{"name": "T", "tables": {"Item": {"columns": {"n": {"type": "integer"}, "m": {"type": "integer"}}}}}"#;
        let schema = Arc::new(with_json(text, |value| schema::parse(value).unwrap()));
        let ticket = Ticket {
            worker: WorkerId(0),
            session: SessionId(9),
            request: RequestId(99),
        };
        self.handle(Event::Convert(Conversion { ticket, schema }));
    }

    fn is_asked_to_hold(&mut self) -> bool {
        matches!(
            self.sequencer.take_conversion_step(),
            Some(ConversionStep::Hold { .. })
        )
    }

    fn take_build(&mut self) -> Option<(Conversion, View)> {
        match self.sequencer.take_conversion_step()? {
            ConversionStep::Build { conversion, view } => Some((conversion, view)),
            ConversionStep::Hold { .. } => panic!("the workers have been asked already"),
        }
    }

    fn settle(&mut self) {
        let group = self.group();
        let bytes = group.bytes;
        self.handle(Event::Settled { groups: 1, bytes });
    }
}

fn build(conversion: &Conversion, view: &View) -> Store {
    let schema = Arc::clone(&conversion.schema);
    commit::convert(view, schema, 2, Uuid::max(), &mut Uuid::nil).expect("everything fits")
}

#[test]
fn what_was_submitted_is_on_disk_before_anything_is_built() {
    let mut bench = Bench::new();
    bench.submit(&insert(1));
    let first = bench.group();
    bench.ask();
    assert!(bench.is_asked_to_hold());
    bench.submit(&insert(2));
    assert!(bench.take_build().is_none(), "workers may still have something");
    bench.handle(Event::Held);
    assert!(!bench.sequencer.takes_work());
    assert!(bench.take_build().is_none(), "two groups are not on disk");
    let bytes = first.bytes;
    bench.handle(Event::Settled { groups: 1, bytes });
    assert!(bench.take_build().is_none());
    bench.settle();
    let (conversion, view) = bench.take_build().expect("the barrier is complete");
    assert_eq!(view.rows_count(), 2);
    assert!(bench.take_build().is_none(), "once");
    let store = build(&conversion, &view);
    bench.handle(Event::Converted(Box::new(store)));
    assert!(bench.sequencer.takes_work());
    assert_eq!(bench.numbers().len(), 2);
}

#[test]
fn a_group_that_is_rejected_meanwhile_is_done_again_before() {
    let mut bench = Bench::new();
    bench.submit(&insert(1));
    bench.ask();
    assert!(bench.is_asked_to_hold());
    bench.handle(Event::Held);
    let group = bench.group();
    let failure = LogFailure {
        details: "t.db: write failed".to_owned(),
        io_error: None,
        is_sticky: false,
    };
    bench.handle(Event::Rejected {
        failed: vec![group],
        failure,
    });
    assert!(bench.take_build().is_none(), "the refusal has not left");
    bench.settle();
    let (_, view) = bench.take_build().expect("the barrier is complete");
    assert_eq!(view.rows_count(), 0);
}

#[test]
fn who_waits_goes_on_waiting_when_it_fails() {
    let mut bench = Bench::new();
    bench.submit(&insert(7));
    bench.settle();
    bench.submit(WAIT);
    assert_eq!(bench.sequencer.parked_count(), 1);
    bench.ask();
    assert!(bench.is_asked_to_hold());
    bench.handle(Event::Held);
    assert!(bench.take_build().is_some());
    bench.sequencer.expire(LATER, &mut Uuid::nil);
    assert_eq!(bench.sequencer.next_deadline_ms(), None, "its time stands still");
    assert_eq!(bench.sequencer.parked_count(), 1);
    bench.handle(Event::NotConverted);
    assert!(bench.sequencer.next_deadline_ms().is_some());
    bench.sequencer.expire(LATER, &mut Uuid::nil);
    assert_eq!(bench.sequencer.parked_count(), 0);
    let answer = &bench.group().answers[0];
    assert!(String::from_utf8_lossy(&answer.body).contains("timed out"));
}

#[test]
fn after_it_nobody_waits_and_nothing_of_the_old_schema_runs() {
    let mut bench = Bench::new();
    bench.submit(&insert(7));
    bench.settle();
    bench.submit(WAIT);
    bench.ask();
    bench.ask();
    assert!(bench.is_asked_to_hold());
    bench.handle(Event::Held);
    let (conversion, view) = bench.take_build().expect("the barrier is complete");
    let store = build(&conversion, &view);
    bench.handle(Event::Converted(Box::new(store)));
    assert_eq!(bench.sequencer.parked_count(), 0);
    bench.sequencer.take_notes();
    // The bench still compiles against the old schema.
    bench.submit(&insert(8));
    let notes = bench.sequencer.take_notes();
    assert!(
        matches!(notes[..], [Told::Canceled { epoch: 2, .. }]),
        "{notes:?}"
    );
    assert!(bench.is_asked_to_hold(), "the second conversion begins");
}
