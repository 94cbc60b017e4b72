//! Whatever happens, a client that folds what it is told has what its conditions select of the view.

use super::client::{Client, Contents};
use super::{Edit, PORT, SITE, World};
use crate::condition::Condition;
use crate::ids::{SessionId, TableId};
use crate::monitor::{MonitorId, Version};
use crate::store::{NetChanges, View};
use bumpalo::Bump;
use ovsdb_wire::strict;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A seeded stream of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len() as u64) as usize]
    }
}

/// A monitor with its client, and the condition of each table as JSON.
struct Watcher {
    id: MonitorId,
    client: Client,
    conditions: BTreeMap<String, String>,
}

/// An [`Edit`] under construction.
type OwnedEdit = (TableId, u128, Option<Vec<(&'static str, &'static str)>>);

struct Model {
    world: World,
    random: Random,
    rows: u64,
    /// Monitors by session.
    sessions: BTreeMap<u64, Vec<Watcher>>,
    /// What sessions that lag have seen.
    lagging: BTreeMap<u64, View>,
    /// Clients that are away, and will resume.
    away: Vec<(Client, BTreeMap<String, String>)>,
    monids: u64,
    /// Resumptions that did not need everything again.
    found_count: u64,
}

const STRINGS: [&str; 4] = ["\"\"", "\"a\"", "\"b\"", "\"c\""];
const SETS: [&str; 5] = [
    "[\"set\",[]]",
    "\"a\"",
    "\"b\"",
    "[\"set\",[\"a\",\"b\"]]",
    "[\"set\",[\"a\",\"b\",\"c\"]]",
];
const MAPS: [&str; 5] = [
    "[\"map\",[]]",
    "[\"map\",[[\"a\",\"1\"]]]",
    "[\"map\",[[\"a\",\"2\"]]]",
    "[\"map\",[[\"a\",\"1\"],[\"b\",\"1\"]]]",
    "[\"map\",[[\"b\",\"1\"],[\"c\",\"3\"]]]",
];
const NUMBERS: [&str; 5] = ["0", "1", "2", "3", "-7"];
const REALS: [&str; 4] = ["0", "0.5", "1", "-2.25"];
const LIMITS: [&str; 4] = ["[\"set\",[]]", "0", "1", "2"];
const SITES: [&str; 3] = [
    "[\"set\",[]]",
    "[\"uuid\",\"00000000-0000-0000-0000-000000000001\"]",
    "[\"uuid\",\"00000000-0000-0000-0000-000000000002\"]",
];

fn values(column: &str) -> &'static [&'static str] {
    match column {
        "name" => &STRINGS,
        "tags" => &SETS,
        "options" => &MAPS,
        "rate" => &REALS,
        "limit" => &LIMITS,
        "site" => &SITES,
        _ => &NUMBERS,
    }
}

const PORT_COLUMNS: [&str; 7] = ["limit", "name", "number", "options", "rate", "site", "tags"];

fn columns_of(table: &str) -> &'static [&'static str] {
    if table == "Port" { &PORT_COLUMNS } else { &["n"] }
}

impl Model {
    fn new(seed: u64, rows: u64) -> Model {
        let mut model = Model {
            world: World::new(),
            random: Random(seed),
            rows,
            sessions: BTreeMap::new(),
            lagging: BTreeMap::new(),
            away: Vec::new(),
            monids: 0,
            found_count: 0,
        };
        for _ in 0..rows {
            model.commit();
        }
        model
    }

    fn step(&mut self) {
        match self.random.below(24) {
            0..8 => {
                let changes = self.commit();
                self.publish(&changes);
            }
            8..10 => self.add(),
            10 => self.cancel(),
            11..13 => self.drop_session(),
            13..16 => self.change_condition(),
            16..18 => self.lag(),
            18..20 => self.catch_up(),
            _ => self.resume(),
        }
        self.deliver();
        self.check();
    }

