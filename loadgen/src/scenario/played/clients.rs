//! The played programs: northd, which is client 0, and a controller for each node.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::Failure;
use crate::fleet::{Behaviour, Port, Reply, Request};
use crate::fold::columns::Columns;
use crate::fold::state::{Change, How};
use crate::fold::uuid_text;
use crate::scenario::parts::writer::Sent;
use crate::scenario::played::script::{POD_FLOWS, Pod, Script, Transaction};
use crate::southbound::site::{self, Site};

pub(super) const SERIES: &[&str] = &[
    "northd's change heard",
    "pod up after",
    "northd commit",
    "claim",
    "report up",
];
const HEARD: usize = 0;
const POD_UP: usize = 1;
const NORTHD_COMMIT: usize = 2;
const CLAIM: usize = 3;
const REPORT_UP: usize = 4;

const NORTHD: usize = 0;

/// Tags of northd's requests; a controller's tell claims from reports.
const TAG_LOCK: u32 = u32::MAX;
const TAG_CLAIM: u32 = 0;
const TAG_UP: u32 = 1;

/// When each transaction was sent, and when the last client so far heard of it.
pub(super) struct Heard {
    sent: Arc<Sent>,
    last_ns: Vec<AtomicU64>,
}

impl Heard {
    pub(super) fn new(transactions: usize) -> Heard {
        Heard {
            sent: Sent::new(transactions as u64),
            last_ns: (0..transactions).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn hear(&self, transaction: usize, now: Instant) -> Duration {
        let after = self.sent.since(transaction as u64, now);
        self.last_ns[transaction].fetch_max(after.as_nanos() as u64, Ordering::Relaxed);
        after
    }

    /// Milliseconds until the last client had heard of each transaction that changes a number of rows.
    pub(super) fn last_ms(&self) -> Vec<f64> {
        let all = self.last_ns.iter().map(|ns| ns.load(Ordering::Relaxed));
        all.filter(|ns| *ns > 0).map(|ns| ns as f64 / 1e6).collect()
    }
}

/// How far a client has heard.
#[derive(Clone, Copy, Debug, Default)]
struct Ear {
    rows: u64,
    transactions: usize,
}

/// All clients of a shard.
pub(super) struct Player {
    database: String,
    script: Arc<Script>,
    site: Arc<Site>,
    /// The datapath of each node as a value.
    datapaths: Arc<Vec<String>>,
    heard: Arc<Heard>,
    ports: u16,
    datapath: u16,
    up: u16,
    name: u16,
    ears: Vec<Ear>,
    /// Ports that wait for being reported up when their claim is answered, by client.
    claimed: HashMap<usize, std::collections::VecDeque<String>>,
    northd: Northd,
}

/// What only northd has.
#[derive(Default)]
struct Northd {
    /// What is still to be sent of the present phase.
    phase: Range<usize>,
    /// UUIDs of the ports of each node, and of all rows of each pod.
    ports: HashMap<usize, Vec<String>>,
    rows: HashMap<String, Vec<String>>,
}

impl Player {
    pub(super) fn new(columns: &Columns, site: Arc<Site>, script: Arc<Script>, heard: Arc<Heard>) -> Player {
        let (ports, datapath) = columns.number("Port_Binding", "datapath");
        Player {
            database: columns.database.to_string(),
            script,
            datapaths: Arc::new(site.datapaths.iter().map(|uuid| site::reference(uuid)).collect()),
            site,
            heard,
            ports,
            datapath,
            up: columns.number("Port_Binding", "up").1,
            name: columns.number("Port_Binding", "logical_port").1,
            ears: Vec::new(),
            claimed: HashMap::new(),
            northd: Northd::default(),
        }
    }

    /// northd takes its lock.
    pub(super) fn take_lock(&mut self, port: &mut Port) {
        if port.clients().contains(&NORTHD) {
            let request = Request {
                method: "lock",
                params: r#"["ovn_northd"]"#,
                tag: TAG_LOCK,
                expected: r#""locked":true"#.into(),
                intended: Instant::now(),
            };
            port.request(NORTHD, request);
        }
    }

    /// northd sends the transactions of a phase.
    pub(super) fn play(&mut self, port: &mut Port, phase: Range<usize>) {
        if port.clients().contains(&NORTHD) {
            self.northd.phase = phase;
            self.send_next(port);
        }
    }

    fn send_next(&mut self, port: &mut Port) {
        let Some(number) = self.northd.phase.next() else {
            return;
        };
        let script = self.script.clone();
        let mut params = format!(r#"["{}""#, self.database);
        match &script.transactions()[number] {
            Transaction::Operations { text, .. } => {
                params.push(',');
                params.push_str(text);
            }
            Transaction::Add(pods) => self.add(&mut params, pods),
            Transaction::Remove(pods) => self.remove(&mut params, pods),
        }
        params.push_str(r#",{"op":"comment","comment":"ovn-northd"},{"op":"assert","lock":"ovn_northd"}]"#);
        let intended = Instant::now();
        self.heard.sent.mark(number as u64, intended);
        port.request(
            NORTHD,
            Request {
                method: "transact",
                params: &params,
                tag: number as u32,
                expected: "{},{}]".into(),
                intended,
            },
        );
    }

    fn add(&self, out: &mut String, pods: &[Pod]) {
        for (at, pod) in pods.iter().enumerate() {
            let insertion = site::port_operation(&self.datapaths[pod.node], &pod.name, pod.key);
            let named = format!(r#""uuid-name":"pod{at}","table""#);
            write!(out, ",{}", insertion.replacen(r#""table""#, &named, 1))
                .expect("a string takes everything");
            for flow in 0..POD_FLOWS {
                let flow = pod.key * POD_FLOWS + flow;
                let flow = site::flow_operation(&self.datapaths[pod.node], pod.node, flow, &pod.name);
                write!(out, ",{flow}").expect("a string takes everything");
            }
        }
        for node in nodes(pods) {
            let new = pods.iter().enumerate().filter(|(_, pod)| pod.node == node);
            let new: Vec<String> = new
                .map(|(at, _)| format!(r#"["named-uuid","pod{at}"]"#))
                .collect();
            self.group(out, node, &new);
        }
    }

    fn remove(&mut self, out: &mut String, pods: &[Pod]) {
        for pod in pods {
            let rows = self.northd.rows.remove(&pod.name).unwrap_or_default();
            if let Some(ports) = self.northd.ports.get_mut(&pod.node) {
                ports.retain(|port| Some(port) != rows.first());
            }
            for (at, row) in rows.iter().enumerate() {
                let table = if at == 0 { "Port_Binding" } else { "Logical_Flow" };
                write!(
                    out,
                    r#",{{"op":"delete","table":"{table}","where":[["_uuid","==",{row}]]}}"#
                )
                .expect("a string takes everything");
            }
        }
        for node in nodes(pods) {
            self.group(out, node, &[]);
        }
    }

    /// northd writes the multicast groups of a switch whole, those that stay and the new ones.
    fn group(&self, out: &mut String, node: usize, new: &[String]) {
        let known = self.northd.ports.get(&node).map_or(&[][..], |ports| ports);
        let ports = [known, new].concat().join(",");
        for name in ["_MC_flood", "_MC_flood_l2"] {
            write!(
                out,
                r#",{{"op":"update","table":"Multicast_Group","where":[["datapath","==",{}],["name","==","{name}"]],"row":{{"ports":["set",[{ports}]]}}}}"#,
                self.datapaths[node]
            )
            .expect("a string takes everything");
        }
    }

    /// northd learns the UUIDs of the rows that it has inserted for pods.
    fn learn(&mut self, port: &mut Port, number: usize, text: &[u8]) {
        let script = self.script.clone();
        let Transaction::Add(pods) = &script.transactions()[number] else {
            return;
        };
        let reply: Value = serde_json::from_slice(text).unwrap_or_default();
        let rows = reply["result"].as_array().into_iter().flatten();
        let uuids: Vec<String> = rows
            .filter_map(|row| Some(site::reference(row["uuid"][1].as_str()?)))
            .collect();
        if uuids.len() != pods.len() * (1 + POD_FLOWS) {
            let reason = format!(
                "{} insertions were answered of those of {} pods",
                uuids.len(),
                pods.len()
            );
            return port.fail(Failure::Wrong(reason));
        }
        for (pod, rows) in pods.iter().zip(uuids.chunks(1 + POD_FLOWS)) {
            self.northd
                .ports
                .entry(pod.node)
                .or_default()
                .push(rows[0].clone());
            self.northd.rows.insert(pod.name.clone(), rows.to_vec());
        }
    }

    /// Takes notice of rows that appeared or vanished, and with them of transactions.
    fn hear(&mut self, port: &mut Port, client: usize, rows: u64, now: Instant) {
        if rows == 0 {
            return;
        }
        let first = port.clients().start;
        self.ears.resize(port.clients().len(), Ear::default());
        let ear = &mut self.ears[client - first];
        ear.rows += rows;
        while let Some(until) = self.script.rows_until(ear.transactions)
            && until <= ear.rows
        {
            // One that changes rows only is passed with its successor; it would be heard before it is sent.
            let before = ear
                .transactions
                .checked_sub(1)
                .and_then(|at| self.script.rows_until(at));
            if before.unwrap_or(0) < until {
                port.record(HEARD, self.heard.hear(ear.transactions, now));
            } else if ear.rows == until {
                break;
            }
            ear.transactions += 1;
        }
        port.done(rows);
    }

    /// A controller claims a port that appeared on its datapath.
    fn claim(&mut self, port: &mut Port, client: usize, uuid: u128) {
        let uuid = uuid_text(uuid);
        let params = site::claim(&self.database, &uuid, &self.site.chassis[client - 1]);
        self.claimed.entry(client).or_default().push_back(uuid);
        self.ask(port, client, TAG_CLAIM, &params);
    }

    fn report_up(&mut self, port: &mut Port, client: usize) {
        if let Some(uuid) = self
            .claimed
            .get_mut(&client)
            .and_then(|waiting| waiting.pop_front())
        {
            let params = site::report_up(&self.database, &uuid);
            self.ask(port, client, TAG_UP, &params);
        }
    }

    fn ask(&self, port: &mut Port, client: usize, tag: u32, params: &str) {
        port.request(
            client,
            Request {
                method: "transact",
                params,
                tag,
                expected: site::ANSWERED.into(),
                intended: Instant::now(),
            },
        );
    }
}

/// The nodes of some pods, each once.
fn nodes(pods: &[Pod]) -> Vec<usize> {
    let mut nodes: Vec<usize> = pods.iter().map(|pod| pod.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// The transaction in which the pod of that name was added.
fn transaction_of(name: &str) -> Option<u64> {
    name.trim_matches('"').split('-').nth(1)?.parse().ok()
}

impl Behaviour for Player {
    fn update(&mut self, port: &mut Port, client: usize, change: &Change) {
        let Some(state) = &change.after else { return };
        let now = Instant::now();
        let mut rows = 0;
        for touched in &change.touched {
            rows += u64::from(touched.how != How::Modified);
            let Some(row) = (touched.table == self.ports)
                .then(|| state.get(touched.uuid))
                .flatten()
            else {
                continue;
            };
            if client == NORTHD {
                // A server may merge the report with what northd had not been told before, even the insertion.
                if row.one(self.up) == Some("true") {
                    if let Some(number) = row.one(self.name).and_then(transaction_of) {
                        port.record(POD_UP, self.heard.sent.since(number, now));
                    }
                    port.done(1);
                }
            } else if touched.how == How::Inserted
                && row.one(self.datapath) == Some(&*self.datapaths[client - 1])
            {
                self.claim(port, client, touched.uuid);
            }
        }
        self.hear(port, client, rows, now);
    }

    fn reply(&mut self, port: &mut Port, client: usize, reply: &Reply<'_>) {
        match (client, reply.tag) {
            (NORTHD, TAG_LOCK) => {}
            (NORTHD, number) => {
                port.record(NORTHD_COMMIT, reply.latency);
                self.learn(port, number as usize, reply.text);
                self.send_next(port);
            }
            (_, TAG_CLAIM) => {
                port.record(CLAIM, reply.latency);
                self.report_up(port, client);
            }
            _ => port.record(REPORT_UP, reply.latency),
        }
    }
}
