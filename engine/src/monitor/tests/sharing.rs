//! What is made once and shared, by counting and by looking at addresses.

use super::{PORT, SITE, World};
use crate::datum::{Atom, Str};
use crate::ids::SessionId;
use crate::monitor::Version;
use crate::store::Over;
use bytes::Bytes;

/// What the last publication made: row updates written, distinct bodies.
fn made(world: &World, before: (u64, u64)) -> (u64, u64) {
    let usage = world.monitors.usage();
    (usage.rows_written - before.0, usage.bodies_made - before.1)
}

fn counts(world: &World) -> (u64, u64) {
    let usage = world.monitors.usage();
    (usage.rows_written, usage.bodies_made)
}

/// Messages since the last call by session.
fn messages(world: &mut World) -> Vec<(u64, Vec<Bytes>)> {
    let mut messages: Vec<_> = std::mem::take(&mut world.sent.messages)
        .into_iter()
        .map(|(session, segments)| (session.0, segments))
        .collect();
    messages.sort_by_key(|(session, _)| *session);
    messages
}

fn are_shared(a: &[Bytes], b: &[Bytes]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.as_ptr() == b.as_ptr())
}

#[test]
fn equal_requests_share_whole_messages_whatever_their_order() {
    let mut world = World::new();
    let conditions = [
        r#"[["name","==","a"],["number","==",1],["tags","includes","x"]]"#,
        r#"[["tags","includes","x"],["name","==","a"],["number","==",1],["name","==","a"]]"#,
        r#"[["number","==",1],false,["name","==","a"],["tags","includes","x"]]"#,
    ];
    for session in 0..300 {
        let condition = conditions[session as usize % 3];
        let requests = if session % 2 == 0 {
            format!(r#"{{"Site":{{}},"Port":{{"columns":["name","tags"],"where":{condition}}}}}"#)
        } else {
            format!(r#"{{"Port":[{{"columns":["tags","name"],"where":{condition}}}],"Site":[{{}}]}}"#)
        };
        world.add(session, Version::V3, "[\"monid\",\"X\"]", &requests);
    }
    let usage = world.monitors.usage();
    assert_eq!(
        (usage.monitors, usage.specs, usage.conditions, usage.clauses),
        (300, 1, 2, 3)
    );
    let before = counts(&world);
    world.publish(&[(PORT, 1, Some(&[("name", "\"a\"")])), (SITE, 2, Some(&[]))]);
    assert_eq!(made(&world, before), (2, 1));
    let messages = messages(&mut world);
    assert_eq!(messages.len(), 300);
    assert!(
        messages
            .iter()
            .all(|(_, segments)| are_shared(segments, &messages[0].1))
    );
}

#[test]
fn different_conditions_that_match_the_same_rows_share_bodies() {
    let mut world = World::new();
    for session in 0..100 {
        let requests = format!(
            r#"{{"Port":{{"columns":["name"],"where":[["name","==","a"],["number","==",{session}]]}}}}"#
        );
        world.add(session, Version::V2, "1", &requests);
    }
    assert_eq!(world.monitors.usage().specs, 100);
    let before = counts(&world);
    world.publish(&[(PORT, 1, Some(&[("name", "\"a\""), ("number", "-1")]))]);
    assert_eq!(made(&world, before), (1, 1));
    let messages = messages(&mut world);
    assert_eq!(messages.len(), 100);
    assert!(
        messages
            .iter()
            .all(|(_, segments)| are_shared(segments, &messages[0].1))
    );
}

#[test]
fn a_row_is_written_once_for_sessions_that_see_different_sets_of_rows() {
    let mut world = World::new();
    for session in 0..8 {
        let clauses: Vec<String> = (0..3)
            .filter(|bit| session >> bit & 1 == 1)
            .map(|bit| format!(r#"["number","==",{bit}]"#))
            .chain(["false".to_owned()])
            .collect();
        let requests = format!(
            r#"{{"Port":{{"columns":["name"],"where":[{}]}}}}"#,
            clauses.join(",")
        );
        world.add(session, Version::V2, &session.to_string(), &requests);
    }
    let before = counts(&world);
    let long = format!("\"{}\"", "x".repeat(2000));
    world.publish(&[
        (PORT, 1, Some(&[("name", &long), ("number", "0")])),
        (PORT, 2, Some(&[("name", &long), ("number", "1")])),
        (PORT, 3, Some(&[("name", &long), ("number", "2")])),
    ]);
    assert_eq!(made(&world, before), (3, 7), "seven sets of rows are not empty");
    let messages = messages(&mut world);
    assert_eq!(messages.len(), 7);
    let row = |session: usize, segment: usize| messages[session - 1].1[segment].as_ptr();
    assert_eq!(row(1, 1), row(3, 1), "sessions 1 and 3 share the first row");
    assert_eq!(row(1, 1), row(7, 1));
}

#[test]
fn monitors_that_do_not_match_cost_nothing() {
    let mut world = World::new();
    for session in 0..1000u64 {
        let requests = format!(
            r#"{{"Port":{{"columns":["name","number"],"where":[["number","==",{session}],["options","includes",["map",[["chassis","c{session}"]]]],["name","==","n{session}"]]}}}}"#
        );
        world.add(session, Version::V2, "1", &requests);
    }
    let before = counts(&world);
    world.publish(&[(
        PORT,
        1,
        Some(&[
            ("options", "[\"map\",[[\"chassis\",\"c77\"]]]"),
            ("number", "500"),
        ]),
    )]);
    assert_eq!(made(&world, before), (1, 1));
    let sessions: Vec<u64> = messages(&mut world).iter().map(|(session, _)| *session).collect();
    assert_eq!(sessions, [77, 500]);
    let usage = world.monitors.usage();
    assert_eq!(
        (usage.clauses, usage.clauses_unindexed, usage.evaluations),
        (3000, 0, 0)
    );
}

#[test]
fn a_clause_that_no_lookup_finds_is_evaluated_once_for_all_and_counted() {
    let mut world = World::new();
    for session in 0..100u64 {
        let requests = format!(r#"{{"Port":{{"where":[["number",">",10],["name","==","n{session}"]]}}}}"#);
        world.add(session, Version::V2, "1", &requests);
    }
    let usage = world.monitors.usage();
    assert_eq!((usage.clauses_unindexed, usage.evaluations), (1, 0));
    world.publish(&[(PORT, 1, Some(&[("number", "11")]))]);
    assert_eq!(world.monitors.usage().evaluations, 1);
    assert_eq!(messages(&mut world).len(), 100);
}

#[test]
fn sessions_that_catch_up_together_share_what_is_made() {
    for lagging in [2, 90] {
        let mut world = World::new();
        for session in 0..100u64 {
            let requests = format!(
                r#"{{"Port":{{"columns":["name"],"where":[["name","!=",""],["number","==",{session}]]}}}}"#
            );
            world.add(session, Version::V2, "1", &requests);
        }
        let sessions: Vec<SessionId> = (0..lagging).map(SessionId).collect();
        for session in &sessions {
            world.monitors.set_lagging(*session, true);
        }
        let changes = world.commit(&[(PORT, 1, Some(&[("name", "\"a\""), ("number", "-1")]))]);
        let before = counts(&world);
        let last_id = world.view.txn_id();
        world
            .monitors
            .catch_up(&sessions, &changes, last_id, &mut world.sent);
        assert_eq!(made(&world, before), (1, 1));
        let messages = messages(&mut world);
        assert_eq!(messages.len(), sessions.len());
        assert!(
            messages
                .iter()
                .all(|(_, segments)| are_shared(segments, &messages[0].1))
        );
    }
}

#[test]
fn dumps_share_all_but_the_blocks_that_changed() {
    let mut world = World::new();
    let long = format!("\"{}\"", "x".repeat(500));
    for row in 1..=320 {
        world.commit(&[(PORT, row, Some(&[("name", &long)]))]);
    }
    let dump = |world: &mut World, session: u64, last: bool| {
        let requests = if last {
            r#"{"Site":{},"Port":{"columns":["name"],"where":[true]}}"#
        } else {
            r#"{"Port":[{"columns":["name"]}]}"#
        };
        let segments = world
            .add_segments(session, Version::V2, "1", requests, None)
            .unwrap()
            .1;
        let text = String::from_utf8(segments.concat()).unwrap();
        assert_eq!(text.matches("initial").count(), 320);
        segments
    };
    let first = dump(&mut world, 1, false);
    let second = dump(&mut world, 2, true);
    assert!(are_shared(&first[1..10], &second[1..10]));
    world.publish(&[(PORT, 100, Some(&[("name", "\"y\"")]))]);
    let third = dump(&mut world, 3, false);
    let is_same = |segment: usize| third[segment].as_ptr() == first[segment].as_ptr();
    let same_count = (1..third.len() - 1).filter(|segment| is_same(*segment)).count();
    assert_eq!((first.len(), third.len(), same_count), (12, 12, 9));
    assert!(String::from_utf8(third.concat()).unwrap().contains("\"y\""));
}

#[test]
fn clients_that_missed_the_same_share_what_they_are_told() {
    let mut world = World::new();
    let seen = world.view.txn_id();
    let long = format!("\"{}\"", "x".repeat(2000));
    world.commit(&[(PORT, 1, Some(&[("name", &long)]))]);
    let resume = |world: &mut World, session: u64, last_id| {
        let requests = r#"{"Port":{"columns":["name"]}}"#;
        let added = world.add_segments(session, Version::V3, "1", requests, Some(last_id));
        added.unwrap().1
    };
    let first = resume(&mut world, 1, seen);
    let second = resume(&mut world, 2, seen);
    assert_eq!(first[1].as_ptr(), second[1].as_ptr());
    let seen = world.view.txn_id();
    world.publish(&[(PORT, 2, Some(&[("name", &long)]))]);
    let third = resume(&mut world, 3, seen);
    let fourth = resume(&mut world, 4, seen);
    assert_ne!(first[1], third[1]);
    assert_eq!(third[1].as_ptr(), fourth[1].as_ptr());
}

#[test]
fn conditions_that_are_asked_often_get_indexes() {
    let mut world = World::new();
    for row in 1..=400 {
        let tags = if row % 100 == 0 { "\"x\"" } else { "[\"set\",[]]" };
        world.commit(&[(PORT, row, Some(&[("tags", tags)]))]);
    }
    let requests = r#"{"Port":{"columns":[],"where":[["tags","!=",["set",[]]],["name","==","n"]]}}"#;
    let rows_count = |reply: &str| reply.matches("initial").count();
    let schema = world.schema.table(PORT);
    let (tags, name) = (schema.column_named("tags"), schema.column_named("name"));
    let (tags, name) = (tags.unwrap(), name.unwrap());
    for session in 0..10 {
        assert_eq!(rows_count(&world.add(session, Version::V2, "1", requests).1), 4);
    }
    world.publish(&[(PORT, 100, Some(&[("tags", "[\"set\",[]]")]))]);
    world.publish(&[
        (PORT, 5, Some(&[("name", "\"n\"")])),
        (PORT, 6, Some(&[("tags", "\"x\"")])),
    ]);
    let table = world.view.table(PORT);
    let named = Atom::String(Str::new("n"));
    assert!(
        table
            .candidates_count(tags, Over::Presence, &Over::PRESENT)
            .is_some()
    );
    assert!(table.candidates_count(name, Over::Keys, &named).is_some());
    let mut found = Vec::new();
    assert!(
        table.lookup_over(tags, Over::Presence, &Over::PRESENT, &mut |_, row| {
            found.push(row.uuid().as_u128());
        })
    );
    found.sort_unstable();
    assert_eq!(found, [6, 200, 300, 400]);
    assert_eq!(rows_count(&world.add(11, Version::V2, "1", requests).1), 5);
}

#[test]
fn rows_of_replies_are_shared_by_whatever_condition_selects_them() {
    let mut world = World::new();
    let long = format!("\"{}\"", "x".repeat(1000));
    for row in 1..=100 {
        let number = ["0", "1"][usize::from(row > 50)];
        world.commit(&[(PORT, row, Some(&[("name", &long), ("number", number)]))]);
    }
    let mut ask = |session, condition: &str| {
        let requests = format!(r#"{{"Port":{{"columns":["name"],"where":{condition}}}}}"#);
        let added = world.add_segments(session, Version::V2, "1", &requests, None);
        added.unwrap().1
    };
    let shared = |segments: &[Bytes]| -> Vec<(usize, usize)> {
        let long = segments.iter().filter(|segment| segment.len() > 1000);
        long.map(|segment| (segment.as_ptr().addr(), segment.len()))
            .collect()
    };
    let some = ask(1, r#"[["number","==",1]]"#);
    let again = ask(2, r#"[["number","==",1],["name","==",""]]"#);
    assert_eq!(some.concat(), again.concat());
    assert_eq!(shared(&some), shared(&again));
    // The rest of a block joins what is there, which keeps its order.
    let all = ask(3, "[]");
    let row_count = |segments: &[Bytes]| {
        segments
            .concat()
            .windows(9)
            .filter(|w| w == b"\"initial\"")
            .count()
    };
    assert_eq!((row_count(&some), row_count(&all)), (50, 100));
    let other = ask(4, r#"[["number","!=",0]]"#);
    assert_eq!(some.concat(), other.concat());
    let last = |segments: &[Bytes]| shared(segments).last().copied();
    assert!(last(&all).is_some() && last(&other) == last(&all));
}

#[test]
fn large_contents_are_written_in_steps_as_of_one_version() {
    const ROWS: u128 = 2000;
    for condition in ["[]", r#"[["name","!=","b"]]"#] {
        let mut world = World::new();
        let name = [("name", "\"a\"")];
        let rows: Vec<_> = (1..=ROWS).map(|row| (PORT, row, Some(&name[..]))).collect();
        world.publish(&rows);
        let requests = format!(r#"{{"Port":{{"columns":["name"],"where":{condition}}},"Site":{{}}}}"#);
        let (_, mut reply) = world.begin(1, Version::V3, "1", &requests, None).unwrap();
        world.monitors.set_lagging(SessionId(1), true);
        let mut steps = 0;
        while !reply.is_written() {
            world.monitors.write_some(&mut reply);
            steps += 1;
            world.publish(&[(PORT, steps, None)]);
        }
        assert!((5..=20).contains(&steps), "{steps} steps");
        let text = String::from_utf8(reply.into_segments().concat()).unwrap();
        assert_eq!(text.matches("initial").count(), ROWS as usize, "none is gone");
        assert!(text.ends_with("}}}}]"), "{}", &text[text.len() - 20..]);
    }
}
