//! The same is sent to our server and to the packaged one, and the same comes back.
//!
//! Random transactions and monitors on a schema that uses every feature go to both in lockstep (`lockstep`); replies
//! and updates are compared as `compare` says. `OVSDB_SEED` repeats a run, `OVSDB_TRANSACTIONS` makes it longer.

mod arbitrary;
mod compare;
mod contents;
mod damage;
mod file;
mod lockstep;
mod monitor;
mod names;
mod operation;
mod protocol;
mod schema;
mod twins;
mod value;

use ovsdb_harness::Random;

use crate::lockstep::Lockstep;
use crate::names::Names;
use crate::twins::Twins;

/// Transactions of a run, unless the environment asks for more.
const TRANSACTIONS: u64 = 2_500;

/// The environment's wish for another number of transactions.
const TRANSACTIONS_VARIABLE: &str = "OVSDB_TRANSACTIONS";

/// How many transactions a run takes.
fn transactions() -> u64 {
    std::env::var(TRANSACTIONS_VARIABLE).map_or(TRANSACTIONS, |text| {
        text.parse().expect("the number of transactions is a number")
    })
}

#[test]
fn random_transactions_and_monitors_get_equal_answers() {
    let mut random = Random::from_environment();
    let mut lockstep = Lockstep::start(&mut random);
    let part = transactions() / 4;
    lockstep.run(part * 2);
    lockstep.compare_files();
    // Each goes on where the other has stopped.
    lockstep.exchange();
    lockstep.run(part);
    lockstep.compact();
    lockstep.compare_files();
    lockstep.run(part);
    lockstep.restart(|files| {
        file::compact_by_tools(&files);
        files
    });
    lockstep.compare_files();
    lockstep.exchange();
    lockstep.report();
}

#[test]
fn every_method_answers_alike() {
    let twins = Twins::start();
    let mut names = Names::default();
    for conversation in protocol::CONVERSATIONS {
        protocol::converse(
            &mut twins.connect(),
            &mut names,
            &protocol::numbered(conversation),
        );
    }
}

#[test]
fn damaged_messages_are_answered_alike() {
    let mut random = Random::from_environment();
    let twins = Twins::start();
    let mut names = Names::default();
    let mut pair = twins.connect();
    for _ in 0..transactions() {
        let Some(message) = protocol::damaged(&mut random) else {
            continue;
        };
        if protocol::converse(&mut pair, &mut names, &[message]) {
            pair = twins.connect();
        }
    }
}