    /// Commits random edits, not yet published.
    fn commit(&mut self) -> NetChanges {
        let mut edits: Vec<OwnedEdit> = Vec::new();
        for _ in 0..=self.random.below(4) {
            let (table, name) = if self.random.one_in(4) {
                (SITE, "Site")
            } else {
                (PORT, "Port")
            };
            let uuid = u128::from(1 + self.random.below(self.rows));
            // A transaction cannot insert again what it has deleted, so each row is edited once.
            if edits
                .iter()
                .any(|(known, other, _)| (*known, *other) == (table, uuid))
            {
                continue;
            }
            let is_there = self.world.view.table(table).get(Uuid::from_u128(uuid)).is_some();
            let columns = (!is_there || !self.random.one_in(4)).then(|| {
                let mut columns = Vec::new();
                for column in columns_of(name) {
                    if self.random.one_in(2) {
                        columns.push((*column, self.random.pick(values(column))));
                    }
                }
                columns
            });
            edits.push((table, uuid, columns));
        }
        let edits: Vec<Edit<'_>> = edits
            .iter()
            .map(|(table, uuid, columns)| (*table, *uuid, columns.as_deref()))
            .collect();
        self.world.commit(&edits)
    }

    fn publish(&mut self, changes: &NetChanges) {
        let last_id = self.world.view.txn_id();
        let world = &mut self.world;
        world.monitors.publish(changes, last_id, &mut world.sent);
    }

    /// Gives what was sent to the clients, and makes sure those who lag got nothing by mistake.
    fn deliver(&mut self) {
        for (session, text) in self.world.heard() {
            assert!(!self.lagging.contains_key(&session), "{text}");
            let watchers = self.sessions.get_mut(&session).expect("the session is there");
            let watcher = watchers
                .iter_mut()
                .find(|watcher| text.contains(&format!("[\"{}\",", watcher.client.monid)));
            watcher.expect("the monitor is there").client.notified(&text);
        }
    }

    fn check(&self) {
        for (session, watchers) in &self.sessions {
            let view = self.lagging.get(session).unwrap_or(&self.world.view);
            for watcher in watchers {
                let expected = selected(view, &watcher.client, &watcher.conditions);
                let has = &watcher.client.contents;
                let wrong = expected.iter().find(|(key, row)| has.get(*key) != Some(*row));
                let extra = has.keys().find(|key| !expected.contains_key(*key));
                assert_eq!(
                    (wrong, extra),
                    (None, None),
                    "session {session} {:?} {wrong:?} is {:?}",
                    watcher.conditions,
                    wrong.map(|(key, _)| has.get(key))
                );
            }
        }
    }

    fn add(&mut self) {
        let session = self.random.below(6);
        if self.lagging.contains_key(&session) {
            return;
        }
        let version = match self.random.below(3) {
            0 => Version::V1,
            1 => Version::V2,
            _ => Version::V3,
        };
        self.monids += 1;
        let mut client = Client {
            schema: std::sync::Arc::clone(&self.world.schema),
            version,
            monid: format!("m{}", self.monids),
            columns: BTreeMap::new(),
            contents: Contents::new(),
            last_id: None,
        };
        let mut conditions = BTreeMap::new();
        for table in ["Port", "Site"] {
            if self.random.one_in(4) {
                continue;
            }
            let schema = self
                .world
                .schema
                .table(self.world.schema.table_named(table).unwrap());
            let columns = schema.column_idxs().filter(|_| !self.random.one_in(3)).collect();
            client.columns.insert(table.to_owned(), columns);
            let condition = match version {
                Version::V1 => "[]".to_owned(),
                _ => self.condition(table),
            };
            conditions.insert(table.to_owned(), condition);
        }
        self.register(session, client, conditions, None);
    }

    fn register(
        &mut self,
        session: u64,
        mut client: Client,
        conditions: BTreeMap<String, String>,
        last_id: Option<Uuid>,
    ) {
        let monid = format!("\"{}\"", client.monid);
        let mut requests = Vec::new();
        for (table, columns) in &client.columns {
            let schema = self
                .world
                .schema
                .table(self.world.schema.table_named(table).unwrap());
            let names: Vec<String> = columns
                .iter()
                .map(|column| format!("\"{}\"", schema.column(*column).name))
                .collect();
            let condition = match client.version {
                Version::V1 => String::new(),
                _ => format!(",\"where\":{}", conditions[table]),
            };
            requests.push(format!(
                "\"{table}\":{{\"columns\":[{}]{condition}}}",
                names.join(",")
            ));
        }
        let requests = format!("{{{}}}", requests.join(","));
        let (id, reply) = self
            .world
            .try_add(session, client.version, &monid, &requests, last_id)
            .unwrap();
        self.found_count += u64::from(reply.starts_with("[true"));
        client.replied(&reply);
        let watcher = Watcher {
            id,
            client,
            conditions,
        };
        self.sessions.entry(session).or_default().push(watcher);
    }

