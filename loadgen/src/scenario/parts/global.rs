//! The row of SB_Global, whose `nb_cfg` rises: all clients monitor it, client 0 writes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::fleet::{Behaviour, Board, Fleet, MonitorOf, Port, Reply};
use crate::fold::parse_uuid;
use crate::fold::state::Change;
use crate::scenario::Trial;
use crate::scenario::parts::writer::{self, Params, Sent, Writer, Writes};
use crate::southbound::{monitor, site};

pub(in crate::scenario) const NEEDED: &[(&str, &[&str])] = &[("SB_Global", &["nb_cfg", "options"])];

/// The row before its changes.
pub(in crate::scenario) struct Global {
    uuid: u128,
    column: u16,
    params: Params,
    pub(in crate::scenario) sent: Arc<Sent>,
    /// What all clients monitor.
    pub(in crate::scenario) requests: Arc<str>,
}

impl Global {
    /// Finds or makes it and sets `nb_cfg` to 0. Each of the changes, up to the number `last`, writes `padding_bytes`
    /// bytes of text besides.
    pub(in crate::scenario) fn prepare(
        trial: &mut Trial<'_>,
        last: u64,
        padding_bytes: usize,
    ) -> Result<Global> {
        trial.require(NEEDED)?;
        let database = trial.database().to_owned();
        let row = site::global(&mut trial.control, &database)?;
        let change = format!(
            r#"{{"op":"update","table":"SB_Global","where":[["_uuid","==",["uuid","{row}"]]],"row":{{"nb_cfg":"#
        );
        trial.control.transact(&database, &format!("{change}0}}}}"))?;
        let params = Arc::new(move |number: u64| {
            let padding = match padding_bytes {
                0 => String::new(),
                width => format!(r#","options":["map",[["padding","{number:0width$}"]]]"#),
            };
            format!(r#"["{database}",{change}{number}{padding}}}}}]"#)
        });
        Ok(Global {
            uuid: parse_uuid(&row).expect("the server said so"),
            column: trial.columns.number("SB_Global", "nb_cfg").1,
            params,
            sent: Sent::new(last + 1),
            requests: monitor::everything(&trial.columns),
        })
    }

    /// For a fleet that monitors everything.
    pub(in crate::scenario) fn monitor(&self) -> MonitorOf {
        let requests = self.requests.clone();
        Arc::new(move |_| Some(requests.clone()))
    }

    /// For the shards of a fleet, the first series of which are updates that were heard, and commits.
    pub(in crate::scenario) fn listener(&self) -> Listener {
        Listener {
            uuid: self.uuid,
            column: self.column,
            heard: Vec::new(),
            series: 0,
            writer: Writer::new(self.sent.clone(), self.params.clone(), r#"[{"count":1}]"#),
        }
    }

    /// Has client 0 write one number after the other, each when `heard` clients have heard of the one before, and gives for
    /// each the time until the last of them had.
    pub(in crate::scenario) fn one_by_one(
        &self,
        trial: &Trial<'_>,
        fleet: &Fleet<Listener>,
        numbers: std::ops::RangeInclusive<u64>,
        heard: u64,
    ) -> Result<Vec<Duration>> {
        let mut last = Vec::new();
        let before = Board::get(&fleet.board().done);
        for (number, rounds) in numbers.zip(1..) {
            writer::one(fleet, number);
            trial.wait(fleet, "an update", |board| {
                Board::get(&board.done) >= before + rounds * heard
            })?;
            last.push(self.sent.at(number).elapsed());
        }
        Ok(last)
    }
}

/// Counts the numbers that each client has heard of, or that were merged into one that it has.
pub(in crate::scenario) struct Listener {
    uuid: u128,
    column: u16,
    /// The last number of each client of the shard.
    heard: Vec<u64>,
    /// The series of the latencies of hearing; that of commits follows.
    pub(in crate::scenario) series: usize,
    writer: Writer,
}

impl Writes for Listener {
    fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

impl Listener {
    fn hear(&mut self, port: &mut Port, client: usize, number: u64) {
        if !self.writer.sent().has(number) {
            let reason = format!("client {client} heard of {number}, which was not written yet");
            return port.fail(Failure::Wrong(reason));
        }
        let first = port.clients().start;
        self.heard.resize(port.clients().len(), 0);
        let before = std::mem::replace(&mut self.heard[client - first], number);
        let now = Instant::now();
        for number in before + 1..=number {
            port.record(self.series, self.writer.sent().since(number, now));
        }
        port.done(number.saturating_sub(before));
    }
}

impl Behaviour for Listener {
    fn update(&mut self, port: &mut Port, client: usize, change: &Change) {
        let (Some(state), true) = (
            &change.after,
            change.touched.iter().any(|row| row.uuid == self.uuid),
        ) else {
            return;
        };
        let number = state.get(self.uuid).map_or(0, |row| row.integer(self.column)) as u64;
        self.hear(port, client, number);
    }

    /// One that comes back has heard meanwhile what its first contents say.
    fn ready(&mut self, port: &mut Port, client: usize, _since: Instant) {
        let row = port.state(client).get(self.uuid);
        let number = row.map_or(0, |row| row.integer(self.column)) as u64;
        self.hear(port, client, number);
    }

    fn reply(&mut self, port: &mut Port, _client: usize, reply: &Reply<'_>) {
        port.record(self.series + 1, reply.latency);
        self.writer.replied(port);
    }

    fn turn(&mut self, port: &mut Port, now: Instant) -> Option<Instant> {
        self.writer.turn(port, now)
    }
}
