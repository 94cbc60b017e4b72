//! What becomes of requests when a group cannot be written.

use super::testing::{Bench, insert};
use super::{Event, Group, LogFailure};
use uuid::Uuid;

fn failure(is_sticky: bool) -> LogFailure {
    LogFailure {
        details: "t.db: write failed".to_owned(),
        io_error: Some("No space left on device".to_owned()),
        is_sticky,
    }
}

/// Request numbers with their answers.
fn answers(group: &Group) -> Vec<(u64, String)> {
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    let answers = group.answers.iter();
    answers
        .map(|answer| (answer.submission.ticket.unwrap().request.0, text(&answer.body)))
        .collect()
}

#[test]
fn a_rejected_group_is_undone_and_what_came_after_it_runs_again() {
    let mut bench = Bench::new();
    bench.submit(&insert(1));
    let first = bench.group();
    bench.submit(&insert(2));
    bench.submit(r#"[{"op":"select","table":"Item","where":[],"columns":["n"]}]"#);
    let second = bench.group();
    // The index refuses it, but only because of a row that will turn out never to have been.
    bench.submit(&insert(1));

    bench.handle(Event::Rejected {
        failed: vec![first],
        failure: failure(false),
    });
    assert!(!bench.sequencer.takes_work(), "not before all groups are back");
    assert!(bench.sequencer.take_group().is_none());
    bench.handle(Event::Returned(second));

    let refused = bench.group();
    let group = bench.group();
    let answers = [answers(&refused), answers(&group)].concat();
    let requests: Vec<u64> = answers.iter().map(|(request, _)| *request).collect();
    assert_eq!(requests, [1, 2, 3, 4], "each is answered, in order");
    assert!(
        refused.records.is_empty() && refused.answers.len() == 1,
        "an error needs no disk"
    );
    assert!(answers[0].1.contains("\"I/O error\"") && answers[0].1.contains("No space left on device"));
    assert!(answers[1].1.starts_with("[{\"uuid\""), "{}", answers[1].1);
    assert_eq!(
        answers[2].1, r#"[{"rows":[{"n":2}]}]"#,
        "the failed row is not seen"
    );
    assert!(
        !answers[3].1.contains("error"),
        "the index has forgotten the failed row: {}",
        answers[3].1
    );
    assert_eq!(bench.numbers(), ["One(Integer(1))", "One(Integer(2))"]);
    let seqs: Vec<u64> = group.sets.iter().map(|set| set.seq.0).collect();
    assert_eq!(seqs, [1, 2], "commits are numbered without gaps again");
    assert_eq!(group.records.len(), 2);
    assert_eq!(
        group.before,
        Uuid::from_u128(1),
        "it follows the last durable state"
    );

    // The database stays writable.
    bench.handle(Event::Settled {
        groups: 2,
        bytes: refused.bytes + group.bytes,
    });
    bench.submit(&insert(3));
    assert_eq!(bench.group().records.len(), 1);
}

#[test]
fn after_a_sticky_failure_reads_go_on_and_writes_fail() {
    let mut bench = Bench::new();
    bench.submit(&insert(1));
    let group = bench.group();
    bench.handle(Event::Rejected {
        failed: vec![group],
        failure: failure(true),
    });
    bench.submit(&insert(2));
    bench.submit(r#"[{"op":"select","table":"Item","where":[]}]"#);
    let refused = bench.group();
    let group = bench.group();
    let answers = [answers(&refused), answers(&group)].concat();
    assert_eq!(answers.len(), 3);
    assert!(answers[0].1.contains("\"I/O error\"") && answers[1].1.contains("\"I/O error\""));
    assert_eq!(answers[2].1, r#"[{"rows":[]}]"#);
    assert!(
        group.records.is_empty() && group.sets.is_empty(),
        "nothing is written any more"
    );
    assert!(bench.numbers().is_empty());
}

/// What the disk has refused once is not tried again, however often what comes after it is refused, too.
#[test]
fn a_refused_transaction_is_refused_for_good() {
    let mut bench = Bench::new();
    bench.submit(&insert(1));
    let mut failed = bench.group();
    for number in 2..10 {
        bench.submit(&insert(number));
        bench.handle(Event::Rejected {
            failed: vec![failed],
            failure: failure(false),
        });
        let refused = bench.group();
        let answers = answers(&refused);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].0, u64::from(number) - 1);
        assert!(answers[0].1.contains("\"I/O error\""), "{}", answers[0].1);
        failed = bench.group();
        assert_eq!(failed.records.len(), 1, "the next is tried for the first time");
        bench.handle(Event::Settled {
            groups: 1,
            bytes: refused.bytes,
        });
    }
}