    fn condition(&mut self, table: &str) -> String {
        let mut clauses = Vec::new();
        for _ in 0..self.random.below(8) {
            clauses.push(self.clause(table));
        }
        format!("[{}]", clauses.join(","))
    }

    fn clause(&mut self, table: &str) -> String {
        match self.random.below(12) {
            0 => return "false".to_owned(),
            1 if self.random.one_in(3) => return "true".to_owned(),
            2 => {
                let uuid = Uuid::from_u128(u128::from(1 + self.random.below(self.rows)));
                return format!("[\"_uuid\",\"==\",[\"uuid\",\"{uuid}\"]]");
            }
            _ => {}
        }
        let column = self.random.pick(columns_of(table));
        let function = match column {
            "number" | "rate" | "limit" | "n" => self.random.pick(&[
                "==", "==", "==", "!=", "<", "<=", ">", ">=", "includes", "excludes",
            ]),
            _ => self
                .random
                .pick(&["==", "==", "==", "!=", "includes", "includes", "excludes"]),
        };
        let mut value = self.random.pick(values(column));
        while matches!(function, "<" | "<=" | ">" | ">=") && value.starts_with('[') {
            value = self.random.pick(values(column));
        }
        format!("[\"{column}\",\"{function}\",{value}]")
    }

    /// A session that is there and does not lag.
    fn session(&mut self) -> Option<u64> {
        let awake: Vec<u64> = self
            .sessions
            .keys()
            .copied()
            .filter(|session| !self.lagging.contains_key(session))
            .collect();
        (!awake.is_empty()).then(|| awake[self.random.below(awake.len() as u64) as usize])
    }

    fn cancel(&mut self) {
        let Some(session) = self.session() else { return };
        let watchers = self.sessions.get_mut(&session).unwrap();
        let place = self.random.below(watchers.len() as u64) as usize;
        self.world.monitors.cancel(watchers.remove(place).id);
        if watchers.is_empty() {
            self.sessions.remove(&session);
        }
    }

    /// Ends a session, which may lag; clients that can resume remember what they have.
    fn drop_session(&mut self) {
        let session = self.random.below(6);
        self.world.monitors.drop_session(SessionId(session));
        self.lagging.remove(&session);
        for watcher in self.sessions.remove(&session).into_iter().flatten() {
            if watcher.client.version == Version::V3 {
                self.away.push((watcher.client, watcher.conditions));
            }
        }
    }

    fn resume(&mut self) {
        let session = self.random.below(6);
        if self.lagging.contains_key(&session) {
            return;
        }
        if let Some((client, conditions)) = self.away.pop() {
            let last_id = match self.random.below(5) {
                0 => Some(Uuid::nil()),
                1 => Some(Uuid::from_u128(12345)),
                _ => client.last_id,
            };
            self.register(session, client, conditions, last_id);
        }
    }

    fn change_condition(&mut self) {
        let Some(session) = self.session() else { return };
        let mut watchers = self.sessions.remove(&session).unwrap();
        let place = self.random.below(watchers.len() as u64) as usize;
        let watcher = &mut watchers[place];
        if watcher.client.version != Version::V1 {
            let mut requests = Vec::new();
            for (table, condition) in &mut watcher.conditions {
                if self.random.one_in(3) {
                    continue;
                }
                *condition = self.altered(table, condition);
                requests.push(format!("\"{table}\":[{{\"where\":{condition}}}]"));
            }
            if self.random.one_in(2) {
                self.monids += 1;
                watcher.client.monid = format!("m{}", self.monids);
            }
            let monid = format!("\"{}\"", watcher.client.monid);
            let requests = format!("{{{}}}", requests.join(","));
            self.world.change(watcher.id, &monid, &requests).unwrap();
            if self.world.sent.messages.is_empty() {
                // Its last id is older than the condition, under which it cannot say what it has.
                watcher.client.last_id = None;
            }
        }
        self.sessions.insert(session, watchers);
    }

    /// A new condition, or the old one with a clause more, as OVN's clients do.
    fn altered(&mut self, table: &str, condition: &str) -> String {
        if condition == "[]" || self.random.one_in(2) {
            return self.condition(table);
        }
        let clause = self.clause(table);
        format!("[{clause},{}", &condition[1..])
    }

    fn lag(&mut self) {
        let Some(session) = self.session() else { return };
        self.world.monitors.set_lagging(SessionId(session), true);
        self.lagging.insert(session, self.world.view.clone());
    }

    /// Catches up all sessions that stopped at the same view as some session that lags.
    fn catch_up(&mut self) {
        let Some(view) = self.lagging.values().next().cloned() else {
            return;
        };
        let sessions: Vec<u64> = self
            .lagging
            .iter()
            .filter(|(_, seen)| seen.seq() == view.seq())
            .map(|(session, _)| *session)
            .collect();
        let net = if self.random.one_in(2) {
            self.world.view.diff(&view)
        } else {
            let sets = self.world.history.range(view.seq(), self.world.view.seq());
            NetChanges::merge(&sets.expect("the history is long enough"))
        };
        let ids: Vec<SessionId> = sessions.iter().copied().map(SessionId).collect();
        let (last_id, sent) = (self.world.view.txn_id(), &mut self.world.sent);
        self.world.monitors.catch_up(&ids, &net, last_id, sent);
        for session in sessions {
            self.lagging.remove(&session);
            self.world.monitors.set_lagging(SessionId(session), false);
        }
    }
}

/// What a client should have, worked out without any of the machinery.
fn selected(view: &View, client: &Client, conditions: &BTreeMap<String, String>) -> Contents {
    let mut contents = Contents::new();
    for (name, columns) in &client.columns {
        let table = client.schema.table_named(name).unwrap();
        let arena = Bump::new();
        let clauses = strict::parse(conditions[name].as_bytes(), &arena).unwrap();
        let condition =
            Condition::parse_monitor(clauses.as_array().unwrap(), client.schema.table(table)).unwrap();
        for (_, row) in view.table(table).iter() {
            if condition.matches_any(|column| row.get(column)) {
                let shown = columns.iter().map(|column| (*column, row.get(*column).clone()));
                contents.insert((name.clone(), row.uuid()), shown.collect());
            }
        }
    }
    contents
}

fn seed() -> u64 {
    let seed = std::env::var("OVSDB_SEED").map_or_else(
        |_| u64::from(std::process::id()) << 20 ^ std::ptr::from_ref(&()).addr() as u64,
        |text| text.parse().expect("OVSDB_SEED is a number"),
    );
    println!("OVSDB_SEED={seed}");
    seed
}

#[test]
fn a_client_that_folds_updates_has_what_its_conditions_select() {
    let seed = seed();
    let mut found_count = 0;
    for round in 0..40 {
        let mut model = Model::new(seed.wrapping_add(round), 10);
        for _ in 0..150 {
            model.step();
        }
        found_count += model.found_count;
    }
    assert!(found_count > 0, "some clients resume");
}

#[test]
fn it_has_that_too_when_indexes_serve_its_conditions() {
    let mut model = Model::new(seed(), 600);
    for _ in 0..200 {
        model.step();
    }
}

#[test]
fn nothing_is_left_when_all_sessions_end() {
    let mut model = Model::new(seed(), 10);
    for _ in 0..300 {
        model.step();
    }
    for session in 0..6 {
        model.world.monitors.drop_session(SessionId(session));
    }
    let usage = model.world.monitors.usage();
    let left = [
        usage.monitors,
        usage.specs,
        usage.parts,
        usage.shapes,
        usage.conditions,
        usage.clauses,
        usage.clauses_unindexed,
    ];
    assert_eq!(left, [0; 7]);
}
